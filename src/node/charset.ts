/**
 * The encoding of a text: by its byte order mark, by what the server or the page declares, by whether it is valid
 * UTF-8, and, if all of these fail, by statistics of its bytes (chardet).
 */
import { analyse } from "chardet";

const MARKS: readonly (readonly [bytes: readonly number[], encoding: string])[] = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];

/**
 * The encoding's name, as TextDecoder takes it.
 * @param start the first bytes, up to 64 KiB; the last character may be cut.
 * @param declared labels from the header, then from the page; the first that TextDecoder knows counts.
 */
export function detectEncoding(start: Uint8Array, ...declared: readonly (string | null)[]): string {
  const mark = MARKS.find(([bytes]) => bytes.every((byte, i) => start[i] === byte));
  if (mark !== undefined) return mark[1];
  for (const label of declared) {
    const name = label === null ? null : knownEncoding(label);
    if (name !== null) return name;
  }
  if (isUtf8(start)) return "utf-8";
  for (const { name } of analyse(start)) {
    const known = knownEncoding(name);
    if (known !== null) return known;
  }
  return "windows-1252";
}

/** A label as pages and servers write it → the encoding's name (WHATWG Encoding); null for an unknown label. */
function knownEncoding(label: string): string | null {
  try {
    return new TextDecoder(label.trim()).encoding;
  } catch {
    return null;
  }
}

function isUtf8(start: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(start, { stream: true });
    return true;
  } catch {
    return false;
  }
}

const REPLACEMENT = "\ufffd";
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

/**
 * Node's decoder throws for an invalid character at the start of a chunk of one or two bytes, because it allocates too
 * few characters. So shorter chunks wait for the next one.
 */
const MIN_CHUNK_BYTES = 16;

/**
 * Bytes 0x80 to 0x9F of windows-1252 (WHATWG Encoding). Node before 24 decodes them as Latin-1, as control characters.
 */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

const mended = (text: string): string =>
  text.replace(/[\u0080-\u009f]/g, (control) => WINDOWS_1252[control.charCodeAt(0) - 0x80]);

/** Decodes bytes chunk by chunk and counts the invalid sequences, which become U+FFFD. */
export class CountingDecoder {
  /** The encoding's name. */
  readonly encoding: string;
  /** Invalid sequences so far. */
  replaced = 0;
  readonly #decoder: TextDecoder;
  /** Bytes that wait for the next chunk. */
  #held = Buffer.alloc(0);
  /** The last two bytes of the previous chunk: a genuine U+FFFD (three bytes) may be divided between chunks. */
  #tail = Buffer.alloc(0);

  /** @param encoding as `detectEncoding` names it. */
  constructor(encoding: string) {
    this.encoding = encoding;
    this.#decoder = new TextDecoder(encoding);
  }

  /** Decodes a chunk. @param last whether it is the final one; then an incomplete character counts as invalid. */
  decode(chunk: Uint8Array, last: boolean): string {
    const all = Buffer.concat([this.#held, chunk]);
    const end = last ? all.length : all.length < 2 * MIN_CHUNK_BYTES ? 0 : all.length - MIN_CHUNK_BYTES;
    const bytes = all.subarray(0, end);
    this.#held = Buffer.from(all.subarray(end));
    const decoded = this.#decoder.decode(bytes, { stream: !last });
    const text = this.encoding === "windows-1252" ? mended(decoded) : decoded;
    if (text.includes(REPLACEMENT)) {
      const genuine = this.encoding === "utf-8" ? countIn(Buffer.concat([this.#tail, bytes])) : 0;
      this.replaced += text.split(REPLACEMENT).length - 1 - genuine;
    }
    this.#tail = Buffer.concat([this.#tail, bytes.subarray(-2)]).subarray(-2);
    return text;
  }
}

/** How often the bytes contain a genuine U+FFFD. */
function countIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(REPLACEMENT_BYTES); at >= 0; at = bytes.indexOf(REPLACEMENT_BYTES, at + 3)) count++;
  return count;
}
