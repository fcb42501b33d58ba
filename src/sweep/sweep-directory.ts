/**
 * A sweep is a directory of runs that are compared with each other:
 *
 *   runs/names-sweep-1/
 *   ├─ sweep.json         the plan: shared options, and those of each run
 *   ├─ runs/              a directory per run (node/run-directory.ts)
 *   ├─ logs/              the output of each run, including errors
 *   ├─ prepared/          the text, encoded once for all runs (prepared.ts)
 *   ├─ pages/             copies of texts from the web or standard input
 *   ├─ slurm/             submitted jobs and their scripts (slurm-jobs.ts)
 *   ├─ failures.json      which runs failed, and why
 *   ├─ summary.json       the results, best first              summary.csv   the same as a table
 *   └─ .lock              the process that runs the sweep
 *
 * Whether a run is finished is read from its own directory, so that nothing here can be out of date after a crash.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { checkOptions, TRAIN_OPTIONS } from "../options/config.ts";
import { InputError, isRecord, quote } from "../errors.ts";
import { readSlurm } from "../experiments/slurm-script.ts";
import type { SlurmSettings } from "../experiments/slurm-script.ts";
import type { PlannedRun, SweepPlan } from "../experiments/sweep-plan.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import type { Settings } from "../experiments/sweep-spec.ts";
import { loadFetched, saveFetched } from "../node/fetched.ts";
import type { FetchedText } from "../node/fetched.ts";
import { makeDirectory, readWhole, removeTemporaries, writeDurably, writeError } from "../node/files.ts";
import { showPath } from "../errors.ts";
import { Lock } from "../node/lock.ts";
import type { TakeOver } from "../node/lock.ts";
import { createDirectoryAtomically } from "../node/atomic-directory.ts";

/** Why a run failed. */
export interface Failure {
  /** The exit code of its process. */
  readonly exitCode: number;
  /** The reason, as a clause. */
  readonly message: string;
}

/** The content of sweep.json. */
export interface SavedPlan extends Omit<SweepPlan, "dropped"> {
  /** SHA-256 of the documents that all runs train on, in hex. */
  readonly dataHash: string;
  /** Options for Slurm; null: runs are done on this machine. */
  readonly slurm: SlurmSettings | null;
}

/** A sweep on the disk. */
export class SweepDirectory {
  /** Its directory. */
  readonly path: string;
  /** The content of its sweep.json. */
  readonly plan: SavedPlan;
  #lock: Lock | null = null;
  /** Those that this process saved last; null before. */
  #failures: ReadonlyMap<string, Failure> | null = null;

  private constructor(path: string, plan: SavedPlan) {
    this.path = path;
    this.plan = plan;
  }

  /** Makes `runsDirectory/name` and locks it; a null name becomes the first free one of `stem-sweep-1`, `stem-sweep-2`, …
   *  Throws InputError as `createDirectoryAtomically`. */
  static create(
    runsDirectory: string,
    name: string | null,
    stem: string,
    plan: SavedPlan,
    fetched: readonly FetchedText[],
  ): SweepDirectory {
    const { options, runs, halving, dataHash, slurm } = plan;
    const { path, lock } = createDirectoryAtomically(
      runsDirectory,
      name,
      `${stem}-sweep`,
      "microgpt sweep --resume",
      (hidden) => {
        for (const folder of ["runs", "logs", "prepared"]) makeDirectory(join(hidden, folder));
        saveFetched(join(hidden, "pages"), fetched);
        const json = { format: "microgpt-sweep", version: 1, dataHash, halving, slurm, options, runs };
        writeDurably(join(hidden, "sweep.json"), `${JSON.stringify(json, null, 2)}\n`);
      },
    );
    const sweep = new SweepDirectory(path, plan);
    sweep.#lock = lock;
    return sweep;
  }

  /** Whether this path is a sweep. */
  static isAt(path: string): boolean {
    return fs.existsSync(join(path, "sweep.json"));
  }

  /** Opens a sweep for reading. Throws InputError that names the file at fault. */
  static open(path: string): SweepDirectory {
    if (!SweepDirectory.isAt(path)) throw new InputError(`${showPath(path)} is not a sweep: it has no sweep.json`);
    return new SweepDirectory(path, readPlan(join(path, "sweep.json")));
  }

