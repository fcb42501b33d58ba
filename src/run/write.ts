/** Text from a trained model: samples without a prompt, and completions of one. */
import { countParameters } from "../training/engine.ts";
import type { Engine } from "../training/engine.ts";
import { quote } from "../errors.ts";
import type { Run } from "../node/run-directory.ts";
import { Random } from "../random.ts";
import { generateTokens } from "../training/sample.ts";
import type { SamplingOptions } from "../training/sample.ts";
import { nameUnknown } from "../text/tokenizer.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { openEngine } from "../library/engines.ts";
import { nodeMachine } from "./machine.ts";

/** Everything needed to generate text. */
export interface Writer {
  /** With the trained weights. */
  readonly engine: Engine;
  /** Of the model. */
  readonly tokenizer: Tokenizer;
  /** Draws the tokens. */
  readonly random: Random;
}

/** How to generate text. */
export interface WritingOptions extends SamplingOptions {
  /** Maximum number of tokens; null: blockSize. */
  readonly maxTokens: number | null;
}

/** Samples of a trained model: texts without a prompt. */
export async function sampleTexts(writer: Writer, count: number, options: WritingOptions): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push((await completeText(writer, [], options)).more);
  return texts;
}

/** A prompt, and what the model adds to it. */
export async function completeText(
  { engine, tokenizer, random }: Writer,
  prompt: readonly number[],
  options: WritingOptions,
): Promise<Completion> {
  const maxTokens = options.maxTokens ?? engine.config.blockSize;
  return completionOf(tokenizer, prompt, await generateTokens(engine, prompt, maxTokens, random, options));
}

/** A text in two parts. They are decoded together, because the space between them depends on both. */
export interface Completion {
  /** The prompt, as decoded. */
  readonly prompt: string;
  /** What the model added. */
  readonly more: string;
}

function completionOf(tokenizer: Tokenizer, prompt: readonly number[], more: readonly number[]): Completion {
  const [beginning, whole] = [tokenizer.decode(prompt), tokenizer.decode([...prompt, ...more])];
  if (whole.startsWith(beginning)) return { prompt: beginning, more: whole.slice(beginning.length) };
  return { prompt: "", more: whole }; // the prompt ends inside a character, in the first of its bytes
}

/** The ids of a prompt. Drops what is not in the vocabulary, with a warning. */
export function encodePrompt(tokenizer: Tokenizer, prompt: string, warn: (message: string) => void): number[] {
  const { ids, unknown } = tokenizer.encode(prompt);
  if (unknown.size > 0) {
    const done = tokenizer.unk === null ? "left out" : "read as <unk>";
    warn(`the prompt ${quote(prompt)} has ${nameUnknown(unknown)}; ${done}`);
  }
  return ids;
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
  const engineName = run.options.engine === "webgpu" && !isLarge ? "wasm" : run.options.engine;
  const options = { ...run.options, engine: engineName, batchSize: 1, noBlas: true };
  const engine = await openEngine(config, weights, options, nodeMachine, () => undefined);
  return { engine, tokenizer: run.tokenizer, random: new Random(seed) };
}
