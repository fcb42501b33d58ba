/** What a comparison found, in numbers and in words; the statistics are those of `microgpt compare`. */
import { importances, ranked } from "../../../src/experiments/analysis.ts";
import type { Importance, Setting } from "../../../src/experiments/report-data.ts";
import type { ComparedRun, RunStatus } from "./compared-run.ts";
import { labelOf, settingsOf } from "./plan.ts";
import type { Plan } from "./plan.ts";

/** The results of a run so far; null where there is none yet. */
export interface Outcome {
  /** Position in the plan, from 0. */
  readonly index: number;
  readonly name: string;
  readonly settings: Readonly<Record<string, Setting>>;
  readonly status: RunStatus;
  readonly failure: string | null;
  /** Lowest held-out loss, in nats per token; at the end, over all held-out documents. */
  readonly heldOutLoss: number | null;
  /** Bits per byte of the whole held-out text, comparable between tokenizers; before the end an estimate, or null. */
  readonly bitsPerByte: number | null;
  readonly steps: number;
  /** null before it is prepared. */
  readonly numSteps: number | null;
  readonly tokensPerSecond: number | null;
  readonly seconds: number;
  readonly parameters: number | null;
}

/** The results of a run so far. */
export function outcomeOf(plan: Plan, run: ComparedRun, index: number): Outcome {
  const { header, evaluations, measured, step } = run.client;
  const losses = evaluations.map(({ heldOutLoss }) => heldOutLoss);
  const heldOutLoss = measured?.heldOutLoss ?? (losses.length === 0 ? null : Math.min(...losses));
  const bitsPerNat = header?.bitsPerNat ?? null;
  const estimate = heldOutLoss === null || bitsPerNat === null ? null : heldOutLoss * bitsPerNat;
  return {
    index,
    name: labelOf(plan, index),
    settings: settingsOf(plan, plan.rows[index]),
    status: run.status,
    failure: run.failure,
    heldOutLoss,
    bitsPerByte: measured?.bitsPerByte ?? estimate,
    steps: step,
    numSteps: header?.options.numSteps ?? null,
    tokensPerSecond: run.tokensPerSecond > 0 ? run.tokensPerSecond : null,
    seconds: run.seconds,
    parameters: header?.parameters ?? null,
  };
}

/** A column of the results that sorts. */
export type Column = "index" | "heldOutLoss" | "bitsPerByte" | "steps" | "tokensPerSecond" | "seconds" | "parameters";

/** Sorts by a column; a run without a value comes last, in either direction. */
export function sorted(outcomes: readonly Outcome[], column: Column, isAscending: boolean): Outcome[] {
  const sign = isAscending ? 1 : -1;
  return outcomes.toSorted((a, b) => {
    const [left, right] = [a[column], b[column]];
    if (left === null || right === null) return Number(left === null) - Number(right === null) || a.index - b.index;
    return sign * (left - right) || a.index - b.index;
  });
}

/** Options that explain less than this share of the variance are not named. */
const WORTH_NAMING = 0.01;

/** Which option mattered, one sentence each, most important first; only runs that are done count. */
export function whatMattered(outcomes: readonly Outcome[]): string[] {
  const done = ranked(outcomes.filter(({ status, bitsPerByte }) => status === "done" && bitsPerByte !== null));
  if (done.length < 2) return [];
  const [best, worst] = [done[0], done[done.length - 1]];
  const gain = worst.bitsPerByte! - best.bitsPerByte!;
  const first =
    gain === 0
      ? `All ${done.length} runs have the same result, ${best.bitsPerByte!.toFixed(3)} bits per byte.`
      : `The best run is ${best.name} with ${best.bitsPerByte!.toFixed(3)} bits per byte, ` +
        `${((100 * gain) / worst.bitsPerByte!).toFixed(1)} % less than the worst, ${worst.name}.`;
  return gain === 0 ? [first] : [first, ...importanceSentences(importances(done))];
}

function importanceSentences(found: readonly Importance[]): string[] {
  const named = found.filter(({ share }) => share >= WORTH_NAMING);
  // With one option that has another value in each run, a share of 100 % says nothing.
  const isTrivial = found.length === 1 && found[0].values.every(({ runs }) => runs === 1);
  if (isTrivial) return [];
  const sentences = named.map(({ option, share, values }) => {
    const [best, worst] = [values[0], values[values.length - 1]];
    return (
      `${option} explains ${Math.round(100 * share)} % of the variance of the results: ` +
      `on average ${best.value} is best (${best.mean.toFixed(3)}), ${worst.value} worst (${worst.mean.toFixed(3)}).`
    );
  });
  const shares = named.map(({ share }) => share.toFixed(6));
  const areTied = new Set(shares).size < shares.length;
  return areTied
    ? [...sentences, "Options with equal shares changed together: these runs cannot tell them apart."]
    : sentences;
}
