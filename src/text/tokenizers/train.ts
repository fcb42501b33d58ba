/**
 * The door: a tokenizer of any kind, learnt from documents.
 */
import { InputError } from "../../errors.ts";
import type { MergeEvent } from "./learn-merges.ts";
import type { Tokenizer, TokenizerKind, TokenizerTrainer } from "../tokenizer.ts";
import { bpeTrainer } from "./bpe.ts";
import { byteBpeTrainer } from "./byte-bpe.ts";
import { CHAR } from "./char.ts";
import { vocabularyTrainer } from "./vocabulary.ts";
import { WORD } from "./word.ts";

/** Which vocabulary to learn. */
export interface TokenizerOptions {
  /** The kind. */
  readonly tokenizer: TokenizerKind;
  /** How many merges bpe and byte-bpe learn, where `vocabSize` does not say when to stop. */
  readonly bpeMerges: number;
  /** The most ids there may be, BOS included; null: as many as there are, or as `bpeMerges` says. */
  readonly vocabSize: number | null;
  /** char, word: whether unknown pieces have an id. */
  readonly unk: boolean;
  /** bpe, byte-bpe: is called after each merge that is learnt, in order. */
  readonly onMerge?: ((merge: MergeEvent) => void) | undefined;
}

/** Throws InputError for options that don't go together. */
export function tokenizerTrainer({
  tokenizer,
  bpeMerges,
  vocabSize,
  unk,
  onMerge,
}: TokenizerOptions): TokenizerTrainer {
  if (tokenizer === "char" || tokenizer === "word") {
    return vocabularyTrainer(tokenizer === "char" ? CHAR : WORD, { vocabSize, unk });
  }
  if (unk)
    throw new InputError(`--unk is for char and word; ${tokenizer} makes what it does not know of smaller tokens`);
  const limits =
    vocabSize === null ? { maxMerges: bpeMerges, maxTokens: null } : { maxMerges: null, maxTokens: vocabSize - 1 };
  const options = { ...limits, onMerge };
  return tokenizer === "bpe" ? bpeTrainer(options) : byteBpeTrainer(options);
}

/** Learns from all documents. Throws InputError as `tokenizerTrainer` and its `finish` do. */
export function trainTokenizer(documents: Iterable<string>, options: TokenizerOptions): Tokenizer {
  const trainer = tokenizerTrainer(options);
  for (const document of documents) trainer.add(document);
  return trainer.finish();
}
