import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isEvaluationLine, metricsFile, parseMetrics, thinned } from "../../src/library/run-metrics.ts";
import type { Metrics } from "../../src/library/run-metrics.ts";

/** A training of `steps` steps, with an evaluation after every third. */
const linesOf = (steps: number): string[] =>
  Array.from({ length: steps }, (_, i) => [
    JSON.stringify({ step: i + 1, loss: 1 / (i + 1), learningRate: 0.01 }),
    ...((i + 1) % 3 === 0 ? [JSON.stringify({ step: i + 1, heldOutLoss: 2 / (i + 1) })] : []),
  ]).flat();

describe("the losses of a run", () => {
  test("thinned, have all evaluations, the first step and the last, at most so many, evenly spaced, in their order", () => {
    const counts = fc.record({ steps: fc.nat(500), most: fc.integer({ min: 4, max: 60 }) });
    fc.assert(
      fc.property(counts, ({ steps, most }) => {
        const lines = linesOf(steps);
        const kept = thinned(lines, isEvaluationLine, most);
        expect(kept).toEqual(lines.filter((line) => kept.includes(line)));
        expect(kept.filter(isEvaluationLine)).toEqual(lines.filter(isEvaluationLine));
        const known = parseMetrics(metricsFile(kept.filter((line) => !isEvaluationLine(line))), steps).map(
          ({ step }) => step,
        );
        expect(known.length).toBeLessThanOrEqual(most);
        expect(known.length).toBeGreaterThanOrEqual(Math.min(steps, most / 2));
        if (steps === 0) return;
        expect([known[0], known.at(-1)]).toEqual([1, steps]);
        const gaps = known.slice(1, -1).map((step, i) => step - known[i]);
        expect(new Set(gaps).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("that are few are all there", () => {
    expect(thinned(linesOf(3000), isEvaluationLine)).toEqual(linesOf(3000));
  });

  test("are read back up to a step; what is not a row of metrics is skipped", () => {
    const rows: Metrics[] = [
      { step: 1, loss: 3.3, learningRate: 0.01 },
      { step: 2, skipped: true, learningRate: 0.01 },
      { step: 2, heldOutLoss: 3.2 },
    ];
    const wrong = [
      "",
      "[1]",
      "null",
      '{"step":1',
      '{"step":0,"heldOutLoss":1}',
      '{"step":1.5,"heldOutLoss":1}',
      '{"step":"1","heldOutLoss":1}',
      '{"step":1,"heldOutLoss":"1"}',
      '{"step":1,"loss":1}',
      '{"step":1,"loss":null,"learningRate":1}',
      '{"step":3,"heldOutLoss":1}',
    ];
    const file = metricsFile([...wrong, ...rows.map((row) => JSON.stringify(row)), ...wrong]);
    expect(parseMetrics(file, 2)).toEqual(rows);
  });

  test("are read from between any bytes", () => {
    const row = { step: 1, heldOutLoss: 2 };
    const line = metricsFile([JSON.stringify(row)]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(parseMetrics(Uint8Array.of(...line, ...bytes, 10, ...line), 9)).toEqual([row, row]);
      }),
    );
  });
});
