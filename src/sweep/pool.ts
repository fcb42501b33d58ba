/**
 * A pool of child processes, limited by their number and their memory. It starts runs and relays their output.
 * `rungs.ts` decides which runs to do and how far; `slurm-pool.ts` is the same on a cluster.
 *
 * A run that is killed (by a user, or by the system when memory runs out) is started again and resumes from its
 * checkpoint; one that is killed repeatedly without progress fails.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import { createInterface } from "node:readline";
import { InputError, isRecord } from "../errors.ts";
import { isOutOfFiles, TOO_MANY_FILES, writeError } from "../node/files.ts";
import type { Failure } from "./sweep-directory.ts";

/** A run to be done. */
export interface RunTask {
  /** The run's name. */
  readonly name: string;
  /** Arguments of `sweep-task`. */
  readonly args: readonly string[];
  /** The file to which its output is appended. */
  readonly logPath: string;
  /** Bytes of memory that it needs, by the formula. */
  readonly bytes: number;
  /** Returns a text that changes whenever the run makes progress; `""` before the first checkpoint. */
  readonly progress: () => string;
  /** Returns whether the run has reached its goal. */
  readonly isDone: () => boolean;
}

/** Runs tasks: as processes on this machine (`ProcessPool`), or as jobs on a cluster (`SlurmPool`). */
export interface Pool {
  /** Runs all tasks; resolves when each has finished or failed or, after `stop`, when none is running. */
  run(tasks: readonly RunTask[]): Promise<void>;
  /**
   * Starts no more tasks, and asks the running ones to save and stop. Returns whether the next signal may end this
   * process at once, because the tasks do without it.
   */
  stop(): boolean;
}

/** How a `ProcessPool` starts tasks. */
export interface ProcessPoolOptions {
  /** The command: Node, its arguments, and the path of cli.js. */
  readonly program: readonly string[];
  /** Tasks at once. */
  readonly jobs: number;
  /** Bytes of memory for all running tasks together. */
  readonly maxBytes: number;
  /** Environment variables to add for the tasks. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What happened to a task: a change of its state, or an event that it printed (a line of its JSON). */
export type TaskEvent =
  | { readonly type: "started" | "finished" | "killed"; readonly name: string }
  | { readonly type: "failed"; readonly name: string; readonly failure: Failure }
  | { readonly type: "event"; readonly name: string; readonly event: Readonly<Record<string, unknown>> };

/** What a pool reports. A warning without a name is about no single task. */
export type PoolEvent =
  | TaskEvent
  | { readonly type: "warning"; readonly name: string | null; readonly message: string };

/** Receives the events of a pool. */
export type PoolListener = (event: PoolEvent) => void;

/** Exit codes of runs stopped from outside, which can be resumed: 128 + SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM. */
export const STOPPED: ReadonlySet<number> = new Set([129, 130, 137, 141, 143]);
const MAX_KILLS_WITHOUT_PROGRESS = 5;

/** Counts kills without progress, to give up runs that never get further. */
export class KillCounter {
  readonly #counts = new Map<string, { progress: string; count: number }>();

  /** Counts a kill. Returns the failure once there were too many in a row; null before. @param how in words. */
  count({ name, ...task }: Pick<RunTask, "name" | "progress">, how: string): Failure | null {
    const progress = task.progress();
    const before = this.#counts.get(name);
    const count = before?.progress === progress ? before.count + 1 : 1;
    this.#counts.set(name, { progress, count });
    if (count < MAX_KILLS_WITHOUT_PROGRESS) return null;
    const message = `killed ${count} times without progress (${how}); check memory and time limits`;
    return { exitCode: 1, message };
  }
}

interface Running {
  readonly task: RunTask;
  readonly child: ChildProcess;
}

/** Runs tasks as processes on this machine. */
export class ProcessPool implements Pool {
  readonly #options: ProcessPoolOptions;
  readonly #listener: PoolListener;
  readonly #running = new Map<string, Running>();
  readonly #kills = new KillCounter();
  #waiting: RunTask[] = [];
  #isStopping = false;
  /** Whether a log could not be written; told once, not for each line. */
  #hasWarned = false;
  #resolve: () => void = () => {};
  #reject: (reason: InputError) => void = () => {};

