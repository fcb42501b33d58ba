/**
 * The texts that the options name: `--data` files, folders, patterns and `-` for standard input; `--urls` and
 * `--url-file` pages. All of them become sources that can be read repeatedly.
 */
import * as fs from "node:fs";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { TrainOptions } from "../options/train-options.ts";
import { splitLines } from "../text/dataset.ts";
import { InputError, quote } from "../errors.ts";
import type { FetchedText } from "../node/fetched.ts";
import { readError } from "../node/files.ts";
import { tableFormat } from "../node/tables.ts";
import { runsDirectoryOf } from "../node/own-folders.ts";
import { showPath } from "../errors.ts";
import type { Run } from "../node/run-directory.ts";
import { namedEncoding } from "../node/charset.ts";
import { BUNDLED_NAMES, TextSource } from "../node/text.ts";
import { userCache } from "../node/user-cache.ts";
import type { PageEvent } from "../pages/pages.ts";
import { filesLike, filesOf, parsePattern } from "./folders.ts";
import type { OwnPlaces } from "./folders.ts";
import { HtmlFiles, isHtmlFile } from "./html-files.ts";
import { VERSION } from "../options/version.ts";

/** The options that say where text comes from. */
export type SourceOptions = Pick<
  TrainOptions,
  "data" | "encoding" | "urls" | "urlFile" | "field" | "noCache" | "cacheDir" | "ignoreRobots" | "allowHost"
> &
  Partial<Pick<TrainOptions, "keepC">>;

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

/** The same options with absolute paths, and the addresses of `data` and `urlFile` in `urls`. Throws InputError. */
export function locate<Options extends SourceOptions>(options: Options): Options {
  const { keepC = null } = options;
  const urls = [...options.data.filter(isWebUrl), ...pageUrls(options)];
  const data = [...options.data.filter((entry) => !isWebUrl(entry)), ...urls.filter(isFileUrl)];
  return {
    ...options,
    data: data.map((entry) => (entry === "-" || isFileUrl(entry) ? entry : resolve(entry))),
    urls: urls.filter((url) => !isFileUrl(url)),
    urlFile: null,
    cacheDir: options.cacheDir === null ? null : resolve(options.cacheDir),
    ...(keepC === null ? {} : { keepC: resolve(keepC) }),
  };
}

/** An address without user name and password, as a run stores it. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  [url.username, url.password] = ["", ""];
  return url.href;
}

/**
 * Gathers everything that the located options name; the bundled names if they name nothing. Throws InputError.
 * @param runsDir the directory of runs, which is left out of the folders of `--data`.
 */
export async function gather(options: SourceOptions, listener: Listener, runsDir: string): Promise<Gathered> {
  const files = await gatherFiles(options, (message) => listener.warn(message), runsDir);
  const piped = options.data.includes("-") ? [{ name: "-", text: await readPiped("--data -") }] : [];
  return { files, fetched: [...piped, ...(await readPages(options, listener))] };
}

/** The files alone, as they are now. @param runsDir as of `gather`. */
export async function gatherFiles(
  options: SourceOptions,
  warn: (message: string) => void,
  runsDir: string,
): Promise<TextSource[]> {
  if (options.data.length === 0 && options.urls.length === 0) return [TextSource.file(BUNDLED_NAMES)];
  const own = { runsDir: resolve(runsDir), cacheDir: options.cacheDir ?? userCache() };
  const entries = options.data.filter((entry) => entry !== "-");
  const reading = { field: options.field, encoding: encodingOf(options) };
  const html = new HtmlFiles();
  const open = async (path: string): Promise<TextSource> =>
    isHtmlFile(path) ? await html.read(path, reading.encoding) : TextSource.file(path, reading);
  const sources = await localSources(entries, open, own, warn).finally(() => html.close());
  checkTables(sources, options, warn);
  return sources;
}

