/**
 * `microgpt train` and `microgpt resume`: text in, a run directory out; then samples, then prompts.
 */
import type { Checkpoint } from "../checkpoint.ts";
import { checkTogether } from "../option-rules.ts";
import type { Gpu } from "../backend/webgpu-device.ts";
import type { TrainOptions } from "../config.ts";
import { initTensors } from "../engine.ts";
import type { Engine, Tensors } from "../engine.ts";
import { InputError } from "../errors.ts";
import { stepAt } from "../experiments/halving.ts";
import { findBlas } from "../node/blas.ts";
import type { FetchedText } from "../node/fetched.ts";
import { showPath } from "../node/files.ts";
import { Run, stemOf } from "../node/run.ts";
import type { TextSource } from "../node/text.ts";
import { newProgress } from "../train.ts";
import type { Evaluation } from "../train.ts";
import { stepsFor } from "./budget.ts";
import { decide, openEngine, resumeEngine, settle, usesBlas } from "./engines.ts";
import { findGpu } from "./gpu.ts";
import { PASSES } from "./encoded.ts";
import { originOf, prepare } from "./material.ts";
import type { Material } from "./material.ts";
import { printCompletions, promptLoop, readPrompts } from "./prompts.ts";
import type { Reporter } from "./reporter.ts";
import { createReporter, hookedReporter } from "./reporters.ts";
import { watchReading } from "./reading.ts";
import { sampleTexts } from "./sample.ts";
import { gather, locate, runSources, sourcesOf, withoutPassword } from "./sources.ts";
import { Training } from "./training.ts";
import type { Best } from "./training.ts";

/** How to report, and what to do after the training. */
export interface ReportFlags {
  readonly json: boolean;
  readonly promptFile: string | null;
  /** A module that hears of everything, too; null: none. */
  readonly hook: string | null;
}

export interface RunFlags extends ReportFlags {
  readonly name: string | null;
  readonly runsDir: string;
}

/** How far to train, and what follows. */
export interface Way {
  /** Stop after this share of the steps, measured, without samples; 1: at the end. */
  readonly share: number;
  readonly prompts: readonly string[] | null;
}

/** Starts a training. Resolves to the exit code. Throws InputError, before anything is written, for bad input. */
export async function train(given: TrainOptions, flags: RunFlags): Promise<number> {
  checkTogether(given);
  const options = decide(locate(given));
  const reporter = await hookedReporter(createReporter(flags.json), flags.hook);
  const gathered = await gather(options, reporter);
  const material = read(options, sourcesOf(gathered), reporter);
  const prompts = readPromptsOf(flags, material, reporter);
  const place = { runsDir: flags.runsDir, name: flags.name, fetched: gathered.fetched };
  return await begin(material, { ...options, engine: given.engine }, place, { share: 1, prompts }, reporter);
}

/** Goes on with a run from its newest whole checkpoint, exactly as if it had never stopped. */
export async function resume(path: string, flags: ReportFlags): Promise<number> {
  const run = Run.openToTrain(path);
  try {
    const reporter = await hookedReporter(createReporter(flags.json), flags.hook);
    const material = read(run.options, await runSources(run), reporter);
    return await goOn(run, material, { share: 1, prompts: readPromptsOf(flags, material, reporter) }, reporter);
  } finally {
    run.close();
  }
}

function read(options: TrainOptions, sources: readonly TextSource[], reporter: Reporter): Material {
  watchReading(sources, PASSES, (reading) => reporter.reading(reading));
  return prepare(options, sources);
}

function readPromptsOf(
  { promptFile }: ReportFlags,
  { tokenizer }: Material,
  reporter: Reporter,
): readonly string[] | null {
  return promptFile === null ? null : readPrompts(promptFile, tokenizer, (message) => reporter.warn(message));
}

/** Makes a run and trains it. Resolves to the exit code. Throws InputError, as `Training.complete` does. */
export async function begin(
  material: Material,
  options: TrainOptions,
  place: { readonly runsDir: string; readonly name: string | null; readonly fetched: readonly FetchedText[] },
  way: Way,
  reporter: Reporter,
): Promise<number> {
  const { engine, decided, why } = await start(material, options, reporter);
  const stem = stemOf(options.data, options.urls);
  const run = Run.create(place.runsDir, place.name, stem, decided, material.tokenizer, place.fetched);
  try {
    const training = new Training(run, material, engine, newProgress(), null, reporter, why);
    return await finish(run, material, training, reporter, way);
  } finally {
    run.close();
  }
}

/** Goes on with a run, which must be open to train and is left so. Resolves and throws as `begin`. */
export async function goOn(run: Run, material: Material, way: Way, reporter: Reporter): Promise<number> {
  const checkpoint = await run.loadCheckpoint((message) => reporter.warn(message));
  const training =
    checkpoint === null
      ? await startAgain(run, material, reporter)
      : await restore(run, material, checkpoint, reporter);
  return await finish(run, material, training, reporter, way);
}

