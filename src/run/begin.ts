/**
 * A training from its data to its samples: a new run (`begin`), or one that was stopped (`continueRun`). It reports
 * to a reporter and does not use the terminal.
 */
import { encodeCheckpoint } from "../training/checkpoint.ts";
import type { Checkpoint } from "../training/checkpoint.ts";
import { countParameters } from "../training/engine.ts";
import type { Tensors } from "../training/engine.ts";
import { InputError } from "../errors.ts";
import type { FetchedText } from "../node/fetched.ts";
import { showPath } from "../errors.ts";
import { Run } from "../node/run-directory.ts";
import { stemOf } from "../node/run-name.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { newProgress } from "../training/train.ts";
import type { Evaluation } from "../training/train.ts";
import { resumeEngine } from "../library/engines.ts";
import { optionsTextAt, usedBlas } from "../library/run-config.ts";
import { checkpointName, tokenizerTextOf } from "../library/run-files.ts";
import { startTraining } from "../library/start.ts";
import type { StartedTraining } from "../library/start.ts";
import type { Machine } from "../library/machine.ts";
import { mustResumeSame } from "./agreement.ts";
import { follow } from "./follower.ts";
import type { FollowedTraining } from "./follower.ts";
import { nodeMachine } from "./machine.ts";
import { originOf } from "./origin.ts";
import type { ExtendOptions } from "../options/train-options.ts";
import { extendRun } from "./extension.ts";
import { documentsOf } from "../library/training-data.ts";
import type { TrainingData } from "../library/training-data.ts";
import { programName } from "./program-name.ts";
import type { Reporter } from "./reporter.ts";
import { StopRequest } from "./signals.ts";
import { Training } from "./training.ts";
import type { Best, TrainingParts } from "./training.ts";
import { sampleText, samplesOf } from "./write.ts";
import type { Writer, WrittenText } from "./write.ts";

/** Where a new run is made, and what it may use. */
export interface NewRun {
  /** The directory in which the run is made. */
  readonly runsDir: string;
  /** The run's name; null: the first free one made from the data's. */
  readonly name: string | null;
  /** Texts that cannot be read again; the run keeps them. */
  readonly fetched: readonly FetchedText[];
  /** The weights to begin with; null: random ones. */
  readonly weights?: Tensors | null;
  /** Whether the training may choose its engine by itself (`mayChooseEngine`). */
  readonly mayChooseEngine: boolean;
  /** What the training may use. Of several ranks, rank 0 makes the run. Default: this machine, alone. */
  readonly machine?: Machine;
}

/** How far to train. */
export interface TrainingGoal {
  /** A fraction of the steps, above 0 to 1; below 1 the run is measured there, without samples. */
  readonly share: number;
}

/** The step at which a goal is reached. */
export const stepAt = ({ share }: TrainingGoal, numSteps: number): number => Math.max(1, Math.round(share * numSteps));

/** How a training ended. */
export interface Outcome {
  /** 0, or the code of the signal that stopped it. */
  readonly exitCode: number;
  /** What can write with the trained model; null where the training was stopped, or had steps left. */
  readonly writer: Writer | null;
}

/** Makes a run and trains it. Throws InputError, as `Training.complete` does. */
export async function begin(
  data: TrainingData,
  options: ResolvedOptions,
  newRun: NewRun,
  goal: TrainingGoal,
  reporter: Reporter,
): Promise<Outcome> {
  const { runsDir, name, fetched, weights = null, machine = nodeMachine } = newRun;
  const warn = (message: string): void => reporter.warn(message);
  const started = await startTraining(data, options, newRun.mayChooseEngine, machine, warn, weights);
  const stem = stemOf(options.data, options.urls);
  const { ranks = null } = machine;
  if (isFollower(machine)) {
    const training = { ...started, data, progress: newProgress(), best: null, machine };
    return await StopRequest.during((stop) => followTo(goal, training, stop), ranks);
  }
  const first = weights === null ? undefined : await firstCheckpoint(data, started);
  return await StopRequest.during(async (stop) => {
    const run = Run.create(runsDir, name, stem, started.options, data.tokenizer, fetched, first);
    try {
      const { engine, why } = started;
      const progress = newProgress();
      const training = new Training({ run, data, engine, progress, best: null, reporter, why, machine });
      return await finish(run, data, training, reporter, goal, stop);
    } finally {
      run.close();
    }
  }, ranks);
}

/** Whether this process is a rank that leaves reporting and saving to rank 0. */
const isFollower = ({ ranks = null }: Machine): boolean => ranks !== null && ranks.rank > 0;

async function followTo(goal: TrainingGoal, training: FollowedTraining, stop: StopRequest): Promise<Outcome> {
  return { exitCode: await follow(training, stepAt(goal, training.options.numSteps), stop), writer: null };
}

/**
 * The file of the state before the first step, by its path in the run: with it, the run no longer needs the other one, which
 * its weights are from.
 */
async function firstCheckpoint(
  data: TrainingData,
  { engine, options }: StartedTraining,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const hashed = {
    tokenizerText: tokenizerTextOf(data.tokenizer),
    optionsTextAt: (step: number) => optionsTextAt({ ...options }, step),
  };
  const [origin, state] = [await originOf(data, hashed, 0), await engine.save()];
  const checkpoint = { ...origin, progress: newProgress(), random: data.random.getState(), state };
  return new Map([[`checkpoints/${checkpointName(0)}`, await encodeCheckpoint(checkpoint)]]);
}

