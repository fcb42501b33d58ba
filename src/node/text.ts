/**
 * Training text from files and bytes: decompressed and decoded a mebibyte at a time, so that a text may be larger than
 * memory. Files that are not text are refused; the error names their format (`formats.ts`).
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import type { Source } from "../text/corpus.ts";
import type { Hasher } from "../text/sha256.ts";
import { InputError } from "../errors.ts";
import { CountingDecoder, detectEncoding } from "./charset.ts";
import { describeKind, readError, readStart } from "./files.ts";
import { refuseDocument } from "./formats.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { rowsOf, tableFormat } from "./tables.ts";
import { showPath } from "../errors.ts";

/** The bundled first names; data/README.md says where they come from. */
export const BUNDLED_NAMES: string = fileURLToPath(new URL("../../data/names.txt", import.meta.url));

/** Bytes from which the encoding is detected. */
const START_BYTES = 65_536;
const CHUNK_BYTES = 2 ** 20;

/** A text on the disk or in memory. Its encoding and its invalid sequences are known after a pass. */
export class TextSource implements Source {
  /** The path, or where the bytes come from. */
  readonly name: string;
  /** The encoding's name, after a pass. */
  encoding = "utf-8";
  /** As in `Source`. */
  mayBeEmpty = false;
  /** Byte sequences that were not valid and became U+FFFD, after a pass. */
  replaced = 0;
  /** Its size in bytes. */
  readonly size: number;
  /** Called with the byte count of each chunk that is read. */
  onChunk: (bytes: number) => void = () => {};
  readonly #bytes: (onRead: (bytes: number) => void) => Iterable<Uint8Array>;
  /** The field that is read of each row of a table; null: the text is none. */
  readonly #field: string | null;

  private constructor(
    name: string,
    size: number,
    bytes: (onRead: (bytes: number) => void) => Iterable<Uint8Array>,
    field: string | null = null,
  ) {
    this.name = name;
    this.size = size;
    this.#bytes = bytes;
    this.#field = field;
  }

  /**
   * A file, which may be compressed (gzip). Throws InputError, now or while it is read, if it is missing, unreadable,
   * damaged or not text.
   * @param field of a table (`tableFormat`), what to read of each row; null: a table is text like any other.
   */
  static file(path: string, field: string | null = null): TextSource {
    const size = checkRegular(path);
    const isCompressed = isGzip(readStart(path, 2));
    const bytes = (onRead: (count: number) => void): Iterable<Uint8Array> => {
      const chunks = readChunks(path, onRead);
      return isCompressed ? gunzip(showPath(path), chunks, CHUNK_BYTES) : chunks;
    };
    const start = isCompressed ? firstOf(bytes(() => {})) : readStart(path, START_BYTES);
    checkText(showPath(path), start.subarray(0, START_BYTES));
    return new TextSource(path, size, bytes, tableFormat(path) === null ? null : field);
  }

  /** Bytes in memory. Throws InputError if they are not text. */
  static bytes(name: string, bytes: Uint8Array): TextSource {
    checkText(name, bytes.subarray(0, START_BYTES));
    return new TextSource(name, bytes.length, (onRead) => slices(bytes, onRead));
  }

  /** As in `Source`. */
  get hasRows(): boolean {
    return this.#field !== null;
  }

  chunks(): Generator<string, void, void> {
    const format = tableFormat(this.name);
    if (this.#field === null || format === null) return this.#decoded();
    return rowsOf(format, showPath(this.name), this.#field, this.#decoded());
  }

  *#decoded(): Generator<string, void, void> {
    let decoder: CountingDecoder | null = null;
    try {
      for (const bytes of this.#bytes((count) => this.onChunk(count))) {
        decoder ??= new CountingDecoder(detectEncoding(bytes.subarray(0, START_BYTES)));
        yield decoder.decode(bytes, false);
      }
      if (decoder !== null) yield decoder.decode(new Uint8Array(0), true);
    } finally {
      // Also runs if the reader stops early, as at a Gutenberg footer.
      if (decoder !== null) ({ encoding: this.encoding, replaced: this.replaced } = decoder);
    }
  }

  /** All of the text. */
  text(): string {
    return [...this.chunks()].join("");
  }
}

/** The first chunk; nothing of an empty text. */
function firstOf(chunks: Iterable<Uint8Array>): Uint8Array {
  for (const chunk of chunks) return chunk;
  return new Uint8Array(0);
}

function* slices(bytes: Uint8Array, onRead: (count: number) => void): Generator<Uint8Array, void, void> {
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
    const slice = bytes.subarray(start, start + CHUNK_BYTES);
    onRead(slice.length);
    yield slice;
  }
}

function* readChunks(path: string, onRead: (count: number) => void): Generator<Uint8Array, void, void> {
  let file: number | null = null;
  try {
    file = fs.openSync(path, "r");
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const length = fs.readSync(file, chunk, 0, CHUNK_BYTES, null);
      if (length === 0) return;
      onRead(length);
      yield chunk.subarray(0, length);
    }
  } catch (error) {
    throw readError(path, error);
  } finally {
    if (file !== null) fs.closeSync(file);
  }
}

/** A source is read twice, so it must be a regular file: a pipe would be empty the second time. Returns its size. */
function checkRegular(path: string): number {
  try {
    const status = fs.statSync(path);
    const kind = describeKind(status);
    if (kind === null) return status.size;
    const hint = kind === "a pipe" ? "; read it by --data -" : "";
    throw new InputError(`${showPath(path)} is ${kind}, not a file${hint}`);
  } catch (error) {
    throw readError(path, error);
  }
}

/** Throws InputError if the first bytes are not those of a text. @param name for the message. */
export function checkText(name: string, start: Uint8Array): void {
  refuseDocument(name, start);
  if (detectEncoding(start).startsWith("utf-16")) return;
  const zero = start.subarray(0, 8192).indexOf(0);
  if (zero >= 0) throw new InputError(`${name} is not text: byte ${zero} is 0, so it is a binary file`);
  const controls = start.reduce((count, byte) => (byte < 32 && (byte < 9 || byte > 13) ? count + 1 : count), 0);
  if (controls > start.length / 10) {
    throw new InputError(`${name} is not text: more than a tenth of its bytes are control characters`);
  }
}

/** Node's SHA-256, the fastest here, as a hasher. */
export function nodeHasher(): Hasher {
  const hash = createHash("sha256");
  return { update: (piece) => void hash.update(piece), digest: () => hash.digest("hex") };
}
