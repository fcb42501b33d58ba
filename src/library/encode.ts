/**
 * From a text to tokens: what depends only on the text, its cleaning and the tokenizer. Independent of the model and of
 * the split (`training-data.ts`), so several trainings on one text can share it (`sweep/prepared.ts`).
 *
 * Reads the text twice, to learn the vocabulary and to encode, and keeps only the tokens in memory. Merges are learnt in a pass of
 * their own, where documents are held out: which, is known only when all are counted.
 */
import type { TrainOptions } from "../options/train-options.ts";
import { cleaningOf, Corpus } from "../text/corpus.ts";
import type { Cleaning, CorpusOptions, Source } from "../text/corpus.ts";
import { DocumentsHash, Sha256, utf8Length } from "../text/sha256.ts";
import type { Hasher } from "../text/sha256.ts";
import { divideTail, heldOutMarks } from "../text/dataset.ts";
import { InputError } from "../errors.ts";
import { showPath } from "../errors.ts";
import type { Random } from "../random.ts";
import { TextSet } from "../text/text-set.ts";
import { TokenCollector } from "../text/token-sequences.ts";
import { documentTokens } from "../text/tokenizer.ts";
import type { Tokenizer, TokenizerTrainer } from "../text/tokenizer.ts";
import { tokenizerTrainer } from "../text/tokenizers/train.ts";
import type { TokenizerOptions } from "../text/tokenizers/train.ts";

/** The options that decide which tokens a text becomes. */
export type TextOptions = CorpusOptions &
  TokenizerOptions &
  Pick<TrainOptions, "keepDuplicates" | "valFraction" | "reference">;

/** Documents as tokens, with their sizes. */
export interface EncodedDocuments {
  /** Their tokens. */
  readonly tokens: TokenCollector;
  /** UTF-8 bytes of each document, one more for its end. */
  readonly bytes: Uint32Array<ArrayBuffer>;
}

/** A text, encoded. */
export interface EncodedText {
  /** Learnt from the text. */
  readonly tokenizer: Tokenizer;
  /** The distinct documents in order; with `--documents file`, each without its held-out end. */
  readonly documents: EncodedDocuments;
  /** The held-out ends of files; empty for other kinds of documents. */
  readonly tails: EncodedDocuments;
  /** Every distinct document as it was read; `likenessOf` compares a model's texts with the encoded ones. */
  readonly known: TextSet;
  /** Documents dropped as duplicates. */
  readonly duplicates: number;
  /** What cleaning changed. */
  readonly cleaning: Cleaning;
  /** What the vocabulary of another text lacks; null: it was learnt from this one. */
  readonly lacking: Lacking | null;
  /** SHA-256 of the documents, in hex. */
  readonly dataHash: string;
}

/** What a text has that the vocabulary of another text lacks. */
export interface Lacking {
  /** The pieces, with their counts, in order of appearance; read as `<unk>`, or left out. */
  readonly pieces: ReadonlyMap<string, number>;
  /** Documents, or ends of files, that were dropped because nothing else was in them. */
  readonly dropped: number;
}

/** Number of times that a text is read. @param given whether the vocabulary is another text's. */
export const passesOver = (options: TextOptions, given: boolean): number => (!given && learnsApart(options) ? 3 : 2);

/** Whether merges are learnt from a part of the text: a merge that is learnt from held-out words makes them easy to predict. */
const learnsApart = ({ tokenizer, valFraction, reference }: TextOptions): boolean =>
  (tokenizer === "bpe" || tokenizer === "byte-bpe") && valFraction > 0 && !reference;

/** Whether the end of each document is held out. */
const cutsTails = ({ documents, reference, valFraction }: TextOptions): boolean =>
  documents === "file" && !reference && valFraction > 0;

/** What `encodeText` uses besides options. */
export interface EncodeTools {
  /** The run's generator. Shuffles the documents with `--reference`; otherwise not used. */
  readonly random: Random;
  /** Called with the tokenizer before the text is encoded; throws to reject it. */
  readonly check?: (tokenizer: Tokenizer) => void;
  /** Makes the hash of the data. Default: `Sha256`; Node's own is faster. */
  readonly newHasher?: () => Hasher;
  /** A vocabulary learnt from another text, or from this one before. Default: it is learnt from this one. */
  readonly tokenizer?: Tokenizer | null;
  /** As in `TokenizerOptions`. */
  readonly onMerge?: TokenizerOptions["onMerge"];
}

