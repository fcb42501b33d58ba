/**
 * The page cache on the disk. Every file name is 64 hexadecimal digits, whatever a server sends:
 *
 *   bodies/SHA-256 of the body      the body
 *   pages/SHA-256 of the address    its headers and the SHA-256 of its body, as JSON
 *
 * Writers need no lock: each file appears complete, and the last of two entries for a page wins. Readers verify: a
 * body whose hash is not its name counts as missing.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { isRecord } from "../errors.ts";
import { makeDirectory, readPlainFile, removeTemporaries, writeDurably, writeError } from "../node/files.ts";
import { sha256 } from "../node/sha256.ts";

/** A page as it was fetched. */
export interface CachedPage {
  /** The address at the end of the redirects. */
  readonly url: string;
  /** The header Content-Type; null if it was absent, as for the next two. */
  readonly contentType: string | null;
  /** The header ETag, to ask whether the page has changed. */
  readonly etag: string | null;
  /** The header Last-Modified, for the same. */
  readonly lastModified: string | null;
  /** When the server last confirmed this page, in milliseconds since 1970. */
  readonly fetchedMs: number;
  /** The decompressed body. */
  readonly body: Buffer;
}

const NAME = /^[0-9a-f]{64}$/;
const MAX_ENTRY_BYTES = 65_536;
/** Part of every key: entries of another version are not found. */
const CACHE_VERSION = "1";

/** The cache in one directory; many processes may use it at once. */
export class PageCache {
  readonly #pages: string;
  readonly #bodies: string;

  /** Makes the directory if it is missing. Throws InputError if it cannot be made. */
  constructor(directory: string) {
    this.#pages = join(directory, "pages");
    this.#bodies = join(directory, "bodies");
    PageCache.prepare(directory);
  }

  /** Makes the directory ready for use. Throws as the constructor. */
  static prepare(directory: string): void {
    for (const path of [join(directory, "pages"), join(directory, "bodies")]) {
      try {
        makeDirectory(path, 0o700);
        removeTemporaries(path);
      } catch (error) {
        throw writeError(path, 0, error);
      }
    }
  }

  /** The page of an address; null if it is missing or damaged. */
  get(url: string): CachedPage | null {
    const entry = readEntry(readPlainFile(join(this.#pages, keyOf(url)), MAX_ENTRY_BYTES));
    if (entry === null || entry.key !== url) return null;
    const body = readPlainFile(join(this.#bodies, entry.body), entry.length);
    return body !== null && body.length === entry.length && sha256(body) === entry.body
      ? { ...entry.page, body }
      : null;
  }

  /** Stores a page. Throws InputError if it cannot be written. */
  put(url: string, { body, ...page }: CachedPage): void {
    const hash = sha256(body);
    const path = join(this.#bodies, hash);
    if (readPlainFile(path, body.length)?.equals(body) !== true) this.#write(path, body);
    const entry = { key: url, ...page, body: hash, length: body.length };
    this.#write(join(this.#pages, keyOf(url)), JSON.stringify(entry));
  }

  /** Writes a file; replaces anything of the same name, even a link or a directory. */
  #write(path: string, content: Buffer | string): void {
    const status = fs.lstatSync(path, { throwIfNoEntry: false });
    if (status?.isFile() === false) fs.rmSync(path, { recursive: true, force: true });
    writeDurably(path, content, 0o600);
  }
}

const keyOf = (url: string): string => sha256(`${CACHE_VERSION}\n${url}`);

interface CacheEntry {
  readonly key: string;
  readonly page: Omit<CachedPage, "body">;
  /** SHA-256 of the body. */
  readonly body: string;
  readonly length: number;
}

function readEntry(bytes: Buffer | null): CacheEntry | null {
  const json = bytes === null ? null : parse(bytes.toString("utf8"));
  if (!isRecord(json)) return null;
  const { key, url, contentType, etag, lastModified, fetchedMs, body, length } = json;
  const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === "string";
  if (typeof key !== "string" || typeof url !== "string" || !URL.canParse(url)) return null;
  if (!isTextOrNull(contentType) || !isTextOrNull(etag) || !isTextOrNull(lastModified)) return null;
  if (typeof body !== "string" || !NAME.test(body)) return null;
  if (!Number.isSafeInteger(length) || typeof fetchedMs !== "number") return null;
  return { key, page: { url, contentType, etag, lastModified, fetchedMs }, body, length: Number(length) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