/** A run that was stopped before its first save. */
async function startAgain(run: Run, material: Material, reporter: Reporter): Promise<Training> {
  const { engine } = await start(material, { ...run.options, tokens: null, seconds: null }, reporter);
  return new Training(run, material, engine, newProgress(), null, reporter);
}

/** An engine that has learnt nothing yet, and the options as the run shall remember them. `why`: what "auto" found. */
async function start(
  material: Material,
  given: TrainOptions,
  reporter: Reporter,
): Promise<{ engine: Engine; decided: TrainOptions; why: string | null }> {
  const { config } = material;
  const options = decide(given);
  const settled = given.engine === "auto" && options.engine === "wasm" ? await settle(config, options) : null;
  const gpu = settled?.gpu ?? null;
  const chosen = { ...options, engine: settled?.engine ?? options.engine };
  // A run remembers whether it began with a BLAS: without it, or with it, the last digits would be others.
  const noBlas = options.noBlas || (usesBlas(config, chosen) && findBlas() === null);
  const asked = { ...chosen, noBlas };
  const warn = (message: string): void => reporter.warn(message);
  const find = gpu === null ? findGpu : async (): Promise<Gpu> => await Promise.resolve(gpu);
  const engine = await openEngine(config, initialWeights(material, asked), asked, warn, find);
  const urls = options.urls.map(withoutPassword);
  const used = asked.engine === "webgpu" && !engine.name.startsWith("webgpu") ? "wasm" : asked.engine;
  const numSteps = await stepsFor(asked, material, engine);
  return { engine, decided: { ...asked, engine: used, numSteps, urls }, why: settled?.why ?? null };
}

/** The numbers are the same; the atomic engine has them in f64. */
function initialWeights({ config, random }: Material, { engine }: TrainOptions): Tensors {
  return engine === "atomic" ? initTensors(config, random, Float64Array) : initTensors(config, random, Float32Array);
}

/** What a person, or a failing disk, may have changed since the run began: it would not be the same training. */
const CHANGEABLE = [
  ["dataHash", "the data is"],
  ["tokenizerHash", "tokenizer.json is"],
  ["optionsHash", "config.json is"],
] as const;

async function restore(run: Run, material: Material, checkpoint: Checkpoint, reporter: Reporter): Promise<Training> {
  const { state, progress, random } = checkpoint;
  const origin = await originOf(material, run);
  const changed = CHANGEABLE.find(([hash]) => checkpoint[hash] !== origin[hash]);
  if (changed !== undefined) {
    throw new InputError(`${showPath(run.path)}: ${changed[1]} not what the run began with; put it back to resume`);
  }
  if (usesBlas(material.config, decide(run.options)) && findBlas() === null) {
    reporter.warn("the run began with a BLAS library, which is not here; its numbers will differ in the last digits");
  }
  const warn = (message: string): void => reporter.warn(message);
  const engine = await resumeEngine(material.config, state, decide(run.options), warn);
  material.random.setState(random);
  const best = progress.best === null ? null : await findBest(run, progress.best);
  if (progress.best !== null && best === null) {
    reporter.warn(`the best weights (step ${progress.best.step}) can't be read; the search for the best begins anew`);
    progress.best = null;
  }
  return new Training(run, material, engine, progress, best, reporter);
}

/** The best weights: from model.safetensors, or, where that is not whole, from the checkpoint that is kept for it. */
async function findBest(run: Run, evaluation: Evaluation): Promise<Best | null> {
  const model = await run.loadModel().catch(ignoreInputError);
  if (model !== null && model.step === evaluation.step) return { evaluation, weights: model.weights, saved: true };
  const checkpoint = await run.loadCheckpointAt(evaluation.step).catch(ignoreInputError);
  return checkpoint === null ? null : { evaluation, weights: checkpoint.state.weights, saved: false };
}

function ignoreInputError(error: unknown): null {
  if (error instanceof InputError) return null;
  throw error;
}

/** Trains to the end; then samples, then prompts. A training that was stopped by a signal has neither. */
async function finish(
  run: Run,
  material: Material,
  training: Training,
  reporter: Reporter,
  { share, prompts }: Way,
): Promise<number> {
  const engine = await training.complete(stepAt({ share }, run.options.numSteps));
  if (typeof engine === "number") return engine;
  const { numSamples, temperature } = run.options;
  const writer = { engine, tokenizer: material.tokenizer, random: material.random };
  const sampling = { temperature, topK: null, topP: null, maxTokens: null };
  const texts = await sampleTexts(writer, numSamples, sampling);
  run.saveSamples(texts);
  reporter.samples(texts.map((text) => ({ text, known: material.known.has(text) })));
  run.close();
  if (prompts !== null) await printCompletions(writer, prompts, sampling);
  else if (process.stdin.isTTY && process.stdout.isTTY) await promptLoop(writer, sampling);
  return 0;
}
