/**
 * What follows from the options and the data alone: documents, tokenizer, configuration, baselines. A resumed training
 * makes it again and gets the same.
 *
 * The text is read twice, once to learn the vocabulary and once to be encoded, and never held: what stays are tokens.
 */
import { baselines } from "../baselines.ts";
import type { Baselines } from "../baselines.ts";
import type { Origin } from "../checkpoint.ts";
import { sha256 } from "../checkpoint.ts";
import type { TrainOptions } from "../config.ts";
import { Corpus } from "../corpus.ts";
import type { Source } from "../corpus.ts";
import { divideTail, splitOrder } from "../dataset.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import { showPath } from "../node/files.ts";
import type { Run } from "../node/run.ts";
import { DocumentsHash } from "../node/text.ts";
import type { TextSource } from "../node/text.ts";
import { Random } from "../random.ts";
import { TextSet } from "../text-set.ts";
import { TokenCollector } from "../token-sequences.ts";
import type { TokenSequences } from "../token-sequences.ts";
import { documentTokens } from "../tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { tokenizerTrainer } from "../tokenizers/train.ts";
import { countTargets } from "../train.ts";
import { cleaningOf } from "./cleaning.ts";
import type { Cleaning } from "./cleaning.ts";
import { checkSize } from "./engines.ts";

export interface Material {
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  /** Documents, or windows of them (`--stream`), as tokens: to learn from, shuffled, and held out. */
  readonly train: TokenSequences;
  readonly heldOut: TokenSequences;
  readonly unit: "document" | "window";
  /** The share of the tokens to learn from that no step will: they stand more than blockSize tokens into a document. */
  readonly unlearnt: number;
  /** Every distinct document: what a sample must not be in to be new. */
  readonly known: TextSet;
  readonly duplicates: number;
  readonly cleaning: Cleaning;
  /** Has shuffled the data; makes the weights next. */
  readonly random: Random;
  readonly dataHash: string;
}

/** How often `prepare` reads its sources. */
export const PASSES = 2;

/** Reads the data and prepares it. Throws InputError if it can't be learnt from. */
export function prepare(options: TrainOptions, sources: readonly TextSource[]): Material {
  const random = new Random(options.seed);
  const corpus = new Corpus(sources, options);
  const documents = options.reference ? shuffled(corpus, random) : corpus;
  const vocabulary = learnVocabulary(documents, options);
  const { tokenizer } = vocabulary;
  const cleaning = cleaningOf(corpus, sources);
  const { nEmbd, nHead, nLayer, blockSize } = options;
  const config = { vocabSize: tokenizer.vocabSize, nEmbd, nHead, nLayer, blockSize };
  checkSize(config, options);
  const { train, heldOut } = encode(documents, tokenizer, options, vocabulary, random);
  return {
    config,
    tokenizer,
    // Held-out windows are shuffled too, or the first of them, which an evaluation looks at, would be of one place; not by
    // the run's generator, so that runs of all seeds look at the same.
    train: options.stream ? train.windows(blockSize).shuffled(random) : train,
    heldOut: options.stream ? heldOut.windows(blockSize).shuffled(new Random(0)) : heldOut,
    unit: options.stream ? "window" : "document",
    unlearnt: options.stream ? 0 : 1 - countTargets(train, blockSize) / (train.countTokens() - train.length),
    known: vocabulary.known,
    duplicates: keepsDuplicates(options) ? 0 : vocabulary.count - vocabulary.known.size,
    cleaning,
    random,
    dataHash: vocabulary.dataHash,
  };
}

/** What can be read again and again: the corpus, or, for the reference, all of it in its order. */
type Documents = { read(onEmpty?: (source: Source) => void): Iterable<string> };

const keepsDuplicates = ({ reference, keepDuplicates }: TrainOptions): boolean => reference || keepDuplicates;

/** The reference learns merges from documents in shuffled order, too: of equally frequent pairs the first met wins. */
function shuffled(corpus: Corpus, random: Random): Documents {
  const documents = [...corpus.read(refuseEmpty)];
  random.shuffle(documents);
  return { read: () => documents.values() };
}

function refuseEmpty({ name, mayBeEmpty }: Source): void {
  if (!mayBeEmpty) throw new InputError(`${showPath(name)} holds no text; leave it out, or give a file with some`);
}

interface Vocabulary {
  readonly tokenizer: Tokenizer;
  /** All documents; the distinct ones; what identifies them all. */
  readonly count: number;
  readonly known: TextSet;
  readonly dataHash: string;
}

/** The first pass. Throws InputError where there is nothing to learn from. */
function learnVocabulary(documents: Documents, options: TrainOptions): Vocabulary {
  const trainer = tokenizerTrainer(options);
  const known = new TextSet();
  const hash = new DocumentsHash();
  const skipsRepeated = !keepsDuplicates(options);
  let count = 0;
  for (const document of documents.read(refuseEmpty)) {
    count++;
    hash.add(document);
    if (known.add(document) || !skipsRepeated) trainer.add(document);
  }
  if (count === 0)
    throw new InputError("data: no document is left; give more text, or another --min-length or --max-length");
  return { tokenizer: trainer.finish(), count, known, dataHash: hash.finish() };
}

/** The second pass. Throws InputError if a file is not what it was in the first. */
function encode(
  documents: Documents,
  tokenizer: Tokenizer,
  options: TrainOptions,
  { dataHash }: Vocabulary,
  random: Random,
): { train: TokenSequences; heldOut: TokenSequences } {
  const { valFraction } = options;
  const cutsTails = options.documents === "file" && !options.reference && valFraction > 0;
  const [all, tails] = [new TokenCollector(tokenizer.vocabSize), new TokenCollector(tokenizer.vocabSize)];
  const seen = keepsDuplicates(options) ? null : new TextSet();
  const hash = new DocumentsHash();
  for (const document of documents.read()) {
    hash.add(document);
    if (seen !== null && !seen.add(document)) continue;
    const [head, tail] = cutsTails ? divideTail(document, valFraction) : [document, null];
    all.add(documentTokens(tokenizer, head));
    if (tail !== null) tails.add(documentTokens(tokenizer, tail));
  }
  if (hash.finish() !== dataHash) throw new InputError("data: a file changed while it was read; start again");
  if (options.reference) return { train: all.documents(), heldOut: tails.documents() };
  if (options.documents === "file") return { train: all.documents().shuffled(random), heldOut: tails.documents() };
  const order = splitOrder(all.count, valFraction, random);
  return { train: all.documents(order.train), heldOut: all.documents(order.heldOut) };
}

/** Every distinct document, when nothing else is asked. Throws InputError if a source can't be read any more. */
export function knownDocuments(options: TrainOptions, sources: readonly TextSource[]): TextSet {
  const known = new TextSet();
  for (const document of new Corpus(sources, options).read(refuseEmpty)) known.add(document);
  return known;
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
