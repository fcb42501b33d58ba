/**
 * What a training came to, beside its run's other files. It is told twice, because it is of two kinds:
 *
 *   result.json   what was reached: the same bytes wherever, and however often interrupted, the run was trained
 *   cost.json     what it took: time and memory, of this machine and this time
 *
 * Neither is needed to go on with a run; both are for whoever compares runs.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { readWhole, writeDurably } from "./files.ts";
import { showPath } from "../errors.ts";

/** What all held-out text says of the best weights after so many steps. Nulls where nothing is held out. */
export interface Measured {
  /** Steps that were done, and the step of the weights that were measured. */
  readonly step: number;
  readonly bestStep: number;
  /** Nats a token, of the first blockSize tokens of each document. */
  readonly heldOutLoss: number | null;
  /** What the whole held-out text costs, by its length as UTF-8: what tokenizers can be compared by. */
  readonly bitsPerByte: number | null;
}

export interface RunResult {
  readonly parameters: number;
  readonly vocabSize: number;
  /** Of the whole training; the last of `measured` may be of an earlier one. */
  readonly numSteps: number;
  /** Held-out text: its tokens, and its bytes. */
  readonly heldOutTokens: number;
  readonly heldOutBytes: number;
  /** A measurement wherever the training was stopped on purpose, the newest last. */
  readonly measured: readonly Measured[];
}

/** Counted over all processes that trained the run and ended by themselves; a killed one leaves no trace here. */
export interface RunCost {
  readonly engine: string;
  readonly seconds: number;
  readonly steps: number;
  readonly tokens: number;
  readonly peakMemoryBytes: number;
}

const resultPath = (run: string): string => join(run, "result.json");
const costPath = (run: string): string => join(run, "cost.json");

/** Adds a measurement to what the run has; one of the same step, or of a later one, is replaced. */
export function saveResult(run: string, result: Omit<RunResult, "measured">, measured: Measured): void {
  const before = loadResult(run)?.measured.filter(({ step }) => step < measured.step) ?? [];
  const json = { format: "microgpt-result", version: 1, ...result, measured: [...before, measured] };
  writeDurably(resultPath(run), `${JSON.stringify(json, null, 2)}\n`);
}

/** Null while there is none. Throws InputError if it is damaged. */
export function loadResult(run: string): RunResult | null {
  const json = read(resultPath(run), "microgpt-result");
  if (json === null) return null;
  const { measured } = json;
  const isWhole = ["parameters", "vocabSize", "numSteps", "heldOutTokens", "heldOutBytes"].every((key) =>
    Number.isFinite(json[key]),
  );
  if (!isWhole || !Array.isArray(measured) || !measured.every(isMeasured)) throw damaged(resultPath(run));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each field was looked at
  return json as unknown as RunResult;
}

const isMeasured = (json: unknown): json is Measured =>
  isRecord(json) &&
  Number.isSafeInteger(json.step) &&
  Number.isSafeInteger(json.bestStep) &&
  [json.heldOutLoss, json.bitsPerByte].every((value) => value === null || Number.isFinite(value));

/** Adds what a process has taken to what the ones before it took. */
export function addCost(run: string, cost: RunCost): void {
  const before = loadCost(run);
  const sum = {
    engine: cost.engine,
    seconds: cost.seconds + (before?.seconds ?? 0),
    steps: cost.steps + (before?.steps ?? 0),
    tokens: cost.tokens + (before?.tokens ?? 0),
    peakMemoryBytes: Math.max(cost.peakMemoryBytes, before?.peakMemoryBytes ?? 0),
  };
  writeDurably(costPath(run), `${JSON.stringify({ format: "microgpt-cost", version: 1, ...sum }, null, 2)}\n`);
}

/** Null where there is none, or none that can be read: it is no loss. */
export function loadCost(run: string): RunCost | null {
  try {
    const json = read(costPath(run), "microgpt-cost");
    const keys = ["seconds", "steps", "tokens", "peakMemoryBytes"];
    if (json === null || typeof json.engine !== "string" || !keys.every((key) => Number.isFinite(json[key])))
      return null;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each field was looked at
    return json as unknown as RunCost;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function read(path: string, format: string): Readonly<Record<string, unknown>> | null {
  if (!fs.existsSync(path)) return null;
  let json: unknown;
  try {
    json = JSON.parse(readWhole(path, 2 ** 20).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw damaged(path);
    throw error;
  }
  if (!isRecord(json) || json.format !== format || json.version !== 1) throw damaged(path);
  return json;
}

const damaged = (path: string): InputError =>
  new InputError(`${showPath(path)} is damaged; remove it, and microgpt resume measures again`);
