/**
 * metrics.jsonl within the files of a run: what of it goes along to a page, and how it is read there. Differs from
 * `node/metrics.ts`, which writes the file on the disk.
 */
import { isRecord } from "../errors.ts";

/** A line: the result of a step, a skipped step, or an evaluation. */
export type Metrics =
  | { readonly step: number; readonly loss: number; readonly learningRate: number }
  | { readonly step: number; readonly skipped: true; readonly learningRate: number }
  | { readonly step: number; readonly heldOutLoss: number };

/** The path within the run. */
export const METRICS_NAME = "metrics.jsonl";

/** A chart has no more points than a screen has pixels, some twice. */
const MAX_STEPS = 4000;
/** A longer text, of ten million steps or so, is not read: a page has better uses for the memory. */
const MAX_BYTES = 2 ** 28;

/**
 * All evaluations, and evenly spaced steps: the first, the last and at most `maxSteps` in all. Keeps no more than that in
 * memory, however many rows there are.
 */
export function thinned<Row>(
  rows: Iterable<Row>,
  isEvaluation: (row: Row) => boolean,
  maxSteps: number = MAX_STEPS,
): Row[] {
  type Kept = { readonly row: Row; readonly at: number };
  const evaluations: Kept[] = [];
  let steps: Kept[] = [];
  let last: Kept | null = null;
  let [at, seen, spacing] = [0, 0, 1];
  for (const row of rows) {
    const one = { row, at: at++ };
    if (isEvaluation(row)) {
      evaluations.push(one);
      continue;
    }
    last = one;
    if (seen++ % spacing > 0) continue;
    steps.push(one);
    if (steps.length < maxSteps) continue;
    spacing *= 2;
    steps = steps.filter((_, i) => i % 2 === 0);
  }
  if (last !== null && steps.at(-1) !== last) steps.push(last);
  return [...steps, ...evaluations].toSorted((a, b) => a.at - b.at).map(({ row }) => row);
}

/** Whether a line is of an evaluation. */
export const isEvaluationLine = (line: string): boolean => line.includes('"heldOutLoss":');

/** Lines → the file. */
export const metricsFile = (lines: readonly string[]): Uint8Array =>
  new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));

/** The file → its rows, as far as they are metrics: it may be anybody's. @param upTo the last step; later rows are dropped. */
export function parseMetrics(file: Uint8Array, upTo: number): Metrics[] {
  if (file.length > MAX_BYTES) return [];
  return new TextDecoder()
    .decode(file)
    .split("\n")
    .flatMap((line) => {
      const row = parseRow(line);
      return row !== null && row.step <= upTo ? [row] : [];
    });
}

function parseRow(line: string): Metrics | null {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isRecord(json)) return null;
  const { step, loss, learningRate, skipped, heldOutLoss } = json;
  if (typeof step !== "number" || !Number.isSafeInteger(step) || step < 1) return null;
  if (typeof heldOutLoss === "number") return { step, heldOutLoss };
  if (typeof learningRate !== "number") return null;
  if (skipped === true) return { step, skipped, learningRate };
  return typeof loss === "number" ? { step, loss, learningRate } : null;
}
