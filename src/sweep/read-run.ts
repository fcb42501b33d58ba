/** Reads the results of a run from its directory, for `compare`, `report` and summaries. Takes no lock: the run may be training. */
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { TRAIN_OPTIONS, flagOf } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { splitLines } from "../text/dataset.ts";
import { isRecord } from "../errors.ts";
import type { Curve, ReportRun, RunState, Setting } from "../experiments/report-data.ts";
import { readWhole } from "../node/files.ts";
import { Lock } from "../node/lock.ts";
import { loadCost, loadResult } from "../node/result.ts";
import { Run } from "../node/run-directory.ts";
import type { Failure } from "./sweep-directory.ts";

/** A run's results and its options. */
export interface RunReading {
  /** What a report shows of it. */
  readonly report: Omit<ReportRun, "settings" | "completions">;
  /** Its options. */
  readonly options: TrainOptions;
}

/** Points per curve; longer curves are averaged. */
const MAX_POINTS = 400;

/** The reading of a run that has not begun. */
export function unreadRun(name: string, options: TrainOptions, failure: Failure | null): RunReading {
  const nothing = { steps: [], values: [] };
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
      loss: nothing,
      heldOut: nothing,
      heldOutBits: nothing,
      samples: [],
    },
  };
}

/** Reads a run. Throws InputError if the directory is not a run, or its files are damaged. */
export function readRun(path: string, name: string = basename(path), failure: Failure | null = null): RunReading {
  const run = Run.open(path);
  const [result, cost] = [loadResult(path), loadCost(path)];
  const { loss, heldOut } = readCurves(run.metricsPath);
  const last = result?.measured.at(-1) ?? null;
  const { numSteps } = run.options;
  const step = Math.max(last?.step ?? 0, loss.steps.at(-1) ?? 0);
  // An evaluation gives nats per token; with the mean bytes per token that is about bits per byte.
  const bits = result === null ? 0 : result.heldOutTokens / result.heldOutBytes / Math.LN2;
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
    // At the measured speed: the time of a run that is never interrupted.
    seconds: cost === null ? null : (cost.seconds / cost.steps) * step,
    tokensPerSecond: cost === null ? null : cost.tokens / cost.seconds,
    peakMemoryBytes: cost?.peakMemoryBytes ?? null,
    loss: thinned(loss),
    heldOut,
    heldOutBits: { steps: heldOut.steps, values: bits > 0 ? heldOut.values.map((value) => value * bits) : [] },
    samples: readSamples(path, run.options),
  } satisfies RunReading["report"];
  return { options: run.options, report: { ...report, heldOutBits: bits > 0 ? report.heldOutBits : NO_CURVE } };
}

const NO_CURVE: Curve = { steps: [], values: [] };

function stateOf(path: string, measuredStep: number, numSteps: number, failure: Failure | null): RunState {
  if (measuredStep >= numSteps) return "finished";
  if (Lock.isTaken(join(path, ".lock"))) return "running";
  return failure === null ? "stopped" : "failed";
}

/** Reads metrics.jsonl up to the first damaged line. */
function readCurves(path: string): { loss: Curve; heldOut: Curve } {
  const loss = { steps: [] as number[], values: [] as number[] };
  const heldOut = { steps: [] as number[], values: [] as number[] };
  if (!fs.existsSync(path)) return { loss, heldOut };
  for (const line of readWhole(path).toString("utf8").split("\n")) {
    const json = parse(line);
    if (json === null || typeof json.step !== "number") continue;
    const [curve, value] = json.heldOutLoss === undefined ? [loss, json.loss] : [heldOut, json.heldOutLoss];
    if (typeof value !== "number") continue; // a step that was skipped
    curve.steps.push(json.step);
    curve.values.push(value);
  }
  return { loss, heldOut };
}

/** A line as JSON; null for the incomplete last line of a running training. */
function parse(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(line);
    return isRecord(json) ? json : null;
  } catch {
    return null;
  }
}

/** At most MAX_POINTS points, each the mean of several, at the last of their steps. */
function thinned({ steps, values }: Curve): Curve {
  const each = Math.ceil(steps.length / MAX_POINTS);
  if (each <= 1) return { steps, values };
  const count = Math.ceil(steps.length / each);
  const part = (i: number): readonly number[] => values.slice(i * each, (i + 1) * each);
  return {
    steps: Array.from({ length: count }, (_, i) => steps[Math.min((i + 1) * each, steps.length) - 1]),
    values: Array.from({ length: count }, (_, i) => part(i).reduce((sum, value) => sum + value, 0) / part(i).length),
  };
}

function readSamples(path: string, { documents }: TrainOptions): string[] {
  const file = join(path, "samples.txt");
  if (!fs.existsSync(file)) return [];
  const text = readWhole(file).toString("utf8");
  return documents === "line" ? splitLines(text) : text.split("\n\n").filter((sample) => sample !== "");
}

/** Options that do not make a run another experiment: where files are, and what a budget became. */
const NOT_SETTINGS = new Set(["threads", "noBlas", "cacheDir", "saveInterval", "keep", "log"]);

/** The options in which runs differ, for each run, by flag name: `[{ "n-layer": 1 }, { "n-layer": 2 }]`. */
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
