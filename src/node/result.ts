/**
 * A run's outcome in two files:
 *
 *   result.json   what was reached: reproducible, the same bytes on any machine and after any interruption
 *   cost.json     what it took: time and memory, on this machine
 *
 * Neither is needed to resume a run; both are for comparing runs.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { isDataSize } from "../library/training-data.ts";
import type { DataSize } from "../library/training-data.ts";
import { isBaselines } from "../text/baselines.ts";
import type { Baselines } from "../text/baselines.ts";
import { readWhole, writeDurably } from "./files.ts";
import { showPath } from "../errors.ts";

/** The best weights after some steps, measured on all held-out text. */
export interface Measured {
  /** Steps done. */
  readonly step: number;
  /** The step of the weights that were measured. */
  readonly bestStep: number;
  /** Nats per token, over the first blockSize tokens of each document; null where nothing is held out. */
  readonly heldOutLoss: number | null;
  /** Bits per byte of UTF-8 of the whole held-out text, comparable between tokenizers; null: nothing is held out. */
  readonly bitsPerByte: number | null;
}

/** The contents of result.json. */
export interface RunResult {
  /** Weights of the model. */
  readonly parameters: number;
  /** Tokens in the vocabulary, BOS included. */
  readonly vocabSize: number;
  /** Steps of the whole training; the last of `measured` may be of an earlier step. */
  readonly numSteps: number;
  /** Tokens of the held-out text. */
  readonly heldOutTokens: number;
  /** Bytes of the held-out text as UTF-8, plus one for each document's end. */
  readonly heldOutBytes: number;
  /** How much text there was; absent in files of older versions. */
  readonly data?: DataSize;
  /** SHA-256 of all documents, in hex; null: written before there was one. */
  readonly dataHash: string | null;
  /** Bits per byte of trivial models on the whole held-out text; null: nothing is held out, or as `dataHash`. */
  readonly baselines: Baselines | null;
  /** One per step at which the training was stopped on purpose, the newest last. */
  readonly measured: readonly Measured[];
}

/** The contents of cost.json: sums over the processes that trained the run, except those that were killed. */
export interface RunCost {
  /** The engine of the last process. */
  readonly engine: string;
  /** Seconds of training. */
  readonly seconds: number;
  /** Steps computed; those repeated after an interruption count twice. */
  readonly steps: number;
  /** Tokens trained on. */
  readonly tokens: number;
  /** The largest resident memory of any of the processes, in bytes. */
  readonly peakMemoryBytes: number;
  /** Seconds in which rank 0 waited for the other ranks, or for the network between them; absent: there were none. */
  readonly waitingSeconds?: number;
}

const resultPath = (run: string): string => join(run, "result.json");
const costPath = (run: string): string => join(run, "cost.json");

/** Adds a measurement to result.json; replaces those of the same step and of later ones. */
export function saveResult(run: string, result: Omit<RunResult, "measured">, measured: Measured): void {
  const before = loadResult(run)?.measured.filter(({ step }) => step < measured.step) ?? [];
  const json = { format: "microgpt-result", version: 1, ...result, measured: [...before, measured] };
  writeDurably(resultPath(run), `${JSON.stringify(json, null, 2)}\n`);
}

/** Reads result.json; null while there is none. Throws InputError if it is damaged. */
export function loadResult(run: string): RunResult | null {
  const json = read(resultPath(run), "microgpt-result");
  if (json === null) return null;
  const { measured } = json;
  const isWhole = ["parameters", "vocabSize", "numSteps", "heldOutTokens", "heldOutBytes"].every((key) =>
    Number.isFinite(json[key]),
  );
  const { data, dataHash = null, baselines = null } = json;
  const areKnown =
    (data === undefined || isDataSize(data)) &&
    (dataHash === null || typeof dataHash === "string") &&
    (baselines === null || isBaselines(baselines));
  if (!isWhole || !areKnown || !Array.isArray(measured) || !measured.every(isMeasured)) throw damaged(resultPath(run));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each field was checked
  return { ...json, dataHash, baselines } as unknown as RunResult;
}

const isMeasured = (json: unknown): json is Measured =>
  isRecord(json) &&
  Number.isSafeInteger(json.step) &&
  Number.isSafeInteger(json.bestStep) &&
  [json.heldOutLoss, json.bitsPerByte].every((value) => value === null || Number.isFinite(value));

/** Adds the cost of a process to cost.json. */
export function addCost(run: string, cost: RunCost): void {
  const before = loadCost(run);
  const waiting = [before, cost].flatMap((one) => one?.waitingSeconds ?? []);
  const sum = {
    engine: cost.engine,
    seconds: cost.seconds + (before?.seconds ?? 0),
    steps: cost.steps + (before?.steps ?? 0),
    tokens: cost.tokens + (before?.tokens ?? 0),
    peakMemoryBytes: Math.max(cost.peakMemoryBytes, before?.peakMemoryBytes ?? 0),
    ...(waiting.length === 0 ? {} : { waitingSeconds: waiting.reduce((total, seconds) => total + seconds, 0) }),
  };
  writeDurably(costPath(run), `${JSON.stringify({ format: "microgpt-cost", version: 1, ...sum }, null, 2)}\n`);
}

/** Reads cost.json; null if it is missing or damaged: a run does not depend on it. */
export function loadCost(run: string): RunCost | null {
  try {
    const json = read(costPath(run), "microgpt-cost");
    const keys = ["seconds", "steps", "tokens", "peakMemoryBytes"];
    if (json === null || !["undefined", "number"].includes(typeof json.waitingSeconds)) return null;
    if (typeof json.engine !== "string" || !keys.every((key) => Number.isFinite(json[key]))) return null;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each field was checked
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
