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
import { CountingDecoder, declaredIn, detect, isWide } from "./charset.ts";
import type { Detection } from "./charset.ts";
import { describeKind, readError, readStart } from "./files.ts";
import { refuseDocument } from "./formats.ts";
import { UNREADABLE } from "./guess.ts";
import { gunzip, isGzip } from "./gzip.ts";
import { START_BYTES, Survey } from "./survey.ts";
import { rowsOf, tableFormat } from "./tables.ts";
import { showPath } from "../errors.ts";

/** The bundled first names; data/README.md says where they come from. */
export const BUNDLED_NAMES: string = fileURLToPath(new URL("../../data/names.txt", import.meta.url));

/** Where a text declares its encoding. */
const DECLARATION_BYTES = 4096;
const CHUNK_BYTES = 2 ** 20;

/** A text, how the encoding of its bytes was found, and how many sequences of them were not valid. */
export interface Decoded {
  /** The text. */
  readonly text: string;
  /** As of `TextSource`. */
  readonly detection: Detection;
  /** As of `TextSource`. */
  readonly replaced: number;
}

/** How a file is read. */
export interface Reading {
  /** Of a table (`tableFormat`), the field that is read of each row; null: a table is text like any other. */
  readonly field: string | null;
  /** Its encoding, as `namedEncoding` gives it; null: it is detected. */
  readonly encoding: string | null;
}

const AS_TEXT: Reading = { field: null, encoding: null };

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
  readonly #reading: Reading;
  #detection: Detection | null = null;
  /** What is known of a text that was decoded before. */
  #decoded: Decoded | null = null;

  private constructor(
    name: string,
    size: number,
    reading: Reading,
    bytes: (onRead: (bytes: number) => void) => Iterable<Uint8Array>,
  ) {
    this.name = name;
    this.size = size;
    this.#reading = reading;
    this.#bytes = bytes;
  }

  /**
   * A file, which may be compressed (gzip). Throws InputError, now or while it is read, if it is missing, unreadable,
   * damaged or not text.
   */
  static file(path: string, { field, encoding }: Reading = AS_TEXT): TextSource {
    const size = checkRegular(path);
    const isCompressed = isGzip(readStart(path, 2));
    const bytes = (onRead: (count: number) => void): Iterable<Uint8Array> => {
      const chunks = readChunks(path, onRead);
      return isCompressed ? gunzip(showPath(path), chunks, CHUNK_BYTES) : chunks;
    };
    const start = isCompressed ? firstOf(bytes(() => {})) : readStart(path, START_BYTES);
    checkText(showPath(path), start.subarray(0, START_BYTES), encoding);
    return new TextSource(path, size, { field: tableFormat(path) === null ? null : field, encoding }, bytes);
  }

  /** Bytes in memory. Throws InputError if they are not text. @param encoding as of `Reading`. */
  static bytes(name: string, bytes: Uint8Array, encoding: string | null = null): TextSource {
    checkText(name, bytes.subarray(0, START_BYTES), encoding);
    return new TextSource(name, bytes.length, { field: null, encoding }, (onRead) => slices(bytes, onRead));
  }

  /** A text that was decoded before, such as that of a page. */
  static decoded(name: string, decoded: Decoded): TextSource {
    const source = TextSource.bytes(name, Buffer.from(decoded.text), "utf-8");
    source.#decoded = decoded;
    return source;
  }

  /** As in `Source`. */
  get hasRows(): boolean {
    return this.#reading.field !== null;
  }

  /**
   * Its encoding and how that was found. All bytes are read for it, once: an accent may come late. Throws InputError if
   * the encoding cannot be read.
   */
  get detection(): Detection {
    return this.#decoded?.detection ?? this.#detectionOfBytes();
  }

  #detectionOfBytes(): Detection {
    this.#detection ??= this.#detect();
    return this.#detection;
  }

  #detect(): Detection {
    const survey = new Survey();
    for (const bytes of this.#bytes(() => {})) {
      survey.add(bytes);
      if (this.#reading.encoding !== null) break; // Only a byte order mark counts more.
    }
    survey.end();
    const start = Buffer.from(survey.start.subarray(0, DECLARATION_BYTES)).toString("latin1");
    const detection = detect(survey, [this.#reading.encoding], declaredIn(start));
    if (!UNREADABLE.has(detection.encoding)) return detection;
    const encoding = detection.encoding.toUpperCase();
    throw new InputError(
      `${showPath(this.name)} seems to be in ${encoding}, which cannot be read; ` +
        `convert it (iconv -f ${encoding} -t UTF-8), or name its encoding by --encoding`,
    );
  }

  chunks(): Generator<string, void, void> {
    const format = tableFormat(this.name);
    const { field } = this.#reading;
    const text = this.#decode();
    return field === null || format === null ? text : rowsOf(format, showPath(this.name), field, text);
  }

  *#decode(): Generator<string, void, void> {
    const decoder = new CountingDecoder(this.#detectionOfBytes().encoding);
    try {
      for (const bytes of this.#bytes((count) => this.onChunk(count))) yield decoder.decode(bytes, false);
      yield decoder.decode(new Uint8Array(0), true);
    } finally {
      // Also runs if the reader stops early, as at a Gutenberg footer.
      this.encoding = this.detection.encoding;
      this.replaced = this.#decoded?.replaced ?? decoder.replaced;
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

/**
 * Throws InputError if the first bytes are not those of a text.
 * @param name for the message.
 * @param named the encoding that they are said to be in; null: unknown.
 */
export function checkText(name: string, start: Uint8Array, named: string | null = null): void {
  refuseDocument(name, start);
  if (isWide(start, named)) return;
  const zero = start.subarray(0, 8192).indexOf(0);
  if (zero >= 0) throw new InputError(`${name} is not text: byte ${zero} is 0, so it is a binary file`);
  const controls = start.reduce((count, byte) => (isControl(byte) ? count + 1 : count), 0);
  if (controls > start.length / 10) {
    throw new InputError(`${name} is not text: more than a tenth of its bytes are control characters`);
  }
}

/** White space is not one, nor is what switches alphabets in ISO-2022: SO, SI and ESC. */
const isControl = (byte: number): boolean => byte < 32 && (byte < 9 || byte > 15) && byte !== 27;

/** Node's SHA-256, the fastest here, as a hasher. */
export function nodeHasher(): Hasher {
  const hash = createHash("sha256");
  return { update: (piece) => void hash.update(piece), digest: () => hash.digest("hex") };
}