  /** Opens a sweep to resume it: locks it and removes temporary files of killed processes. Throws InputError. */
  static openToRun(path: string, takeOver: TakeOver = "dead"): SweepDirectory {
    const sweep = SweepDirectory.open(path);
    try {
      sweep.#lock = Lock.take(join(path, ".lock"), takeOver);
      for (const directory of [path, sweep.preparedPath]) removeTemporaries(directory);
    } catch (error) {
      sweep.close();
      throw writeError(path, 0, error);
    }
    return sweep;
  }

  /** Releases the lock. */
  close(): void {
    this.#lock?.release();
    this.#lock = null;
  }

  /** The path of the directory of its runs. */
  get runsPath(): string {
    return join(this.path, "runs");
  }

  /** The path of the directory of encoded texts. */
  get preparedPath(): string {
    return join(this.path, "prepared");
  }

  /** The path of a run. */
  runPath(name: string): string {
    return join(this.runsPath, name);
  }

  /** The path of a run's log. */
  logPath(name: string): string {
    return join(this.path, "logs", `${name}.log`);
  }

  /** The run of this name. Throws InputError if the sweep has none. */
  runOf(name: string): PlannedRun {
    const run = this.plan.runs.find((one) => one.name === name);
    if (run !== undefined) return run;
    throw new InputError(`${showPath(this.path)} has no run ${quote(name)}; see its sweep.json`);
  }

  /** The texts that cannot be read again, as they were when the sweep began. Throws InputError if they are missing. */
  fetched(): FetchedText[] {
    return loadFetched(join(this.path, "pages"));
  }

  /** The content of failures.json, by the run's name. */
  failures(): Map<string, Failure> {
    if (this.#failures !== null) return new Map(this.#failures);
    const path = join(this.path, "failures.json");
    if (!fs.existsSync(path)) return new Map();
    const json = parse(path);
    const entries = isRecord(json) ? Object.entries(json) : [];
    return new Map(
      entries.flatMap(([name, failure]) =>
        isRecord(failure) && typeof failure.message === "string"
          ? [[name, { exitCode: Number(failure.exitCode), message: failure.message }] as const]
          : [],
      ),
    );
  }

  /** Writes failures.json, in the order of the runs. Throws InputError if it can't; this process remembers them. */
  saveFailures(failures: ReadonlyMap<string, Failure>): void {
    this.#failures = failures;
    const entries = this.plan.runs.flatMap(({ name }) => {
      const failure = failures.get(name);
      return failure === undefined ? [] : [[name, failure] as const];
    });
    writeDurably(join(this.path, "failures.json"), `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  }

  /** Writes summary.json and summary.csv. */
  saveSummary(json: unknown, csv: string): void {
    writeDurably(join(this.path, "summary.json"), `${JSON.stringify(json, null, 2)}\n`);
    writeDurably(join(this.path, "summary.csv"), csv);
  }
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readWhole(path, 2 ** 26).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InputError(`${showPath(path)} is damaged: it is not JSON`);
    throw error;
  }
}

function readPlan(path: string): SavedPlan {
  const json = parse(path);
  if (!isRecord(json) || json.format !== "microgpt-sweep" || !isRecord(json.options) || !Array.isArray(json.runs)) {
    throw new InputError(`${showPath(path)} is not the plan of a sweep`);
  }
  if (json.version !== 1) throw new InputError(`${showPath(path)}: its version is not 1; update microgpt`);
  try {
    const options = checkOptions(TRAIN_OPTIONS, json.options);
    const runs = json.runs.map(readRun);
    for (const run of runs) checkOptions(TRAIN_OPTIONS, { ...optionsOf({ options }, run) });
    const { halving, dataHash } = json;
    const slurm = isRecord(json.slurm) ? readSlurm(json.slurm) : null;
    return { options, runs, halving: halving === true, dataHash: typeof dataHash === "string" ? dataHash : "", slurm };
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${showPath(path)}: ${error.message}`) : error;
  }
}

/** Checks a run in sweep.json. Its name becomes part of a path, so it must be a plain name. */
function readRun(json: unknown): PlannedRun {
  const { name, group, settings } = isRecord(json) ? json : {};
  if (typeof name === "string" && typeof group === "string" && isRecord(settings) && /^[\w][\w.-]*$/.test(name)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller checks them with the run's options
    return { name, group, settings: settings as Settings };
  }
  throw new InputError("runs: expected a name, a group and settings for each run");
}
