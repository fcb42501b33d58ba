/**
 * The training data: everything that depends only on options and texts (documents as tokens, split, tokenizer, config,
 * baselines). A resumed training computes it again, with the same result.
 */
import { isRecord } from "../errors.ts";
import { measureBaselines } from "../text/baselines.ts";
import type { Baselines } from "../text/baselines.ts";
import type { TrainOptions } from "../options/train-options.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { splitOrder } from "../text/dataset.ts";
import type { Config } from "../microgpt.ts";
import type { Cleaning, Source } from "../text/corpus.ts";
import { Random } from "../random.ts";
import type { TextSet } from "../text/text-set.ts";
import type { TokenSequences } from "../text/token-sequences.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { countTargets } from "../training/train.ts";
import { encodeText } from "./encode.ts";
import type { EncodedText, EncodeTools, Lacking } from "./encode.ts";
import { checkSize } from "../tensor/sizing.ts";

/** Everything that a training learns from, and the model's config, which depends on it. */
export interface TrainingData {
  /** The model's sizes. */
  readonly config: Config;
  /** Learnt from the texts. */
  readonly tokenizer: Tokenizer;
  /** Documents, or windows (`--stream`), to train on, as tokens; shuffled. */
  readonly train: TokenSequences;
  /** Held-out documents, or windows, as tokens. */
  readonly heldOut: TokenSequences;
  /** What `train` and `heldOut` count. */
  readonly unit: "document" | "window";
  /** UTF-8 bytes of the held-out text, one more for the end of each document. */
  readonly heldOutBytes: number;
  /**
   * Fraction of the training tokens that no step learns from, because they come after the first blockSize of a
   * document.
   */
  readonly unlearnt: number;
  /** Every distinct document as it was read; `likenessOf` compares a model's texts with the encoded ones. */
  readonly known: TextSet;
  /** Documents dropped as duplicates. */
  readonly duplicates: number;
  /** What cleaning changed. */
  readonly cleaning: Cleaning;
  /** As in `EncodedText`. */
  readonly lacking: Lacking | null;
  /** The run's generator: it has shuffled the data and will draw the weights. */
  readonly random: Random;
  /** SHA-256 of the documents, in hex. */
  readonly dataHash: string;
}

/** How much text a model was trained on. */
export interface DataSize {
  /** What `train` and `heldOut` count. */
  readonly unit: "document" | "window";
  /** Documents or windows to train on. */
  readonly train: number;
  /** Documents or windows held out. */
  readonly heldOut: number;
  /** Tokens of both, BOS included; windows overlap by one. */
  readonly tokens: number;
}

/** Whether JSON from outside is a `DataSize`. */
export const isDataSize = (json: unknown): json is DataSize =>
  isRecord(json) &&
  (json.unit === "document" || json.unit === "window") &&
  [json.train, json.heldOut, json.tokens].every((count) => Number.isSafeInteger(count) && Number(count) >= 0);

/** How much text there is. */
export const sizeOf = ({ unit, train, heldOut }: TrainingData): DataSize => ({
  unit,
  train: train.length,
  heldOut: heldOut.length,
  tokens: train.countTokens() + heldOut.countTokens(),
});

/** Reads and prepares the data. Throws InputError if it cannot be trained on. */
export function prepareTrainingData(
  options: ResolvedOptions,
  sources: readonly Source[],
  tools: Omit<EncodeTools, "random" | "check"> = {},
): TrainingData {
  const random = new Random(options.seed);
  const check = (tokenizer: Tokenizer): void => checkSize(configOf(options, tokenizer), options.engine);
  const text = encodeText(options, sources, { ...tools, random, check });
  return trainingDataOf(options, text, random);
}

/**
 * As `prepareTrainingData`, for a text that is already encoded. Throws InputError for a model that is too large, or too
 * few documents.
 * @param random the run's generator, not yet used (except, with `--reference`, to shuffle the documents).
 */
export function trainingDataOf(
  options: ResolvedOptions,
  text: EncodedText,
  random: Random = new Random(options.seed),
): TrainingData {
  const { tokenizer, known, duplicates, cleaning, lacking, dataHash } = text;
  const { blockSize } = options;
  const config = configOf(options, tokenizer);
  checkSize(config, options.engine);
  const { train, heldOut, heldOutBytes } = split(options, text, random);
  return {
    config,
    tokenizer,
    // Held-out windows are shuffled too: an evaluation takes the first ones, which would otherwise be neighbors. Their
    // seed is fixed, so that all runs evaluate the same windows.
    train: options.stream ? train.windows(blockSize).shuffled(random) : train,
    heldOut: options.stream ? heldOut.windows(blockSize).shuffled(new Random(0)) : heldOut,
    unit: options.stream ? "window" : "document",
    heldOutBytes,
    unlearnt: options.stream ? 0 : 1 - countTargets(train, blockSize) / (train.countTokens() - train.length),
    known,
    duplicates,
    cleaning,
    lacking,
    random,
    dataHash,
  };
}

/** The tokens of every document, held-out ones included, without BOS. */
export function* documentsOf({ train, heldOut, tokenizer }: TrainingData): Generator<ArrayLike<number>, void, void> {
  yield* train.texts(tokenizer.bos);
  yield* heldOut.texts(tokenizer.bos);
}

function configOf({ nEmbd, nHead, nLayer, blockSize }: TrainOptions, { vocabSize }: Tokenizer): Config {
  return { vocabSize, nEmbd, nHead, nLayer, blockSize };
}

function split(
  { reference, documents: kind, valFraction }: TrainOptions,
  { documents, tails }: EncodedText,
  random: Random,
): { train: TokenSequences; heldOut: TokenSequences; heldOutBytes: number } {
  const all = documents.tokens;
  if (reference || kind === "file") {
    const train = reference ? all.documents() : all.documents().shuffled(random);
    return { train, heldOut: tails.tokens.documents(), heldOutBytes: tails.bytes.reduce(add, 0) };
  }
  const order = splitOrder(all.count, valFraction, random);
  const heldOutBytes = order.heldOut.reduce((sum, index) => sum + documents.bytes[index], 0);
  return { train: all.documents(order.train), heldOut: all.documents(order.heldOut), heldOutBytes };
}

const add = (a: number, b: number): number => a + b;

/** The baselines of a training: of the held-out documents, or of the training documents if none are held out. */
export interface TrainingBaselines {
  /** Nats per token, as the held-out loss. */
  readonly loss: Baselines;
  /** Bits per byte of the whole held-out text; null if none is held out. */
  readonly bitsPerByte: Baselines | null;
}

/** Computes the baselines; it reads all data once. */
export function baselinesOf({ train, heldOut, heldOutBytes, config }: TrainingData): TrainingBaselines {
  const isHeldOut = heldOut.length > 0;
  const { loss, bits } = measureBaselines(train, isHeldOut ? heldOut : train, config.vocabSize, config.blockSize);
  const perByte = (value: number): number => value / heldOutBytes;
  const { uniform, unigram, bigram } = bits;
  return {
    loss,
    bitsPerByte: isHeldOut ? { uniform: perByte(uniform), unigram: perByte(unigram), bigram: perByte(bigram) } : null,
  };
}
