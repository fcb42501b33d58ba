/** The curves of a run, read from its metrics.jsonl in pieces: after some million steps it is longer than any string. */
import * as fs from "node:fs";
import { isRecord } from "../errors.ts";
import type { Curve } from "../experiments/report-data.ts";
import { linesOf } from "../node/lines.ts";

/** Points per curve; longer curves are averaged in slices. */
const MAX_POINTS = 400;
/** No training wrote a longer line, so what follows one is not read. */
const MAX_LINE = 2 ** 20;

/**
 * Reads the curves; both are empty if there is no file. Lines that are not metrics are skipped, as the incomplete last one
 * of a running training. Throws InputError for what is not a regular file or cannot be read.
 */
export function readCurves(path: string): { loss: Curve; heldOut: Curve } {
  const loss = { steps: [] as number[], values: [] as number[] };
  const heldOut = { steps: [] as number[], values: [] as number[] };
  if (!fs.existsSync(path)) return { loss, heldOut };
  for (const line of linesOf(path)) {
    if (line.length > MAX_LINE) break;
    const json = parse(line);
    if (json === null || typeof json.step !== "number") continue;
    const [curve, value] = json.heldOutLoss === undefined ? [loss, json.loss] : [heldOut, json.heldOutLoss];
    if (typeof value !== "number") continue; // a skipped step
    curve.steps.push(json.step);
    curve.values.push(value);
  }
  return { loss, heldOut };
}

/** Parses a line; null for the incomplete last line of a running training. */
function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(line);
    return isRecord(json) ? json : null;
  } catch {
    return null;
  }
}

/** Reduces a curve to at most MAX_POINTS points, each the mean of a slice, at the last step of the slice. */
export function thinned({ steps, values }: Curve): Curve {
  const length = Math.ceil(steps.length / MAX_POINTS);
  if (length <= 1) return { steps, values };
  const count = Math.ceil(steps.length / length);
  const slice = (i: number): readonly number[] => values.slice(i * length, (i + 1) * length);
  return {
    steps: Array.from({ length: count }, (_, i) => steps[Math.min((i + 1) * length, steps.length) - 1]),
    values: Array.from({ length: count }, (_, i) => slice(i).reduce((sum, value) => sum + value, 0) / slice(i).length),
  };
}
