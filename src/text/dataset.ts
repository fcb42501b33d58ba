/**
 * Divides text into documents, and documents into a training set and a held-out set. Works on strings only: `corpus.ts`
 * cleans text, `node/` reads files.
 *
 * Duplicates are dropped before the split; otherwise the model would be evaluated on documents that it was trained on:
 * names.txt has 32,033 lines, 29,494 of them distinct. If each file is one document, the end of each is held out
 * instead.
 */
import { InputError } from "../errors.ts";
import { Random } from "../random.ts";

/** What counts as one document: a line, a paragraph (lines between blank lines), or a file. */
export type DocumentKind = "line" | "paragraph" | "file";

/** All document kinds. */
export const DOCUMENT_KINDS: readonly DocumentKind[] = ["line", "paragraph", "file"];

/** Documents divided into a training set and a held-out set. */
export interface Dataset {
  /** Documents to train on, shuffled. */
  readonly train: readonly string[];
  /** Documents held out for evaluation; may be empty. */
  readonly heldOut: readonly string[];
  /** Number of documents dropped as duplicates. */
  readonly duplicates: number;
}

/**
 * Python's `str.isspace`, which the reference strips. JavaScript's `\s` has U+FEFF in addition, but lacks U+001C to
 * U+001F.
 */
const PYTHON_SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const SPACE = new RegExp(PYTHON_SPACE, "u");
/** A line of white space only. */
const BLANK = new RegExp(`^${PYTHON_SPACE}*$`, "u");
const LINE_BREAK = /\r\n|\r|\n/;

/** One document per line, stripped; blank lines are dropped. `" ada\r\n\nbob"` → `["ada", "bob"]`. */
export function splitLines(text: string): string[] {
  return splitDocuments(text, "line");
}

/**
 * Splits a text into documents, in order. Each is stripped, empty ones are dropped, and line breaks become `"\n"`.
 * @example
 * const text = "a\r\nb\n\nc\n";
 * splitDocuments(text, "line"); // ["a", "b", "c"]
 * splitDocuments(text, "paragraph"); // ["a\nb", "c"]
 * splitDocuments(text, "file"); // ["a\nb\n\nc"]
 */
export function splitDocuments(text: string, kind: DocumentKind): string[] {
  return [...groupLines(linesOf([text]), kind)];
}

/** Lines of a text that arrives in chunks. A line may span many chunks, and `\r\n` may span two. */
export function* linesOf(chunks: Iterable<string>): Generator<string, void, void> {
  /**
   * Start of an unfinished line, in pieces joined only once: repeated concatenation would copy a long line many times.
   */
  let begun: string[] = [];
  let endsWithReturn = false;
  for (const chunk of chunks) {
    const lines = (endsWithReturn && chunk.startsWith("\n") ? chunk.slice(1) : chunk).split(LINE_BREAK);
    if (chunk !== "") endsWithReturn = chunk.endsWith("\r");
    const last = lines.pop() ?? "";
    for (const line of lines) {
      yield begun.length === 0 ? line : begun.join("") + line;
      begun = [];
    }
    if (last !== "") begun.push(last);
  }
  if (begun.length > 0) yield begun.join("");
}

/** Groups lines into documents. Each is stripped; empty ones are dropped. */
export function* groupLines(lines: Iterable<string>, kind: DocumentKind): Generator<string, void, void> {
  if (kind === "line") {
    for (const line of lines) {
      const document = strip(line);
      if (document !== "") yield document;
    }
    return;
  }
  let group: string[] = [];
  for (const line of lines) {
    if (kind === "paragraph" && BLANK.test(line)) {
      if (group.length > 0) yield strip(group.join("\n"));
      group = [];
    } else if (group.length > 0 || !BLANK.test(line)) {
      group.push(line);
    }
  }
  if (group.length > 0) yield strip(group.join("\n"));
}

/**
 * Removes white space at both ends. A loop, because the pattern `\s+$` takes quadratic time on a long run of spaces.
 */
export function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && SPACE.test(text[start])) start++;
  while (end > start && SPACE.test(text[end - 1])) end--;
  return text.slice(start, end);
}

