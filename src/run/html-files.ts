/** HTML files of `--data` as texts: what of a page is text, `pages/` decides; within which limits, its `Extractor`. */
import { extname } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { readWhole } from "../node/files.ts";
import { gunzip, isGzip } from "../node/gzip.ts";
import { TextSource } from "../node/text.ts";
import type { Extractor } from "../pages/extractor.ts";
import { PageError } from "../pages/page-error.ts";

const HTML_NAMES = new Set([".html", ".htm", ".xhtml"]);
const MAX_HTML_BYTES = 50e6;

/** Whether a file is read as a page: by its name, also with `.gz`. */
export const isHtmlFile = (path: string): boolean => HTML_NAMES.has(extname(path.replace(/\.gz$/i, "")).toLowerCase());

/** Reads HTML files, all by one extractor, which the first of them starts. */
export class HtmlFiles {
  #extractor: Extractor | null = null;

  /**
   * The text of a file. Rejects with InputError that names what is wrong with it. @param encoding of all files; null:
   * found for each.
   */
  async read(path: string, encoding: string | null): Promise<TextSource> {
    // Loaded on demand: few trainings have pages.
    this.#extractor ??= new (await import("../pages/extractor.ts")).Extractor();
    const type = encoding === null ? "text/html" : `text/html; charset=${encoding}`;
    try {
      return TextSource.decoded(path, await this.#extractor.extract(pageBytes(path), type));
    } catch (error) {
      throw error instanceof PageError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
    }
  }

  /** Ends the extractor. */
  close(): void {
    this.#extractor?.close();
  }
}

/** The bytes of a page, which may be compressed. Throws InputError if they are too many. */
function pageBytes(path: string): Uint8Array {
  const bytes = readWhole(path, MAX_HTML_BYTES);
  if (!isGzip(bytes)) return bytes;
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (const piece of gunzip(showPath(path), [bytes], 2 ** 20)) {
    pieces.push(piece);
    if ((length += piece.length) > MAX_HTML_BYTES)
      throw new InputError(
        `${showPath(path)} has more than ${MAX_HTML_BYTES} bytes when it is unpacked; at most these can be read`,
      );
  }
  return Buffer.concat(pieces, length);
}
