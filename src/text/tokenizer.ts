/**
 * The interface of every tokenizer: text to ids and back. The kinds are in `tokenizers/`; the atomic core has the simplest
 * of them in six lines.
 *
 * Ids start at 0; the last one is BOS, the only special token, which starts and ends every document.
 */
import { InputError, quote } from "../errors.ts";

/** A kind of tokenizer: characters, words, or byte pair encoding over words or bytes. */
export type TokenizerKind = "char" | "word" | "bpe" | "byte-bpe";

/** All kinds. */
export const TOKENIZER_KINDS: readonly TokenizerKind[] = ["char", "word", "bpe", "byte-bpe"];

/** A text as ids. */
export interface Encoding {
  /** Token ids, without BOS. */
  readonly ids: number[];
  /** Pieces that are not in the vocabulary, in order of appearance, with their counts. They have no id, or that of `<unk>`. */
  readonly unknown: ReadonlyMap<string, number>;
}

/** A range of a text and its token. */
export interface Span {
  /** The first UTF-16 unit. */
  readonly start: number;
  /** One past the last UTF-16 unit. */
  readonly end: number;
  /** The token's id; null for a space that this kind of tokenizer drops, or an unknown piece. */
  readonly id: number | null;
}

/** A vocabulary that is learnt. */
export interface Tokenizer {
  /** The kind. */
  readonly kind: TokenizerKind;
  /** Number of ids, BOS included. */
  readonly vocabSize: number;
  /** The last id, `vocabSize − 1`. */
  readonly bos: number;
  /** The id of unknown pieces, `<unk>`; null where they have none. */
  readonly unk: number | null;
  /** Text → ids, without BOS. */
  encode(text: string): Encoding;
  /**
   * The range of each token of a text, in order, without gap or overlap: `"ab c"` as words →
   * `[0, 2) ab, [2, 3) null, [3, 4) c`. A token that ends inside a character (byte-bpe) leaves the character to the next one.
   */
  spans(text: string): Span[];
  /** The text of the ids; BOS has none. Throws RangeError for an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): string;
  /** A token for display: the end of a word as `</w>`, an incomplete character as `\xe2`. */
  token(id: number): string;
  /** The content of `tokenizer.json`. */
  toJSON(): TokenizerJson;
}

/** `tokenizer.json` of a run. */
export interface TokenizerJson {
  /** Always the same. */
  readonly format: "microgpt-tokenizer";
  /** Of the format. */
  readonly version: 1;
  /** The kind. */
  readonly kind: TokenizerKind;
  /** The base tokens in order of their ids; absent for byte-bpe, whose base is the 256 bytes. */
  readonly tokens?: readonly string[];
  /** Whether `<unk>` has the id after `tokens`. */
  readonly unk?: true;
  /** For bpe and byte-bpe: the pairs of ids that become one token, in order. */
  readonly merges?: readonly (readonly [left: number, right: number])[];
}

/** Learns a vocabulary from documents. */
export interface TokenizerTrainer {
  /** Counts a document. */
  add(document: string): void;
  /** The tokenizer. Throws InputError if the documents do not allow what was asked for. */
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

/** Throws the RangeError of `decode` for an id outside the vocabulary. */
export function unknownId(id: number, bos: number): never {
  throw new RangeError(`decode: ids are 0 to ${bos}, got ${id}`);
}

/** For encodings without unknown pieces. */
export const NOTHING_UNKNOWN: ReadonlyMap<string, number> = new Map();
