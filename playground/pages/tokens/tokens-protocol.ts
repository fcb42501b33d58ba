/**
 * The messages between the Tokens page and its worker, which learns the tokenizers and encodes texts with them. The
 * worker answers each call with one message, in order.
 */
import type { TokenizerKind } from "../../../src/index.ts";

/** Page → worker. */
export type TokensCall =
  /** Learns all tokenizers from a text. @param unk whether char and word get a token for unknown pieces. */
  | { readonly type: "learn"; readonly text: string; readonly maxMerges: number; readonly unk: boolean }
  /** Encodes a text. @param merges how many of the learnt merges to apply. @param text null: the one learnt from. */
  | { readonly type: "encode"; readonly merges: number; readonly text: string | null };

/** Worker → page. */
export type TokensMessage =
  | { readonly type: "learnt"; readonly merges: Learnt }
  | { readonly type: "encoded"; readonly encodings: readonly KindEncoding[] }
  | { readonly type: "failed"; readonly message: string };

/** A tokenizer that merges pairs. */
export type MergingKind = Extract<TokenizerKind, "bpe" | "byte-bpe">;

/** The merges of both tokenizers that have some, in the order in which they were learnt. */
export type Learnt = Readonly<Record<MergingKind, readonly LearntMerge[]>>;

/** A merge, its tokens as the tokenizer displays them. */
export interface LearntMerge {
  readonly left: string;
  readonly right: string;
  readonly made: string;
  /** How often the pair occurred when it was merged. */
  readonly frequency: number;
}

/** A text as a tokenizer reads it. */
export interface KindEncoding {
  readonly kind: TokenizerKind;
  /** Merges applied; fewer than asked for where fewer were learnt, 0 for char and word. */
  readonly merges: number;
  /** Number of ids, BOS included. */
  readonly vocabSize: number;
  /** UTF-8 bytes of the whole text. */
  readonly bytes: number;
  /** Tokens of the whole text. */
  readonly tokens: number;
  /** Different tokens among them. */
  readonly distinct: number;
  /** Pieces that have no token, with their counts, most frequent first. */
  readonly unknown: readonly (readonly [piece: string, count: number])[];
  /** The beginning of the text, token by token. */
  readonly shown: readonly ShownToken[];
  /** Whether the text goes on after `shown`. */
  readonly isCut: boolean;
  /** The id of the token that the last merge made; null if there is none. */
  readonly newest: number | null;
  /** The most frequent tokens. */
  readonly frequent: readonly TokenCount[];
}

/** A token of the vocabulary and its count in the text. */
export interface TokenCount {
  readonly id: number;
  /** As the tokenizer displays it. */
  readonly display: string;
  /** Its bytes in hexadecimal, such as `74 68`. */
  readonly bytes: string;
  readonly count: number;
}

/** A token at its position in a text. */
export interface ShownToken {
  /** The characters that end in it; "" if it ends inside a character. */
  readonly text: string;
  /** null: the tokenizer drops these characters. */
  readonly token: TokenCount | null;
  /** Whether the characters are a piece that is not in the vocabulary. */
  readonly isUnknown: boolean;
}
