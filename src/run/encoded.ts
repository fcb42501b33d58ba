/**
 * From a text to tokens: what depends on the text, its cleaning and the tokenizer alone. It knows no model and no split,
 * so many trainings of one text can share it (`prepared.ts`).
 *
 * The text is read twice, once to learn the vocabulary and once to be encoded, and never held: what stays are tokens.
 */
import type { TrainOptions } from "../options/config.ts";
import { Corpus } from "../text/corpus.ts";
import type { Source } from "../text/corpus.ts";
import { divideTail } from "../text/dataset.ts";
import { InputError } from "../errors.ts";
import { showPath } from "../node/files.ts";
import { DocumentsHash } from "../node/text.ts";
import type { TextSource } from "../node/text.ts";
import type { Random } from "../random.ts";
import { TextSet } from "../text/text-set.ts";
import { TokenCollector } from "../text/token-sequences.ts";
import { documentTokens } from "../text/tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { tokenizerTrainer } from "../text/tokenizers/train.ts";
import { cleaningOf } from "./cleaning.ts";
import type { Cleaning } from "./cleaning.ts";

/** Documents as tokens, and the bytes of each as UTF-8, one more for its end. */
export interface EncodedDocuments {
  readonly tokens: TokenCollector;
  readonly bytes: Uint32Array<ArrayBuffer>;
}

export interface EncodedText {
  readonly tokenizer: Tokenizer;
  /** The distinct documents in their order; where each is a file, without the end that is held out. */
  readonly documents: EncodedDocuments;
  /** Those ends; none for other kinds of documents. */
  readonly tails: EncodedDocuments;
  /** Every distinct document: what a sample must not be in to be new. */
  readonly known: TextSet;
  readonly duplicates: number;
  readonly cleaning: Cleaning;
  readonly dataHash: string;
}

/** How often a text is read. */
export const PASSES = 2;

/**
 * Reads a text and encodes it. `check` hears of the tokenizer before the second pass, and may refuse.
 * Throws InputError if there is nothing to learn from, or a file changes meanwhile.
 * @param random shuffles the documents of the reference; of no use to others.
 */
export function encodeText(
  options: TrainOptions,
  sources: readonly TextSource[],
  random: Random,
  check: (tokenizer: Tokenizer) => void = () => {},
): EncodedText {
  const corpus = new Corpus(sources, options);
  const documents = options.reference ? shuffled(corpus, random) : corpus;
  const vocabulary = learnVocabulary(documents, options);
  const { tokenizer, known, count, dataHash } = vocabulary;
  const cleaning = cleaningOf(corpus, sources);
  check(tokenizer);
  const duplicates = keepsDuplicates(options) ? 0 : count - known.size;
  return { tokenizer, ...encode(documents, vocabulary, options), known, duplicates, cleaning, dataHash };
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

interface FirstPass {
  readonly tokenizer: Tokenizer;
  /** All documents; the distinct ones; what identifies them all. */
  readonly count: number;
  readonly known: TextSet;
  readonly dataHash: string;
}

/** The first pass. Throws InputError where there is nothing to learn from. */
function learnVocabulary(documents: Documents, options: TrainOptions): FirstPass {
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
  { tokenizer, known, count, dataHash }: FirstPass,
  options: TrainOptions,
): Pick<EncodedText, "documents" | "tails"> {
  const { valFraction } = options;
  const cutsTails = options.documents === "file" && !options.reference && valFraction > 0;
  const all = new EncodedCollector(tokenizer, keepsDuplicates(options) ? count : known.size);
  const tails = new EncodedCollector(tokenizer, cutsTails ? all.capacity : 0);
  const seen = keepsDuplicates(options) ? null : new TextSet();
  const hash = new DocumentsHash();
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
    this.bytes[this.tokens.count] = Buffer.byteLength(document) + 1;
    this.tokens.add(documentTokens(this.#tokenizer, document));
  }
}

/** Every distinct document, when nothing else is asked. Throws InputError if a source can't be read any more. */
export function knownDocuments(options: TrainOptions, sources: readonly TextSource[]): TextSet {
  const known = new TextSet();
  for (const document of new Corpus(sources, options).read(refuseEmpty)) known.add(document);
  return known;
}