/**
 * Reads a text `passesOver` times and encodes it. Throws InputError if no document is left, a source that must have text is
 * empty, or a source changes between the passes.
 */
export function encodeText(
  options: TextOptions,
  sources: readonly Source[],
  { random, check = () => {}, newHasher = () => new Sha256(), onMerge, tokenizer: given = null }: EncodeTools,
): EncodedText {
  const corpus = new Corpus(sources, options);
  const documents = inOrder(corpus, options, random);
  const firstPass = learnVocabulary(documents, { ...options, onMerge }, given, new DocumentsHash(newHasher()));
  const { tokenizer, known, count, dataHash } = firstPass;
  const cleaning = cleaningOf(corpus, sources);
  check(tokenizer);
  const duplicates = keepsDuplicates(options) ? 0 : count - known.size;
  const lacking = given === null ? null : { pieces: new Map<string, number>(), dropped: 0 };
  const encoded = encode(documents, { ...firstPass, lacking }, options, new DocumentsHash(newHasher()));
  return { tokenizer, ...encoded, known, duplicates, cleaning, lacking, dataHash };
}

/**
 * Reads a text once and returns the `dataHash` that `encodeText` would give it, to compare with that of a training. Throws
 * InputError if a source cannot be read, or one that must have text is empty. @param random as in `EncodeTools`.
 */
export function dataHashOf(
  options: CorpusOptions & Pick<TrainOptions, "reference">,
  sources: readonly Source[],
  { random, newHasher = () => new Sha256() }: Pick<EncodeTools, "random" | "newHasher">,
): string {
  const hash = new DocumentsHash(newHasher());
  for (const document of inOrder(new Corpus(sources, options), options, random).read(refuseEmpty)) hash.add(document);
  return hash.finish();
}

/** Documents that can be read repeatedly: the corpus, or, for the reference, all of it in shuffled order. */
type Documents = { read(onEmpty?: (source: Source) => void): Iterable<string> };

const keepsDuplicates = ({ reference, keepDuplicates }: TextOptions): boolean => reference || keepDuplicates;

/** The documents in the order in which they are hashed and learnt from. @param random as in `EncodeTools`. */
const inOrder = (corpus: Corpus, { reference }: Pick<TrainOptions, "reference">, random: Random): Documents =>
  reference ? shuffled(corpus, random) : corpus;

/** The reference shuffles before it learns merges, too: of equally frequent pairs, the first seen wins. */
function shuffled(corpus: Corpus, random: Random): Documents {
  const documents = [...corpus.read(refuseEmpty)];
  random.shuffle(documents);
  return { read: () => documents.values() };
}

function refuseEmpty({ name, mayBeEmpty }: Source): void {
  if (!mayBeEmpty) throw new InputError(`${showPath(name)} contains no text; omit it, or give a file with text`);
}

interface FirstPass {
  readonly tokenizer: Tokenizer;
  /** Documents, duplicates included. */
  readonly count: number;
  /** The distinct documents. */
  readonly known: TextSet;
  /** SHA-256 of all documents, in hex. */
  readonly dataHash: string;
}

/**
 * What is learnt before the text is encoded; where a vocabulary is given, its own is not. Throws InputError if no document is
 * left.
 */
function learnVocabulary(
  documents: Documents,
  options: TextOptions & TokenizerOptions,
  given: Tokenizer | null,
  hash: DocumentsHash,
): FirstPass {
  const isApart = given === null && learnsApart(options);
  const trainer = given === null ? tokenizerTrainer(options) : { add: () => {}, finish: () => given };
  const known = new TextSet();
  const skipsRepeated = !keepsDuplicates(options);
  let count = 0;
  for (const document of documents.read(refuseEmpty)) {
    count++;
    hash.add(document);
    const isNew = known.add(document) || !skipsRepeated;
    if (isNew && !isApart) trainer.add(document);
  }
  if (count === 0)
    throw new InputError("data: no documents left; give more text, or change --min-length or --max-length");
  if (isApart) learnApart(documents, options, skipsRepeated ? known.size : count, trainer);
  return { tokenizer: trainer.finish(), count, known, dataHash: hash.finish() };
}

