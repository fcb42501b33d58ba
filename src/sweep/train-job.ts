/**
 * One training in several ranks, as a job of a Slurm cluster: `microgpt train … --on slurm`. The job begins the run or resumes
 * it, so whatever ends it early, the next attempt resumes from the newest checkpoint; `slurm-pool.ts` makes the attempts.
 *
 *   RUNS/NAME             the run, made by the job
 *   RUNS/.jobs/NAME/      command.json, slurm/ (scripts and jobs), logs/NAME.log
 */
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { InputError, showPath } from "../errors.ts";
import type { InputErrorCode } from "../errors.ts";
import { checkSlurm, trainingScript } from "../experiments/slurm-script.ts";
import type { RankSettings, SlurmSettings } from "../experiments/slurm-script.ts";
import { freePath } from "../node/atomic-directory.ts";
import { mustMakeDirectory, readWhole, writeDurably } from "../node/files.ts";
import { StopRequest } from "../run/signals.ts";
import { paceOf } from "./patience.ts";
import type { PoolEvent, RunTask } from "./pool.ts";
import { namesIn } from "./rungs.ts";
import type { Failure } from "./sweep-directory.ts";
import { SlurmJobs } from "./slurm-jobs.ts";
import { LogTail } from "./slurm-log.ts";
import { SlurmPool } from "./slurm-pool.ts";

/** A training to submit. */
export interface TrainJob {
  /** The arguments of `train`, without those of the cluster, and without `--name` and `--runs-dir`. */
  readonly words: readonly string[];
  /** Those of them that `resume` takes, too. */
  readonly reporting: readonly string[];
  /** The run's name; null: the first free one of the stem. */
  readonly name: string | null;
  /** As in `stemOf`. */
  readonly stem: string;
  /** The directory of runs. */
  readonly runsDir: string;
  /** Options of sbatch. */
  readonly settings: SlurmSettings;
  /** The ranks. */
  readonly ranks: RankSettings;
  /** The command: Node, its arguments, and the path of cli.js. */
  readonly program: readonly string[];
}

/** Where a training is, and the script that does it. */
interface Placed {
  readonly name: string;
  readonly run: string;
  readonly directory: string;
  readonly logPath: string;
  readonly train: readonly string[];
  readonly script: (jobName: string) => string;
}

/** Receives lines for the user. */
export interface JobOutput {
  /** Prints a line of the job's log, or about the job. */
  readonly print: (line: string) => void;
  /** Prints a warning. */
  readonly warn: (message: string) => void;
}

/** The script of a training that would be submitted now. Throws InputError for settings that sbatch would not take. */
export const jobScript = (job: TrainJob): string => place(job).script("microgpt");

/**
 * Submits a training and follows it to its end; the same command again follows the same job. Resolves to the exit code. Throws
 * InputError if Slurm refuses, or if the run's name is that of another command.
 */
export async function trainOnSlurm(job: TrainJob, output: JobOutput): Promise<number> {
  checkSlurm(job.settings);
  const pace = paceOf(process.env);
  const placed = reserve(job);
  const task = taskOf(placed);
  if (task.isDone()) {
    output.print(`${showPath(placed.run)} is finished`);
    return 0;
  }
  const log = new LogTail(placed.logPath);
  const printLog = (): void => log.lines().forEach(output.print);
  let failure: InputError | null = null;
  const listener = (event: PoolEvent): void => {
    printLog();
    if (event.type === "started")
      output.print(`started    ${placed.name} on the cluster; its log: ${showPath(placed.logPath)}`);
    else if (event.type === "killed") output.print(`stopped    ${placed.name}`);
    else if (event.type === "warning") output.warn(event.message);
    else if (event.type === "failed") failure = errorOf(placed.name, event.failure);
  };
  const pool = new SlurmPool(SlurmJobs.open(placed.directory), placed.script, pace, listener);
  return await StopRequest.during(async (stop) => {
    stop.onStop = () => {
      if (pool.stop()) stop.onStop = null;
    };
    const timer = setInterval(printLog, LOG_MS);
    try {
      await pool.run([task]);
    } finally {
      clearInterval(timer);
      stop.onStop = null;
      printLog();
    }
    if (failure !== null) throw failure;
    return stop.exitCode ?? 0;
  });
}

/** The failure of a job, with the exit code that its training had. */
function errorOf(name: string, { exitCode, message }: Failure): InputError {
  const codes: Readonly<Record<number, InputErrorCode>> = { 1: "machine", 3: "diverged" };
  return new InputError(`${name}: ${message}`, codes[exitCode]);
}

/** Milliseconds between two looks at the log. */
const LOG_MS = 500;

function taskOf({ name, run, logPath }: Placed): RunTask {
  return {
    name,
    args: [],
    logPath,
    bytes: 0,
    progress: () => namesIn(join(run, "checkpoints")).join(),
    isDone: () => fs.existsSync(join(run, "samples.txt")),
  };
}

function place({ words, reporting, name: asked, stem, runsDir, settings, ranks, program }: TrainJob): Placed {
  const root = resolve(runsDir);
  const jobOf = (name: string): string => join(root, ".jobs", name);
  const name =
    asked === null ? freeName(stem, (one) => fs.existsSync(join(root, one)) || fs.existsSync(jobOf(one))) : asked;
  const run = freePath(root, name, stem);
  const logPath = join(jobOf(name), "logs", `${name}.log`);
  const train = ["train", ...words, "--name", name, "--runs-dir", root];
  const script = (jobName: string): string =>
    trainingScript({ settings: checkSlurm(settings), ranks, jobName, logPath, run, program, train, resume: reporting });
  return { name, run, directory: jobOf(name), logPath, train, script };
}

function freeName(stem: string, isTaken: (name: string) => boolean): string {
  for (let number = 1; ; number++) if (!isTaken(`${stem}-${number}`)) return `${stem}-${number}`;
}

/** Makes the job's directory, or finds that of the same command. */
function reserve(job: TrainJob): Placed {
  const placed = place(job);
  placed.script("microgpt"); // throws before anything is written
  const { directory, run, train } = placed;
  const path = join(directory, "command.json");
  const text = `${JSON.stringify(train, null, 2)}\n`;
  if (fs.existsSync(path)) {
    if (readWhole(path, MAX_COMMAND).toString("utf8") === text) return placed;
    throw new InputError(`${showPath(directory)} has another command; choose another --name`, "exists");
  }
  if (fs.existsSync(run)) throw new InputError(`${showPath(run)} exists; choose another --name`, "exists");
  mustMakeDirectory(join(directory, "logs"));
  writeDurably(path, text);
  return placed;
}

/** Bytes of a command, at most: a system's own limit is 2 MB. */
const MAX_COMMAND = 2 ** 22;
