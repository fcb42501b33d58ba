/**
 * The training data: everything that follows from options and texts alone (documents as tokens, tokenizer, configuration,
 * baselines). A resumed training computes it again and gets the same.
 */
import { baselines } from "../text/baselines.ts";
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
import type { EncodedText, EncodeTools } from "./encode.ts";
import { checkSize } from "../tensor/sizing.ts";

/** Everything that a training learns from. */
export interface TrainingData {
  /** The model. */
  readonly config: Config;
  /** Learnt from the texts. */
  readonly tokenizer: Tokenizer;
  /** Documents, or windows of them (`--stream`), as tokens, to learn from; shuffled. */
  readonly train: TokenSequences;
  /** The same, held out. */
  readonly heldOut: TokenSequences;
  /** What `train` and `heldOut` count. */
  readonly unit: "document" | "window";
  /** UTF-8 bytes of the held-out text, one more for the end of each document. */
  readonly heldOutBytes: number;
  /** Fraction of the training tokens that no step learns from, because they come after the first blockSize of a document. */
  readonly unlearnt: number;
  /** Every distinct document; a sample is new if it is not among them. */
  readonly known: TextSet;
  /** Documents dropped as duplicates. */
  readonly duplicates: number;
  /** What cleaning changed. */
  readonly cleaning: Cleaning;
  /** The run's generator: it has shuffled the data and will draw the weights. */
  readonly random: Random;
  /** SHA-256 of the documents, in hex. */
  readonly dataHash: string;
}

/** Reads the data and prepares it. Throws InputError if it can't be learnt from. */
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
 * The same of a text that was read before. Throws InputError for a model that is too large, or too few documents.
 * @param random the run's generator, which has drawn nothing yet (but for the reference's documents).
 */
export function trainingDataOf(
  options: ResolvedOptions,
  text: EncodedText,
  random: Random = new Random(options.seed),
): TrainingData {
  const { tokenizer, known, duplicates, cleaning, dataHash } = text;
  const { blockSize } = options;
  const config = configOf(options, tokenizer);
  checkSize(config, options.engine);
  const { train, heldOut, heldOutBytes } = split(options, text, random);
  return {
    config,
    tokenizer,
    // Held-out windows are shuffled too, or the first of them, which an evaluation looks at, would be of one place; not by
    // the run's generator, so that runs of all seeds look at the same.
    train: options.stream ? train.windows(blockSize).shuffled(random) : train,
    heldOut: options.stream ? heldOut.windows(blockSize).shuffled(new Random(0)) : heldOut,
    unit: options.stream ? "window" : "document",
    heldOutBytes,
    unlearnt: options.stream ? 0 : 1 - countTargets(train, blockSize) / (train.countTokens() - train.length),
    known,
    duplicates,
    cleaning,
    random,
    dataHash,
  };
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

/** Measured on the held-out documents, or on the others where none are. */
export function baselinesOf({ train, heldOut, config }: TrainingData): Baselines {
  return baselines(train, heldOut.length > 0 ? heldOut : train, config.vocabSize, config.blockSize);
}
