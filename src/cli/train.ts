/**
 * `microgpt train` and `microgpt resume`: text in, a run directory out; then samples, then prompts.
 */
import type { Checkpoint } from "../checkpoint.ts";
import { checkTogether } from "../config.ts";
import type { Gpu } from "../backend/webgpu-device.ts";
import type { TrainOptions } from "../config.ts";
import { initTensors } from "../engine.ts";
import type { Engine, Tensors } from "../engine.ts";
import { InputError } from "../errors.ts";
import { findBlas } from "../node/blas.ts";
import { showPath } from "../node/files.ts";
import { Run, stemOf } from "../node/run.ts";
import { newProgress } from "../train.ts";
import type { Evaluation } from "../train.ts";
import { decide, openEngine, resumeEngine, settle, usesBlas } from "./engines.ts";
import { findGpu } from "./gpu.ts";
import { originOf, PASSES, prepare } from "./material.ts";
import type { Material } from "./material.ts";
import { printCompletions, promptLoop, readPrompts } from "./prompts.ts";
import type { Reporter } from "./reporter.ts";
import { createReporter } from "./reporter.ts";
import { watchReading } from "./reading.ts";
import { sampleTexts } from "./sample.ts";
import { gather, locate, runSources, sourcesOf, withoutPassword } from "./sources.ts";
import { Training } from "./training.ts";
import type { Best } from "./training.ts";

/** How to report, and what to do after the training. */
export interface ReportFlags {
  readonly json: boolean;
  readonly promptFile: string | null;
}

export interface RunFlags extends ReportFlags {
  readonly name: string | null;
  readonly runsDir: string;
}

/** Starts a training. Resolves to the exit code. Throws InputError, before anything is written, for bad input. */
export async function train(given: TrainOptions, flags: RunFlags): Promise<number> {
  checkTogether(given);
  const options = decide(locate(given));
  const reporter = createReporter(flags.json);
  const gathered = await gather(options, reporter);
  const sources = sourcesOf(gathered);
  watchReading(sources, PASSES, (reading) => reporter.reading(reading));
  const material = prepare(options, sources);
  const prompts =
    flags.promptFile === null
      ? null
      : readPrompts(flags.promptFile, material.tokenizer, (message) => reporter.warn(message));
  const { engine, decided, why } = await start(material, { ...options, engine: given.engine }, reporter);
  const run = Run.create(
    flags.runsDir,
    flags.name,
    stemOf(options.data, options.urls),
    decided,
    material.tokenizer,
    gathered.fetched,
  );
  try {
    const training = new Training(run, material, engine, newProgress(), null, reporter, why);
    return await finish(run, material, training, reporter, prompts);
  } finally {
    run.close();
  }
}

/** Goes on with a run from its newest whole checkpoint, exactly as if it had never stopped. */
export async function resume(path: string, flags: ReportFlags): Promise<number> {
  const run = Run.openToTrain(path);
  try {
    const reporter = createReporter(flags.json);
    const checkpoint = await run.loadCheckpoint((message) => reporter.warn(message));
    const sources = await runSources(run);
    watchReading(sources, PASSES, (reading) => reporter.reading(reading));
    const material = prepare(run.options, sources);
    const prompts =
      flags.promptFile === null
        ? null
        : readPrompts(flags.promptFile, material.tokenizer, (message) => reporter.warn(message));
    const training =
      checkpoint === null
        ? new Training(
            run,
            material,
            (await start(material, run.options, reporter)).engine,
            newProgress(),
            null,
            reporter,
          )
        : await restore(run, material, checkpoint, reporter);
    return await finish(run, material, training, reporter, prompts);
  } finally {
    run.close();
  }
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
  return { engine, decided: { ...asked, engine: used, urls }, why: settled?.why ?? null };
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
  prompts: readonly string[] | null,
): Promise<number> {
  const engine = await training.complete();
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
