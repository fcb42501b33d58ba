/**
 * Character classes, and the scanners that split a text into pieces, one per kind of tokenizer.
 *
 * Scanners rather than regular expressions: on a text of a hundred million letters, a pattern like `\p{L}+` may exhaust
 * the regular expression engine's stack.
 */

/** Class of letters (Unicode L). Classes are bits; a character may have several, or none. */
export const LETTER = 1;
/** Class of numbers (Unicode N). */
export const NUMBER = 2;
/** Class of white space (Unicode White_Space), which is `\s` in GPT-2's pattern. */
export const WHITE_SPACE = 4;
/** Class of what Python's `str.isspace` accepts: white space, and U+001C to U+001F. */
export const PYTHON_SPACE = 8;

const CLASSES: readonly (readonly [number, RegExp])[] = [
  [LETTER, /\p{L}/u],
  [NUMBER, /\p{N}/u],
  [WHITE_SPACE, /\p{White_Space}/u],
  [PYTHON_SPACE, /[\p{White_Space}\x1c-\x1f]/u],
];

/** Cache of `classOf`, one byte per character; 255: not yet computed. */
const known = new Uint8Array(0x1_00_00).fill(255);

/** The classes of a character, as bits. A lone surrogate has none. */
export function classOf(codePoint: number): number {
  if (codePoint < 0x1_00_00 && known[codePoint] !== 255) return known[codePoint];
  const character = String.fromCodePoint(codePoint);
  const bits = CLASSES.reduce((sum, [bit, pattern]) => (pattern.test(character) ? sum | bit : sum), 0);
  if (codePoint < 0x1_00_00) known[codePoint] = bits;
  return bits;
}

/** Length of the character at `at`, in UTF-16 units: 1 or 2. */
export const widthAt = (text: string, at: number): number => ((text.codePointAt(at) ?? 0) > 0xff_ff ? 2 : 1);

/** The first index from `at` on whose character has none of the classes or, if `until`, has one of them. */
function skip(text: string, at: number, classes: number, until: boolean): number {
  let index = at;
  while (index < text.length) {
    const codePoint = text.codePointAt(index) ?? 0;
    if (((classOf(codePoint) & classes) !== 0) === until) break;
    index += codePoint > 0xff_ff ? 2 : 1;
  }
  return index;
}

/** Calls `visit` with the range [start, end) of each piece of a text, in order. Text between two pieces is dropped. */
export type Scan = (text: string, visit: (start: number, end: number) => void) => void;

/** Adds the pieces of a document to `counts`. */
export function countPieces(scan: Scan, document: string, counts: Map<string, number>): void {
  scan(document, (start, end) => {
    const piece = document.slice(start, end);
    const count = counts.get(piece);
    if (count === undefined) counts.set(detached(piece), 1);
    else counts.set(piece, count + 1);
  });
}

/**
 * A copy of a piece that shares no memory with the text that it is a slice of. In V8 a slice of 13 characters or more
 * is a view that keeps the whole text alive: a vocabulary would keep the corpus in memory.
 */
export const detached = (piece: string): string => (piece.length < 13 ? piece : piece.split("").join(""));

/** Code points: `"añ😀"` → `a`, `ñ`, `😀`. */
export const scanCharacters: Scan = (text, visit) => {
  for (let at = 0; at < text.length;) {
    const end = at + widthAt(text, at);
    visit(at, end);
    at = end;
  }
};

/** Python's `text.split()`: `" in the  beginning,"` → `in`, `the`, `beginning,`. */
export const scanSplit: Scan = (text, visit) => {
  for (let at = skip(text, 0, PYTHON_SPACE, false); at < text.length;) {
    const end = skip(text, at, PYTHON_SPACE, true);
    visit(at, end);
    at = skip(text, end, PYTHON_SPACE, false);
  }
};

const UNDERSCORE = 0x5f;

/**
 * Python's `\w+|[^\w\s]`: `"the LORD's,"` → `the`, `LORD`, `'`, `s`, `,`. Python's `\w` has letters, numbers and `_`,
 * but no combining marks.
 */
export const scanWords: Scan = (text, visit) => {
  const isWord = (codePoint: number): boolean =>
    codePoint === UNDERSCORE || (classOf(codePoint) & (LETTER | NUMBER)) !== 0;
  for (let at = 0; at < text.length;) {
    const start = at;
    while (at < text.length && isWord(text.codePointAt(at) ?? 0)) at += widthAt(text, at);
    if (at > start) visit(start, at);
    if (at >= text.length) break;
    const end = at + widthAt(text, at);
    if ((classOf(text.codePointAt(at) ?? 0) & PYTHON_SPACE) === 0) visit(at, end);
    at = end;
  }
};

const SPACE = 0x20;
const APOSTROPHE = 0x27;

/** English endings that, with the apostrophe before them, are pieces of their own. */
const CONTRACTIONS = ["s", "t", "re", "ve", "m", "ll", "d"];

/**
 * GPT-2's pattern (Radford et al. 2019, encoder.py):
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`. `"I'm  here!"` → `I`, `'m`, ` `,
 * ` here`, `!`. The pieces cover the text without gaps.
 */
export const scanGpt2: Scan = (text, visit) => {
  for (let at = 0; at < text.length;) {
    const end = gpt2End(text, at);
    visit(at, end);
    at = end;
  }
};

function gpt2End(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === APOSTROPHE) {
    const ending = CONTRACTIONS.find((letters) => text.startsWith(letters, start + 1));
    if (ending !== undefined) return start + 1 + ending.length;
  }
  const at = first === SPACE ? start + 1 : start;
  const classes = at < text.length ? classOf(text.codePointAt(at) ?? 0) : WHITE_SPACE;
  if ((classes & LETTER) !== 0) return skip(text, at, LETTER, false);
  if ((classes & NUMBER) !== 0) return skip(text, at, NUMBER, false);
  if ((classes & WHITE_SPACE) === 0) return skip(text, at, LETTER | NUMBER | WHITE_SPACE, true);
  // White space before a word: the last space belongs to the word. Each is one UTF-16 unit.
  const end = skip(text, start, WHITE_SPACE, false);
  return end === text.length || end === start + 1 ? end : end - 1;
}
