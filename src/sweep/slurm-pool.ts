/**
 * Runs tasks on a Slurm cluster: submits them as a job array, follows the queue and their logs, and submits again what
 * ended before its run was done.
 *
 * A run's progress is read from its directory, on a disk that the cluster shares; Slurm is only asked why a task ended. A
 * task that Slurm requeues (after preemption) is left to Slurm and resumes from the run's checkpoint.
 */
import * as fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { InputError } from "../errors.ts";
import { MAX_ARRAY } from "../experiments/slurm-script.ts";
import { Deaths, messageOf, parseEvent, STOPPED } from "./pool.ts";
import type { Pool, RunTask, Tell } from "./pool.ts";
import { cancel, endingOf, queue } from "./slurm.ts";
import type { Ending } from "./slurm.ts";
import type { SlurmJobs } from "./slurm-jobs.ts";

/** Milliseconds between looks at the queue: short at first, then longer, to spare the controller. */
const [FIRST_LOOK_MS, MAX_LOOK_MS] = [500, 15_000];
const SLOWER = 1.1;
/** How long the controller may be unreachable: they are restarted now and then. */
const MAX_SILENCE_MS = 600_000;

/** A task of an array. */
interface Followed {
  readonly task: RunTask;
  readonly log: LogTail;
  isRunning: boolean;
}

/** Runs tasks as jobs of a Slurm cluster. */
export class SlurmPool implements Pool {
  readonly #jobs: SlurmJobs;
  readonly #script: (jobName: string, names: readonly string[]) => string;
  readonly #tell: Tell;
  readonly #deaths = new Deaths();
  /** By Slurm's name for the task, `12_3`. */
  readonly #followed = new Map<string, Followed>();
  readonly #stopped = new AbortController();

  /** @param script of a job's name and its runs, in the order of the array. */
  constructor(jobs: SlurmJobs, script: (jobName: string, names: readonly string[]) => string, tell: Tell) {
    this.#jobs = jobs;
    this.#script = script;
    this.#tell = tell;
  }

