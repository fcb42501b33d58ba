/**
 * `microgpt sample` and `microgpt complete`: text from the model of a run.
 */
import type { SampleOptions } from "../config.ts";
import { countParameters } from "../engine.ts";
import type { Engine } from "../engine.ts";
import { InputError, quote } from "../errors.ts";
import { Run } from "../node/run.ts";
import { Random } from "../random.ts";
import { generate, generateTokens } from "../sample.ts";
import type { Draw, SamplingOptions } from "../sample.ts";
import type { TextSet } from "../text-set.ts";
import { nameUnknown } from "../tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { decide, openEngine } from "./engines.ts";
import { knownDocuments } from "./encoded.ts";
import { createReporter } from "./reporters.ts";
import { exitOnOutputError } from "./signals.ts";
import { runSources } from "./sources.ts";
import { jsonLine, paint, printable } from "./terminal.ts";

/** What it takes to write text. */
export interface Writer {
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
  readonly random: Random;
}

export interface WritingOptions extends SamplingOptions {
  /** null: as many as the block has room for. */
  readonly maxTokens: number | null;
}

/** `microgpt sample RUN`. */
export async function sample(path: string, options: SampleOptions, json: boolean): Promise<number> {
  exitOnOutputError();
  const run = Run.open(path);
  const writer = await openWriter(run, options.seed);
  const texts = await sampleTexts(writer, options.numSamples, options);
  const known = await knownOf(run);
  const reports = texts.map((text) => ({ text, known: known === null ? null : known.has(text) }));
  createReporter(json).samples(reports);
  return 0;
}

/** `microgpt complete RUN PREFIX`. */
export async function complete(
  path: string,
  prefix: string,
  options: SampleOptions,
  flags: { readonly probs: boolean; readonly json: boolean },
): Promise<number> {
  exitOnOutputError();
  const writer = await openWriter(Run.open(path), options.seed);
  const reporter = createReporter(flags.json);
  const prompt = encodePrompt(writer.tokenizer, prefix, (message) => reporter.warn(message));
  const maxTokens = options.maxTokens ?? writer.engine.config.blockSize;
  for (let i = 0; i < options.numSamples; i++) {
    const draws: Draw[] = [];
    for await (const draw of generate(writer.engine, prompt, maxTokens, writer.random, options)) draws.push(draw);
    printCompletion(writer.tokenizer, prompt, draws, flags);
  }
  return 0;
}

/** Samples of a trained model: texts without a beginning. */
export async function sampleTexts(writer: Writer, count: number, options: WritingOptions): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push((await completeText(writer, [], options)).more);
  return texts;
}

/** A prompt and what the model writes on. */
export async function completeText(
  { engine, tokenizer, random }: Writer,
  prompt: readonly number[],
  options: WritingOptions,
): Promise<Completion> {
  const maxTokens = options.maxTokens ?? engine.config.blockSize;
  return completionOf(tokenizer, prompt, await generateTokens(engine, prompt, maxTokens, random, options));
}

/** A text in two parts: decoded together, because it depends on both whether there is a space between them. */
export interface Completion {
  readonly prompt: string;
  readonly more: string;
}

function completionOf(tokenizer: Tokenizer, prompt: readonly number[], more: readonly number[]): Completion {
  const [beginning, whole] = [tokenizer.decode(prompt), tokenizer.decode([...prompt, ...more])];
  if (whole.startsWith(beginning)) return { prompt: beginning, more: whole.slice(beginning.length) };
  return { prompt: "", more: whole }; // a character of which the prompt has the first bytes
}

/** As a terminal shows it. */
export const showCompletion = ({ prompt, more }: Completion): string =>
  (prompt === "" ? "" : paint("dim", printable(prompt))) + printable(more);

/** A prompt's ids. What the model has never seen has none: it is left out, and `warn` hears of it. */
export function encodePrompt(tokenizer: Tokenizer, prompt: string, warn: (message: string) => void): number[] {
  const { ids, unknown } = tokenizer.encode(prompt);
  if (unknown.size > 0) {
    const done = tokenizer.unk === null ? "left out" : "read as <unk>";
    warn(`the prompt ${quote(prompt)} has ${nameUnknown(unknown)}; ${done}`);
  }
  return ids;
}

/** Parameters from which on a GPU reads a token sooner than a CPU; it takes longer to get ready. */
const MIN_GPU_PARAMETERS = 10_000_000;

/** The best weights of a run, ready to write. Throws InputError if the run has none. */
export async function openWriter(run: Run, seed: number): Promise<Writer> {
  const { config, weights } = await run.loadModel();
  const decided = decide(run.options);
  const isLarge = countParameters(config) >= MIN_GPU_PARAMETERS;
  const engineName = decided.engine === "webgpu" && !isLarge ? "wasm" : decided.engine;
  const options = { ...decided, engine: engineName, batchSize: 1, noBlas: true };
  const engine = await openEngine(config, weights, options, () => undefined);
  return { engine, tokenizer: run.tokenizer, random: new Random(seed) };
}

/** The run's documents, or null if its data is gone: then samples are shown without a mark. */
async function knownOf(run: Run): Promise<TextSet | null> {
  try {
    return knownDocuments(run.options, await runSources(run));
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function printCompletion(
  tokenizer: Tokenizer,
  prompt: readonly number[],
  draws: readonly Draw[],
  { probs, json }: { readonly probs: boolean; readonly json: boolean },
): void {
  const ids = draws.map(({ token }) => token);
  const text = tokenizer.decode([...prompt, ...ids]);
  const named = (token: number): string => (token === tokenizer.bos ? "end" : quote(tokenizer.token(token)));
  if (json) {
    const likeliest = (draw: Draw): object => draw.likeliest.map((one) => ({ ...one, text: named(one.token) }));
    const tokens = draws.map((draw) => ({ ...draw, text: tokenizer.token(draw.token), likeliest: likeliest(draw) }));
    process.stdout.write(jsonLine(probs ? { text, tokens } : { text }));
    return;
  }
  process.stdout.write(`${printable(text)}\n`);
  if (!probs) return;
  for (const { token, probability, likeliest } of draws) {
    const others = likeliest.map((one) => `${named(one.token)} ${percent(one.probability)}`).join("  ");
    process.stdout.write(`  ${named(token).padEnd(6)} ${percent(probability)}  ${paint("dim", `of ${others}`)}\n`);
  }
}

const percent = (probability: number): string => `${(100 * probability).toFixed(1)}%`.padStart(6);
