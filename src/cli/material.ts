/**
 * What follows from the options and the data alone: documents, tokenizer, configuration, baselines. A resumed training
 * makes it again and gets the same.
 */
import { baselines } from "../baselines.ts";
import type { Baselines } from "../baselines.ts";
import type { Origin } from "../checkpoint.ts";
import { sha256 } from "../checkpoint.ts";
import type { TrainOptions } from "../config.ts";
import { cutWindows, referenceDataset, splitDataset, splitTails } from "../dataset.ts";
import type { Dataset } from "../dataset.ts";
import type { Tokens } from "../engine.ts";
import type { Config } from "../microgpt.ts";
import type { Run } from "../node/run.ts";
import { hashDocuments, readDocuments } from "../node/text.ts";
import { Random } from "../random.ts";
import { documentTokens } from "../tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { trainTokenizer } from "../tokenizers/train.ts";
import { checkSize } from "./engines.ts";
import { countTargets } from "../train.ts";

export interface Material {
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** Documents, or windows of them (`--stream`), as tokens: to learn from, shuffled, and held out. */
  readonly train: readonly Tokens[];
  readonly heldOut: readonly Tokens[];
  readonly unit: "document" | "window";
  /** The share of the tokens to learn from that no step will: they stand more than blockSize tokens into a document. */
  readonly unlearnt: number;
  /** Every distinct document: what a sample must not be in to be new. */
  readonly known: ReadonlySet<string>;
  readonly duplicates: number;
  /** Has shuffled the data; makes the weights next. */
  readonly random: Random;
  readonly dataHash: string;
}

/** Reads the data and prepares it. Throws InputError if it can't be learnt from. */
export function prepare(options: TrainOptions): Material {
  const documents = readDocuments(options.data, options.documents);
  const tokenizer = trainTokenizer(documents, options);
  const { nEmbd, nHead, nLayer, blockSize } = options;
  const config = { vocabSize: tokenizer.vocabSize, nEmbd, nHead, nLayer, blockSize };
  checkSize(config, options);
  const random = new Random(options.seed);
  const dataset = split(documents, options, random);
  // Held-out windows are shuffled too, or the first of them, which an evaluation looks at, would be of one place; not by
  // the run's generator, so that runs of all seeds look at the same.
  const [train, heldOut] = [
    tokensOf(dataset.train, tokenizer, options, random),
    tokensOf(dataset.heldOut, tokenizer, options, new Random(0)),
  ];
  const targets = train.reduce((sum, tokens) => sum + tokens.length - 1, 0);
  return {
    config,
    tokenizer,
    train,
    heldOut,
    unit: options.stream ? "window" : "document",
    unlearnt: 1 - countTargets(train, blockSize) / targets,
    known: new Set(documents),
    duplicates: dataset.duplicates,
    random,
    dataHash: hashDocuments(documents),
  };
}

function split(
  documents: readonly string[],
  { reference, documents: kind, valFraction }: TrainOptions,
  random: Random,
): Dataset {
  if (reference) return referenceDataset(documents, random);
  return kind === "file" ? splitTails(documents, valFraction, random) : splitDataset(documents, valFraction, random);
}

function tokensOf(texts: readonly string[], tokenizer: Tokenizer, options: TrainOptions, random: Random): Tokens[] {
  const documents = texts.map((text) => documentTokens(tokenizer, text));
  if (!options.stream) return documents;
  const windows = cutWindows(documents, options.blockSize);
  random.shuffle(windows);
  return windows;
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
