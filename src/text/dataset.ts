/**
 * From a text to training and held-out documents. It takes text; reading files is for `node/`.
 *
 * Duplicates are dropped before the split, or the model would be evaluated on documents that it has learnt: names.txt has
 * 32,033 lines, 29,494 of them distinct. Of a file that is one document, the end is held out.
 */
import { InputError } from "../errors.ts";
import { Random } from "../random.ts";

/** What a document is: a line, a paragraph (lines between blank lines), or a file. */
export type DocumentKind = "line" | "paragraph" | "file";

/** All kinds of documents. */
export const DOCUMENT_KINDS: readonly DocumentKind[] = ["line", "paragraph", "file"];

/** Documents, split. */
export interface Dataset {
  /** Documents to learn from, shuffled. */
  readonly train: readonly string[];
  /** Documents held out, shuffled; empty where nothing is held out. */
  readonly heldOut: readonly string[];
  /** Documents that were dropped as duplicates. */
  readonly duplicates: number;
}

/** Python's `str.isspace`, which is what the reference strips; JavaScript's `\s` knows U+FEFF but not U+001C to U+001F. */
const PYTHON_SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const SPACE = new RegExp(PYTHON_SPACE, "u");
/** A line of white space alone. */
const BLANK = new RegExp(`^${PYTHON_SPACE}*$`, "u");
const LINE_BREAK = /\r\n|\r|\n/;

/** A document a line: stripped, blank ones dropped. `" ada\r\n\nbob"` → `["ada", "bob"]`. */
export function splitLines(text: string): string[] {
  return splitDocuments(text, "line");
}

/**
 * Documents of a kind, in order, stripped, empty ones dropped; line breaks within them are `"\n"`. Of `"a\r\nb\n\nc\n"`
 * the lines are `["a", "b", "c"]`, the paragraphs `["a\nb", "c"]`, and the file is `["a\nb\n\nc"]`.
 */
export function splitDocuments(text: string, kind: DocumentKind): string[] {
  return [...groupLines(linesOf([text]), kind)];
}

/** The lines of a text that comes in chunks; a line may span many of them, and `\r\n` two. */
export function* linesOf(chunks: Iterable<string>): Generator<string, void, void> {
  /** The start of an unfinished line, in pieces that are joined once: repeated joining would copy a long line many times. */
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

/** Lines → documents of a kind, stripped, empty ones dropped. */
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

/** From both ends only: a pattern like `\s+$` would try every space inside of a long text, each time to its end. */
export function strip(text: string): string {
  let [start, end] = [0, text.length];
  while (start < end && SPACE.test(text[start])) start++;
  while (end > start && SPACE.test(text[end - 1])) end--;
  return text.slice(start, end);
}

/** The reference's dataset: all documents, shuffled by the run's generator, which then draws the weights. */
export function referenceDataset(documents: readonly string[], random: Random): Dataset {
  const train = [...documents];
  random.shuffle(train);
  return { train, heldOut: [], duplicates: 0 };
}

/** Fixed, so that runs of all seeds hold out the same documents and their held-out losses can be compared. */
const SPLIT_SEED = 0;

/**
 * Duplicates dropped, `fraction` of the documents held out (at least one where fraction > 0, and at least one is left
 * to learn from), the rest shuffled by the run's own generator. Throws InputError if one document can't be split.
 */
export function splitDataset(documents: readonly string[], fraction: number, random: Random): Dataset {
  const distinct = [...new Set(documents)];
  const { train, heldOut } = splitOrder(distinct.length, fraction, random);
  const textsOf = (order: Uint32Array): string[] => Array.from(order, (index) => distinct[index]);
  return { train: textsOf(train), heldOut: textsOf(heldOut), duplicates: documents.length - distinct.length };
}

/** The same split for indices from 0 to `count` − 1. */
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
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  new Random(SPLIT_SEED).shuffle(order);
  const atLeast = fraction > 0 ? 1 : 0;
  const held = Math.min(count - 1, Math.max(atLeast, Math.round(fraction * count)));
  const heldOut = order.slice(0, held);
  const train = order.slice(held);
  random.shuffle(train);
  return { train, heldOut };
}

/**
 * The split of long texts: the last `fraction` of each is held out in one piece; the rest, shuffled by the run's generator,
 * is trained on. Throws InputError for a text that is too short to divide.
 */
export function splitTails(documents: readonly string[], fraction: number, random: Random): Dataset {
  const distinct = [...new Set(documents)];
  const duplicates = documents.length - distinct.length;
  const divided = fraction === 0 ? distinct.map((text) => [text]) : distinct.map((text) => divideTail(text, fraction));
  const train = divided.map(([head]) => head);
  random.shuffle(train);
  return { train, heldOut: divided.flatMap(([, ...tail]) => tail), duplicates };
}

/** `"one\ntwo\nthree"`, 0.4 → `["one\ntwo", "three"]`: at the line break before the cut, if one is near. */
export function divideTail(text: string, fraction: number): [head: string, tail: string] {
  const place = Math.min(text.length - 1, Math.max(1, Math.round(text.length * (1 - fraction))));
  const lineBreak = text.lastIndexOf("\n", place);
  const isNear = lineBreak > 0 && place - lineBreak <= text.length - place; // at most twice as much is held out
  const isInPair = /[\udc00-\udfff]/.test(text.charAt(place)); // between the halves of one character
  const cut = isNear ? lineBreak : place + (isInPair ? (place > 1 ? -1 : 1) : 0);
  if (cut < 1 || cut >= text.length) {
    throw new InputError(
      "data: a file of one character can't be split; give more, or hold nothing out (--val-fraction 0)",
    );
  }
  return [strip(text.slice(0, cut)), strip(text.slice(cut))];
}
