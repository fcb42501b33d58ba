/**
 * Where the text comes from: `--data` names files, folders, patterns, `-` for what is piped in; `--urls` and `--url-file`
 * name pages. All of it becomes sources that can be read again and again.
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
import { BUNDLED_NAMES, TextSource } from "../node/text.ts";
import { PageError } from "../pages/page-error.ts";
import type { PageEvent } from "../pages/pages.ts";
import { VERSION } from "../options/version.ts";

/** The options that say where text comes from. */
export type SourceOptions = Pick<
  TrainOptions,
  "data" | "urls" | "urlFile" | "noCache" | "cacheDir" | "ignoreRobots" | "allowHost"
>;

/** Hears what a person should know while texts are gathered. */
export interface Listener {
  warn(message: string): void;
  page(event: PageEvent): void;
}

/** What was gathered. The fetched ones, and what was piped in, can't be had again: a run keeps them. */
export interface Gathered {
  readonly files: readonly TextSource[];
  readonly fetched: readonly FetchedText[];
}

/** The same options with every address in its place, and paths that are true from everywhere. Throws InputError. */
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

/** An address as a run may remember it. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  [url.username, url.password] = ["", ""];
  return url.href;
}

/** Everything that the options, located, name; the bundled names if they name nothing. Throws InputError that says what is wrong. */
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
    warn,
  );
}

/** All of it, in order. Throws InputError for what is no text. */
export const sourcesOf = ({ files, fetched }: Gathered): TextSource[] => [
  ...files,
  ...fetched.map(({ name, text }) => TextSource.bytes(name === "-" ? "what was piped in" : name, text)),
];

/** What a run began with: its files as they are now, and what it keeps of the rest. Throws InputError. */
export const runSources = async (run: Run): Promise<TextSource[]> =>
  sourcesOf({ files: await gatherFiles(run.options, () => {}), fetched: run.fetched() });

const isFileUrl = (url: string): boolean => /^file:/i.test(url);

/** Those typed, then those of the file: one a line, but for blank lines and those that begin with `#`. */
function pageUrls({ urls, urlFile }: SourceOptions): string[] {
  if (urlFile === null) return [...urls];
  const listed = splitLines(TextSource.file(urlFile).text()).filter((line) => !line.startsWith("#"));
  if (listed.length === 0) throw new InputError(`--url-file ${showPath(urlFile)} has no address; write one a line`);
  return [...urls, ...listed];
}

/** Throws InputError if there is none among them that can be read. */
async function readPages(options: SourceOptions, listener: Listener): Promise<FetchedText[]> {
  if (options.urls.length === 0) return [];
  // Half of the start of the program, so only for whoever needs it.
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

/** At a terminal a person would wait for the program and the program for the person. */
async function readPiped(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw new InputError("--data - reads what is piped in, but nothing is: microgpt … < text.txt");
  return await buffer(process.stdin);
}

/** Files, folders, patterns and `file:` addresses → a source a file, in order. Throws InputError that names what is wrong. */
async function localSources(entries: readonly string[], warn: (message: string) => void): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const entry of entries) {
    const path = pathOf(entry);
    const status = fs.statSync(path, { throwIfNoEntry: false });
    const isPattern = status === undefined && /[*?[{]/.test(entry);
    if (status?.isDirectory() === true || isPattern) {
      const { glob } = await import("tinyglobby");
      const paths = isPattern ? glob(entry, { absolute: true }) : glob("**", { cwd: path, absolute: true });
      sources.push(...(await textsAmong(await paths, entry, warn)));
    } else {
      sources.push(await localSource(path));
    }
  }
  return sources;
}

function pathOf(entry: string): string {
  if (!isFileUrl(entry)) return resolve(entry);
  try {
    return fileURLToPath(entry);
  } catch {
    throw new InputError(`${quote(entry, 300)} is no address of a file here; write file:///path/to/file`);
  }
}

const HTML_NAMES = new Set([".html", ".htm", ".xhtml"]);
const MAX_HTML_BYTES = 50e6;

/** A page that was saved is read as a page. */
async function localSource(path: string): Promise<TextSource> {
  if (!HTML_NAMES.has(extname(path).toLowerCase())) return TextSource.file(path);
  const { extractText } = await import("../pages/extract.ts");
  try {
    return TextSource.bytes(path, Buffer.from(extractText(readWhole(path, MAX_HTML_BYTES), "text/html")));
  } catch (error) {
    throw error instanceof PageError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
  }
}

/** The texts among many files; of the others a warning tells. */
async function textsAmong(
  paths: readonly string[],
  where: string,
  warn: (message: string) => void,
): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const path of paths.toSorted(byName)) {
    try {
      const source = await localSource(path);
      source.mayBeEmpty = true;
      sources.push(source);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      warn(`left out: ${error.message}`);
    }
  }
  if (sources.length > 0) return sources;
  throw new InputError(`--data ${showPath(where)}: there is no text file in it; name one, or another folder`);
}

/** The same on every machine, whatever its language. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
