/**
 * From a text to tokens: what depends on the text, its cleaning and the tokenizer alone. It knows no model and no split,
 * so many trainings of one text can share it (`sweep/prepared.ts`).
 *
 * The text is read twice, once to learn the vocabulary and once to be encoded, and never held: what stays are tokens.
 */
import type { TrainOptions } from "../options/train-options.ts";
import { cleaningOf, Corpus } from "../text/corpus.ts";
import type { Cleaning, CorpusOptions, Source } from "../text/corpus.ts";
import { DocumentsHash, Sha256, utf8Length } from "../text/sha256.ts";
import type { Hasher } from "../text/sha256.ts";
import { divideTail } from "../text/dataset.ts";
import { InputError } from "../errors.ts";
import { showPath } from "../errors.ts";
import type { Random } from "../random.ts";
import { TextSet } from "../text/text-set.ts";
import { TokenCollector } from "../text/token-sequences.ts";
import { documentTokens } from "../text/tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerTrainer } from "../text/tokenizers/train.ts";
import type { TokenizerOptions } from "../text/tokenizers/train.ts";

/** The options that decide which tokens a text becomes. */
export type TextOptions = CorpusOptions &
  TokenizerOptions &
  Pick<TrainOptions, "keepDuplicates" | "valFraction" | "reference">;

/** Documents as tokens, and the bytes of each as UTF-8, one more for its end. */
export interface EncodedDocuments {
  /** Their tokens. */
  readonly tokens: TokenCollector;
  /** UTF-8 bytes of each document, one more for its end. */
  readonly bytes: Uint32Array<ArrayBuffer>;
}

/** A text, encoded. */
export interface EncodedText {
  /** Learnt from it. */
  readonly tokenizer: Tokenizer;
  /** The distinct documents in their order; where each is a file, without the end that is held out. */
  readonly documents: EncodedDocuments;
  /** Those ends; none for other kinds of documents. */
  readonly tails: EncodedDocuments;
  /** Every distinct document: what a sample must not be in to be new. */
  readonly known: TextSet;
  /** Documents dropped as duplicates. */
  readonly duplicates: number;
  /** What cleaning changed. */
  readonly cleaning: Cleaning;
  /** SHA-256 of the documents, in hex. */
  readonly dataHash: string;
}

/** How often a text is read. */
export const PASSES = 2;

/** How a text is read. */
export interface EncodeTools {
  /** The run's generator: shuffles the documents of `--reference`; others do not use it. */
  readonly random: Random;
  /** Is given the tokenizer before the second pass, and may throw to refuse it. */
  readonly check?: (tokenizer: Tokenizer) => void;
  /** Makes the hash of the data. Default: `Sha256`; Node's own is faster. */
  readonly newHasher?: () => Hasher;
  /** As in `TokenizerOptions`. */
  readonly onMerge?: TokenizerOptions["onMerge"];
}

/**
 * Reads a text twice and encodes it. Throws InputError if no document is left, a source that must have text is empty,
 * or a source changes between the passes.
 */
export function encodeText(
  options: TextOptions,
  sources: readonly Source[],
  { random, check = () => {}, newHasher = () => new Sha256(), onMerge }: EncodeTools,
): EncodedText {
  const corpus = new Corpus(sources, options);
  const documents = options.reference ? shuffled(corpus, random) : corpus;
  const firstPass = learnVocabulary(documents, { ...options, onMerge }, new DocumentsHash(newHasher()));
  const { tokenizer, known, count, dataHash } = firstPass;
  const cleaning = cleaningOf(corpus, sources);
  check(tokenizer);
  const duplicates = keepsDuplicates(options) ? 0 : count - known.size;
  const encoded = encode(documents, firstPass, options, new DocumentsHash(newHasher()));
  return { tokenizer, ...encoded, known, duplicates, cleaning, dataHash };
}

/** What can be read again and again: the corpus, or, for the reference, all of it in its order. */
type Documents = { read(onEmpty?: (source: Source) => void): Iterable<string> };

const keepsDuplicates = ({ reference, keepDuplicates }: TextOptions): boolean => reference || keepDuplicates;

/** The reference learns merges from documents in shuffled order, too: of equally frequent pairs the first met wins. */
function shuffled(corpus: Corpus, random: Random): Documents {
  const documents = [...corpus.read(refuseEmpty)];
  random.shuffle(documents);
  return { read: () => documents.values() };
}

function refuseEmpty({ name, mayBeEmpty }: Source): void {
  if (!mayBeEmpty) throw new InputError(`${showPath(name)} holds no text; leave it out, or give a file with some`);
}

interface FirstPass {
  readonly tokenizer: Tokenizer;
  /** All documents; the distinct ones; what identifies them all. */
  readonly count: number;
  readonly known: TextSet;
  readonly dataHash: string;
}

/** The first pass. Throws InputError where there is nothing to learn from. */
function learnVocabulary(documents: Documents, options: TextOptions, hash: DocumentsHash): FirstPass {
  const trainer = tokenizerTrainer(options);
  const known = new TextSet();
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
  { tokenizer, known, count, dataHash }: FirstPass,
  options: TextOptions,
  hash: DocumentsHash,
): Pick<EncodedText, "documents" | "tails"> {
  const { valFraction } = options;
  const cutsTails = options.documents === "file" && !options.reference && valFraction > 0;
  const all = new EncodedCollector(tokenizer, keepsDuplicates(options) ? count : known.size);
  const tails = new EncodedCollector(tokenizer, cutsTails ? all.capacity : 0);
  const seen = keepsDuplicates(options) ? null : new TextSet();
  for (const document of documents.read()) {
    hash.add(document);
    if (seen !== null && !seen.add(document)) continue;
    const [head, tail] = cutsTails ? divideTail(document, valFraction) : [document, null];
    all.add(head);
    if (tail !== null) tails.add(tail);
  }
  if (hash.finish() !== dataHash) throw new InputError("data: a file changed while it was read; start again");
  return { documents: all, tails };
}

class EncodedCollector implements EncodedDocuments {
  readonly tokens: TokenCollector;
  readonly bytes: Uint32Array<ArrayBuffer>;
  readonly #tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer, capacity: number) {
    this.#tokenizer = tokenizer;
    this.tokens = new TokenCollector(tokenizer.vocabSize);
    this.bytes = new Uint32Array(capacity);
  }

  get capacity(): number {
    return this.bytes.length;
  }

  add(document: string): void {
    this.bytes[this.tokens.count] = utf8Length(document) + 1;
    this.tokens.add(documentTokens(this.#tokenizer, document));
  }
}

/** Every distinct document, when nothing else is asked. Throws InputError if a source can't be read any more. */
export function knownDocuments(options: CorpusOptions, sources: readonly Source[]): TextSet {
  const known = new TextSet();
  for (const document of new Corpus(sources, options).read(refuseEmpty)) known.add(document);
  return known;
}
