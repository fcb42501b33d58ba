/**
 * A sweep is a directory of runs that belong together:
 *
 *   sweep.json     what all runs are told, and each beyond that        runs/       a run directory each
 *   summary.json   what they came to, best first (also summary.csv)    logs/       what each printed, its errors too
 *   failures.json  which failed, and why                               prepared/   the text, encoded once for all
 *   pages/         texts from the web, or piped in
 *
 * Whether a run is finished, its own directory says: nothing here can be wrong about it after a crash.
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

/** Why a run will not be finished. */
export interface Failure {
  readonly exitCode: number;
  readonly message: string;
}

/** What a sweep remembers: the plan, and the hash of the data that all its runs learn. */
export interface SweepMemory extends Omit<SweepPlan, "left"> {
  readonly dataHash: string;
  /** What is asked of Slurm; null: the runs are done on this machine. */
  readonly slurm: SlurmSettings | null;
}

export class SweepDirectory {
  readonly path: string;
  readonly memory: SweepMemory;
  #lock: Lock | null = null;

  private constructor(path: string, memory: SweepMemory) {
    this.path = path;
    this.memory = memory;
  }

  /** Makes `runsDirectory/name`, or `stem-sweep-1` and so on, and locks it. Throws InputError as `makeWhole`. */
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

  /** Opens a sweep to read from it. Throws InputError that names what is wrong. */
  static open(path: string): SweepDirectory {
    if (!SweepDirectory.isAt(path)) throw new InputError(`${showPath(path)} is no sweep: it has no sweep.json`);
    return new SweepDirectory(path, readMemory(join(path, "sweep.json")));
  }

  /** Opens a sweep to go on with it: locked, and tidied of what a killed process left. Throws InputError. */
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

  /** Gives the lock back. */
  close(): void {
    this.#lock?.release();
    this.#lock = null;
  }

  get runsPath(): string {
    return join(this.path, "runs");
  }

  get preparedPath(): string {
    return join(this.path, "prepared");
  }

  runPath(name: string): string {
    return join(this.runsPath, name);
  }

  logPath(name: string): string {
    return join(this.path, "logs", `${name}.log`);
  }

  /** The run of this name. Throws InputError if the sweep has none. */
  runOf(name: string): PlannedRun {
    const run = this.memory.runs.find((one) => one.name === name);
    if (run !== undefined) return run;
    throw new InputError(`${showPath(this.path)} has no run ${quote(name)}; see its sweep.json`);
  }

  /** The texts that can't be had again. Throws InputError if they are gone. */
  fetched(): FetchedText[] {
    return loadFetched(join(this.path, "pages"));
  }

  /** By the run's name. */
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

  /** In the order of the runs, whatever the order they failed in. */
  saveFailures(failures: ReadonlyMap<string, Failure>): void {
    const entries = this.memory.runs.flatMap(({ name }) => {
      const failure = failures.get(name);
      return failure === undefined ? [] : [[name, failure] as const];
    });
    writeDurably(join(this.path, "failures.json"), `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  }

  saveSummary(json: unknown, csv: string): void {
    writeDurably(join(this.path, "summary.json"), `${JSON.stringify(json, null, 2)}\n`);
    writeDurably(join(this.path, "summary.csv"), csv);
  }
}

function parse(path: string): unknown {
  try {
    return JSON.parse(readWhole(path, 2 ** 26).toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InputError(`${showPath(path)} is damaged: it is no JSON`);
    throw error;
  }
}

function readMemory(path: string): SweepMemory {
  const json = parse(path);
  if (!isRecord(json) || json.format !== "microgpt-sweep" || !isRecord(json.options) || !Array.isArray(json.runs)) {
    throw new InputError(`${showPath(path)} is no sweep's`);
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

/** Its name becomes a path, so it must be no more than a name. */
function readRun(json: unknown): PlannedRun {
  const { name, group, settings } = isRecord(json) ? json : {};
  if (typeof name === "string" && typeof group === "string" && isRecord(settings) && /^[\w][\w.-]*$/.test(name)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the caller checks them with the run's options
    return { name, group, settings: settings as Settings };
  }
  throw new InputError("runs: expected a name, a group and settings each");
}
