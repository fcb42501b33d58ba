/**
 * From a text to what a training sees: documents, in order, some of them held out.
 *
 * It refuses to read files or pages (that is for `node/`); it takes text. Duplicates go before the split, or
 * the model would be examined on documents that it has learnt: names.txt has 32,033 lines, 29,494 of them distinct.
 */
import { InputError } from "./errors.ts";
import { Random } from "./random.ts";

export interface Dataset {
  /** Documents to learn from, shuffled; training step s takes number `s % train.length`. */
  readonly train: readonly string[];
  /** Documents held out, shuffled; empty where nothing is held out. */
  readonly heldOut: readonly string[];
  /** How many documents were dropped because they had come before. */
  readonly duplicates: number;
}

/** Python's `str.isspace`, which is what the reference strips; JavaScript's `\s` knows U+FEFF but not U+001C to U+001F. */
const PYTHON_SPACE = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const OUTER_SPACE = new RegExp(`^${PYTHON_SPACE}+|${PYTHON_SPACE}+$`, "gu");

/** A document a line: stripped, blank ones dropped. `" ada\r\n\nbob"` → `["ada", "bob"]`. */
export function splitLines(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(OUTER_SPACE, ""))
    .filter((line) => line !== "");
}

/** The reference's way: all documents, shuffled by the run's own generator, which goes on to make the weights. */
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
  const duplicates = documents.length - distinct.length;
  if (fraction > 0 && distinct.length < 2) {
    throw new InputError(
      "data: one distinct document can't be split; give more, or hold nothing out (--val-fraction 0)",
    );
  }
  new Random(SPLIT_SEED).shuffle(distinct);
  const atLeast = fraction > 0 ? 1 : 0;
  const count = Math.min(distinct.length - 1, Math.max(atLeast, Math.round(fraction * distinct.length)));
  const heldOut = distinct.slice(0, count);
  const train = distinct.slice(count);
  random.shuffle(train);
  return { train, heldOut, duplicates };
}