/**
 * Resumes a run, which must be open to train, and closes it. Throws as `begin`.
 * @param extension how long the training is to be from now on; null: as it was. @param machine as in `NewRun`; ranks other than
 * the first only read the run.
 */
export async function continueRun(
  run: Run,
  data: TrainingData,
  goal: TrainingGoal,
  reporter: Reporter,
  stop: StopRequest,
  extension: ExtendOptions | null = null,
  machine: Machine = nodeMachine,
): Promise<Outcome> {
  try {
    const checkpoint = await run.loadCheckpoint((message) => reporter.warn(message));
    const resumed = { run, data, extension, reporter, machine };
    const parts = checkpoint === null ? await startAgain(resumed) : await restore(resumed, checkpoint);
    const { ranks = null } = machine;
    if (ranks !== null) await mustResumeSame(ranks, parts.progress);
    if (isFollower(machine)) return await followTo(goal, { ...parts, options: run.options, machine }, stop);
    return await finish(run, data, new Training(parts), reporter, goal, stop);
  } finally {
    run.close();
  }
}

/** A run that is resumed. */
interface Resumed {
  readonly run: Run;
  readonly data: TrainingData;
  readonly extension: ExtendOptions | null;
  readonly reporter: Reporter;
  readonly machine: Machine;
}

/** Restarts a run that was stopped before its first save. Its options already hold the steps of its budget. */
async function startAgain({ run, data, extension, reporter, machine }: Resumed): Promise<TrainingParts> {
  if (run.options.from !== undefined) {
    throw new InputError(
      `${showPath(run.path)} has no checkpoint, and began with the weights of another run; begin anew`,
    );
  }
  const options = { ...run.options, tokens: null, seconds: null };
  const { engine } = await startTraining(data, options, false, machine, (message) => reporter.warn(message));
  const { ranks = null } = machine;
  if (extension !== null) await extendRun(run, extension, { data, engine, done: null, ranks }, reporter);
  return { run, data, engine, progress: newProgress(), best: null, reporter, why: null, machine };
}

/** What a user, or a failing disk, may have changed since the run began: it would be another training. */
const CHANGEABLE = [
  ["dataHash", "the data is"],
  ["tokenizerHash", "tokenizer.json is"],
  ["optionsHash", "config.json is"],
] as const;

async function restore(
  { run, data, extension, reporter, machine }: Resumed,
  checkpoint: Checkpoint,
): Promise<TrainingParts> {
  const { state, progress, random } = checkpoint;
  const origin = await originOf(data, run, progress.step);
  const changed = CHANGEABLE.find(([hash]) => checkpoint[hash] !== origin[hash]);
  if (changed !== undefined) {
    throw new InputError(`${showPath(run.path)}: ${changed[1]} not what the run began with; restore it to resume`);
  }
  // A sweep that lacks its prepared text reads it again, and before 2026-11-28 merges were learnt from held-out text, too.
  if (JSON.stringify(data.tokenizer) !== JSON.stringify(run.tokenizer)) {
    throw new InputError(`${showPath(run.path)}: its text has another vocabulary now; resume it by microgpt resume`);
  }
  if (usedBlas(run.optionsTextAt(progress.step), countParameters(data.config))) {
    reporter.warn("the run began with a BLAS library, which microgpt no longer uses; the last digits will differ");
  }
  const warn = (message: string): void => reporter.warn(message);
  const engine = await resumeEngine(data.config, state, run.options, machine, warn);
  data.random.setState(random);
  const { ranks = null } = machine;
  if (extension !== null) await extendRun(run, extension, { data, engine, done: progress.step, ranks }, reporter);
  const best = progress.best === null ? null : await findBest(run, progress.best);
  if (progress.best !== null && best === null) {
    reporter.warn(`the best weights (step ${progress.best.step}) cannot be read; the search for the best starts over`);
    progress.best = null;
  }
  return { run, data, engine, progress, best, reporter, why: null, machine };
}

/** The best weights: from model.safetensors, or, where that is damaged, from the checkpoint that is kept for it. */
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

/** Trains to the goal, then writes the samples. A training that was stopped by a signal has none. */
async function finish(
  run: Run,
  data: TrainingData,
  training: Training,
  reporter: Reporter,
  goal: TrainingGoal,
  stop: StopRequest,
): Promise<Outcome> {
  const stopEarly = (exitCode: number): Outcome => {
    reporter.note(`to resume: ${programName()} resume ${showPath(run.path)}`);
    return { exitCode, writer: null };
  };
  const engine = await training.complete(stepAt(goal, run.options.numSteps), stop);
  if (engine === 0) return { exitCode: 0, writer: null };
  if (typeof engine === "number") return stopEarly(engine);
  stop.stopAlone();
  const { numSamples, temperature } = run.options;
  const writer = { engine, tokenizer: data.tokenizer, random: data.random, options: run.options };
  const texts: WrittenText[] = [];
  while (texts.length < numSamples) {
    texts.push(await sampleText(writer, { temperature, topK: null, topP: null, maxTokens: null }));
    if (await stop.heard()) return stopEarly(stop.exitCode ?? 0);
  }
  const samples = samplesOf(texts, documentsOf(data), data.tokenizer);
  run.saveSamples(samples);
  reporter.samples(samples);
  return { exitCode: 0, writer };
}
