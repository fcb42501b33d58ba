/**
 * What the bytes of a whole text say of its encoding, gathered chunk by chunk in bounded memory: its start, what
 * surrounds the bytes that are not ASCII wherever they are, and how much of it is valid UTF-8. `charset.ts` concludes.
 */
import { isAscii, isUtf8 } from "node:buffer";

/** The start of a text, which is kept whole. */
export const START_BYTES = 65_536;
/** The sample's size: statistics look at no more, so what counts must be in it. */
const SAMPLE_BYTES = 65_536;
/** Of it, what is kept for byte values that have been rare so far, such as the one that tells two encodings apart. */
const RARE_BYTES = 16_384;
/** A byte value that has been sampled less often is rare. */
const RARE_TIMES = 8;
/** What is sampled before and after a byte that is not ASCII, at least. */
const CONTEXT_BYTES = 32;
/** Words without ASCII in between, as in Japanese, are sampled in pieces of this length, at least. */
const PIECE_BYTES = 512;
/** A longer word is cut. */
const MAX_WORD_BYTES = 4096;
/** In every encoding here, no character of several bytes contains a byte below this one, such as a space. */
const FIRST_INNER_BYTE = 0x30;
/** The first byte of a character of several bytes in UTF-8 is at least this one. */
const FIRST_LEAD = 0xc2;

const [ESCAPE, SHIFT_OUT, TILDE] = [0x1b, 0x0e, 0x7e];

/** A survey of a text's bytes. */
export class Survey {
  /** Characters of more than one byte that are valid UTF-8. */
  valid = 0;
  /** Byte sequences that are not valid UTF-8. */
  invalid = 0;
  /** Whether there is a zero byte in the start. */
  hasZeros = false;
  readonly #pieces: Buffer[] = [];
  #sampled = 0;
  #length = 0;
  #start: Buffer = Buffer.alloc(0);
  /** How often each byte value from 0x80 has been sampled. */
  readonly #times = new Uint32Array(128);
  /** A word that the next chunk continues. */
  #held: Buffer = Buffer.alloc(0);

  /** The survey of bytes that are all there. */
  static of(bytes: Uint8Array): Survey {
    const survey = new Survey();
    survey.add(bytes);
    survey.end();
    return survey;
  }

