/** Text from a trained model: samples without a prompt, and completions of one. */
import { countParameters } from "../training/engine.ts";
import type { Engine } from "../training/engine.ts";
import type { Run } from "../node/run-directory.ts";
import { Random } from "../random.ts";
import { generateTokens } from "../training/sample.ts";
import type { SamplingOptions } from "../training/sample.ts";
import type { SampleReport } from "./reporter.ts";
import { likenessOf } from "../text/likeness.ts";
import type { Prompt, Tokenizer } from "../text/tokenizer.ts";
import { openEngine, writingOptions } from "../library/engines.ts";
import { completionOf } from "../library/prompt.ts";
import type { Completion, PromptOptions } from "../library/prompt.ts";
import { nodeMachine } from "./machine.ts";

/** Everything needed to generate text. */
export interface Writer {
  /** With the trained weights. */
  readonly engine: Engine;
  /** Of the model. */
  readonly tokenizer: Tokenizer;
  /** Draws the tokens. */
  readonly random: Random;
  /** How the training's texts were cleaned: prompts are cleaned in the same way. */
  readonly options: PromptOptions;
}

/** How to generate text. */
export interface WritingOptions extends SamplingOptions {
  /** Maximum number of tokens; null: blockSize. */
  readonly maxTokens: number | null;
}

/** A text that a model generated without a prompt. */
export interface WrittenText {
  /** As decoded. */
  readonly text: string;
  /** Its tokens. */
  readonly ids: readonly number[];
}

/** A sample of a trained model: a text without a prompt. */
export async function sampleText(writer: Writer, options: WritingOptions): Promise<WrittenText> {
  const maxTokens = options.maxTokens ?? writer.engine.config.blockSize;
  const ids = await generateTokens(writer.engine, [], maxTokens, writer.random, options);
  return { text: writer.tokenizer.decode(ids), ids };
}

/** Texts as they are reported: each with its likeness to the documents. */
export function samplesOf(
  texts: readonly WrittenText[],
  documents: Iterable<ArrayLike<number>>,
  tokenizer: Tokenizer,
): SampleReport[] {
  const ids = texts.map((text) => text.ids);
  return likenessOf(ids, documents, tokenizer).map((likeness, i) => ({ text: texts[i].text, ...likeness }));
}

/** A prompt, and what the model adds to it. */
export async function completeText(
  { engine, tokenizer, random }: Writer,
  { ids, open, text }: Prompt,
  options: WritingOptions,
): Promise<Completion> {
  const maxTokens = options.maxTokens ?? engine.config.blockSize;
  const more = await generateTokens(engine, ids, maxTokens, random, options, open);
  return completionOf(tokenizer, { ids, text }, more);
}

/** Parameters above which a GPU is worth its start-up time for generation. */
const MIN_GPU_PARAMETERS = 10_000_000;

/**
 * Opens an engine with the best weights of a run, or its newest (`Run.loadWeights`), to generate text. Throws InputError
 * if the run has none.
 */
export async function openWriter(run: Run, seed: number, note: (message: string) => void): Promise<Writer> {
  const { config, weights } = await run.loadWeights(note);
  const isLarge = countParameters(config) >= MIN_GPU_PARAMETERS;
  const options = writingOptions({ ...run.options, batchSize: 1 }, isLarge);
  const engine = await openEngine(config, weights, options, nodeMachine, () => undefined);
  return { engine, tokenizer: run.tokenizer, random: new Random(seed), options: run.options };
}
