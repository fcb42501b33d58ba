import { describe, expect, test } from "vitest";
import type { Clock } from "../../src/library/budget.ts";
import { learningRateRange, suggestLearningRate } from "../../src/library/learning-rate-range.ts";
import type { RangePoint, RangeSettings } from "../../src/library/learning-rate-range.ts";
import { dropoutSeedAt } from "../../src/training/dropout.ts";
import type { Engine, StepResult, Update } from "../../src/training/engine.ts";
import { batchesOf } from "../../src/training/train.ts";
import type { Tokens } from "../../src/text/token-sequences.ts";
import { newAtomic, newTensorEngine, wasm } from "../setup/tensor-models.ts";

const CONFIG = { vocabSize: 5, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 8 };
const TEXT: readonly Tokens[] = [
  [4, 0, 1, 2, 3, 4],
  [4, 0, 1, 0, 1, 4],
  [4, 2, 3, 4],
];

/** An engine that can only step. */
function steppingEngine(step: (update: Update, batches: readonly (readonly Tokens[])[]) => StepResult): Engine {
  const refuse = (): never => expect.fail("a range test only steps");
  return {
    kind: "reference",
    name: "fake",
    config: CONFIG,
    step: async (batches, update) => step(update, batches),
    evaluate: refuse,
    reader: refuse,
    save: refuse,
    load: refuse,
  };
}

/** A model whose loss falls from 4 to 2.1 below the rate `critical`, the faster the higher the rate; above, it explodes likewise. */
function modelWith(critical: number): Engine {
  let excess = 2;
  return steppingEngine(({ learningRate }) => {
    const loss = 2 + excess;
    const ratio = learningRate / critical;
    excess = Math.max(0.1, excess * (ratio < 1 ? 1 - 0.5 * ratio : 2 * ratio));
    return { loss, applied: true };
  });
}

/** A clock by which each step takes so many milliseconds: it is asked before and after three. */
function clockWith(stepMs: number): Clock {
  let [ms, asked] = [0, 0];
  return async () => (asked++ === 0 ? ms : (ms += 3 * stepMs));
}

async function rangeOf(engine: Engine, settings: RangeSettings = {}, stepMs: number = 1): Promise<RangePoint[]> {
  const points: RangePoint[] = [];
  for await (const point of learningRateRange(engine, TEXT, settings, clockWith(stepMs))) points.push(point);
  return points;
}

describe.each([
  [1, 200],
  [100, 100],
  [1000, 50],
])("steps of %d ms: the rate of %d steps grows from 1e-5 to 1", (stepMs, numSteps) => {
  test("by the same factor", async () => {
    const points = await rangeOf(
      steppingEngine(() => ({ loss: 1, applied: true })),
      {},
      stepMs,
    );
    const rates = points.map(({ learningRate }) => learningRate);
    expect(rates).toHaveLength(numSteps);
    expect(rates[0]).toBe(1e-5);
    expect(rates.at(-1)).toBeCloseTo(1, 12);
    for (let i = 1; i < rates.length; i++) expect(rates[i] / rates[i - 1]).toBeCloseTo(1e5 ** (1 / (numSteps - 1)), 10);
  });

  test.each([0.003, 0.03, 0.1])("a model that explodes above %d: a rate well below is suggested", async (critical) => {
    const points = await rangeOf(modelWith(critical), {}, stepMs);
    expect(points.length).toBeLessThan(numSteps);
    const { learningRate, falling, bounded } = suggestLearningRate(points)!;
    expect(bounded).toBeGreaterThan(critical);
    expect(learningRate).toBeGreaterThan(0.2 * critical);
    expect(learningRate).toBeLessThan(0.6 * critical);
    expect(falling[0]).toBeLessThan(0.2 * critical);
    expect(falling[1] / critical).toBeGreaterThan(0.5);
    expect(falling[1] / critical).toBeLessThan(2);
  });
});

