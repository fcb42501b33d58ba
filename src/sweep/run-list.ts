/**
 * The runs and sweeps of a directory, for `microgpt runs` and to find one by name. Reads no curves and no weights, so that
 * hundreds are listed at once; `read-run.ts` reads a run whole, to compare it.
 */
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { InputError } from "../errors.ts";
import { ranked } from "../experiments/analysis.ts";
import type { RunState } from "../experiments/report-data.ts";
import { Lock } from "../node/lock.ts";
import { ownKind } from "../node/own-folders.ts";
import { loadResult } from "../node/result.ts";
import { Run } from "../node/run-directory.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { countParameters } from "../training/engine.ts";
import { stateOf } from "./read-run.ts";
import { SweepDirectory } from "./sweep-directory.ts";

/** A run, or a sweep with the figures of its best run, as it is listed. */
export interface ListedRun {
  /** Its name in the directory of runs. */
  readonly name: string;
  /** Which of the two. */
  readonly kind: "run" | "sweep";
  /** Whether it is trained now, is at its end, or has steps left; "damaged": a file cannot be read. */
  readonly state: RunState | "damaged";
  /** What is wrong; null unless it is damaged. */
  readonly problem: string | null;
  /** What it was trained on: `my-text.txt`, `notes and 2 more`; null: unknown. */
  readonly data: string | null;
  /** Weights of the model; null: unknown, or several models. */
  readonly parameters: number | null;
  /** Steps that are saved; of a sweep, the runs that are finished. */
  readonly done: number;
  /** Steps of the whole training; of a sweep, its runs. */
  readonly total: number;
  /** Bits per byte of the held-out text with the best weights, as measured last; null: not yet, or nothing is held out. */
  readonly bitsPerByte: number | null;
  /** When its training wrote last, in milliseconds since 1970. */
  readonly writtenMs: number;
}

/** The runs and sweeps of a directory, the newest first; none if it is missing. */
export function listRuns(directory: string): ListedRun[] {
  return namesIn(directory)
    .map((name) => (SweepDirectory.isAt(join(directory, name)) ? listedSweep : listedRun)(join(directory, name)))
    .toSorted((a, b) => b.writtenMs - a.writtenMs || (a.name < b.name ? -1 : 1));
}

/** The names of the runs and sweeps in a directory, damaged ones included. */
export function namesIn(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  return fs
    .readdirSync(directory)
    .filter((name) => !name.startsWith(".") && SIGNS.some((sign) => fs.existsSync(join(directory, name, sign))));
}

/** A directory with one of these is a run, or a sweep, even where the file is damaged. */
const SIGNS = ["config.json", "checkpoints", "sweep.json"];

/** The directory of the run that was written to last; null: there is none. */
export function newestRun(directory: string): string | null {
  const paths = namesIn(directory).map((name) => join(directory, name));
  const runs = paths.filter((path) => ownKind(path) === "run").map((path) => ({ path, writtenMs: writtenMs(path) }));
  return runs.toSorted((a, b) => b.writtenMs - a.writtenMs).at(0)?.path ?? null;
}

/** The directory of a sweep's best run, as `compare` ranks them; null: none has a result. */
export function bestRun(sweep: SweepDirectory): string | null {
  const [best] = ranked(
    sweep.plan.runs.map(({ name }) => ({ name, settings: {}, bitsPerByte: bitsPerByteOf(sweep.runPath(name)) })),
  );
  return best === undefined || best.bitsPerByte === null ? null : sweep.runPath(best.name);
}

function listedRun(path: string): ListedRun {
  const unread = { name: basename(path), kind: "run", writtenMs: writtenMs(path) } as const;
  return readable(unread, () => {
    const run = Run.open(path);
    const { numSteps, nEmbd, nHead, nLayer, blockSize } = run.options;
    const measured = loadResult(path)?.measured.at(-1) ?? null;
    const { vocabSize } = run.tokenizer;
    return {
      ...unread,
      state: stateOf(path, run.options, measured, null),
      problem: null,
      data: dataOf(run.options),
      parameters: countParameters({ vocabSize, nEmbd, nHead, nLayer, blockSize }),
      done: Math.max(run.savedStep ?? 0, measured?.step ?? 0),
      total: numSteps,
      bitsPerByte: measured?.bitsPerByte ?? null,
    };
  });
}

function listedSweep(path: string): ListedRun {
  const unread = { name: basename(path), kind: "sweep", writtenMs: writtenMs(path) } as const;
  return readable(unread, () => {
    const sweep = SweepDirectory.open(path);
    const { runs, options } = sweep.plan;
    const best = bestRun(sweep);
    const done = runs.filter(({ name }) => fs.existsSync(join(sweep.runPath(name), "samples.txt"))).length;
    const unfinished = Lock.isTaken(join(path, ".lock")) ? "running" : "stopped";
    return {
      ...unread,
      state: done === runs.length ? "finished" : unfinished,
      problem: null,
      data: dataOf(options),
      parameters: null,
      done,
      total: runs.length,
      bitsPerByte: best === null ? null : bitsPerByteOf(best),
    };
  });
}

function readable(unread: Pick<ListedRun, "name" | "kind" | "writtenMs">, read: () => ListedRun): ListedRun {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const nothing = { data: null, parameters: null, done: 0, total: 0, bitsPerByte: null };
    return { ...unread, ...nothing, state: "damaged", problem: error.message };
  }
}

/** The last measured bits per byte of a run; null: there are none, or they cannot be read. */
function bitsPerByteOf(path: string): number | null {
  try {
    return loadResult(path)?.measured.at(-1)?.bitsPerByte ?? null;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function dataOf({ data, urls }: TrainOptions): string {
  const named = [...data.map((path) => (path === "-" ? "standard input" : basename(path))), ...urls];
  if (named.length === 0) return "bundled names";
  return named.length === 1 ? named[0] : `${named[0]} and ${named.length - 1} more`;
}

/** Files that grow, or are replaced, while a run or a sweep is trained. */
const GROWING = ["metrics.jsonl", "config.json", "summary.json", "sweep.json", "."];

function writtenMs(path: string): number {
  for (const name of GROWING) {
    const status = fs.statSync(join(path, name), { throwIfNoEntry: false });
    if (status !== undefined) return status.mtimeMs;
  }
  return 0;
}
