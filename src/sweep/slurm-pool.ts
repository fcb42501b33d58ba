/**
 * Runs tasks on a Slurm cluster: submits them as a job array, follows the queue and their logs, and resubmits tasks
 * that ended before their run was done. `slurm.ts` runs the commands, `slurm-jobs.ts` remembers the jobs.
 *
 * A run's progress is read from its directory, on a disk that the cluster shares; Slurm is only asked why a task ended.
 * A task that Slurm requeues (after preemption) is left to Slurm, and resumes from the run's checkpoint.
 */
import * as fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { InputError } from "../errors.ts";
import { MAX_ARRAY } from "../experiments/slurm-script.ts";
import { KillCounter, messageOf, parseEvent, STOPPED } from "./pool.ts";
import type { Pool, PoolListener, RunTask } from "./pool.ts";
import { cancel, endingOf, queue } from "./slurm.ts";
import type { Ending } from "./slurm.ts";
import type { SlurmJobs } from "./slurm-jobs.ts";

/** Milliseconds between polls of the queue: short at first, then growing, to spare the controller. */
const [FIRST_POLL_MS, MAX_POLL_MS] = [500, 15_000];
const POLL_GROWTH = 1.1;
/** How long the controller may be unreachable, for example while it restarts. */
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
  readonly #listener: PoolListener;
  readonly #kills = new KillCounter();
  /** By Slurm's id of the task, `12_3`. */
  readonly #followed = new Map<string, Followed>();
  readonly #stopped = new AbortController();

  /** @param script makes the script of a job from its name and its runs, in the order of the array. */
  constructor(jobs: SlurmJobs, script: (jobName: string, names: readonly string[]) => string, listener: PoolListener) {
    this.#jobs = jobs;
    this.#script = script;
    this.#listener = listener;
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
    let waitMs = FIRST_POLL_MS;
    let lastReplyMs = performance.now();
    while (this.#followed.size > 0 && !this.#stopped.signal.aborted) {
      await setTimeout(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      if (this.#stopped.signal.aborted) break;
      try {
        await this.#poll();
        lastReplyMs = performance.now();
      } catch (error) {
        if (!(error instanceof InputError) || performance.now() - lastReplyMs > MAX_SILENCE_MS) throw error;
      }
      waitMs = Math.min(MAX_POLL_MS, waitMs * POLL_GROWTH);
    }
    if (this.#stopped.signal.aborted) await this.#cancelAll();
  }

  /** As `Pool.stop`. */
  stop(): void {
    this.#stopped.abort();
  }

  /** Cancels all tasks and waits until the running ones have saved and ended. */
  async #cancelAll(): Promise<void> {
    const ids = new Set(Array.from(this.#followed.keys(), (id) => id.split("_")[0]));
    await cancel([...ids]);
    while (this.#followed.size > 0) {
      const queued = await queue();
      for (const [id, { task }] of this.#followed) {
        if (queued.has(id)) continue;
        this.#followed.delete(id);
        this.#listener({ type: task.isDone() ? "finished" : "killed", name: task.name });
      }
      if (this.#followed.size > 0) await setTimeout(FIRST_POLL_MS);
    }
  }

  async #submit(tasks: readonly RunTask[]): Promise<void> {
    for (let start = 0; start < tasks.length; start += MAX_ARRAY) {
      const array = tasks.slice(start, start + MAX_ARRAY);
      const names = array.map(({ name }) => name);
      const submitted = await this.#jobs.submit(names, (jobName) => this.#script(jobName, names));
      for (const [index, id] of [...submitted.keys()].entries()) this.#follow(id, array[index]);
    }
  }

  #follow(id: string, task: RunTask): void {
    this.#followed.set(id, { task, log: new LogTail(task.logPath), isRunning: false });
  }

  /** Reads the queue and the new lines of the logs once. */
  async #poll(): Promise<void> {
    const queued = await queue();
    const unfinished: RunTask[] = [];
    for (const [id, followed] of this.#followed) {
      const { task, log } = followed;
      const state = queued.get(id);
      const isRunning = state !== undefined && state !== "PENDING" && !state.startsWith("REQUEUE");
      if (isRunning && !followed.isRunning) this.#listener({ type: "started", name: task.name });
      for (const event of log.read()) this.#listener({ type: "event", name: task.name, event });
      if (state === undefined) {
        this.#followed.delete(id);
        if (await this.#mustResubmit(id, task)) unfinished.push(task);
      } else if (followed.isRunning && !isRunning) {
        this.#listener({ type: "killed", name: task.name }); // preempted; Slurm starts it again
      }
      followed.isRunning = isRunning;
    }
    await this.#submit(unfinished);
  }

  /** Handles a task that left the queue. Resolves to whether to resubmit it: it has neither finished nor failed. */
  async #mustResubmit(id: string, task: RunTask): Promise<boolean> {
    const { name } = task;
    if (task.isDone()) {
      this.#listener({ type: "finished", name });
      return false;
    }
    const ending = await endingOf(id);
    const failure = failureOf(ending, task.logPath) ?? this.#kills.count(task, wordOf(ending));
    this.#listener(failure === null ? { type: "killed", name } : { type: "failed", name, failure });
    return failure === null;
  }
}

const wordOf = (ending: Ending | null): string =>
  ending === null ? "unknown reason" : ending.state.toLowerCase().replaceAll("_", " ");

/** The failure of a task that would fail again; null if a retry may succeed (time limit, preemption, node failure). */
function failureOf(ending: Ending | null, logPath: string): { exitCode: number; message: string } | null {
  if (ending === null) return null;
  const { state, exitCode, signal } = ending;
  if (state === "OUT_OF_MEMORY") return { exitCode: 1, message: "out of memory; request more with --mem" };
  if (state === "CANCELLED") return { exitCode: 143, message: "cancelled (scancel)" };
  if (state !== "FAILED" || signal !== 0 || STOPPED.has(exitCode)) return null;
  return { exitCode, message: lastError(logPath) ?? `exit code ${exitCode}` };
}

/** Bytes at the end of a log in which to look for the last error. */
const END_BYTES = 16_384;

/** The last error message in a run's log. */
function lastError(path: string): string | null {
  if (!fs.existsSync(path)) return null;
  const end = readFrom(path, Math.max(0, fs.statSync(path).size - END_BYTES)).toString("utf8");
  return end.split("\n").reduce<string | null>((last, line) => messageOf(line) ?? last, null);
}

/** Reads the lines that are appended to a log. */
class LogTail {
  readonly #path: string;
  #offset: number;

  constructor(path: string) {
    this.#path = path;
    this.#offset = fs.existsSync(path) ? fs.statSync(path).size : 0;
  }

  /** The events in the lines completed since the last call. */
  read(): Readonly<Record<string, unknown>>[] {
    if (!fs.existsSync(this.#path) || fs.statSync(this.#path).size <= this.#offset) return [];
    const bytes = readFrom(this.#path, this.#offset);
    const complete = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    this.#offset += complete.length;
    const events = complete.toString("utf8").split("\n").map(parseEvent);
    return events.filter((event) => event !== null);
  }
}

/** The bytes of a file from an offset to its end. */
function readFrom(path: string, offset: number): Buffer {
  const file = fs.openSync(path, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fs.fstatSync(file).size - offset));
    return bytes.subarray(0, fs.readSync(file, bytes, 0, bytes.length, offset));
  } finally {
    fs.closeSync(file);
  }
}