test("the loss is an exponential mean without the bias of its start, of four steps at the lowest rate as well", async () => {
  const losses = [5, 4, 6, 3, 2, 7];
  let at = 0;
  const points = await rangeOf(steppingEngine(() => ({ loss: losses[at++] ?? Number.NaN, applied: true })));
  const mean = (count: number): number => {
    const weights = Array.from({ length: count }, (_, i) => 0.9 ** (count - 1 - i));
    const sum = weights.reduce((total, weight, i) => total + weight * losses[i], 0);
    return sum / weights.reduce((total, weight) => total + weight, 0);
  };
  expect(points.map(({ loss }) => loss)).toEqual([5, 6].map((count) => expect.closeTo(mean(count), 12) as number));
});

test.each<[string, StepResult]>([
  ["that was not applied", { loss: 1, applied: false }],
  ["whose loss is not a number", { loss: Number.NaN, applied: true }],
  ["whose loss is infinite", { loss: Infinity, applied: true }],
  ["that makes the smoothed loss more than four times its lowest", { loss: 40, applied: true }],
])("a step %s ends the test, and is not one of its points", async (_, last) => {
  let steps = 0;
  const points = await rangeOf(steppingEngine(() => (++steps === 20 ? last : { loss: 1, applied: true })));
  expect([steps, points.length]).toEqual([20, 15]); // the fifth step is the first of the test
  expect(points.every(({ loss }) => Math.abs(loss - 1) < 1e-12)).toBe(true);
});

test("it trains with the batches, dropout, weight decay and clipping of a training, step by step", async () => {
  const settings = { batchSize: 2, accumulate: 2, weightDecay: 20, clipNorm: 1, seed: 7 };
  const seen: [Update, unknown][] = [];
  const points = await rangeOf(
    steppingEngine((update, batches) => {
      seen.push([update, batches]);
      return { loss: 1, applied: true };
    }),
    settings,
  );
  const rates = [...Array<number>(4).fill(1e-5), ...points.map(({ learningRate }) => learningRate)];
  const expected = rates.map((learningRate, step) => [
    { step, learningRate, weightDecay: 20, clipNorm: 1, dropoutSeed: dropoutSeedAt(7, step) },
    batchesOf(TEXT, step, settings),
  ]);
  expect(seen).toEqual(expected);
  expect(rates.at(-1)).toBeCloseTo(1 / 20, 12); // a higher rate would flip the sign of the weights
});

test.each<[string, number[]]>([
  ["no step", []],
  ["a step", [3]],
  ["a loss that stays", [3, 3, 3]],
  ["a loss that falls by less than noise", [3, 2.99, 3.01]],
  ["a loss that only rises", [3, 4, 8]],
])("%s: nothing is suggested", (_, losses) => {
  expect(suggestLearningRate(losses.map((loss, i) => ({ learningRate: 1e-5 * 2 ** i, loss })))).toBeNull();
});

test("what is suggested, worked by hand", () => {
  const step = 1e5 ** (1 / 49); // a test of 50 steps: half the square root of four times the speed
  const points = [4, 3.99, 4, 3, 2, 2.5].map((loss, i) => ({ learningRate: 0.001 * step ** i, loss }));
  const rates = points.map(({ learningRate }) => learningRate);
  expect(suggestLearningRate(points)).toEqual({
    learningRate: 0.0004, // 0.0032 · ¼ · √(49 ÷ 199)
    falling: [rates[2], rates[4]],
    bounded: rates[5],
  });
});

test("the reference and WebAssembly have the same losses, within 1e-4; the text is as it was, the weights have moved", async () => {
  const before = structuredClone(TEXT);
  const [slow, fast] = [newAtomic(CONFIG, 3), await newTensorEngine(wasm, CONFIG, 3)];
  const weights = (await fast.save()).weights;
  const [a, b] = [await rangeOf(slow, { batchSize: 2 }), await rangeOf(fast, { batchSize: 2 })];
  expect(a.length).toBeGreaterThan(150);
  for (const [i, { learningRate, loss }] of a.slice(0, 100).entries()) {
    expect(b[i].learningRate).toBe(learningRate);
    expect(Math.abs(b[i].loss - loss)).toBeLessThan(1e-4);
  }
  expect(TEXT).toEqual(before);
  expect((await fast.save()).weights).not.toEqual(weights);
});
