/** The names that every chapter and every rung learns from, divided once: all losses of the page are on the same names. */
import { buildVocabulary, encode } from "../../../../src/microgpt.ts";
import type { Vocabulary } from "../../../../src/microgpt.ts";
import { Random } from "../../../../src/random.ts";
import { splitDataset, splitLines } from "../../../../src/text/dataset.ts";

/** The longest input, in tokens; the loss covers the first 16 next tokens of a name, as in `main` of the core. */
export const BLOCK_SIZE = 16;
/** Share of the names that no rung trains on. */
const HELD_OUT_SHARE = 0.1;
/** Names of the held-out set that are evaluated: enough to rank the rungs, few enough for the scalar core. */
const EVALUATED = 400;
/** Orders the training names; the split itself has a seed of its own in `splitDataset`. */
const SEED = 42;

/** Names as tokens. */
export interface Names {
  readonly vocabulary: Vocabulary;
  /** Tokens in the vocabulary, BOS included. */
  readonly vocabSize: number;
  /** Names to train on, shuffled, each [BOS, …, BOS]. */
  readonly train: readonly (readonly number[])[];
  /** Names to evaluate on, each [BOS, …, BOS]. */
  readonly heldOut: readonly (readonly number[])[];
  /** The names to train on as text, to recognize copies among the samples. */
  readonly known: ReadonlySet<string>;
}

/** Splits a text with a name on every line. Throws InputError for fewer than two distinct names. */
export function namesOf(text: string): Names {
  const documents = splitLines(text);
  const vocabulary = buildVocabulary(documents);
  const { train, heldOut } = splitDataset(documents, HELD_OUT_SHARE, new Random(SEED));
  const tokens = (names: readonly string[]): number[][] => names.map((name) => encode(vocabulary, name));
  return {
    vocabulary,
    vocabSize: vocabulary.bos + 1,
    train: tokens(train),
    heldOut: tokens(heldOut.slice(0, EVALUATED)),
    known: new Set(train),
  };
}

/** Text → tokens without the final BOS, as a model reads a beginning; characters outside the vocabulary are dropped. */
export function beginningOf({ vocabulary }: Names, text: string): number[] {
  const known = [...text.toLowerCase()].filter((character) => vocabulary.characters.includes(character));
  return encode(vocabulary, known.join("")).slice(0, -1).slice(0, BLOCK_SIZE);
}

/** A token as the page shows it: its character, or `·` for BOS. */
export const letterOf = ({ characters, bos }: Vocabulary, token: number): string =>
  token === bos ? "·" : characters[token];
