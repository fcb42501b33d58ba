/**
 * What follows from the options and the data alone: documents, tokenizer, configuration, baselines. A resumed training
 * makes it again and gets the same.
 */
import { baselines } from "../baselines.ts";
import type { Baselines } from "../baselines.ts";
import type { Origin } from "../checkpoint.ts";
import { sha256 } from "../checkpoint.ts";
import type { TrainOptions } from "../config.ts";
import { referenceDataset, splitDataset } from "../dataset.ts";
import { countParameters } from "../engine.ts";
import type { Tokens } from "../engine.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import type { Run } from "../node/run.ts";
import { hashDocuments, readDocuments } from "../node/text.ts";
import { Random } from "../random.ts";
import { charTokenizer, documentTokens } from "../tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";

export interface Material {
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** Documents as tokens: to learn from, shuffled, and held out. */
  readonly train: readonly Tokens[];
  readonly heldOut: readonly Tokens[];
  /** Every distinct document: what a sample must not be in to be new. */
  readonly known: ReadonlySet<string>;
  readonly duplicates: number;
  /** Has shuffled the data; makes the weights next. */
  readonly random: Random;
  readonly dataHash: string;
}

/** A Value of the core takes about 200 bytes with all that hangs on it; this many still fit an ordinary heap. */
const MAX_ATOMIC_PARAMETERS = 2_000_000;

/** What an engine that is fast takes: as the option's help says. */
const DEFAULT_BATCH_SIZE = 64;

/** Reads the data and prepares it. Throws InputError if it can't be learnt from. */
export function prepare(options: TrainOptions): Material {
  const documents = readDocuments(options.data);
  const tokenizer = charTokenizer(documents);
  const { nEmbd, nHead, nLayer, blockSize } = options;
  const config = { vocabSize: tokenizer.vocabSize, nEmbd, nHead, nLayer, blockSize };
  checkSize(config);
  const random = new Random(options.seed);
  const { train, heldOut, duplicates } = options.reference
    ? referenceDataset(documents, random)
    : splitDataset(documents, options.valFraction, random);
  const tokens = (document: string): Tokens => documentTokens(tokenizer, document);
  return {
    config,
    tokenizer,
    train: train.map(tokens),
    heldOut: heldOut.map(tokens),
    known: new Set(documents),
    duplicates,
    random,
    dataHash: hashDocuments(documents),
  };
}

/** The batch that the engine of that name takes where the options leave it open: the atomic one, like the reference, one. */
export function batchSizeOf({ batchSize, reference }: TrainOptions, engine: string): number {
  return batchSize ?? (reference || engine === "atomic" ? 1 : DEFAULT_BATCH_SIZE);
}

/** Measured on the held-out documents, or on the others where none are. */
export function materialBaselines({ train, heldOut, config }: Material): Baselines {
  return baselines(train, heldOut.length > 0 ? heldOut : train, config.vocabSize, config.blockSize);
}

/** What every file of the run says of where it comes from. */
export async function originOf({ config, dataHash }: Material, run: Run): Promise<Origin> {
  const [tokenizerHash, optionsHash] = [await sha256(run.tokenizerText), await sha256(run.optionsText)];
  return { config, dataHash, tokenizerHash, optionsHash };
}

function checkSize(config: Config): void {
  const parameters = countParameters(config);
  if (parameters <= MAX_ATOMIC_PARAMETERS) return;
  const count = (value: number): string => value.toLocaleString("en-US");
  throw new InputError(
    `a model of ${count(parameters)} parameters is too large for the atomic engine, which takes` +
      ` ${count(MAX_ATOMIC_PARAMETERS)}; choose a smaller --n-embd, --n-layer or --block-size`,
  );
}
