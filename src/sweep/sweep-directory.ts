/**
 * A sweep is a directory of runs that belong together:
 *
 *   sweep.json     the plan: shared options, and those of each run     runs/       a directory per run
 *   summary.json   the results, best first (also summary.csv)          logs/       the output of each run, errors included
 *   failures.json  which runs failed, and why                          prepared/   the text, encoded once for all
 *   pages/         texts from the web or standard input
 *
 * Whether a run is finished is read from its own directory, so that nothing here can be wrong after a crash.
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
import { createDirectoryAtomically } from "../node/atomic-directory.ts";

/** Why a run failed. */
export interface Failure {
  /** The exit code of its process. */
  readonly exitCode: number;
  /** The reason, as a clause. */
  readonly message: string;
}

/** The content of sweep.json. */
export interface SweepMemory extends Omit<SweepPlan, "left"> {
  /** SHA-256 of the documents that all runs learn, in hex. */
  readonly dataHash: string;
  /** Options for Slurm; null: runs are done on this machine. */
  readonly slurm: SlurmSettings | null;
}

/** A sweep on the disk. */
export class SweepDirectory {
  /** Its directory. */
  readonly path: string;
  /** The content of its sweep.json. */
  readonly memory: SweepMemory;
  #lock: Lock | null = null;

  private constructor(path: string, memory: SweepMemory) {
    this.path = path;
    this.memory = memory;
  }

  /** Makes `runsDirectory/name`, or `stem-sweep-1` and so on, and locks it. Throws InputError as `createDirectoryAtomically`. */
  static create(
    runsDirectory: string,
    name: string | null,
    stem: string,
    memory: SweepMemory,
    fetched: readonly FetchedText[],
  ): SweepDirectory {
    const { options, runs, halving, dataHash, slurm } = memory;
    const path = createDirectoryAtomically(
      runsDirectory,
      name,
      `${stem}-sweep`,
      "microgpt sweep --resume",
      (hidden) => {
        for (const room of ["runs", "logs", "prepared"]) makeDirectory(join(hidden, room));
        saveFetched(join(hidden, "pages"), fetched);
        const json = { format: "microgpt-sweep", version: 1, dataHash, halving, slurm, options, runs };
        writeDurably(join(hidden, "sweep.json"), `${JSON.stringify(json, null, 2)}\n`);
        Lock.take(join(hidden, ".lock"));
      },
    );
    const sweep = new SweepDirectory(path, memory);
    sweep.#lock = Lock.adopt(join(path, ".lock"));
    return sweep;
  }

  /** Whether there is a sweep at this path. */
  static isAt(path: string): boolean {
    return fs.existsSync(join(path, "sweep.json"));
  }

  /** Opens a sweep for reading. Throws InputError that names what is wrong. */
  static open(path: string): SweepDirectory {
    if (!SweepDirectory.isAt(path)) throw new InputError(`${showPath(path)} is not a sweep: it has no sweep.json`);
    return new SweepDirectory(path, readMemory(join(path, "sweep.json")));
  }

  /** Opens a sweep to resume it: locks it and removes what a killed process left. Throws InputError. */
  static openToRun(path: string): SweepDirectory {
    const sweep = SweepDirectory.open(path);
    try {
      sweep.#lock = Lock.take(join(path, ".lock"));
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

  /** The directory of its runs. */
  get runsPath(): string {
    return join(this.path, "runs");
  }

  /** The directory of the encoded texts. */
  get preparedPath(): string {
    return join(this.path, "prepared");
  }

  /** The directory of a run. */
  runPath(name: string): string {
    return join(this.runsPath, name);
  }

  /** The log of a run. */
  logPath(name: string): string {
    return join(this.path, "logs", `${name}.log`);
  }

  /** The run of this name. Throws InputError if the sweep has none. */
  runOf(name: string): PlannedRun {
    const run = this.memory.runs.find((one) => one.name === name);
    if (run !== undefined) return run;
    throw new InputError(`${showPath(this.path)} has no run ${quote(name)}; see its sweep.json`);
  }

  /** The texts that cannot be read again. Throws InputError if they are missing. */
  fetched(): FetchedText[] {
    return loadFetched(join(this.path, "pages"));
  }

  /** failures.json, by the run's name. */
  failures(): Map<string, Failure> {
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

  /** Writes failures.json, in the order of the runs. */
  saveFailures(failures: ReadonlyMap<string, Failure>): void {
    const entries = this.memory.runs.flatMap(({ name }) => {
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

function readMemory(path: string): SweepMemory {
  const json = parse(path);
  if (!isRecord(json) || json.format !== "microgpt-sweep" || !isRecord(json.options) || !Array.isArray(json.runs)) {
    throw new InputError(`${showPath(path)} is not a sweep's`);
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

/** Checks a run in sweep.json; its name becomes a path, so it must be a plain name. */
function readRun(json: unknown): PlannedRun {
  const { name, group, settings } = isRecord(json) ? json : {};
  if (typeof name === "string" && typeof group === "string" && isRecord(settings) && /^[\w][\w.-]*$/.test(name)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller checks them with the run's options
    return { name, group, settings: settings as Settings };
  }
  throw new InputError("runs: expected a name, a group and settings each");
}
