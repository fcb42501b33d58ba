import { describe, expect, test } from "vitest";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { hasEndedEarly, isEvaluationStep, OverfittingWatch } from "../../src/training/evaluations.ts";
import type { EvaluationSettings } from "../../src/training/evaluations.ts";
import { newProgress, trainSteps } from "../../src/training/train.ts";
import type { Progress, TrainEvent } from "../../src/training/train.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";

describe("a training evaluates", () => {
  test.each<[string, EvaluationSettings, number, number[]]>([
    [
      "early and densely, then every 100 steps",
      { evalInterval: null, batchSize: 64 },
      100,
      [1, 2, 5, 10, 20, 50, 100, 200],
    ],
    ["not while it would read twice what was learnt", { evalInterval: null, batchSize: 4 }, 100, [20, 50, 100, 200]],
    ["batches of a step together", { evalInterval: null, batchSize: 4, accumulate: 5 }, 100, [5, 10, 20, 50, 100, 200]],
    ["one document per step: late", { evalInterval: null }, 100, [50, 100, 200]],
    ["at the interval alone, where one is given", { evalInterval: 100, batchSize: 64 }, 100, [100, 200]],
    ["at a small interval", { evalInterval: 60, batchSize: 64 }, 100, [60, 120, 180]],
    ["with nothing held out, every 100 steps for what is shown", { evalInterval: null, batchSize: 64 }, 0, [100, 200]],
  ])("%s", (_, settings, heldOut, expected) => {
    const steps = Array.from({ length: 201 }, (_unused, step) => step);
    expect(steps.filter((step) => isEvaluationStep(step, settings, heldOut))).toEqual(expected);
  });
});

test("a training ends early after so many evaluations at the interval; the early ones do not count", () => {
  const ended = (
    evaluated: number,
    best: number,
    earlyStop: number | null,
    evalInterval: number | null = null,
  ): boolean => hasEndedEarly({ evalInterval, earlyStop }, evaluated, best);
  expect([50, 100, 200, 299, 300].map((step) => ended(step, 20, 3))).toEqual([false, false, false, false, true]);
  expect([ended(200, 200, 1), ended(300, 200, 1), ended(400, 250, 2)]).toEqual([false, true, true]);
  const extended = { evalInterval: null, earlyStop: 2, pastPlans: [{ until: 300, numSteps: 1000 }] };
  expect([300, 400, 500].map((step) => hasEndedEarly(extended, step, 20))).toEqual([false, false, true]);
  expect([ended(19, 9, 1, 10), ended(20, 10, 1, 10), ended(1e6, 1, null)]).toEqual([true, true, false]);
});

/** The evaluations, one per entry, at which the watch says that the text is learnt by heart. */
function said(heldOut: readonly number[], meanLosses: readonly number[]): number[] {
  const watch = new OverfittingWatch();
  const progress: Progress = newProgress();
  return heldOut.flatMap((heldOutLoss, i) => {
    progress.evaluation = { step: i, heldOutLoss };
    progress.meanLoss = meanLosses[i];
    if (progress.best === null || heldOutLoss < progress.best.heldOutLoss) progress.best = progress.evaluation;
    return watch.take(progress) ? [i] : [];
  });
}

const falling = Array.from({ length: 12 }, (_, i) => 4 - i / 4);

describe("learning by heart is said", () => {
  test("once, at the second evaluation that is clearly above the best, while the training loss is below it", () => {
    expect(said([5, 4, 3, 3.2, 3.5, 4, 5, 6, 7, 8, 9, 10], falling)).toEqual([6]);
    expect(said([5, 4, 3, 3.2, 3.5, 4], [5, 4, 2.5, 2, 1.5, 1])).toEqual([4]);
    // A recovery in between begins anew.
    expect(said([5, 3, 3.2, 2.9, 3.2, 3.1, 3.3], [5, 2.5, 2, 2, 2, 2, 2])).toEqual([6]);
  });

  test("not for noise, however long: 2 % around a level, with the training loss far below", () => {
    const random = new Random(1);
    const noisy = Array.from({ length: 1000 }, () => 2.2 * (1 + 0.02 * (random.random() - 0.5)));
    expect(
      said(
        noisy,
        noisy.map(() => 1),
      ),
    ).toEqual([]);
  });

  test("not for a training that diverges, or whose training loss is no lower", () => {
    expect(said([3, 2, 3, 4, 5, 6], [3, 2, 3, 4, 5, 6])).toEqual([]);
    expect(said([3, 2, 3, 4, 5, 6], [3, 1.95, 1.95, 1.95, 1.95, 1.95])).toEqual([]);
  });

  test("not for one evaluation that was bad, nor for a lucky one before a fall", () => {
    expect(said([3, 2.5, 2, 3, 1.9, 1.8, 1.7], [1, 1, 1, 1, 1, 1, 1])).toEqual([]);
    expect(said([3, 2, 2.5, 2.4, 2.3, 2.2, 2.1], [1, 1, 1, 1, 1, 1, 1])).toEqual([]);
  });
});

const CONFIG = { vocabSize: 5, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 4 };
const HELD_OUT = [[4, 3, 3, 4]];
const TRAIN = [[4, 0, 1, 2, 4]];

/** Trains on a text that has nothing of the held-out one, so that its loss there rises. */
async function trainOn(engine: AtomicEngine, progress: Progress, more: object): Promise<TrainEvent[]> {
  const settings = { numSteps: 200, learningRate: 0.05, evalInterval: null, ...more };
  const events: TrainEvent[] = [];
  for await (const event of trainSteps(engine, TRAIN, HELD_OUT, settings, progress)) {
    if (event.type === "evaluation") events.push(event);
  }
  return events;
}

const newEngine = (): AtomicEngine => new AtomicEngine(CONFIG, initWeights(CONFIG, new Random(1)));
const stepsOf = (events: readonly TrainEvent[]): unknown[] =>
  events.map((event) => ("step" in event ? event.step : null));

test("a training says once that it learns by heart, and ends early where it should", async () => {
  const whole = await trainOn(newEngine(), newProgress(), {});
  expect(stepsOf(whole)).toEqual([1, 2, 5, 10, 20, 50, 100, 200]);
  expect(whole.filter((event) => "overfitting" in event)).toHaveLength(1);
  const progress = newProgress();
  const engine = newEngine();
  const ended = await trainOn(engine, progress, { earlyStop: 1 });
  expect(ended).toEqual(whole.slice(0, 7));
  expect(progress.step).toBe(100);
  // Resumed, it does nothing more.
  expect(await trainOn(engine, progress, { earlyStop: 1 })).toEqual([]);
  expect(progress.step).toBe(100);
});

test("a training resumed between early evaluations evaluates as one that was never stopped", async () => {
  const whole = await trainOn(newEngine(), newProgress(), { earlyStop: 1 });
  const [engine, progress] = [newEngine(), newProgress()];
  const first = await trainOn(engine, progress, { earlyStop: 1, until: 20 });
  const rest = await trainOn(engine, progress, { earlyStop: 1 });
  const losses = (events: readonly TrainEvent[]): unknown[] =>
    events.map((event) => "heldOutLoss" in event && event.heldOutLoss);
  expect(losses([...first, ...rest])).toEqual(losses(whole));
});
