/**
 * What every tokenizer can do: text to ids and back. The kinds are in `tokenizers/`; the atomic core spells the
 * simplest of them out in six lines.
 *
 * Ids run from 0; the last one is BOS, the only special token, which starts and ends every document.
 */
import { InputError, quote } from "../errors.ts";

export type TokenizerKind = "char" | "word" | "bpe" | "byte-bpe";

export const TOKENIZER_KINDS: readonly TokenizerKind[] = ["char", "word", "bpe", "byte-bpe"];

export interface Encoding {
  /** Token ids, without BOS. */
  readonly ids: number[];
  /** Pieces of the text that the vocabulary lacks, in order of appearance, and how often each was met. They have no id, or that of `<unk>`. */
  readonly unknown: ReadonlyMap<string, number>;
}

/** Characters `start` to `end` (UTF-16 units, `end` excluded) of a text, and the token that stands for them. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** null: no token does; a space that this kind of tokenizer does not keep, or an unknown piece. */
  readonly id: number | null;
}

export interface Tokenizer {
  readonly kind: TokenizerKind;
  /** How many ids there are, BOS included. */
  readonly vocabSize: number;
  /** The last id, `vocabSize − 1`. */
  readonly bos: number;
  /** The id of all unknown pieces; null where they have none. */
  readonly unk: number | null;
  encode(text: string): Encoding;
  /**
   * Which characters each token of a text stands for, in order, without gap or overlap: `"ab c"` as words →
   * `[0, 2) ab, [2, 3) null, [3, 4) c`. A token that ends inside of a character (byte-bpe) leaves it to the next one.
   */
  spans(text: string): Span[];
  /** The text of the ids; BOS has none. Throws RangeError for an id outside of the vocabulary. */
  decode(ids: ArrayLike<number>): string;
  /** A token as a list of the vocabulary shows it: the end of a word as `</w>`, a byte that is no character as `\xe2`. */
  token(id: number): string;
  toJSON(): TokenizerJson;
}

/** `tokenizer.json` of a run. */
export interface TokenizerJson {
  readonly format: "microgpt-tokenizer";
  readonly version: 1;
  readonly kind: TokenizerKind;
  /** The tokens that are not made of others, in order of their ids; byte-bpe has the 256 bytes and need not say so. */
  readonly tokens?: readonly string[];
  /** Whether an id for unknown pieces stands behind `tokens`. */
  readonly unk?: true;
  /** For bpe and byte-bpe: the pairs of ids that become one token, in order. */
  readonly merges?: readonly (readonly [left: number, right: number])[];
}

/** Learns a vocabulary from documents, one after another. */
export interface TokenizerTrainer {
  add(document: string): void;
  /** Throws InputError if what was asked for can't be had from these documents. */
  finish(): Tokenizer;
}

/** A document as the model reads it: `[BOS, …ids, BOS]`. Throws InputError if a piece of it is unknown and there is no `<unk>`. */
export function documentTokens(tokenizer: Tokenizer, document: string): number[] {
  const { ids, unknown } = tokenizer.encode(document);
  if (unknown.size > 0 && tokenizer.unk === null) {
    throw new InputError(`tokenizer: the document ${quote(document)} has ${nameUnknown(unknown)}`);
  }
  return [tokenizer.bos, ...ids, tokenizer.bos];
}

/** `{ "é" → 1, "ß" → 2 }` → `2 pieces that the training data does not have: "é", "ß" (2 times)`. */
export function nameUnknown(unknown: ReadonlyMap<string, number>): string {
  const named = [...unknown]
    .slice(0, 10)
    .map(([piece, count]) => quote(piece) + (count > 1 ? ` (${count} times)` : ""));
  if (unknown.size > named.length) named.push("…");
  const noun = unknown.size === 1 ? "a piece" : `${unknown.size} pieces`;
  return `${noun} that the training data does not have: ${named.join(", ")}`;
}

/** For `decode`: an id that no tokenizer of this size has given out. */
export function unknownId(id: number, bos: number): never {
  throw new RangeError(`decode: ids are 0 to ${bos}, got ${id}`);
}

export const NOTHING_UNKNOWN: ReadonlyMap<string, number> = new Map();
