/**
 * The interface of every tokenizer: text to ids and back. The implementations are in `tokenizers/`; the simplest of
 * them, inline, is in `microgpt.ts`.
 *
 * Ids start at 0. The last one is BOS, which starts and ends every document.
 */
import { InputError, quote } from "../errors.ts";

/** A kind of tokenizer: characters, words, or byte pair encoding over characters or bytes. */
export type TokenizerKind = "char" | "word" | "bpe" | "byte-bpe";

/** All tokenizer kinds. */
export const TOKENIZER_KINDS: readonly TokenizerKind[] = ["char", "word", "bpe", "byte-bpe"];

/** An encoded text. */
export interface Encoding {
  /** Token ids, without BOS. */
  readonly ids: number[];
  /**
   * Pieces that are not in the vocabulary, with their counts, in order of appearance. `ids` has `<unk>` for them, or
   * nothing.
   */
  readonly unknown: ReadonlyMap<string, number>;
}

/** A text that a model is to continue. */
export interface Prompt extends Encoding {
  /** Token ids to read first, without BOS and without the word that is open. */
  readonly ids: number[];
  /** The word in which the text ends, where the next tokens spell it and may go on with it; null: any token may follow. */
  readonly open: OpenWord | null;
  /** The text as it is decoded: without unknown pieces, and with the tokenizer's spacing. */
  readonly text: string;
}

/** A word of which a prompt has the first letters: `Go`, which may become `Go`, `God` or `Gold`. */
export interface OpenWord {
  /** Whether a token may come next: it begins with the letters that are left, or is the beginning of them. */
  allows(token: number): boolean;
  /** What is open after an allowed token; null: all letters have been spelt. */
  after(token: number): OpenWord | null;
}

/** A range of a text and the token that covers it. */
export interface Span {
  /** Index of the first UTF-16 unit. */
  readonly start: number;
  /** Index after the last UTF-16 unit. */
  readonly end: number;
  /**
   * The token's id; null for white space that this kind of tokenizer drops, and for an unknown piece without `<unk>`.
   */
  readonly id: number | null;
}

/** A learnt vocabulary, which encodes text as ids and decodes ids to text. */
export interface Tokenizer {
  /** What its tokens are: characters, words, or byte pairs. */
  readonly kind: TokenizerKind;
  /** Number of ids, BOS included. */
  readonly vocabSize: number;
  /** The last id, `vocabSize − 1`. */
  readonly bos: number;
  /** The id of `<unk>`, which stands for unknown pieces; null: they get no id. */
  readonly unk: number | null;
  /** Text → ids, without BOS. */
  encode(text: string): Encoding;
  /**
   * A text to be continued, also within its last word. Where a token tells that a word ends (bpe), the last word is left
   * open, unless white space follows it; elsewhere the ids are those of `encode`.
   */
  prompt(text: string): Prompt;
  /**
   * The range of each token of a text, in order, without gap or overlap: `"ab c"` as words →
   * `[0, 2) ab, [2, 3) null, [3, 4) c`. A character split between tokens (byte-bpe) belongs to the range of the last
   * one.
   */
  spans(text: string): Span[];
  /** Ids → text; BOS decodes to nothing. Throws RangeError for an id outside the vocabulary. */
  decode(ids: ArrayLike<number>): string;
  /** A token for display: the end of a word as `</w>`, bytes of an incomplete character as `\xe2`. */
  token(id: number): string;
  /** The content of `tokenizer.json`. */
  toJSON(): TokenizerJson;
}

/** `tokenizer.json` of a run. */
export interface TokenizerJson {
  /** Identifies the format. */
  readonly format: "microgpt-tokenizer";
  /** Version of the format. */
  readonly version: 1;
  /** What the tokens are. */
  readonly kind: TokenizerKind;
  /** The base tokens in order of their ids; absent for byte-bpe, whose base is the 256 bytes. */
  readonly tokens?: readonly string[];
  /** Whether `<unk>` has the id after `tokens`. */
  readonly unk?: true;
  /** For bpe and byte-bpe: the pairs of ids that become one token, in the order in which they were learnt. */
  readonly merges?: readonly (readonly [left: number, right: number])[];
}

/** Learns a vocabulary from documents. */
export interface TokenizerTrainer {
  /**
   * Counts the pieces of a document. @param isHeldOut whether the model is measured on it: then merges are not learnt from it, or
   * they would know its words, but its characters are in the vocabulary. Default: false.
   */
  add(document: string, isHeldOut?: boolean): void;
  /** Builds the tokenizer. Throws InputError if its vocabulary size is too small for the documents. */
  finish(): Tokenizer;
}

/** A document as the model reads it: `[BOS, …ids, BOS]`. Throws InputError for an unknown piece without `<unk>`. */
export function documentTokens(tokenizer: Tokenizer, document: string): number[] {
  const { ids, unknown } = tokenizer.encode(document);
  if (unknown.size > 0 && tokenizer.unk === null) {
    throw new InputError(`tokenizer: the document ${quote(document)} has ${nameUnknown(unknown)}`);
  }
  return [tokenizer.bos, ...ids, tokenizer.bos];
}

/** `{ "é" → 1, "ß" → 2 }` → `2 tokens not in the vocabulary: "é", "ß" (2 times)`. */
export function nameUnknown(unknown: ReadonlyMap<string, number>): string {
  const noun = unknown.size === 1 ? "a token" : `${unknown.size} tokens`;
  return `${noun} not in the vocabulary: ${listPieces(unknown)}`;
}

/** The first ten pieces, as `"é", "ß" (2 times)`. */
export function listPieces(pieces: ReadonlyMap<string, number>): string {
  const named = [...pieces].slice(0, 10).map(([piece, count]) => quote(piece) + (count > 1 ? ` (${count} times)` : ""));
  return [...named, ...(pieces.size > named.length ? ["…"] : [])].join(", ");
}

/** Throws the RangeError of `decode` and `token` for an id outside the vocabulary. */
export function unknownId(id: number, bos: number): never {
  throw new RangeError(`decode: ids are 0 to ${bos}, got ${id}`);
}

/** The `unknown` of an encoding without unknown pieces. */
export const NOTHING_UNKNOWN: ReadonlyMap<string, number> = new Map();