/** A table that is read as text is rarely meant, and a field without a table never. */
function checkTables(sources: readonly TextSource[], { field }: SourceOptions, warn: (message: string) => void): void {
  if (field !== null) {
    if (sources.some(({ hasRows }) => hasRows)) return;
    throw new InputError(
      `--field ${quote(field)}: no file of --data has rows; expected a name that ends in .jsonl, .csv or .tsv, also with .gz`,
    );
  }
  const tables = sources.filter(({ name }) => tableFormat(name) !== null);
  if (tables.length === 0) return;
  const more = tables.length > 1 ? ` and ${tables.length - 1} more` : "";
  const are = tables.length > 1 ? "are" : "is";
  warn(
    `${showPath(tables[0].name)}${more} ${are} read line by line, as it stands; --field NAME reads one field of each row`,
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
  sourcesOf(
    { files: await gatherFiles(run.options, () => {}, runsDirectoryOf(run.path)), fetched: run.fetched() },
    run.options,
  );

const isWebUrl = (entry: string): boolean => /^https?:\/\//i.test(entry);
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
  const events = new PageEvents(listener);
  const pages = await fetchPages(options.urls.map(parsePageUrl), {
    cacheDir: await cacheDirOf(options, listener),
    ignoreRobots: options.ignoreRobots,
    allowHosts: options.allowHost,
    userAgent: `microgpt/${VERSION} (+https://www.npmjs.com/package/microgpt)`,
    onEvent: (event) => events.take(event),
  });
  const encoder = new TextEncoder();
  const texts = pages.flatMap((page) => ("text" in page ? [{ name: page.url, text: encoder.encode(page.text) }] : []));
  if (texts.length > 0) return texts;
  const [first] = pages.flatMap((page) => ("reason" in page ? [page] : []));
  events.end(first.url);
  const reason = `${first.url}: ${first.reason}`;
  throw new InputError(pages.length === 1 ? reason : `none of ${pages.length} pages could be read; ${reason}`);
}

/**
 * Passes events of pages on. Failures wait for the first page that can be read: if there is none, the error that ends the command
 * says the first of them.
 */
class PageEvents {
  readonly #listener: Listener;
  #failures: PageEvent[] | null = [];

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  take(event: PageEvent): void {
    if (event.type === "failed" && this.#failures !== null) return void this.#failures.push(event);
    if (event.type === "done") this.#flush(null);
    this.#listener.page(event);
  }

  /** No page could be read. @param said the address whose failure the error says. */
  end(said: string): void {
    this.#flush(said);
  }

  #flush(said: string | null): void {
    for (const failure of this.#failures ?? []) if (failure.url !== said) this.#listener.page(failure);
    this.#failures = null;
  }
}

/** Reads standard input. Throws InputError at a terminal, where it would wait forever. */
/** All of standard input. Throws InputError at a terminal. @param what reads it, for the message. */
export async function readPiped(what: string): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    throw new InputError(`${what} reads standard input, but nothing is piped in; run microgpt … < text.txt`);
  return await buffer(process.stdin);
}

/** A file → a source. Rejects with InputError for what is not text. */
type OpenFile = (path: string) => Promise<TextSource>;

/**
 * Files, folders, patterns and `file:` addresses → a source per file, in order. Throws InputError that names what is
 * wrong.
 */
async function localSources(
  entries: readonly string[],
  open: OpenFile,
  own: OwnPlaces,
  warn: (message: string) => void,
): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const entry of entries) {
    const path = pathOf(entry);
    const kind = kindOf(path);
    const like = kind === "nothing" && !isFileUrl(entry) ? parsePattern(entry) : null;
    if (kind !== "folder" && like === null) {
      sources.push(await open(path));
      continue;
    }
    const { paths, warnings } = await (like === null ? filesOf(path, own) : filesLike(like.folder, like.pattern, own));
    for (const warning of warnings) warn(warning);
    sources.push(...(await textsAmong(paths, open, entry, warn)));
  }
  return sources;
}

function kindOf(path: string): "folder" | "file" | "nothing" {
  try {
    const status = fs.statSync(path, { throwIfNoEntry: false });
    return status === undefined ? "nothing" : status.isDirectory() ? "folder" : "file";
  } catch (error) {
    throw readError(path, error);
  }
}

function pathOf(entry: string): string {
  if (!isFileUrl(entry)) return resolve(entry);
  try {
    return fileURLToPath(entry);
  } catch {
    throw new InputError(`${quote(entry, 300)} is not the address of a local file; write file:///path/to/file`);
  }
}

/** The texts among many files; the others are warned about. */
async function textsAmong(
  paths: readonly string[],
  open: OpenFile,
  where: string,
  warn: (message: string) => void,
): Promise<TextSource[]> {
  const sources: TextSource[] = [];
  for (const path of paths) {
    try {
      const source = await open(path);
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

/** Where pages are cached; null: nowhere. A machine whose user has no directory to write to goes without. */
async function cacheDirOf({ noCache, cacheDir }: SourceOptions, listener: Listener): Promise<string | null> {
  if (noCache || cacheDir !== null) return noCache ? null : cacheDir;
  const { PageCache } = await import("../pages/cache.ts");
  const directory = userCache();
  try {
    PageCache.prepare(directory);
    return directory;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    listener.warn(`${error.message}; pages are fetched without a cache`);
    return null;
  }
}