/** The documents that are learnt from or held out. @param hash takes all, duplicates included. */
function* distinct(documents: Documents, options: TextOptions, hash?: DocumentsHash): Generator<string, void, void> {
  const seen = keepsDuplicates(options) ? null : new TextSet();
  for (const document of documents.read()) {
    hash?.add(document);
    if (seen === null || seen.add(document)) yield document;
  }
}

/** A document without its held-out end, and that; null: none is held out of it. */
const partsOf = (document: string, options: TextOptions): readonly [head: string, tail: string | null] =>
  cutsTails(options) ? divideTail(document, options.valFraction) : [document, null];

/** Another pass, which tells the trainer what is held out. @param count of the documents that are learnt from or held out. */
function learnApart(documents: Documents, options: TextOptions, count: number, trainer: TokenizerTrainer): void {
  const marks = cutsTails(options) ? null : heldOutMarks(count, options.valFraction);
  let index = 0;
  for (const document of distinct(documents, options)) {
    const [head, tail] = partsOf(document, options);
    trainer.add(head, marks?.[index++] === 1);
    if (tail !== null) trainer.add(tail, true);
  }
}

/** The last pass. Throws InputError if a file has changed since the first, or the vocabulary has nothing of the text. */
function encode(
  documents: Documents,
  { tokenizer, known, count, dataHash, lacking }: FirstPass & { readonly lacking: MutableLacking | null },
  options: TextOptions,
  hash: DocumentsHash,
): Pick<EncodedText, "documents" | "tails"> {
  const all = new EncodedCollector(tokenizer, keepsDuplicates(options) ? count : known.size, lacking);
  const tails = new EncodedCollector(tokenizer, cutsTails(options) ? all.capacity : 0, lacking);
  for (const document of distinct(documents, options, hash)) {
    const [head, tail] = partsOf(document, options);
    all.add(head);
    if (tail !== null) tails.add(tail);
  }
  if (hash.finish() !== dataHash) throw new InputError("data: a file changed while it was read; try again");
  if (all.tokens.count === 0) throw new InputError("data: nothing of the text is in the vocabulary of the other run");
  return { documents: all, tails };
}

type MutableLacking = { readonly pieces: Map<string, number>; dropped: number };

class EncodedCollector implements EncodedDocuments {
  readonly tokens: TokenCollector;
  readonly bytes: Uint32Array<ArrayBuffer>;
  readonly #tokenizer: Tokenizer;
  readonly #lacking: MutableLacking | null;

  constructor(tokenizer: Tokenizer, capacity: number, lacking: MutableLacking | null) {
    this.#tokenizer = tokenizer;
    this.#lacking = lacking;
    this.tokens = new TokenCollector(tokenizer.vocabSize);
    this.bytes = new Uint32Array(capacity);
  }

  get capacity(): number {
    return this.bytes.length;
  }

  add(document: string): void {
    if (this.#lacking !== null) return this.#addForeign(document, this.#lacking);
    this.bytes[this.tokens.count] = utf8Length(document) + 1;
    this.tokens.add(documentTokens(this.#tokenizer, document));
  }

  /** Adds what the vocabulary has of a document. What is left out is not paid for, so its bytes do not count either. */
  #addForeign(document: string, lacking: MutableLacking): void {
    const { bos, unk } = this.#tokenizer;
    const { ids, unknown } = this.#tokenizer.encode(document);
    let bytes = utf8Length(document) + 1;
    for (const [piece, count] of unknown) {
      lacking.pieces.set(piece, (lacking.pieces.get(piece) ?? 0) + count);
      if (unk === null) bytes -= count * utf8Length(piece);
    }
    if (ids.length === 0) return void lacking.dropped++;
    this.bytes[this.tokens.count] = bytes;
    this.tokens.add([bos, ...ids, bos]);
  }
}

/** The tokens of every document, without BOS. Throws InputError if a source can no longer be read. */
export function* encodedDocuments(
  options: CorpusOptions,
  sources: readonly Source[],
  tokenizer: Tokenizer,
): Generator<readonly number[], void, void> {
  for (const document of new Corpus(sources, options).read(refuseEmpty)) yield tokenizer.encode(document).ids;
}