  /** Looks at the next chunk, which may be overwritten afterwards. */
  add(chunk: Uint8Array): void {
    const all = Buffer.concat([this.#held, chunk]);
    const end = endOfWords(all);
    this.#held = Buffer.from(all.subarray(end));
    this.#look(all.subarray(0, end));
  }

  /** Looks at what was held back. Call it after the last chunk. */
  end(): void {
    this.#look(this.#held);
    // A text that was cut within a character is no less UTF-8.
    if (this.valid > 0 && endOfCharacter(this.#held) < this.#held.length) this.invalid--;
    this.#held = Buffer.alloc(0);
  }

  /** The first bytes, up to `START_BYTES`. */
  get start(): Uint8Array {
    return this.#start;
  }

  /** All of a short text; of a longer one the words around bytes that are not ASCII and, if these are few, its start. */
  sample(): Uint8Array {
    if (this.#length <= SAMPLE_BYTES) return this.#start;
    const filling = this.#start.subarray(0, SAMPLE_BYTES - this.#sampled);
    return Buffer.concat([...this.#pieces, filling.subarray(0, endOfWords(filling))]);
  }

  #look(bytes: Buffer): void {
    this.#length += bytes.length;
    if (this.#start.length < START_BYTES) {
      this.#start = Buffer.concat([this.#start, bytes.subarray(0, START_BYTES - this.#start.length)]);
      this.hasZeros ||= this.#start.includes(0);
    }
    if (isAscii(bytes)) return this.#sampleMarks(bytes);
    const isValid = isUtf8(bytes);
    this.#count(bytes, isValid);
    // What is valid UTF-8 all through needs no sample in full.
    if (this.#sampled < SAMPLE_BYTES - RARE_BYTES || !isValid) this.#sampleWords(bytes);
  }

  #count(bytes: Buffer, isValid: boolean): void {
    if (isValid) {
      // Of much, a sixteenth is counted.
      const stride = bytes.length > START_BYTES ? 16 : 1;
      for (let i = 0; i < bytes.length; i += stride) if (bytes[i] >= FIRST_LEAD) this.valid += stride;
      return;
    }
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] < 0x80) continue;
      const following = followingBytes(bytes, i);
      if (following === 0) this.invalid++;
      else this.valid++;
      i += following;
    }
  }

  /** The surroundings of the escapes of seven-bit encodings. */
  #sampleMarks(bytes: Buffer): void {
    for (const mark of [ESCAPE, SHIFT_OUT, TILDE]) {
      const at = bytes.indexOf(mark);
      if (at >= 0) this.#keep(bytes.subarray(at, at + MAX_WORD_BYTES), SAMPLE_BYTES - RARE_BYTES);
    }
  }

  #sampleWords(bytes: Buffer): void {
    let from = 0;
    for (let i = 0; i < bytes.length && this.#sampled < SAMPLE_BYTES; i++) {
      if (bytes[i] < 0x80) continue;
      const isRare = this.#times[bytes[i] - 0x80] < RARE_TIMES;
      if (!isRare && this.#sampled >= SAMPLE_BYTES - RARE_BYTES) continue;
      const end = wordEnd(bytes, i);
      const word = bytes.subarray(wordStart(bytes, i, from), end);
      for (const byte of word) if (byte >= 0x80) this.#times[byte - 0x80]++;
      this.#keep(word, SAMPLE_BYTES);
      from = end;
      i = end - 1;
    }
  }

  #keep(piece: Buffer, limit: number): void {
    if (this.#sampled + piece.length > limit) return;
    this.#pieces.push(Buffer.from(piece), Buffer.from("\n"));
    this.#sampled += piece.length + 1;
  }
}

/** How many bytes follow the first of a character of UTF-8; 0: it is not valid. */
function followingBytes(bytes: Buffer, at: number): number {
  const lead = bytes[at];
  const count = lead >= 0xf5 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= FIRST_LEAD ? 1 : 0;
  for (let i = 1; i <= count; i++) if ((bytes[at + i] & 0xc0) !== 0x80) return 0;
  return count;
}

/** The end of the last whole word; of bytes without any, the end. */
function endOfWords(bytes: Buffer): number {
  const least = Math.max(0, bytes.length - MAX_WORD_BYTES);
  for (let end = bytes.length; end > least; end--) if (bytes[end - 1] < FIRST_INNER_BYTE) return end;
  return bytes.length > MAX_WORD_BYTES ? endOfCharacter(bytes) : 0;
}

/** The end, before a character of UTF-8 that is incomplete. */
function endOfCharacter(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= bytes.length - 4; at--) {
    if ((bytes[at] & 0xc0) === 0x80) continue;
    const length = bytes[at] >= 0xf0 ? 4 : bytes[at] >= 0xe0 ? 3 : bytes[at] >= 0xc0 ? 2 : 1;
    return at + length > bytes.length ? at : bytes.length;
  }
  return bytes.length;
}

/** Where to begin: at a word's start, some words before `at`, not before `from`. */
function wordStart(bytes: Buffer, at: number, from: number): number {
  const least = Math.max(from, at - MAX_WORD_BYTES);
  let start = at;
  while (start > least && (at - start < CONTEXT_BYTES || bytes[start - 1] >= FIRST_INNER_BYTE)) start--;
  return start;
}

/** Where to end: at a word's end, some words after the last byte from `at` that is not ASCII. */
function wordEnd(bytes: Buffer, at: number): number {
  const most = Math.min(bytes.length, at + MAX_WORD_BYTES);
  let last = at;
  for (let end = at + 1; end < most; end++) {
    if (bytes[end] >= 0x80) last = end;
    else if (bytes[end] >= FIRST_INNER_BYTE) continue;
    else if (end - last >= CONTEXT_BYTES || end - at >= PIECE_BYTES) return end;
  }
  return most;
}
