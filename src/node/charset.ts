/**
 * The encoding of a text: by its byte order mark, by what the user, the server or the text itself declares, by whether
 * it is valid UTF-8 and, if all of these fail, by statistics of its bytes (`guess.ts`).
 */
import { InputError, quote } from "../errors.ts";
import { knownEncoding, openDecoder } from "./encodings.ts";
import type { Decoder } from "./encodings.ts";
import { guessEncoding, guessWide } from "./guess.ts";
import { Survey } from "./survey.ts";

/** A text's encoding. */
export interface Detection {
  /** Its name, as `knownEncoding` gives it, or one of `UNREADABLE`. */
  readonly encoding: string;
  /**
   * How it was found: by a byte order mark; by a declaration; by the form of the bytes, which no other encoding has; or
   * by statistics.
   */
  readonly by: "mark" | "declaration" | "form" | "guess";
  /** Of a guess, the next likeliest encoding; null: there is none. */
  readonly runnerUp: string | null;
}

// UTF-32 before UTF-16, whose mark it begins with.
const MARKS: readonly (readonly [bytes: readonly number[], encoding: string])[] = [
  [[0xef, 0xbb, 0xbf], "utf-8"],
  [[0xff, 0xfe, 0, 0], "utf-32le"],
  [[0, 0, 0xfe, 0xff], "utf-32be"],
  [[0xff, 0xfe], "utf-16le"],
  [[0xfe, 0xff], "utf-16be"],
];

/** The encoding that the byte order mark names; null: there is none. */
export const markedEncoding = (start: Uint8Array): string | null =>
  MARKS.find(([bytes]) => bytes.every((byte, i) => start[i] === byte))?.[1] ?? null;

/**
 * The encoding's name, of bytes that are all there.
 * @param declared labels from outside, as of a header; the first that is known counts, right or wrong.
 */
export const detectEncoding = (bytes: Uint8Array, ...declared: readonly (string | null)[]): string =>
  detect(Survey.of(bytes), declared, null).encoding;

/**
 * A text's encoding.
 * @param told labels from outside; the first that is known counts, right or wrong.
 * @param own the label in the text, which counts only where the text is valid in it: files are converted without it.
 */
export function detect(survey: Survey, told: readonly (string | null)[], own: string | null): Detection {
  const found = (encoding: string, by: Detection["by"]): Detection => ({ encoding, by, runnerUp: null });
  const mark = markedEncoding(survey.start);
  if (mark !== null) return found(mark, "mark");
  for (const label of told) {
    const name = label === null ? null : knownEncoding(label);
    if (name !== null) return found(name, "declaration");
  }
  const byForm = (survey.hasZeros ? wideEncoding(survey.start) : null) ?? encodingByForm(survey);
  if (byForm !== null) return found(byForm, "form");
  const sample = survey.sample();
  const declared = own === null ? null : knownEncoding(own);
  if (declared !== null && isMostlyValid(sample, declared)) return found(declared, "declaration");
  return { ...guessEncoding(sample), by: "guess" };
}

/** UTF-8, some of it perhaps broken; or, of ASCII alone, an encoding that switches by escapes; null: neither. */
function encodingByForm(survey: Survey): string | null {
  const { valid, invalid } = survey;
  // In texts of other encodings, at most half as many sequences are valid UTF-8 as are not.
  if (invalid > 0) return valid >= invalid ? "utf-8" : null;
  return valid > 0 ? "utf-8" : (escapedEncoding(survey.sample()) ?? "utf-8");
}

/** Encodings of seven bits by what switches to their pairs of bytes. */
const ESCAPES: readonly (readonly [switches: RegExp, encoding: string])[] = [
  [/\u001b(?:\$[@B]|\$\(D|\(I)/, "iso-2022-jp"],
  [/\u001b\$\)C/, "iso-2022-kr"],
  [/\u001b\$\)A/, "iso-2022-cn"],
  // Punctuation and the common characters: so `~{abc~}` in a program is not taken for Chinese.
  [/~\{(?:(?:[\u0021-\u0029\u0030-\u0057][\u0021-\u007e])+)~\}/, "hz-gb-2312"],
];

