/**
 * Marks texts of a model as copied, near or new where its data is not at hand: in an exported page. `likeness.ts` compares
 * with the data itself and is exact; this compares with hashes of it, as many as fit into a number of bytes, and says what it
 * cannot find. The data cannot be read out of the hashes, but a text that one guesses can be looked up.
 *
 *   copied   the text is a document
 *   near     a short text is one edit away from a document, or `runTokens` tokens in a row are from one
 *   new      neither
 *
 * Of a document, every `stride`-th window of RUN tokens is hashed, of a text each: a shared run of RUN + stride − 1 tokens
 * contains a hashed window, so it is always found.
 */
import { filterBits, filterCapacity, HashFilter, packFilter } from "./hash-filter.ts";
import type { PackedFilter } from "./hash-filter.ts";
import { MAX_EDITED, respelt, runLength } from "./likeness.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** How a text relates to the data. */
export type Mark = "copied" | "near" | "new";

/** What is known of the data. */
export interface TextMarks {
  /** Hashes of documents and windows. */
  readonly filter: PackedFilter;
  /** Distance between two hashed windows of a document, in tokens; null: none is hashed. */
  readonly stride: number | null;
  /** Texts of so many characters are looked up with every edit; 0: none. */
  readonly maxEdited: number;
}

/** Tokens in a row that are always found; null: runs are not looked for. */
export const runTokens = ({ stride }: Pick<TextMarks, "stride">, tokenizer: Tokenizer): number | null =>
  stride === null ? null : runLength(tokenizer) + stride - 1;

const STRIDES = [1, 2, 4, 8, 16, 32, 64];
/** A text asks for one document, and for each of its windows, up to a thousand: one of 250 is marked by mistake. */
const [DOCUMENT_BITS, WINDOW_BITS] = [8, 18];
/** The share of new texts that the look-ups of edits may mark by mistake. */
const MAX_MISTAKES = 0.005;

/** A window as a text; cleaned documents do not have its first character. */
const windowText = (ids: readonly number[]): string => `\u0000${ids.join(" ")}`;

function* windowsOf(document: ArrayLike<number>, length: number, stride: number): Generator<string> {
  const ids = Array.from(document);
  for (let start = 0; start + length <= ids.length; start += stride) yield windowText(ids.slice(start, start + length));
}

/**
 * Hashes the data into at most `maxBytes`; null if it is too large. @param documents the ids of each, without BOS; iterated
 * twice. @param longest tokens of the longest text to be marked: a longer document can only share a run with it.
 */
export function packMarks(
  documents: Iterable<ArrayLike<number>>,
  tokenizer: Tokenizer,
  longest: number,
  maxBytes: number,
): TextMarks | null {
  const run = runLength(tokenizer);
  const texts = new Set<string>();
  const windows = STRIDES.map(() => 0);
  for (const document of documents) {
    if (document.length <= longest) texts.add(tokenizer.decode(document));
    const starts = Math.max(0, document.length - run + 1);
    STRIDES.forEach((stride, i) => (windows[i] += Math.ceil(starts / stride)));
    const hasTooManyRuns = windows[windows.length - 1] > filterCapacity(maxBytes, WINDOW_BITS);
    if (texts.size > filterCapacity(maxBytes, DOCUMENT_BITS) || (texts.size === 0 && hasTooManyRuns)) return null;
  }
  const stride = STRIDES.find((_, i) => texts.size + windows[i] <= filterCapacity(maxBytes, WINDOW_BITS)) ?? null;
  if (stride === null && texts.size === 0) return null;
  if (stride !== null) {
    for (const document of documents) for (const window of windowsOf(document, run, stride)) texts.add(window);
  }
  const bits = filterBits(maxBytes, texts.size);
  const edits = 2 * alphabetOf(tokenizer).length + 1; // per character: others, inserted ones, none
  const maxEdited = Math.min(MAX_EDITED, Math.floor((MAX_MISTAKES * 2 ** bits) / edits));
  return { filter: packFilter(texts, bits), stride, maxEdited };
}

/** The characters of which the tokens are made. */
const alphabetOf = (tokenizer: Tokenizer): string[] => [
  ...new Set(Array.from({ length: tokenizer.bos }, (_, id) => Array.from(tokenizer.decode([id]))).flat()),
];

/** All texts that are one character away: deleted, inserted or replaced. */
function* editsOf(symbols: readonly string[], alphabet: readonly string[]): Generator<string> {
  for (let at = 0; at <= symbols.length; at++) {
    const [before, rest] = [symbols.slice(0, at).join(""), symbols.slice(at).join("")];
    for (const other of alphabet) yield before + other + rest;
    if (at === symbols.length) return;
    const after = symbols.slice(at + 1).join("");
    yield before + after;
    for (const other of alphabet) yield before + other + after;
  }
}

/** Marks texts. */
export class TextMarker {
  readonly #marks: TextMarks;
  readonly #tokenizer: Tokenizer;
  readonly #filter: HashFilter;
  readonly #alphabet: readonly string[];

  /** Throws RangeError if the filter is damaged. */
  constructor(marks: TextMarks, tokenizer: Tokenizer) {
    this.#marks = marks;
    this.#tokenizer = tokenizer;
    this.#filter = new HashFilter(marks.filter);
    this.#alphabet = alphabetOf(tokenizer);
  }

  /** The mark of a text. @param drawn its tokens. */
  mark(drawn: ArrayLike<number>): Mark {
    const text = this.#tokenizer.decode(drawn);
    if (this.#filter.has(text)) return "copied";
    return this.#hasRun(respelt(drawn, this.#tokenizer)) || this.#isEdited(Array.from(text)) ? "near" : "new";
  }

  #hasRun(ids: ArrayLike<number>): boolean {
    if (this.#marks.stride === null) return false;
    for (const window of windowsOf(ids, runLength(this.#tokenizer), 1)) if (this.#filter.has(window)) return true;
    return false;
  }

  #isEdited(symbols: readonly string[]): boolean {
    if (symbols.length === 0 || symbols.length > this.#marks.maxEdited) return false;
    for (const edited of editsOf(symbols, this.#alphabet)) if (this.#filter.has(edited)) return true;
    return false;
  }
}
