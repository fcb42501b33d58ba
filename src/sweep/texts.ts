/**
 * The texts of a sweep: read, cleaned and encoded once per tokenizer, then stored in files for the runs. The files'
 * format is in `prepared.ts`.
 */
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import type { SweepPlan } from "../experiments/sweep-plan.ts";
import type { TrainOptions } from "../options/train-options.ts";
import type { SweepDirectory } from "./sweep-directory.ts";
import { nodeHasher } from "../node/text.ts";
import { Random } from "../random.ts";
import { encodeText } from "../library/encode.ts";
import type { EncodedText } from "../library/encode.ts";
import type { TextSize } from "../run/memory.ts";
import { loadPrepared, preparedPath, savePrepared, textKey } from "./prepared.ts";
import { runsDirectoryOf } from "../node/own-folders.ts";
import { gatherFiles, sourcesOf } from "../run/sources.ts";
import type { Gathered } from "../run/sources.ts";

/** Encoded texts, by `textKey`. */
export type Texts = ReadonlyMap<string, EncodedText>;

/** Encodes the texts that the runs need. Throws InputError as `encodeText`. */
export async function encodeTexts(plan: Pick<SweepPlan, "options" | "runs">, gathered: Gathered): Promise<Texts> {
  const texts = new Map<string, EncodedText>();
  for (const run of plan.runs) {
    const options = optionsOf(plan, run);
    const key = await textKey(options);
    if (!texts.has(key)) texts.set(key, encode(options, gathered));
  }
  return texts;
}

function encode(options: TrainOptions, gathered: Gathered): EncodedText {
  return encodeText(options, sourcesOf(gathered, options), { random: new Random(options.seed), newHasher: nodeHasher });
}

/**
 * Reads the sweep's texts, and writes the files that are missing or damaged: from `texts` or, if that is null, from the
 * data. Throws InputError if the data has changed.
 */
export async function openTexts(directory: SweepDirectory, texts: Texts | null): Promise<Texts> {
  const { plan } = directory;
  const opened = new Map<string, EncodedText>();
  for (const run of plan.runs) {
    const options = optionsOf(plan, run);
    const key = await textKey(options);
    if (opened.has(key)) continue;
    const path = preparedPath(directory.preparedPath, key);
    const kept = texts === null ? await loadPrepared(path).catch(ignoreInputError) : null;
    const text = kept ?? texts?.get(key) ?? (await encodeAgain(directory, options));
    if (kept === null) await savePrepared(path, text);
    opened.set(key, text);
  }
  return opened;
}

/**
 * The text of one run: from its file or, if that is missing, from the data. Throws InputError if the data has changed.
 */
export async function openText(directory: SweepDirectory, options: TrainOptions): Promise<EncodedText> {
  const text = await loadPrepared(preparedPath(directory.preparedPath, await textKey(options)));
  return text === null ? await encodeAgain(directory, options) : checkHash(directory, text);
}

async function encodeAgain(directory: SweepDirectory, options: TrainOptions): Promise<EncodedText> {
  const files = await gatherFiles(options, () => {}, runsDirectoryOf(directory.path));
  const gathered = { files, fetched: directory.fetched() };
  return checkHash(directory, encode(options, gathered));
}

function checkHash({ plan }: SweepDirectory, text: EncodedText): EncodedText {
  if (text.dataHash === plan.dataHash) return text;
  throw new InputError("the data is not what the sweep began with; restore it, or start a new sweep");
}

function ignoreInputError(error: unknown): null {
  if (error instanceof InputError) return null;
  throw error;
}

/** The size of an encoded text. */
export interface EncodedSize extends TextSize {
  /** Tokens in the vocabulary, including BOS. */
  readonly vocabSize: number;
}

/** The size of each text, by `textKey`. */
export type TextSizes = ReadonlyMap<string, EncodedSize>;

/** Counts the tokens and documents of each text. */
export function sizesOf(texts: Texts): TextSizes {
  return new Map(
    Array.from(texts, ([key, { documents, tails, tokenizer }]) => {
      const packed = [documents.tokens.pack(), tails.tokens.pack()];
      return [
        key,
        {
          tokens: packed.reduce((sum, { ids }) => sum + ids.length, 0),
          documents: packed.reduce((sum, { lengths }) => sum + lengths.length, 0),
          isMerged: false, // the merges are already learnt
          vocabSize: tokenizer.vocabSize,
        },
      ] as const;
    }),
  );
}