function escapedEncoding(sample: Uint8Array): string | null {
  const letters = Buffer.from(sample).toString("latin1");
  const encoding = ESCAPES.find(([switches]) => switches.test(letters))?.[1] ?? null;
  return encoding !== null && isMostlyValid(sample, encoding) ? encoding : null;
}

/** Of a thousand characters outside of ASCII, how many may be broken. */
const MAX_BROKEN = 10;

function isMostlyValid(sample: Uint8Array, encoding: string): boolean {
  const text = openDecoder(encoding).decode(sample, { stream: true });
  const foreign = text.match(/[^\0-\u007f]/g)?.length ?? 0;
  return 1000 * (text.split(REPLACEMENT).length - 1) <= MAX_BROKEN * foreign;
}

/** UTF-16 or UTF-32 without a mark: then the text must have neither zeros nor anything that is invalid. */
function wideEncoding(start: Uint8Array): string | null {
  const encoding = guessWide(start);
  if (encoding === null) return null;
  const text = openDecoder(encoding).decode(start, { stream: true });
  return /[\0-\u0008\u000e-\u001f\ufffd]/.test(text) ? null : encoding;
}

/** Whether a text is in UTF-16 or UTF-32, where zero bytes are usual. @param named its encoding; null: unknown. */
export function isWide(start: Uint8Array, named: string | null): boolean {
  const encoding = markedEncoding(start) ?? named ?? (start.includes(0) ? wideEncoding(start) : null);
  return encoding !== null && /^utf-(?:16|32)/.test(encoding);
}

/** The encoding that an option names. Throws InputError if it is not known. */
export function namedEncoding(label: string): string {
  const name = knownEncoding(label);
  if (name !== null) return name;
  throw new InputError(
    `--encoding: ${quote(label, 60)} is not an encoding that can be read; name one such as windows-1252, iso-8859-2 or shift_jis`,
  );
}

/** What a text that begins as XML or HTML declares of itself; null: nothing. @param start its first bytes, as Latin-1. */
export const declaredIn = (start: string): string | null =>
  /^(?:\u00ef\u00bb\u00bf)?\s*<(?:\?xml|!doctype html|html|head|meta|!--)/i.test(start) ? encodingOfPage(start) : null;

/** The encoding in a page's `<meta>`. "utf-16" there means UTF-8, or it could not have been read (HTML standard). */
export function encodingOfPage(start: string): string | null {
  const ofXml = /^(?:\u00ef\u00bb\u00bf)?\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([\w.:-]+)/.exec(start);
  const ofMeta = /<meta\b[^>]{0,200}?\bcharset\s*=\s*["']?([\w.:-]+)/i.exec(start);
  const label = (ofXml ?? ofMeta)?.[1] ?? null;
  return label !== null && /^(?:utf-?16|unicode|ucs-2|iso-10646-ucs-2)/i.test(label) ? "utf-8" : label;
}

const REPLACEMENT = "\ufffd";
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

/**
 * Node's decoder throws for an invalid character at the start of a chunk of one or two bytes, because it allocates too
 * few characters. So shorter chunks wait for the next one.
 */
const MIN_CHUNK_BYTES = 16;

/** Decodes bytes chunk by chunk and counts the invalid sequences, which become U+FFFD. */
export class CountingDecoder {
  /** The encoding's name. */
  readonly encoding: string;
  /** Invalid sequences so far. */
  replaced = 0;
  readonly #decoder: Decoder;
  /** Bytes that wait for the next chunk. */
  #held = Buffer.alloc(0);
  /** The last two bytes of the previous chunk: a genuine U+FFFD (three bytes) may be divided between chunks. */
  #tail = Buffer.alloc(0);

  /** @param encoding as `detectEncoding` names it. */
  constructor(encoding: string) {
    this.encoding = encoding;
    this.#decoder = openDecoder(encoding);
  }

  /** Decodes a chunk. @param last whether it is the final one; then an incomplete character counts as invalid. */
  decode(chunk: Uint8Array, last: boolean): string {
    const all = Buffer.concat([this.#held, chunk]);
    const end = last ? all.length : all.length < 2 * MIN_CHUNK_BYTES ? 0 : all.length - MIN_CHUNK_BYTES;
    const bytes = all.subarray(0, end);
    this.#held = Buffer.from(all.subarray(end));
    const text = this.#decoder.decode(bytes, { stream: !last });
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