/**
 * The reference's dataset: all documents, shuffled by the run's generator. The same generator then draws the weights.
 */
export function referenceDataset(documents: readonly string[], random: Random): Dataset {
  const train = [...documents];
  random.shuffle(train);
  return { train, heldOut: [], duplicates: 0 };
}

/** Fixed, so that runs with different seeds hold out the same documents and their held-out losses are comparable. */
const SPLIT_SEED = 0;

/**
 * Drops duplicates, holds out `fraction` of the documents (at least one if fraction > 0, never all), and shuffles the
 * rest with the run's generator. Throws InputError if fraction > 0 and fewer than two documents are distinct.
 */
export function splitDataset(documents: readonly string[], fraction: number, random: Random): Dataset {
  const distinct = [...new Set(documents)];
  const { train, heldOut } = splitOrder(distinct.length, fraction, random);
  const textsOf = (order: Uint32Array): string[] => Array.from(order, (index) => distinct[index]);
  return { train: textsOf(train), heldOut: textsOf(heldOut), duplicates: documents.length - distinct.length };
}

/** The same split for the indices 0 to `count` − 1. Throws as `splitDataset`. */
export function splitOrder(
  count: number,
  fraction: number,
  random: Random,
): { readonly train: Uint32Array; readonly heldOut: Uint32Array } {
  if (fraction > 0 && count < 2) {
    throw new InputError(
      "data: one distinct document can't be split; give more, or hold nothing out (--val-fraction 0)",
    );
  }
  const { order, held } = fixedOrder(count, fraction);
  const train = order.slice(held);
  random.shuffle(train);
  return { train, heldOut: order.slice(0, held) };
}

/** For each of `count` documents whether `splitOrder` holds it out: 1, else 0. */
export function heldOutMarks(count: number, fraction: number): Uint8Array {
  const marks = new Uint8Array(count);
  const { order, held } = fixedOrder(count, fraction);
  for (const index of order.subarray(0, held)) marks[index] = 1;
  return marks;
}

/** All documents, the `held` held-out ones first. */
function fixedOrder(count: number, fraction: number): { readonly order: Uint32Array; readonly held: number } {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  new Random(SPLIT_SEED).shuffle(order);
  const atLeast = fraction > 0 ? 1 : 0;
  return { order, held: Math.min(count - 1, Math.max(atLeast, Math.round(fraction * count))) };
}

/**
 * Splits long texts: holds out the last `fraction` of each as one document, and shuffles the remaining heads with the
 * run's generator. Drops duplicates. Throws InputError if a text is too short to divide.
 */
export function splitTails(documents: readonly string[], fraction: number, random: Random): Dataset {
  const distinct = [...new Set(documents)];
  const duplicates = documents.length - distinct.length;
  const divided = fraction === 0 ? distinct.map((text) => [text]) : distinct.map((text) => divideTail(text, fraction));
  const train = divided.map(([head]) => head);
  random.shuffle(train);
  return { train, heldOut: divided.flatMap(([, ...tail]) => tail), duplicates };
}

/**
 * Cuts a text so that about `fraction` of it is in the tail, at the preceding line break if one is near, and never
 * within a character: `"one\ntwo\nthree"`, 0.4 → `["one\ntwo", "three"]`. Throws InputError for a text of one
 * character.
 */
export function divideTail(text: string, fraction: number): [head: string, tail: string] {
  const position = Math.min(text.length - 1, Math.max(1, Math.round(text.length * (1 - fraction))));
  const lineBreak = text.lastIndexOf("\n", position);
  const isNear = lineBreak > 0 && position - lineBreak <= text.length - position; // holds out at most twice as much
  const isInPair = /[\udc00-\udfff]/.test(text.charAt(position)); // between the halves of a surrogate pair
  const cut = isNear ? lineBreak : position + (isInPair ? (position > 1 ? -1 : 1) : 0);
  if (cut < 1 || cut >= text.length) {
    throw new InputError(
      "data: a file of one character can't be split; give more, or hold nothing out (--val-fraction 0)",
    );
  }
  return [strip(text.slice(0, cut)), strip(text.slice(cut))];
}
