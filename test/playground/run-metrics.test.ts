import { describe, expect, test } from "vitest";
import { Curve } from "../../playground/run/curve.ts";
import type { RunFiles } from "../../src/index.ts";
import { checkpointName } from "../../src/library/run-files.ts";
import { earlierLosses, withMetrics } from "../../playground/run/run-metrics.ts";

/** Losses 1/1, 1/2, …; step 3 was skipped. */
function curveOf(steps: number): Curve {
  const curve = new Curve();
  for (let step = 1; step <= steps; step++) if (step !== 3) curve.add(Float64Array.of(step, 1 / step, 0.1 / step));
  return curve;
}

/** The files of a run with a checkpoint. */
const filesAt = (step: number): RunFiles => new Map([[`checkpoints/${checkpointName(step)}`, new Uint8Array()]]);

const evaluation = (step: number, heldOutLoss: number, best: boolean) =>
  ({ type: "evaluation", step, heldOutLoss, best }) as const;

describe("the losses of a run in the page", () => {
  test("are the same after a way through a file, up to its step", () => {
    const evaluations = [
      evaluation(2, 3, true),
      evaluation(4, 2, true),
      evaluation(6, 2.5, false),
      evaluation(8, 1, true),
    ];
    const { points, evaluations: read } = earlierLosses(withMetrics(filesAt(7), curveOf(10), evaluations), 6);
    const curve = new Curve();
    curve.add(points);
    expect([...curve.losses]).toEqual([1, 1 / 2, Number.NaN, 1 / 4, 1 / 5, 1 / 6]);
    expect(curve.learningRate(5)).toBe(0.1 / 5);
    expect(read).toEqual(evaluations.slice(0, 3));
    // The curve is ahead of the checkpoint.
    expect(earlierLosses(withMetrics(filesAt(7), curveOf(10), evaluations), 10).points.at(-3)).toBe(7);
  });

  test("of a long training are thinned to 4,000 steps", () => {
    const { points } = earlierLosses(withMetrics(filesAt(20_000), curveOf(20_000), []), 20_000);
    expect(points.length / 3).toBeLessThanOrEqual(4000);
    expect(points.length / 3).toBeGreaterThan(2000);
    expect([points[0], points.at(-3)]).toEqual([1, 20_000]);
  });

  test("are none without a file, and none of a training so long that the curve would take too much memory", () => {
    const none = { points: new Float64Array(), evaluations: [] };
    expect(earlierLosses(filesAt(5), 5)).toEqual(none);
    const file = new TextEncoder().encode('{"step":900000000000,"loss":1,"learningRate":1}\n');
    expect(earlierLosses(new Map([["metrics.jsonl", file]]), 1e12)).toEqual(none);
  });
});
