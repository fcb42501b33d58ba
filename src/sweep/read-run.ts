/**
 * Reads the results of a run from its directory, for `compare`, `report` and summaries. It takes no lock, because the
 * run may still be training.
 */
import { basename, join } from "node:path";
import { TRAIN_OPTIONS, flagOf } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import type { Curve, ReportRun, RunState, Setting } from "../experiments/report-data.ts";
import { Lock } from "../node/lock.ts";
import { loadCost, loadResult } from "../node/result.ts";
import { Run } from "../node/run-directory.ts";
import { markOf, readSamples } from "../node/samples.ts";
import { readCurves, thinned } from "./curves.ts";
import type { Failure } from "./sweep-directory.ts";

/** A run's results and its options. */
export interface RunReading {
  /** Its results, as in a report. */
  readonly report: Omit<ReportRun, "settings" | "completions">;
  /** Its options. */
  readonly options: TrainOptions;
}

const NO_CURVE: Curve = { steps: [], values: [] };

/** The results of a run that has not begun: none. */
export function unreadRun(name: string, options: TrainOptions, failure: Failure | null): RunReading {
  return {
    options,
    report: {
      name,
      state: failure === null ? "waiting" : "failed",
      failure: failure?.message ?? null,
      parameters: null,
      vocabSize: null,
      step: 0,
      numSteps: options.numSteps,
      heldOutLoss: null,
      bitsPerByte: null,
      bestStep: null,
      seconds: null,
      tokensPerSecond: null,
      peakMemoryBytes: null,
      loss: NO_CURVE,
      heldOut: NO_CURVE,
      heldOutBits: NO_CURVE,
      samples: [],
    },
  };
}

/** Reads a run. Throws InputError if the directory is not a run or its files are damaged. */
export function readRun(path: string, name: string = basename(path), failure: Failure | null = null): RunReading {
  const run = Run.open(path);
  const [result, cost] = [loadResult(path), loadCost(path)];
  const { loss, heldOut } = readCurves(run.metricsPath);
  const last = result?.measured.at(-1) ?? null;
  const { numSteps } = run.options;
  const step = Math.max(last?.step ?? 0, loss.steps.at(-1) ?? 0);
  // Bits per byte for a loss of 1 nat per token, by the mean length of a token.
  const bitsPerNat = result === null ? 0 : result.heldOutTokens / result.heldOutBytes / Math.LN2;
  const report = {
    name,
    state: stateOf(path, last?.step ?? 0, numSteps, failure),
    failure: failure?.message ?? null,
    parameters: result?.parameters ?? null,
    vocabSize: run.tokenizer.vocabSize,
    step,
    numSteps,
    heldOutLoss: last?.heldOutLoss ?? null,
    bitsPerByte: last?.bitsPerByte ?? null,
    bestStep: last?.bestStep ?? null,
    // Extrapolated from the measured speed: the time of an uninterrupted run.
    seconds: cost === null ? null : (cost.seconds / cost.steps) * step,
    tokensPerSecond: cost === null ? null : cost.tokens / cost.seconds,
    peakMemoryBytes: cost?.peakMemoryBytes ?? null,
    loss: thinned(loss),
    heldOut,
    heldOutBits:
      bitsPerNat > 0 ? { steps: heldOut.steps, values: heldOut.values.map((value) => value * bitsPerNat) } : NO_CURVE,
    samples: readSamples(path, run.options.documents, run.options.numSamples).map((sample) => ({
      text: sample.text,
      mark: markOf(sample),
      near: sample.near,
    })),
  } satisfies RunReading["report"];
  return { options: run.options, report };
}

/**
 * Whether a run is at its end, is trained now, or has steps left.
 * @param measuredStep the last step at which it was measured on purpose. @param failure why its sweep gave it up; null: it did not.
 */
export function stateOf(path: string, measuredStep: number, numSteps: number, failure: Failure | null): RunState {
  if (measuredStep >= numSteps) return "finished";
  if (Lock.isTaken(join(path, ".lock"))) return "running";
  return failure === null ? "stopped" : "failed";
}

/** Options that change how a run is executed or stored, but not what it learns. */
const NOT_SETTINGS = new Set(["threads", "noBlas", "cacheDir", "saveInterval", "keep", "log"]);

/** For each run, the options in which the runs differ, by flag name: `[{ "n-layer": 1 }, { "n-layer": 2 }]`. */
export function differences(all: readonly TrainOptions[]): Record<string, Setting>[] {
  const tables: Readonly<Record<string, unknown>>[] = all.map((options) => ({ ...options }));
  const hasBudget = all.some(({ tokens, seconds }) => tokens !== null || seconds !== null);
  const differing = Object.keys(TRAIN_OPTIONS).filter((key) => {
    if (NOT_SETTINGS.has(key) || (key === "numSteps" && hasBudget)) return false;
    return new Set(tables.map((options) => JSON.stringify(options[key]))).size > 1;
  });
  return tables.map((options) =>
    Object.fromEntries(differing.map((key) => [flagOf(key).slice(2), settingOf(options[key])])),
  );
}

function settingOf(value: unknown): Setting {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.map((item) => basename(String(item))).join(" ") : JSON.stringify(value);
}
