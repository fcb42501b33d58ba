/** Text from a trained model: samples without a prompt, and completions of one. */
import { countParameters } from "../training/engine.ts";
import type { Engine } from "../training/engine.ts";
import { quote } from "../errors.ts";
import type { Run } from "../node/run-directory.ts";
import { Random } from "../random.ts";
import { generateTokens, logitsAfter, nextTokenProbabilities } from "../training/sample.ts";
import type { SamplingOptions } from "../training/sample.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { cleanPrompt } from "../text/corpus.ts";
import type { NextTokensReport, SampleReport } from "./reporter.ts";
import { likenessOf } from "../text/likeness.ts";
import { nameUnknown } from "../text/tokenizer.ts";
import type { Prompt, Tokenizer } from "../text/tokenizer.ts";
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
  /** How the training's texts were cleaned: prompts are cleaned in the same way. */
  readonly options: PromptOptions;
}

/** The options that decide how a prompt is cleaned. */
export type PromptOptions = Pick<ResolvedOptions, "nfc" | "reference">;

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
  const whole = tokenizer.decode([...ids, ...more]);
  if (whole.startsWith(text)) return { prompt: text, more: whole.slice(text.length) };
  return { prompt: "", more: whole }; // the prompt ends inside a character, or its last mark has opened
}

/** How many of the next tokens are listed. */
const LISTED = 10;

/** The likeliest tokens after a prompt, as the model gives them and as they are drawn; the other tokens as one sum. */
export async function nextTokensOf(
  { engine, tokenizer }: Writer,
  { ids, open }: Prompt,
  options: SamplingOptions,
): Promise<Pick<NextTokensReport, "tokens" | "others">> {
  const logits = await logitsAfter(engine, ids, open);
  const probabilities = nextTokenProbabilities(logits, { temperature: 1, topK: null, topP: null });
  const drawn = nextTokenProbabilities(logits, options);
  const all = Array.from(probabilities, (probability, id) => ({ id, probability, drawn: drawn[id] }));
  const sorted = all.toSorted((a, b) => b.probability - a.probability);
  const others = sorted.slice(LISTED).filter(({ probability }) => probability > 0);
  return {
    tokens: sorted
      .slice(0, LISTED)
      .filter(({ probability }) => probability > 0)
      .map((one) => ({ token: tokenizer.token(one.id), isEnd: one.id === tokenizer.bos, ...one })),
    others: {
      count: others.length,
      probability: others.reduce((sum, { probability }) => sum + probability, 0),
      drawn: others.reduce((sum, one) => sum + one.drawn, 0),
    },
  };
}

/** A text in two parts. They are decoded together, because the space between them depends on both. */
export interface Completion {
  /** The prompt, as decoded. */
  readonly prompt: string;
  /** What the model added. */
  readonly more: string;
}

/** A prompt as tokens, cleaned as the training's texts. Drops what is not in the vocabulary, with a warning. */
export function encodePrompt(
  { tokenizer, options }: Pick<Writer, "tokenizer" | "options">,
  prompt: string,
  warn: (message: string) => void,
): Prompt {
  const encoded = tokenizer.prompt(cleanPrompt(prompt, options));
  const { unknown } = tokenizer.encode(cleanPrompt(prompt, options, "kept")); // what is removed is named, too
  if (unknown.size > 0) {
    const done = tokenizer.unk === null ? "left out" : "read as <unk>";
    warn(`the prompt ${quote(prompt)} has ${nameUnknown(unknown)}; ${done}`);
  }
  return { ...encoded, unknown };
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
  return { engine, tokenizer: run.tokenizer, random: new Random(seed), options: run.options };
}