  /** @param listener is called with each event. */
  constructor(options: ProcessPoolOptions, listener: PoolListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /**
   * As `Pool.run`. Tasks start in order, except that a smaller one may go first where the next does not fit. Throws
   * InputError (code "machine") if the machine cannot start even one process.
   */
  async run(tasks: readonly RunTask[]): Promise<void> {
    this.#waiting = [...tasks];
    await new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#fill();
    });
  }

  /** As `Pool.stop`. A second call ends the running tasks at once. */
  stop(): boolean {
    this.#isStopping = true;
    for (const { child } of this.#running.values()) child.kill("SIGTERM");
    this.#fill();
    return false;
  }

  #fill(): void {
    while (!this.#isStopping && this.#running.size < this.#options.jobs) {
      const used = [...this.#running.values()].reduce((sum, { task }) => sum + task.bytes, 0);
      const next = this.#waiting.findIndex(({ bytes }) => used === 0 || used + bytes <= this.#options.maxBytes);
      if (next < 0 || !this.#start(this.#waiting.splice(next, 1)[0])) break;
    }
    if (this.#running.size === 0) this.#resolve();
  }

  /** Returns whether the machine started the process; if not, `#onRefused` follows. */
  #start(task: RunTask): boolean {
    const [node, ...args] = [...this.#options.program, "sweep-task", ...task.args, "--json"];
    // Detached, in its own process group, so that Ctrl-C reaches only the sweep, which then signals each run once.
    const child = spawn(node, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.#options.environment },
    });
    this.#running.set(task.name, { task, child });
    if (child.pid === undefined) {
      child.on("error", (error) => this.#onRefused(task, error));
      return false;
    }
    this.#listener({ type: "started", name: task.name });
    const log = (line: string): void => this.#log(task, line);
    let lastError = "";
    createInterface({ input: child.stderr }).on("line", (line) => {
      log(line);
      lastError = messageOf(line) ?? lastError;
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parseEvent(line);
      if (event === null || event.event !== "step") log(line);
      if (event !== null) this.#listener({ type: "event", name: task.name, event });
    });
    child.on("error", (error) => (lastError = error.message));
    child.on("close", (code, signal) => this.#onEnd(task, code, signal, lastError));
    return true;
  }

  /** Handles a process that could not be started: its task waits until another one ends, if there is one. */
  #onRefused(task: RunTask, error: Error): void {
    this.#running.delete(task.name);
    this.#waiting.unshift(task);
    if (this.#running.size > 0) return;
    const reason = isOutOfFiles(error) ? TOO_MANY_FILES : error.message;
    this.#reject(new InputError(`cannot start a run: ${reason}`, "machine"));
  }

  /** Appends to a task's log. A full disk costs lines of a log, and a warning, but no run. */
  #log({ name, logPath }: RunTask, line: string): void {
    try {
      fs.appendFileSync(logPath, `${line}\n`);
    } catch (error) {
      const failure = writeError(logPath, line.length + 1, error);
      if (!(failure instanceof InputError)) throw error;
      if (!this.#hasWarned) this.#listener({ type: "warning", name, message: `${failure.message}; the log has a gap` });
      this.#hasWarned = true;
    }
  }

  #onEnd(task: RunTask, code: number | null, signal: NodeJS.Signals | null, message: string): void {
    const { name } = task;
    this.#running.delete(name);
    if (code === 0) this.#listener({ type: "finished", name });
    else if (code === null ? signal !== null : STOPPED.has(code)) this.#retry(task, signal);
    else
      this.#listener({
        type: "failed",
        name,
        failure: { exitCode: code ?? 1, message: message || `exit code ${code}; see its log` },
      });
    this.#fill();
  }

  #retry(task: RunTask, signal: NodeJS.Signals | null): void {
    const { name } = task;
    this.#listener({ type: "killed", name });
    if (this.#isStopping) return;
    const failure = this.#kills.count(task, signal ?? "a signal");
    if (failure === null) this.#waiting.unshift(task);
    else this.#listener({ type: "failed", name, failure });
  }
}

/** The message of an error line in a run's output; null for any other line. */
export function messageOf(line: string): string | null {
  return /^microgpt: (?!warning: )(.*)$/.exec(line)?.[1] ?? null;
}

/** An event in a run's output; null for a line that is not JSON. */
export function parseEvent(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(line);
    return isRecord(json) ? json : null;
  } catch {
    return null;
  }
}
