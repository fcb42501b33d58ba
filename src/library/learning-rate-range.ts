/**
 * A learning-rate range test (Smith 2017, arXiv:1506.01186; `lr_find` of fast.ai): a short training from fresh weights whose
 * learning rate grows by the same factor per step, from far too low to far too high. Its losses say which rates suit the
 * model. The weights are of no use afterwards. `train.ts` trains with a rate; this file finds one.
 */
import { dropoutSeedAt } from "../training/dropout.ts";
import type { Engine } from "../training/engine.ts";
import { Pacer } from "../training/pacer.ts";
import { batchesOf } from "../training/train.ts";
import type { TrainSettings } from "../training/train.ts";
import type { Sequence, Tokens } from "../text/token-sequences.ts";
import type { Clock } from "./budget.ts";

/** The learning rate of the first and of the last step; with weight decay, the last is the highest that keeps the sign of weights. */
const [LOWEST, HIGHEST] = [1e-5, 1];
/** The test lasts about this long, but has no fewer and no more steps than these. */
const [SECONDS, MIN_STEPS, MAX_STEPS] = [10, 50, 200];
/** Steps at the lowest rate before the test: the first compiles and fills caches, the others are timed. */
const TIMED_STEPS = 3;
/** Weight of the losses so far in the smoothed loss. */
const SMOOTHING = 0.9;
/** The test ends where the smoothed loss is this many times its lowest. */
const EXPLOSION = 4;
/** The suggestion is this fraction of the highest rate with a bounded loss, in a test of `MAX_STEPS`. */
const SHARE = 1 / 4;
/** A loss has begun to fall after this fraction of its whole fall. */
const BEGUN = 0.05;
/** A smaller fall of the loss, as a fraction of it, is noise. */
const MIN_FALL = 0.02;
/** Growth of the logarithm of the rate per step, in a test of `MAX_STEPS`. */
const SLOWEST = Math.log(HIGHEST / LOWEST) / (MAX_STEPS - 1);

/** What a step of the test has in common with one of the training. */
export type RangeSettings = Pick<TrainSettings, "batchSize" | "accumulate" | "weightDecay" | "clipNorm" | "seed">;

/** A step of the test. */
export interface RangePoint {
  /** The learning rate of this step. */
  readonly learningRate: number;
  /** Exponential mean of the training losses up to this step, in nats per token, without the bias of its start (as Adam's). */
  readonly loss: number;
}

/** What the test suggests. */
export interface SuggestedRate {
  /** The peak learning rate to train with, in two digits. */
  readonly learningRate: number;
  /** The smoothed loss fell between these learning rates: from where it had begun to, up to its lowest. */
  readonly falling: readonly [from: number, to: number];
  /** The highest learning rate before the loss exploded, or of the test. */
  readonly bounded: number;
}

/**
 * Trains with a growing learning rate, and yields each step. Ends after the highest rate, or before it where the loss
 * explodes or a step was not applied; that step is not yielded. Changes the engine's state. Lets the event loop run
 * every 10 ms.
 * @param engine with fresh weights. @param train documents as tokens; must not be empty. @param clock decides the number of steps.
 */
export async function* learningRateRange(
  engine: Engine,
  train: Sequence<Tokens>,
  settings: RangeSettings,
  clock: Clock,
): AsyncGenerator<RangePoint, void, void> {
  const { weightDecay = 0, clipNorm = null, seed = 0 } = settings;
  let [step, sum, weight] = [0, 0, 0];
  const stepAt = async (learningRate: number): Promise<RangePoint | null> => {
    const update = { step, learningRate, weightDecay, clipNorm, dropoutSeed: dropoutSeedAt(seed, step) };
    const { loss, applied } = await engine.step(batchesOf(train, step++, settings), update);
    sum = SMOOTHING * sum + (1 - SMOOTHING) * loss;
    weight = SMOOTHING * weight + (1 - SMOOTHING);
    return applied ? { learningRate, loss: sum / weight } : null;
  };
  await stepAt(LOWEST);
  const numSteps = await stepsInTime(() => stepAt(LOWEST), clock);
  const pacer = new Pacer();
  let best = Infinity;
  for (const learningRate of growingRates(numSteps, Math.min(HIGHEST, 1 / weightDecay))) {
    if (pacer.isDue) await pacer.pause();
    const point = await stepAt(learningRate);
    if (point === null || !(point.loss <= EXPLOSION * best)) return;
    best = Math.min(best, point.loss);
    yield point;
  }
}

/** How many steps the test may take. */
async function stepsInTime(step: () => Promise<unknown>, clock: Clock): Promise<number> {
  const begin = await clock();
  for (let i = 0; i < TIMED_STEPS; i++) await step();
  const stepMs = ((await clock()) - begin) / TIMED_STEPS;
  return Math.min(Math.max(MIN_STEPS, Math.floor((1000 * SECONDS) / stepMs)), MAX_STEPS);
}

/** `LOWEST` to `highest`, each the same factor above the one before. */
const growingRates = (count: number, highest: number): number[] =>
  Array.from({ length: count }, (_, i) => LOWEST * (highest / LOWEST) ** (i / (count - 1)));

/**
 * The learning rate that a test suggests: a quarter of the highest with a bounded loss. Where the rate grows faster than in a test of
 * `MAX_STEPS`, the loss has fewer steps to explode in, and does so at a higher rate, by about the square root, which is divided out. Of the
 * rules that were tried this cost least (LOG.md): where the loss is lowest, or falls most steeply, changes with every bump of
 * the curve; where it explodes does not. null: the loss did not fall.
 * @param points of the whole test.
 */
export function suggestLearningRate(points: readonly RangePoint[]): SuggestedRate | null {
  if (points.length < 2) return null;
  const [{ learningRate: begin, loss: first }, { learningRate: second }] = points;
  const best = points.reduce((lower, point) => (point.loss < lower.loss ? point : lower));
  const fall = first - best.loss;
  if (!(fall > MIN_FALL * first)) return null;
  const before = points.slice(0, points.indexOf(best));
  const from = before.findLast(({ loss }) => loss > first - BEGUN * fall)!;
  const bounded = points.at(-1)!.learningRate;
  const speed = Math.log(second / begin) / SLOWEST;
  return {
    learningRate: Number(((SHARE * bounded) / Math.sqrt(speed)).toPrecision(2)),
    falling: [from.learningRate, best.learningRate],
    bounded,
  };
}
