/**
 * The texts that the options name: `--data` files, folders, patterns and `-` for standard input; `--urls` and
 * `--url-file` pages. All of them become sources that can be read repeatedly.
 */
import envPaths from "env-paths";
import * as fs from "node:fs";
import { extname, resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { TrainOptions } from "../options/train-options.ts";
import { splitLines } from "../text/dataset.ts";
import { InputError, quote } from "../errors.ts";
import type { FetchedText } from "../node/fetched.ts";
import { readWhole } from "../node/files.ts";
import { showPath } from "../errors.ts";
import type { Run } from "../node/run-directory.ts";
import { namedEncoding } from "../node/charset.ts";
import { BUNDLED_NAMES, TextSource } from "../node/text.ts";
import { PageError } from "../pages/page-error.ts";
import type { PageEvent } from "../pages/pages.ts";
import { VERSION } from "../options/version.ts";

/** The options that say where text comes from. */
export type SourceOptions = Pick<
  TrainOptions,
  "data" | "encoding" | "urls" | "urlFile" | "noCache" | "cacheDir" | "ignoreRobots" | "allowHost"
>;

/** Receives warnings and page events while texts are gathered. */
export interface Listener {
  /** Something was left out. */
  warn(message: string): void;
  /** An event of a page. */
  page(event: PageEvent): void;
}

/** The texts. Pages and standard input cannot be read again, so a run keeps copies of them. */
export interface Gathered {
  /** Texts that can be read again from the disk. */
  readonly files: readonly TextSource[];
  /** Texts that a run keeps. */
  readonly fetched: readonly FetchedText[];
}

/** The same options with absolute paths, and the addresses of `urlFile` in `urls`. Throws InputError. */
export function locate<Options extends SourceOptions>(options: Options): Options {
  const urls = pageUrls(options);
  const data = [...options.data, ...urls.filter(isFileUrl)];
  return {
    ...options,
    data: data.map((entry) => (entry === "-" || isFileUrl(entry) ? entry : resolve(entry))),
    urls: urls.filter((url) => !isFileUrl(url)),
    urlFile: null,
    cacheDir: options.cacheDir === null ? null : resolve(options.cacheDir),
  };
}

/** An address without user name and password, as a run stores it. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  [url.username, url.password] = ["", ""];
  return url.href;
}

/** Gathers everything that the located options name; the bundled names if they name nothing. Throws InputError. */
export async function gather(options: SourceOptions, listener: Listener): Promise<Gathered> {
  const files = await gatherFiles(options, (message) => listener.warn(message));
  const piped = options.data.includes("-") ? [{ name: "-", text: await readPiped() }] : [];
  return { files, fetched: [...piped, ...(await readPages(options, listener))] };
}

/** The files alone, as they are now. */
export async function gatherFiles(options: SourceOptions, warn: (message: string) => void): Promise<TextSource[]> {
  if (options.data.length === 0 && options.urls.length === 0) return [TextSource.file(BUNDLED_NAMES)];
  return await localSources(
    options.data.filter((entry) => entry !== "-"),
    encodingOf(options),
    warn,
  );
}

const encodingOf = ({ encoding }: Pick<SourceOptions, "encoding">): string | null =>
  encoding === null ? null : namedEncoding(encoding);

/** All texts as sources, in order. Throws InputError for what is not text, and for an unknown encoding. */
export function sourcesOf({ files, fetched }: Gathered, options: Pick<SourceOptions, "encoding">): TextSource[] {
  const piped = encodingOf(options);
  // The text of a page has been decoded and is kept as UTF-8.
  const copies = fetched.map(({ name, text }) =>
    name === "-" ? TextSource.bytes("standard input", text, piped) : TextSource.bytes(name, text, "utf-8"),
  );
  return [...files, ...copies];
}

/** The texts of a run: its files as they are now, and the copies that it keeps. Throws InputError. */
export const runSources = async (run: Run): Promise<TextSource[]> =>
  sourcesOf({ files: await gatherFiles(run.options, () => {}), fetched: run.fetched() }, run.options);

const isFileUrl = (url: string): boolean => /^file:/i.test(url);

/** The typed addresses, then those of the file: one per line, except blank lines and lines that begin with `#`. */
function pageUrls({ urls, urlFile }: SourceOptions): string[] {
  if (urlFile === null) return [...urls];
  const listed = splitLines(TextSource.file(urlFile).text()).filter((line) => !line.startsWith("#"));
  if (listed.length === 0)
    throw new InputError(`--url-file ${showPath(urlFile)} contains no addresses; write one per line`);
  return [...urls, ...listed];
}

/** Fetches the pages. Throws InputError if none of them can be read. */
async function readPages(options: SourceOptions, listener: Listener): Promise<FetchedText[]> {
  if (options.urls.length === 0) return [];
  // Loaded on demand: it takes as long as the rest of the start-up.
  const { fetchPages, parsePageUrl } = await import("../pages/pages.ts");
  const pages = await fetchPages(options.urls.map(parsePageUrl), {
    cacheDir: options.noCache ? null : (options.cacheDir ?? defaultCacheDir()),
    ignoreRobots: options.ignoreRobots,
    allowHosts: options.allowHost,
    userAgent: `microgpt/${VERSION} (+https://www.npmjs.com/package/microgpt)`,
    onEvent: (event) => listener.page(event),
  });
  const encoder = new TextEncoder();
  const texts = pages.flatMap((page) => ("text" in page ? [{ name: page.url, text: encoder.encode(page.text) }] : []));
  if (texts.length > 0) return texts;
  const [first] = pages.flatMap((page) => ("reason" in page ? [`${page.url}: ${page.reason}`] : []));
  throw new InputError(pages.length === 1 ? first : `none of ${pages.length} pages could be read; ${first}`);
}

const defaultCacheDir = (): string => envPaths("microgpt", { suffix: "" }).cache;

/** Reads standard input. Throws InputError at a terminal, where it would wait forever. */
async function readPiped(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw new InputError("--data - reads standard input, but nothing is piped in; run microgpt … < text.txt");
  return await buffer(process.stdin);
}

/**
 * Files, folders, patterns and `file:` addresses → a source per file, in order. Throws InputError that names what is
 * wrong.
 */
async function localSources(
  entries: readonly string[],
  encoding: string | null,
  warn: (message: string) => void,
): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const entry of entries) {
    const path = pathOf(entry);
    const status = fs.statSync(path, { throwIfNoEntry: false });
    const isPattern = status === undefined && /[*?[{]/.test(entry);
    if (status?.isDirectory() === true || isPattern) {
      const { glob } = await import("tinyglobby");
      const paths = isPattern ? glob(entry, { absolute: true }) : glob("**", { cwd: path, absolute: true });
      sources.push(...(await textsAmong(await paths, entry, encoding, warn)));
    } else {
      sources.push(await localSource(path, encoding));
    }
  }
  return sources;
}

function pathOf(entry: string): string {
  if (!isFileUrl(entry)) return resolve(entry);
  try {
    return fileURLToPath(entry);
  } catch {
    throw new InputError(`${quote(entry, 300)} is not the address of a local file; write file:///path/to/file`);
  }
}

const HTML_NAMES = new Set([".html", ".htm", ".xhtml"]);
const MAX_HTML_BYTES = 50e6;

/** A source of a file; an HTML file is read as a page. */
async function localSource(path: string, encoding: string | null): Promise<TextSource> {
  if (!HTML_NAMES.has(extname(path).toLowerCase())) return TextSource.file(path, encoding);
  const { extractPage } = await import("../pages/extract.ts");
  const type = encoding === null ? "text/html" : `text/html; charset=${encoding}`;
  try {
    return TextSource.decoded(path, extractPage(readWhole(path, MAX_HTML_BYTES), type));
  } catch (error) {
    throw error instanceof PageError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
  }
}

/** The texts among many files; the others are warned about. */
async function textsAmong(
  paths: readonly string[],
  where: string,
  encoding: string | null,
  warn: (message: string) => void,
): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const path of paths.toSorted(byName)) {
    try {
      const source = await localSource(path, encoding);
      source.mayBeEmpty = true;
      sources.push(source);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      warn(`left out: ${error.message}`);
    }
  }
  if (sources.length > 0) return sources;
  throw new InputError(`--data ${showPath(where)}: no text files found; name a file or another folder`);
}

/** By code units: the same order on every machine, whatever its language. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