  /** As `Pool.run`. Throws InputError if Slurm refuses the job or stays unreachable. */
  async run(tasks: readonly RunTask[]): Promise<void> {
    const byName = new Map(tasks.map((task) => [task.name, task]));
    for (const [id, name] of await this.#jobs.active()) {
      const task = byName.get(name);
      if (task === undefined) continue;
      this.#follow(id, task);
      byName.delete(name);
    }
    await this.#submit([...byName.values()]);
    let waitMs = FIRST_LOOK_MS;
    let heardMs = performance.now();
    while (this.#followed.size > 0 && !this.#stopped.signal.aborted) {
      await setTimeout(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      if (this.#stopped.signal.aborted) break;
      try {
        await this.#look();
        heardMs = performance.now();
      } catch (error) {
        if (!(error instanceof InputError) || performance.now() - heardMs > MAX_SILENCE_MS) throw error;
      }
      waitMs = Math.min(MAX_LOOK_MS, waitMs * SLOWER);
    }
    if (this.#stopped.signal.aborted) await this.#end();
  }

  stop(): void {
    this.#stopped.abort();
  }

  /** Cancels all tasks and waits until the running ones have saved and ended. */
  async #end(): Promise<void> {
    const ids = new Set(Array.from(this.#followed.keys(), (id) => id.split("_")[0]));
    await cancel([...ids]);
    while (this.#followed.size > 0) {
      const queued = await queue();
      for (const [id, { task }] of this.#followed) {
        if (queued.has(id)) continue;
        this.#followed.delete(id);
        this.#tell({ type: task.isDone() ? "finished" : "killed", name: task.name });
      }
      if (this.#followed.size > 0) await setTimeout(FIRST_LOOK_MS);
    }
  }

  async #submit(tasks: readonly RunTask[]): Promise<void> {
    for (let start = 0; start < tasks.length; start += MAX_ARRAY) {
      const part = tasks.slice(start, start + MAX_ARRAY);
      const names = part.map(({ name }) => name);
      const submitted = await this.#jobs.submit(names, (jobName) => this.#script(jobName, names));
      for (const [index, id] of [...submitted.keys()].entries()) this.#follow(id, part[index]);
    }
  }

  #follow(id: string, task: RunTask): void {
    this.#followed.set(id, { task, log: new LogTail(task.logPath), isRunning: false });
  }

  /** Reads the queue and the new lines of the logs once. */
  async #look(): Promise<void> {
    const queued = await queue();
    const again: RunTask[] = [];
    for (const [id, followed] of this.#followed) {
      const { task, log } = followed;
      const state = queued.get(id);
      const isRunning = state !== undefined && state !== "PENDING" && !state.startsWith("REQUEUE");
      if (isRunning && !followed.isRunning) this.#tell({ type: "started", name: task.name });
      for (const event of log.read()) this.#tell({ type: "event", name: task.name, event });
      if (state === undefined) {
        this.#followed.delete(id);
        if (await this.#isToGoAgain(id, task)) again.push(task);
      } else if (followed.isRunning && !isRunning) {
        this.#tell({ type: "killed", name: task.name }); // preempted; Slurm starts it again
      }
      followed.isRunning = isRunning;
    }
    await this.#submit(again);
  }

  /** Handles a task that left the queue: finished, failed, or to be submitted again. */
  async #isToGoAgain(id: string, task: RunTask): Promise<boolean> {
    const { name } = task;
    if (task.isDone()) {
      this.#tell({ type: "finished", name });
      return false;
    }
    const ending = await endingOf(id);
    const failure = failureOf(ending, task.logPath) ?? this.#deaths.count(task, wordOf(ending));
    this.#tell(failure === null ? { type: "killed", name } : { type: "failed", name, failure });
    return failure === null;
  }
}

const wordOf = (ending: Ending | null): string =>
  ending === null ? "for an unknown reason" : ending.state.toLowerCase().replaceAll("_", " ");

/** The failure of a task that would fail again; null where another try may succeed (time limit, preemption, node failure). */
function failureOf(ending: Ending | null, logPath: string): { exitCode: number; message: string } | null {
  if (ending === null) return null;
  const { state, exitCode, signal } = ending;
  if (state === "OUT_OF_MEMORY") return { exitCode: 1, message: "out of memory; request more with --mem" };
  if (state === "CANCELLED") return { exitCode: 143, message: "cancelled (scancel)" };
  if (state !== "FAILED" || signal !== 0 || STOPPED.has(exitCode)) return null;
  return { exitCode, message: lastError(logPath) ?? `exit code ${exitCode}` };
}

const END_BYTES = 16_384;

/** The last error message in a run's log. */
function lastError(path: string): string | null {
  if (!fs.existsSync(path)) return null;
  const end = readFrom(path, Math.max(0, fs.statSync(path).size - END_BYTES)).toString("utf8");
  return end.split("\n").reduce<string | null>((last, line) => messageOf(line) ?? last, null);
}

/** Reads what is appended to a log. */
class LogTail {
  readonly #path: string;
  #place: number;

  constructor(path: string) {
    this.#path = path;
    this.#place = fs.existsSync(path) ? fs.statSync(path).size : 0;
  }

  /** The events in the lines completed since the last call. */
  read(): Readonly<Record<string, unknown>>[] {
    if (!fs.existsSync(this.#path) || fs.statSync(this.#path).size <= this.#place) return [];
    const bytes = readFrom(this.#path, this.#place);
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    this.#place += whole.length;
    const events = whole.toString("utf8").split("\n").map(parseEvent);
    return events.filter((event) => event !== null);
  }
}

function readFrom(path: string, place: number): Buffer {
  const file = fs.openSync(path, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fs.fstatSync(file).size - place));
    return bytes.subarray(0, fs.readSync(file, bytes, 0, bytes.length, place));
  } finally {
    fs.closeSync(file);
  }
}
