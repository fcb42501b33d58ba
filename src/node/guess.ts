/**
 * The encoding of bytes that nothing declares, by statistics: jschardet's, which is chardet 7 in JavaScript, corrected
 * where it was measured to be wrong (bench/encodings.mjs). Texts in UTF-8 never come here.
 */
import { createRequire } from "node:module";
import type * as Jschardet from "jschardet";
import { knownEncoding, openDecoder } from "./encodings.ts";
import { isLatin, rankLatin } from "./latin.ts";

/** What statistics say. */
export interface Guess {
  /** The likeliest encoding: a name of `knownEncoding`, or one of `UNREADABLE`. */
  readonly encoding: string;
  /** The next, which gives another text; null: there is none. */
  readonly runnerUp: string | null;
}

/** Encodings that are recognized but cannot be decoded. */
export const UNREADABLE: ReadonlySet<string> = new Set(["johab"]);

/** Never right for a text that someone trains on: of mainframes, or so rare that every match was a mistake. */
const EXCLUDED =
  "cp1140 cp424 cp500 cp875 cp1026 cp273 cp037 utf-7 cp1006 cp864 hp-roman8 kz1048 ptcp154 koi8-t cp720 cp856".split(
    " ",
  );

let detector: typeof Jschardet | null = null;

/** Loaded on demand: it takes a tenth of a second, and only texts that are not UTF-8 need it. */
function loadDetector(): typeof Jschardet {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types are the package's own
  detector ??= createRequire(import.meta.url)("jschardet") as typeof Jschardet;
  return detector;
}

/** Guesses the encoding. @param sample up to 64 KiB, more is not looked at, with what is not ASCII in the text. */
export function guessEncoding(sample: Uint8Array): Guess {
  const confidences = new Map<string, number>();
  for (const { encoding, confidence } of candidates(sample)) {
    const label = encoding?.toLowerCase() ?? "";
    const name = UNREADABLE.has(label) ? label : knownEncoding(label);
    if (name !== null && !confidences.has(name)) confidences.set(name, confidence);
  }
  const ranked = [...confidences.keys()];
  const first = ranked.length === 0 ? "windows-1252" : correctEuc(sample, ranked[0]);
  const isOfLatin = isLatin(first) || (!UNREADABLE.has(first) && mixesAlphabets(sample, first));
  const best = isOfLatin ? rankLatin(sample, confidences) : [first, ...ranked.filter((name) => name !== first)];
  return { encoding: best[0], runnerUp: best[1] ?? null };
}

/** Of the letters outside of ASCII, how many may be out of place. */
const MAX_MISPLACED = 0.6;

/** Whether a text in this encoding would have words like `cafй` or `3 א`: then it is in Latin letters with accents. */
function mixesAlphabets(sample: Uint8Array, encoding: string): boolean {
  const text = openDecoder(encoding).decode(sample, { stream: true });
  let [letters, misplaced] = [0, 0];
  for (const { 0: letter, index } of text.matchAll(/(?![\0-\u007f])\p{L}/gu)) {
    const neighbours = `${text[index - 1] ?? ""}${text[index + letter.length] ?? ""}`;
    const isAlone = !/[^\0-\u007f]/.test(neighbours) && !CAN_BE_ALONE.test(letter);
    letters++;
    if (isAlone || /[a-z]/i.test(neighbours)) misplaced++;
  }
  return misplaced >= MAX_MISPLACED * letters;
}

/** In these scripts one letter can be a word, as in 3月. */
const CAN_BE_ALONE = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}]/u;

const candidates = (sample: Uint8Array): Jschardet.DetectionResult[] =>
  loadDetector().chardet.detectAll(sample, { ignoreThreshold: true, excludeEncodings: EXCLUDED });

/** UTF-16 or UTF-32 without a byte order mark, of a text that has zero bytes; null: neither. */
export function guessWide(start: Uint8Array): string | null {
  const whole = start.subarray(0, start.length - (start.length % 4));
  const name = knownEncoding(loadDetector().detect(whole).encoding ?? "");
  return name !== null && /^utf-(?:16|32)/.test(name) ? name : null;
}

/** Fewer pairs say too little. */
const MIN_PAIRS = 20;

/**
 * EUC-KR, EUC-JP and GB 2312 use the same pairs of bytes, and without kana statistics take names for Chinese or Korean.
 * The rows tell: hangul stops at 0xC8; Japan's common kanji stop at 0xCF, where China's, in the order of pinyin, go on to
 * 0xD7 and a fifth of a text is beyond 0xCF, and Korea's few are mostly beyond it, too.
 */
function correctEuc(sample: Uint8Array, encoding: string): string {
  if (!/^(?:gb18030|gbk|euc-kr)$/.test(encoding)) return encoding;
  let [pairs, beyondHangul, beyondKanji] = [0, 0, 0];
  for (let i = 0; i < sample.length; i++) {
    if (sample[i] < 0x80) continue;
    const row = sample[i++];
    if (!(sample[i] >= 0xa1)) return encoding; // not of the EUC form
    if (row < 0xb0) continue;
    pairs++;
    if (row > 0xc8) beyondHangul++;
    if (row > 0xcf) beyondKanji++;
  }
  if (pairs < MIN_PAIRS || beyondKanji > 0.04 * pairs) return encoding;
  return beyondHangul - beyondKanji <= 0.05 * pairs ? "euc-kr" : beyondHangul < 0.26 * pairs ? "euc-jp" : encoding;
}
