/**
 * How many steps a training may take, where the budget is not steps but tokens or seconds.
 *
 * It is decided once, before the first step, and the run remembers it as its --num-steps: the learning rate falls along
 * steps, and a training that is resumed, or moved to another machine, is still the same training. So seconds are an
 * estimate, from a short trial on the machine that trains; tokens are a matter of arithmetic.
 */
import type { Engine } from "../training/engine.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { InputError } from "../errors.ts";
import { batchesOf, countTargets, evaluateInSlices } from "../training/train.ts";
import type { TrainingData } from "../library/training-data.ts";

/** The trial takes this share of the time; bounds in seconds. What it has learnt is forgotten. */
const TRIAL_SHARE = 0.03;
const [MIN_TRIAL, MAX_TRIAL] = [0.3, 3];
/** Of the trial, in which code is compiled and caches are filled. */
const WARM_UP_SHARE = 0.3;
/** A save's file, hash and disk, as a multiple of taking the state out of the engine. */
const SAVE_FACTOR = 4;
const MAX_STEPS = 1_000_000_000;

/**
 * The steps of a training: those asked for, or as many as the budget has room for, at least one. The engine is as it was.
 * Throws InputError if the warm-up alone would take them all.
 */
export async function stepsFor(options: ResolvedOptions, data: TrainingData, engine: Engine): Promise<number> {
  const { tokens, seconds, numSteps } = options;
  const steps = tokens !== null ? stepsOfTokens(options, data, tokens) : null;
  if (steps === null && seconds === null) return numSteps;
  const decided = steps ?? (await stepsOfSeconds(options, data, engine, seconds!));
  const fitting = Math.min(Math.max(1, Math.round(decided)), MAX_STEPS);
  if (options.warmupSteps < fitting) return fitting;
  throw new InputError(
    `--warmup-steps ${options.warmupSteps} leaves none of the ${fitting} steps that fit; warm up for fewer`,
  );
}

function stepsOfTokens(
  { batchSize, accumulate, blockSize }: ResolvedOptions,
  { train }: TrainingData,
  tokens: number,
): number {
  return tokens / ((countTargets(train, blockSize) / train.length) * batchSize * accumulate);
}

async function stepsOfSeconds(
  options: ResolvedOptions,
  data: TrainingData,
  engine: Engine,
  seconds: number,
): Promise<number> {
  const state = await engine.save();
  const trial = Math.min(Math.max(TRIAL_SHARE * seconds, MIN_TRIAL), MAX_TRIAL);
  const stepSeconds = await timeSteps(options, data, engine, trial);
  const heldOut = data.heldOut.slice(0, options.evalDocuments);
  const evalSeconds = await time(async () => {
    for await (const _ of evaluateInSlices(engine, heldOut));
  });
  const saveSeconds = SAVE_FACTOR * (await time(() => engine.save()));
  await engine.load(state);
  const overhead = (heldOut.length > 0 ? evalSeconds / options.evalInterval : 0) + saveSeconds / options.saveInterval;
  return seconds / (stepSeconds + overhead);
}

/** Seconds a step, the mean after the first part of a trial that takes about `seconds`. */
async function timeSteps(
  options: ResolvedOptions,
  { train }: TrainingData,
  engine: Engine,
  seconds: number,
): Promise<number> {
  // So small that no weights grow beyond all bounds, which would take other times.
  const learningRate = 1e-6 * options.learningRate;
  const update = { learningRate, weightDecay: options.weightDecay, clipNorm: options.clipNorm };
  const begin = performance.now();
  let [warmStep, warmMs] = [0, begin];
  for (let step = 0; ;) {
    await engine.step(batchesOf(train, step, options), { ...update, step });
    step++;
    const now = performance.now();
    if (warmStep === 0 && now - begin > 1000 * WARM_UP_SHARE * seconds) [warmStep, warmMs] = [step, now];
    if (now - begin < 1000 * seconds || step === warmStep) continue;
    return (now - warmMs) / 1000 / (step - warmStep);
  }
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return (performance.now() - begin) / 1000;
}
