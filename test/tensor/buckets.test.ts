import * as fc from "fast-check";
import { expect, test } from "vitest";
import { bucketsOf } from "../../src/tensor/buckets.ts";
import { gradientRange, layoutWeights } from "../../src/tensor/layout.ts";
import { buildProgram } from "../../src/tensor/program.ts";

const ALIGNMENT = { align: 4, headAlign: 4 };
const LIMITS = { ...ALIGNMENT, maxTokens: 40, maxLogits: 1 << 20 };

const programOf = (nLayer: number, vocabSize: number, maxLogits = LIMITS.maxLogits) => {
  const layout = layoutWeights({ vocabSize, nEmbd: 12, nHead: 3, nLayer, blockSize: 9 }, ALIGNMENT, true);
  return buildProgram("training", layout, { ...LIMITS, maxLogits });
};

test("buckets are all gradients, each once, and none before the last phase that adds to it", () => {
  const anyProgram = fc.record({
    layers: fc.integer({ min: 1, max: 4 }),
    vocabSize: fc.integer({ min: 2, max: 40 }),
    maxLogits: fc.constantFrom(1 << 20, 320),
    least: fc.integer({ min: 1, max: 5000 }),
  });
  fc.assert(
    fc.property(anyProgram, ({ layers, vocabSize, maxLogits, least }) => {
      const { phases, layout } = programOf(layers, vocabSize, maxLogits);
      const [first, end] = gradientRange(layout);
      const phaseOf = new Array<number>(end - first).fill(-1);
      for (const bucket of bucketsOf(phases, layout, least)) {
        expect(phaseOf.slice(bucket.start, bucket.end).every((phase) => phase === -1)).toBe(true);
        phaseOf.fill(bucket.phase, bucket.start, bucket.end);
      }
      expect(phaseOf).not.toContain(-1);
      for (const [phase, { sections }] of phases.entries()) {
        for (const instruction of sections.flatMap(({ instructions }) => instructions)) {
          if (!("weight" in instruction) || !instruction.kernel.endsWith("Grad")) continue;
          if (instruction.kernel === "linearInputGrad") continue;
          const { start } = layout.slots.get(instruction.weight.grad)!;
          expect(phaseOf[start - first]).toBeGreaterThanOrEqual(phase);
        }
      }
    }),
  );
});

test("a layer's gradients are one bucket while the next is computed; small ones wait for the end", () => {
  const { phases, layout } = programOf(3, 10);
  const buckets = bucketsOf(phases, layout, 1000);
  expect(buckets.length).toBeGreaterThan(2);
  expect(buckets[0].phase).toBeLessThan(phases.length - 1);
  const [first, end] = gradientRange(layout);
  expect(bucketsOf(phases, layout, 1e9)).toEqual([{ phase: phases.length - 1, start: 0, end: end - first }]);
});
