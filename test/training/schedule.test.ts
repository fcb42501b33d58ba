import * as fc from "fast-check";
import { expect, test } from "vitest";
import { learningRateAt, SCHEDULES } from "../../src/training/schedule.ts";
import type { Schedule } from "../../src/training/schedule.ts";

const rates = (schedule: Schedule): number[] =>
  Array.from({ length: schedule.numSteps }, (_, step) => learningRateAt(step, schedule));

/** Worked by hand: eight steps at 0.8, three of them to warm up. */
const ROOT_HALF = Math.SQRT1_2;
test.each([
  [0, "linear", [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]],
  [0, "constant", [0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]],
  [3, "linear", [0.2, 0.4, 0.6, 0.8, 0.64, 0.48, 0.32, 0.16]],
  [3, "constant", [0.2, 0.4, 0.6, 0.8, 0.8, 0.8, 0.8, 0.8]],
  [4, "cosine", [0.16, 0.32, 0.48, 0.64, 0.8, 0.4 * (1 + ROOT_HALF), 0.4, 0.4 * (1 - ROOT_HALF)]],
] as const)("after %i steps of warm-up, %s", (warmupSteps, schedule, expected) => {
  const found = rates({ numSteps: 8, learningRate: 0.8, warmupSteps, schedule });
  expect(found).toHaveLength(8);
  for (const [i, rate] of found.entries()) expect(rate).toBeCloseTo(expected[i], 15);
});

test.each([
  [
    "extended twice",
    "linear",
    [
      { until: 4, numSteps: 4 },
      { until: 6, numSteps: 8 },
    ],
    10,
    [0.8, 0.6, 0.4, 0.2, 0.4, 0.3, 0.32, 0.24, 0.16, 0.08],
  ],
  ["stopped and shortened", "linear", [{ until: 2, numSteps: 8 }], 4, [0.8, 0.7, 0.4, 0.2]],
  ["extended", "constant", [{ until: 2, numSteps: 2 }], 3, [0.8, 0.8, 0.8]],
] as const)("%s, %s: each plan has its own steps", (_, schedule, pastPlans, numSteps, expected) => {
  const found = rates({ numSteps, learningRate: 0.8, schedule, pastPlans });
  expect(found).toHaveLength(expected.length);
  for (const [i, rate] of found.entries()) expect(rate).toBeCloseTo(expected[i], 15);
});

test("without a word, it is the reference's straight line, to the last bit", () => {
  for (const numSteps of [1, 7, 1000]) {
    const expected = Array.from({ length: numSteps }, (_, step) => 0.01 * (1 - step / numSteps));
    expect(rates({ numSteps, learningRate: 0.01 })).toEqual(expected);
    expect(rates({ numSteps, learningRate: 0.01, warmupSteps: 0, schedule: "linear" })).toEqual(expected);
  }
});

test("every schedule rises to its highest, which it reaches once the warm-up is over, then never rises again", () => {
  const any = fc.record({
    numSteps: fc.integer({ min: 1, max: 60 }),
    learningRate: fc.double({ min: 1e-6, max: 10, noNaN: true }),
    warmup: fc.nat(59),
    schedule: fc.constantFrom(...SCHEDULES),
  });
  fc.assert(
    fc.property(any, ({ numSteps, learningRate, warmup, schedule }) => {
      const warmupSteps = Math.min(warmup, numSteps - 1);
      const found = rates({ numSteps, learningRate, warmupSteps, schedule });
      expect(found[warmupSteps]).toBe(learningRate);
      expect(found.every((rate) => rate > 0 && rate <= learningRate)).toBe(true);
      for (let step = 1; step < numSteps; step++) {
        if (step <= warmupSteps) expect(found[step]).toBeGreaterThan(found[step - 1]);
        else expect(found[step]).toBeLessThanOrEqual(found[step - 1]);
      }
    }),
  );
});
