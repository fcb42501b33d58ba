/** The texts of a sweep: read, cleaned and encoded once per tokenizer, and stored in files for the runs. */
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import type { SweepPlan } from "../experiments/sweep-plan.ts";
import type { SweepDirectory } from "./sweep-directory.ts";
import { nodeHasher } from "../node/text.ts";
import { Random } from "../random.ts";
import { encodeText } from "../library/encode.ts";
import type { EncodedText } from "../library/encode.ts";
import type { TextSize } from "../run/memory.ts";
import { loadPrepared, preparedPath, savePrepared, textKey } from "./prepared.ts";
import { gatherFiles, sourcesOf } from "../run/sources.ts";
import type { Gathered } from "../run/sources.ts";

/** Encoded texts, by `textKey`. */
export type Texts = ReadonlyMap<string, EncodedText>;

/** Encodes the texts that the runs need. Throws InputError as `encodeText`. */
export async function learnTexts(plan: Pick<SweepPlan, "options" | "runs">, gathered: Gathered): Promise<Texts> {
  const texts = new Map<string, EncodedText>();
  for (const run of plan.runs) {
    const options = optionsOf(plan, run);
    const key = await textKey(options);
    if (!texts.has(key))
      texts.set(
        key,
        encodeText(options, sourcesOf(gathered), { random: new Random(options.seed), newHasher: nodeHasher }),
      );
  }
  return texts;
}

/**
 * Writes the files that are missing or damaged, from `texts`, or from the data read again. Throws InputError if the data
 * has changed.
 */
export async function openTexts(directory: SweepDirectory, texts: Texts | null): Promise<Texts> {
  const { memory } = directory;
  const opened = new Map<string, EncodedText>();
  for (const run of memory.runs) {
    const options = optionsOf(memory, run);
    const key = await textKey(options);
    if (opened.has(key)) continue;
    const path = preparedPath(directory.preparedPath, key);
    const kept = texts === null ? await loadPrepared(path).catch(ignoreInputError) : null;
    const text = kept ?? texts?.get(key) ?? (await learnAgain(directory, options));
    if (kept === null) await savePrepared(path, text);
    opened.set(key, text);
  }
  return opened;
}

async function learnAgain(directory: SweepDirectory, options: ReturnType<typeof optionsOf>): Promise<EncodedText> {
  const gathered = { files: await gatherFiles(options, () => {}), fetched: directory.fetched() };
  const text = encodeText(options, sourcesOf(gathered), { random: new Random(options.seed), newHasher: nodeHasher });
  if (text.dataHash === directory.memory.dataHash) return text;
  throw new InputError("the data is not what the sweep began with; put it back, or begin a new sweep");
}

function ignoreInputError(error: unknown): null {
  if (error instanceof InputError) return null;
  throw error;
}

/** Size and vocabulary of each text, by `textKey`. */
export type TextSizes = ReadonlyMap<string, TextSize & { readonly vocabSize: number }>;

/** Counts tokens and documents. */
export function sizesOf(texts: Texts): TextSizes {
  return new Map(
    Array.from(texts, ([key, { documents, tails, tokenizer }]) => {
      const packed = [documents.tokens.pack(), tails.tokens.pack()];
      return [
        key,
        {
          tokens: packed.reduce((sum, { ids }) => sum + ids.length, 0),
          documents: packed.reduce((sum, { lengths }) => sum + lengths.length, 0),
          isMerged: false, // the merges are learnt before
          vocabSize: tokenizer.vocabSize,
        },
      ] as const;
    }),
  );
}
