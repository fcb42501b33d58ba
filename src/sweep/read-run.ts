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
import type { Measured, RunResult } from "../node/result.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { hasEndedEarly } from "../training/evaluations.ts";
import { Run } from "../node/run-directory.ts";
import { markOf, readSamples } from "../node/samples.ts";
import { readCurves, thinned } from "./curves.ts";
import type { Failure } from "./sweep-directory.ts";

/** A run's results and its options. */
export interface RunReading {
  /** Its results, as in a report. */
  readonly report: Omit<ReportRun, "settings" | "completions" | "heldOutText">;
  /** What its result was measured on; null while there is none. */
  readonly heldOutText: HeldOutText | null;
  /** Its options. */
  readonly options: TrainOptions;
}

/** What identifies a held-out text. */
export type HeldOutText = Pick<RunResult, "dataHash" | "heldOutBytes">;

const NO_CURVE: Curve = { steps: [], values: [] };

/** The results of a run that has not begun: none. */
export function unreadRun(name: string, options: TrainOptions, failure: Failure | null): RunReading {
  return {
    options,
    heldOutText: null,
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
      worseThan: null,
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
  const report = {
    name,
    state: stateOf(path, run.options, last, failure),
    failure: failure?.message ?? null,
    parameters: result?.parameters ?? null,
    vocabSize: run.tokenizer.vocabSize,
    step,
    numSteps,
    heldOutLoss: last?.heldOutLoss ?? null,
    bitsPerByte: last?.bitsPerByte ?? null,
    worseThan: result === null ? null : worseThan(result, last),
    bestStep: last?.bestStep ?? null,
    // Extrapolated from the measured speed: the time of an uninterrupted run.
    seconds: cost === null ? null : (cost.seconds / cost.steps) * step,
    tokensPerSecond: cost === null ? null : cost.tokens / cost.seconds,
    peakMemoryBytes: cost?.peakMemoryBytes ?? null,
    loss: thinned(loss),
    heldOut,
    heldOutBits: result === null || last === null ? NO_CURVE : bitsCurve(heldOut, result, last),
    samples: readSamples(path, run.options.documents, run.options.numSamples).map((sample) => ({
      text: sample.text,
      mark: markOf(sample),
      near: sample.near,
    })),
  } satisfies RunReading["report"];
  return { options: run.options, heldOutText: result, report };
}

/** Whether a result is worse than trivial models; runs of earlier versions know the uniform one only. */
function worseThan({ vocabSize, heldOutTokens, heldOutBytes, baselines }: RunResult, last: Measured | null): Worse {
  const bits = last?.bitsPerByte ?? null;
  if (bits === null) return null;
  const uniform = baselines?.uniform ?? (Math.log2(vocabSize) * heldOutTokens) / heldOutBytes;
  if (bits >= uniform) return "uniform";
  return baselines !== null && bits >= baselines.bigram ? "bigram" : null;
}

type Worse = ReportRun["worseThan"];

/** The curve of bits per byte, through the measured point: see `ReportRun.heldOutBits`. */
function bitsCurve(
  { steps, values }: Curve,
  result: RunResult,
  { bestStep, heldOutLoss, bitsPerByte }: Measured,
): Curve {
  const atBest = values[steps.indexOf(bestStep)];
  if (bitsPerByte === null || heldOutLoss === null || atBest === undefined) return NO_CURVE;
  const bitsOfLoss = (heldOutLoss * result.heldOutTokens) / Math.LN2;
  const isWhole = Math.abs(bitsOfLoss - bitsPerByte * result.heldOutBytes) < 1e-6 * bitsOfLoss;
  if (!isWhole) return { steps: [bestStep], values: [bitsPerByte] };
  // A ratio estimate: the evaluations' documents are a sample of those that were measured.
  return {
    steps,
    values: values.map((value, i) => (steps[i] === bestStep ? bitsPerByte : (value / atBest) * bitsPerByte)),
  };
}

/**
 * Whether a run is at its end, is trained now, or has steps left.
 * @param last how it was measured last. @param failure why its sweep gave it up; null: it did not.
 */
export function stateOf(
  path: string,
  options: ResolvedOptions,
  last: Measured | null,
  failure: Failure | null,
): RunState {
  if (last !== null && (last.step >= options.numSteps || hasEndedEarly(options, last.step, last.bestStep)))
    return "finished";
  if (Lock.isTaken(join(path, ".lock"))) return "running";
  return failure === null ? "stopped" : "failed";
}

/** Options that change how a run is executed or stored, or what it writes, but not what it learns. */
const NOT_SETTINGS = new Set([
  "threads",
  "noCache",
  "cacheDir",
  "ignoreRobots",
  "allowHost",
  "numSamples",
  "temperature",
  "saveInterval",
  "keep",
  "log",
]);

/** For each run, the options in which the runs differ, by flag name: `[{ "n-layer": 1 }, { "n-layer": 2 }]`. */
export function differences(all: readonly TrainOptions[]): Record<string, Setting>[] {
  const tables: Readonly<Record<string, unknown>>[] = all.map((options) => ({ ...normalised(options) }));
  const hasBudget = all.some(({ tokens, seconds }) => tokens !== null || seconds !== null);
  const differing = Object.keys(TRAIN_OPTIONS).filter((key) => {
    if (NOT_SETTINGS.has(key) || (key === "numSteps" && hasBudget)) return false;
    return new Set(tables.map((options) => JSON.stringify(options[key]))).size > 1;
  });
  return tables.map((options) =>
    Object.fromEntries(differing.map((key) => [flagOf(key).slice(2), settingOf(options[key])])),
  );
}

/** Options in which a default that was typed, or that has no effect, equals one that was not. */
function normalised(options: TrainOptions): TrainOptions {
  const learnsMerges = options.tokenizer === "bpe" || options.tokenizer === "byte-bpe";
  const bpeMerges = learnsMerges ? options.bpeMerges : TRAIN_OPTIONS.bpeMerges.initial;
  return { ...resolveOptions(options), noGpu: false, bpeMerges };
}

function settingOf(value: unknown): Setting {
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  if (typeof value === "string") return value;
  return Array.isArray(value) ? value.map((item) => basename(String(item))).join(" ") : JSON.stringify(value);
}
