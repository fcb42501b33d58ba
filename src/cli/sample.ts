/**
 * `microgpt sample` and `microgpt complete`: text from the model of a run.
 */
import type { SampleOptions } from "../config.ts";
import type { Engine } from "../engine.ts";
import { InputError, quote } from "../errors.ts";
import { Run } from "../node/run.ts";
import { readDocuments } from "../node/text.ts";
import { Random } from "../random.ts";
import { generate, generateTokens } from "../sample.ts";
import type { Draw, SamplingOptions } from "../sample.ts";
import { nameUnknown } from "../tokenizer.ts";
import type { Tokenizer } from "../tokenizer.ts";
import { decide, openEngine } from "./engines.ts";
import { createReporter } from "./reporter.ts";
import { exitOnOutputError } from "./signals.ts";
import { paint, printable } from "./terminal.ts";

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
  const known = knownDocuments(run);
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
  const prompt = encodePrompt(writer.tokenizer, prefix);
  const maxTokens = options.maxTokens ?? writer.engine.config.blockSize;
  for (let i = 0; i < options.numSamples; i++) {
    const draws: Draw[] = [];
    for await (const draw of generate(writer.engine, prompt, maxTokens, writer.random, options)) draws.push(draw);
    printCompletion(writer.tokenizer, prefix, draws, flags);
  }
  return 0;
}

/** Samples of a trained model: texts without a beginning. */
export async function sampleTexts(writer: Writer, count: number, options: WritingOptions): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < count; i++) texts.push(await completeText(writer, [], options));
  return texts;
}

/** What the model writes on from a prompt, without the prompt. */
export async function completeText(
  { engine, tokenizer, random }: Writer,
  prompt: readonly number[],
  options: WritingOptions,
): Promise<string> {
  const maxTokens = options.maxTokens ?? engine.config.blockSize;
  return tokenizer.decode(await generateTokens(engine, prompt, maxTokens, random, options));
}

/** A prompt's ids. Throws InputError that names what the model has never seen. */
export function encodePrompt(tokenizer: Tokenizer, prompt: string): number[] {
  const { ids, unknown } = tokenizer.encode(prompt);
  if (unknown.size === 0) return ids;
  throw new InputError(`the prompt ${quote(prompt)} has ${nameUnknown(unknown)}; leave that out`);
}

async function openWriter(run: Run, seed: number): Promise<Writer> {
  const { config, weights } = await run.loadModel();
  const options = { ...decide(run.options), batchSize: 1, noBlas: true };
  const engine = await openEngine(config, weights, options);
  return { engine, tokenizer: run.tokenizer, random: new Random(seed) };
}

/** The run's documents, or null if its data is gone: then samples are shown without a mark. */
function knownDocuments(run: Run): ReadonlySet<string> | null {
  try {
    return new Set(readDocuments(run.options.data, run.options.documents));
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function printCompletion(
  tokenizer: Tokenizer,
  prefix: string,
  draws: readonly Draw[],
  { probs, json }: { readonly probs: boolean; readonly json: boolean },
): void {
  const text = prefix + tokenizer.decode(draws.map(({ token }) => token));
  const named = (token: number): string => (token === tokenizer.bos ? "end" : quote(tokenizer.decode([token])));
  if (json) {
    const likeliest = (draw: Draw): object => draw.likeliest.map((one) => ({ ...one, text: named(one.token) }));
    const tokens = draws.map((draw) => ({ ...draw, text: tokenizer.decode([draw.token]), likeliest: likeliest(draw) }));
    process.stdout.write(`${JSON.stringify(probs ? { text, tokens } : { text })}\n`);
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
