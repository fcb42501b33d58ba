/**
 * Learns a tokenizer of any kind from documents: chooses the trainer and checks that its options fit. `json.ts` reads a
 * stored one instead.
 */
import { InputError } from "../../errors.ts";
import type { MergeEvent } from "./learn-merges.ts";
import type { Tokenizer, TokenizerKind, TokenizerTrainer } from "../tokenizer.ts";
import { bpeTrainer } from "./bpe.ts";
import { byteBpeTrainer } from "./byte-bpe.ts";
import { CHAR } from "./char.ts";
import { vocabularyTrainer } from "./vocabulary.ts";
import { REFERENCE_WORD, WORD } from "./word.ts";

/** Which tokenizer to learn. */
export interface TokenizerOptions {
  /** The kind of tokenizer. */
  readonly tokenizer: TokenizerKind;
  /** bpe, byte-bpe: number of merges to learn if `vocabSize` is null. */
  readonly bpeMerges: number;
  /** Maximum number of ids, BOS included; null: no limit for char and word, `bpeMerges` merges for bpe and byte-bpe. */
  readonly vocabSize: number | null;
  /** char, word: whether unknown pieces get an id. */
  readonly unk: boolean;
  /**
   * Whether to follow the reference: `word` has its spacing, and `bpe` closes the last word of a prompt. The ids of
   * documents are the same. Default: false.
   */
  readonly reference?: boolean | undefined;
  /** bpe, byte-bpe: called after each merge that is learnt, in order. */
  readonly onMerge?: ((merge: MergeEvent) => void) | undefined;
}

/** A trainer for the options. Throws InputError for options that exclude each other. */
export function tokenizerTrainer({
  tokenizer,
  bpeMerges,
  vocabSize,
  unk,
  reference = false,
  onMerge,
}: TokenizerOptions): TokenizerTrainer {
  if (tokenizer === "char" || tokenizer === "word") {
    return vocabularyTrainer(tokenizer === "char" ? CHAR : reference ? REFERENCE_WORD : WORD, { vocabSize, unk });
  }
  if (unk) throw new InputError(`--unk is for char and word; ${tokenizer} makes unknown words from smaller tokens`);
  const limits =
    vocabSize === null ? { maxMerges: bpeMerges, maxTokens: null } : { maxMerges: null, maxTokens: vocabSize - 1 };
  const options = { ...limits, onMerge };
  if (tokenizer === "bpe") return bpeTrainer(options, reference);
  if (tokenizer === "byte-bpe") return byteBpeTrainer(options);
  return tokenizer satisfies never;
}

/**
 * Learns a tokenizer from all documents. Throws InputError as `tokenizerTrainer` and its `finish` do.
 * @example
 * const options = { tokenizer: "char", bpeMerges: 0, vocabSize: null, unk: false } as const;
 * const tokenizer = trainTokenizer(["ada", "dan"], options); // a, d, n, BOS
 * tokenizer.encode("ada").ids; // [0, 1, 0]
 */
export function trainTokenizer(documents: Iterable<string>, options: TokenizerOptions): Tokenizer {
  const trainer = tokenizerTrainer(options);
  for (const document of documents) trainer.add(document);
  return trainer.finish();
}
