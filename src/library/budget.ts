/**
 * How many steps a training may take, where the budget is not steps but tokens or seconds.
 *
 * Decided once, before the first step, and stored as the run's --num-steps: the learning rate schedule depends on it,
 * so a run that is resumed, or moved to another machine, must keep it. Seconds are converted by a short trial on
 * the machine that trains, so they are an estimate; tokens convert to steps by arithmetic.
 */
import type { Engine } from "../training/engine.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { InputError } from "../errors.ts";
import { countEarly, intervalOf } from "../training/evaluations.ts";
import { batchesOf, countTargets, evaluateInSlices } from "../training/train.ts";
import type { TrainingData } from "../library/training-data.ts";
import type { Ranks } from "../training/ranks.ts";

/** The trial takes this fraction of the time, within bounds in seconds. Its training is undone. */
const TRIAL_SHARE = 0.03;
const [MIN_TRIAL, MAX_TRIAL] = [0.3, 3];
/** Fraction of the trial that is not timed: code is compiled and caches fill. */
const WARM_UP_SHARE = 0.3;
/** Time of a whole save (state, hash, file) ÷ time to read the state from the engine. */
const SAVE_FACTOR = 4;
const MAX_STEPS = 1_000_000_000;

/** The time in milliseconds, from any moment on. */
export type Clock = () => Promise<number>;

/** The clock by which all ranks decide how long a trial takes: that of rank 0. null: this process is alone. */
export const clockOf = (ranks: Ranks | null): Clock => {
  if (ranks === null) return async () => performance.now();
  return async () => await ranks.ofFirst(performance.now());
};

/**
 * The steps of a training: those asked for, or as many as fit the budget, at least one. Leaves the engine's state as it
 * was. Throws InputError if the warm-up would take all of them.
 */
export async function stepsFor(
  options: ResolvedOptions,
  data: TrainingData,
  engine: Engine,
  clock: Clock,
): Promise<number> {
  const { tokens, seconds, numSteps } = options;
  const steps = tokens !== null ? stepsOfTokens(options, data, tokens) : null;
  if (steps === null && seconds === null) return numSteps;
  const decided = steps ?? (await stepsOfSeconds({ options, data, engine, clock }, seconds!));
  const fitting = Math.min(Math.max(1, Math.round(decided)), MAX_STEPS);
  if (options.warmupSteps < fitting) return fitting;
  throw new InputError(
    `--warmup-steps ${options.warmupSteps} must be less than the ${fitting} steps that fit the budget`,
  );
}

function stepsOfTokens(
  { batchSize, accumulate, blockSize }: ResolvedOptions,
  { train }: TrainingData,
  tokens: number,
): number {
  return tokens / ((countTargets(train, blockSize) / train.length) * batchSize * accumulate);
}

/** What a trial trains. */
interface Trial {
  readonly options: ResolvedOptions;
  readonly data: TrainingData;
  readonly engine: Engine;
  readonly clock: Clock;
}

async function stepsOfSeconds(trial: Trial, seconds: number): Promise<number> {
  const length = Math.min(Math.max(TRIAL_SHARE * seconds, MIN_TRIAL), MAX_TRIAL);
  const { stepSeconds, earlySeconds } = await timeTraining(trial, length);
  return (seconds - earlySeconds) / stepSeconds;
}

/** Estimates the seconds of a training of `numSteps`, by a short trial. Leaves the engine's state as it was. */
export async function estimateSeconds(options: ResolvedOptions, data: TrainingData, engine: Engine): Promise<number> {
  const trial = { options, data, engine, clock: clockOf(null) };
  const { stepSeconds, earlySeconds } = await timeTraining(trial, MAX_TRIAL / 3);
  return earlySeconds + options.numSteps * stepSeconds;
}

/** How often each training document, or window, is learnt in `numSteps`. */
export const passesOf = ({ numSteps, batchSize, accumulate }: ResolvedOptions, { train }: TrainingData): number =>
  (numSteps * batchSize * accumulate) / train.length;

/** Seconds of a training, by a trial. */
interface TrainingTime {
  /** Mean per step, with its share of the evaluations at the interval and of the saves. */
  readonly stepSeconds: number;
  /** Of the early evaluations together. */
  readonly earlySeconds: number;
}

/** Times a trial of about `seconds`. Leaves the engine's state as it was. */
async function timeTraining(trial: Trial, seconds: number): Promise<TrainingTime> {
  const { options, data, engine, clock } = trial;
  const state = await engine.save();
  const stepSeconds = await timeSteps(trial, seconds);
  const heldOut = data.heldOut.slice(0, options.evalDocuments);
  const evalSeconds = await time(clock, async () => {
    for await (const _ of evaluateInSlices(engine, heldOut));
  });
  const copySeconds = await time(clock, () => engine.save());
  const saveSeconds = SAVE_FACTOR * copySeconds;
  await engine.load(state);
  // While a model learns, most evaluations find better weights, which are copied, and at the interval also saved.
  const regular = heldOut.length > 0 ? (evalSeconds + copySeconds + saveSeconds) / intervalOf(options) : 0;
  return {
    stepSeconds: stepSeconds + regular + saveSeconds / options.saveInterval,
    earlySeconds: countEarly(options, heldOut.length) * (evalSeconds + copySeconds),
  };
}

/** Mean seconds per step, in a trial of about `seconds` whose first part is not timed. */
async function timeSteps({ options, data, engine, clock }: Trial, seconds: number): Promise<number> {
  // Too small for the weights to diverge: steps with infinite numbers may take another time.
  const learningRate = 1e-6 * options.learningRate;
  const update = { learningRate, weightDecay: options.weightDecay, clipNorm: options.clipNorm };
  const begin = await clock();
  let [warmStep, warmMs] = [0, begin];
  for (let step = 0; ;) {
    await engine.step(batchesOf(data.train, step, options), { ...update, step });
    step++;
    const now = await clock();
    if (warmStep === 0 && now - begin > 1000 * WARM_UP_SHARE * seconds) [warmStep, warmMs] = [step, now];
    if (now - begin < 1000 * seconds || step === warmStep) continue;
    return (now - warmMs) / 1000 / (step - warmStep);
  }
}

async function time(clock: Clock, work: () => Promise<unknown>): Promise<number> {
  const begin = await clock();
  await work();
  return ((await clock()) - begin) / 1000;
}
