/**
 * In which encoding a text is: what its first bytes say, what the server or the page says, what its bytes allow, and,
 * where all that fails, what they look like.
 */
import { analyse } from "chardet";

const MARKS: readonly (readonly [bytes: readonly number[], encoding: string])[] = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];

/**
 * The name of an encoding that TextDecoder knows. @param start the first bytes, 64 KiB are plenty; a character may be cut
 * at their end. @param declared what the header, then the page, say: the first that is known counts.
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

/** A label as pages and servers write it → the encoding's name (WHATWG Encoding), or null if there is none. */
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
 * Node's decoder throws where it meets a broken character at the beginning of a chunk of a byte or two: it has reckoned
 * with fewer characters. So it gets no chunk shorter than this.
 */
const MIN_CHUNK_BYTES = 16;

/** Bytes 0x80 to 0x9F of windows-1252 (WHATWG Encoding). Node before 24 takes them for those of Latin-1, controls. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

const mended = (text: string): string =>
  text.replace(/[\u0080-\u009f]/g, (control) => WINDOWS_1252[control.charCodeAt(0) - 0x80]);

/** Bytes, a chunk after another → text; counts what was no character of the encoding, and became U+FFFD. */
export class CountingDecoder {
  readonly encoding: string;
  replaced = 0;
  readonly #decoder: TextDecoder;
  /** What has come, but waits for the next chunk. */
  #held = Buffer.alloc(0);
  /** The last two bytes that were decoded: a genuine U+FFFD, of three, may be cut. */
  #tail = Buffer.alloc(0);

  constructor(encoding: string) {
    this.encoding = encoding;
    this.#decoder = new TextDecoder(encoding);
  }

  /** @param last whether nothing follows: then a character that is cut counts, too. */
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

/** How often a text says U+FFFD itself. */
function countIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(REPLACEMENT_BYTES); at >= 0; at = bytes.indexOf(REPLACEMENT_BYTES, at + 3)) count++;
  return count;
}
