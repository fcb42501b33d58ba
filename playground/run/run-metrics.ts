/** The losses of a run from its metrics.jsonl, and back: what a page draws of a run that it did not train from the beginning. */
import type { EvaluationEvent, RunFiles } from "../../src/index.ts";
import { newestCheckpoint } from "../../src/library/run-files.ts";
import { METRICS_NAME, metricsFile, parseMetrics, thinned } from "../../src/library/run-metrics.ts";
import type { Metrics } from "../../src/library/run-metrics.ts";
import type { Curve } from "./curve.ts";

/** A curve has an entry per step, so the losses of a longer training are not read: they would take too much memory. */
const MAX_STEPS = 10_000_000;

/** Losses as they come from a worker. */
export interface EarlierLosses {
  /** Three numbers per point: step, loss, learning rate. */
  readonly points: Float64Array;
  readonly evaluations: readonly EvaluationEvent[];
}

/** The losses of a run up to a step; none if it has no metrics.jsonl. */
export function earlierLosses(files: RunFiles, upTo: number): EarlierLosses {
  const file = files.get(METRICS_NAME);
  const rows = file === undefined || upTo > MAX_STEPS ? [] : parseMetrics(file, upTo);
  const points = rows.flatMap((row) => ("loss" in row ? [row.step, row.loss, row.learningRate] : []));
  let lowest = Infinity;
  const evaluations = rows.flatMap((row): EvaluationEvent[] => {
    if (!("heldOutLoss" in row)) return [];
    const best = row.heldOutLoss < lowest;
    lowest = Math.min(lowest, row.heldOutLoss);
    return [{ type: "evaluation", ...row, best }];
  });
  return { points: Float64Array.from(points), evaluations };
}

/** A run's files with its losses up to the checkpoint, which the page may be ahead of; thinned. */
export function withMetrics(files: RunFiles, curve: Curve, evaluations: readonly EvaluationEvent[]): RunFiles {
  const rows = thinned(rowsOf(curve, evaluations, newestCheckpoint(files)?.step ?? 0), (row) => "heldOutLoss" in row);
  return new Map(files).set(METRICS_NAME, metricsFile(rows.map((row) => JSON.stringify(row))));
}

/** A step, then the evaluation after it. */
function* rowsOf(curve: Curve, evaluations: readonly EvaluationEvent[], upTo: number): Generator<Metrics> {
  const heldOut = new Map(evaluations.map(({ step, heldOutLoss }) => [step, heldOutLoss]));
  const last = Math.min(upTo, Math.max(curve.length, evaluations.at(-1)?.step ?? 0));
  for (let step = 1; step <= last; step++) {
    const loss = curve.loss(step);
    if (Number.isFinite(loss)) yield { step, loss, learningRate: curve.learningRate(step) };
    const heldOutLoss = heldOut.get(step);
    if (heldOutLoss !== undefined) yield { step, heldOutLoss };
  }
}
