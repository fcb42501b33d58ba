/**
 * A pool of child processes, limited by their number and their memory. It starts runs and relays what they print; how runs
 * relate to each other is not its business.
 *
 * A run that is killed (by a user, or by the system for lack of memory) is started again and resumes from its checkpoint;
 * one that is killed repeatedly without progress fails.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import { createInterface } from "node:readline";
import { isRecord } from "../errors.ts";
import type { Failure } from "./sweep-directory.ts";

/** A run to be done. */
export interface RunTask {
  /** The run's name. */
  readonly name: string;
  /** Arguments of `sweep-task`. */
  readonly args: readonly string[];
  /** The file that its output goes to. */
  readonly logPath: string;
  /** Memory that it needs, by the formula. */
  readonly bytes: number;
  /** A text that changes whenever the run makes progress; `""` before the first checkpoint. */
  readonly progress: () => string;
  /** Whether the run has reached its goal. */
  readonly isDone: () => boolean;
}

/** Runs tasks: as processes here, or as jobs on a cluster (`slurm-pool.ts`). */
export interface Pool {
  /** Runs all tasks; resolves when each has finished or failed, or, after `stop`, when none runs any more. */
  run(tasks: readonly RunTask[]): Promise<void>;
  /** Starts no more tasks and asks the running ones to save and stop. */
  stop(): void;
}

/** How a `ProcessPool` starts tasks. */
export interface PoolSettings {
  /** Node, its arguments, and the file of the command line. */
  readonly program: readonly string[];
  /** Tasks at once. */
  readonly jobs: number;
  /** Memory for all running tasks together. */
  readonly maxBytes: number;
  /** Further environment variables of the tasks. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What happened to a task: a change of its state, or an event of its own (a line of its JSON). */
export type PoolEvent =
  | { readonly type: "started" | "finished" | "killed"; readonly name: string }
  | { readonly type: "failed"; readonly name: string; readonly failure: Failure }
  | { readonly type: "event"; readonly name: string; readonly event: Readonly<Record<string, unknown>> };

/** Is called with each event. */
export type Tell = (event: PoolEvent) => void;

/** Exit codes of a run that was stopped from outside and can be resumed: 128 + SIGHUP, SIGINT, SIGKILL, SIGPIPE, SIGTERM. */
export const STOPPED: ReadonlySet<number> = new Set([129, 130, 137, 141, 143]);
const MAX_KILLS_WITHOUT_PROGRESS = 5;

/** Counts kills without progress, to detect runs that never get further. */
export class Deaths {
  readonly #kills = new Map<string, { progress: string; count: number }>();

  /** Counts a kill. @param how in words. Returns the failure once there were too many; null before. */
  count({ name, ...task }: Pick<RunTask, "name" | "progress">, how: string): Failure | null {
    const progress = task.progress();
    const before = this.#kills.get(name);
    const count = before?.progress === progress ? before.count + 1 : 1;
    this.#kills.set(name, { progress, count });
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
  readonly #settings: PoolSettings;
  readonly #tell: Tell;
  readonly #running = new Map<string, Running>();
  readonly #deaths = new Deaths();
  #waiting: RunTask[] = [];
  #isStopping = false;
  #done: () => void = () => {};

  /** @param tell is called with each event. */
  constructor(settings: PoolSettings, tell: Tell) {
    this.#settings = settings;
    this.#tell = tell;
  }

  /** As `Pool.run`; tasks start in order. */
  async run(tasks: readonly RunTask[]): Promise<void> {
    this.#waiting = [...tasks];
    await new Promise<void>((resolve) => {
      this.#done = resolve;
      this.#fill();
    });
  }

  /** As `Pool.stop`; the second call ends the running tasks at once. */
  stop(): void {
    this.#isStopping = true;
    for (const { child } of this.#running.values()) child.kill("SIGTERM");
    this.#fill();
  }

  #fill(): void {
    while (!this.#isStopping && this.#running.size < this.#settings.jobs) {
      const used = [...this.#running.values()].reduce((sum, { task }) => sum + task.bytes, 0);
      const next = this.#waiting.findIndex(({ bytes }) => used === 0 || used + bytes <= this.#settings.maxBytes);
      if (next < 0) break;
      this.#start(this.#waiting.splice(next, 1)[0]);
    }
    if (this.#running.size === 0) this.#done();
  }

  #start(task: RunTask): void {
    const [node, ...args] = [...this.#settings.program, "sweep-task", ...task.args, "--json"];
    // A process group of its own: Ctrl-C reaches the sweep alone, which then signals each run once.
    const child = spawn(node, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...this.#settings.environment },
    });
    this.#running.set(task.name, { task, child });
    this.#tell({ type: "started", name: task.name });
    const log = (line: string): void => fs.appendFileSync(task.logPath, `${line}\n`);
    let lastError = "";
    createInterface({ input: child.stderr }).on("line", (line) => {
      log(line);
      lastError = messageOf(line) ?? lastError;
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = parseEvent(line);
      if (event === null || event.event !== "step") log(line);
      if (event !== null) this.#tell({ type: "event", name: task.name, event });
    });
    child.on("error", (error) => (lastError = `it can't be started: ${error.message}`));
    child.on("close", (code, signal) => this.#ended(task, code, signal, lastError));
  }

  #ended(task: RunTask, code: number | null, signal: NodeJS.Signals | null, message: string): void {
    const { name } = task;
    this.#running.delete(name);
    if (code === 0) this.#tell({ type: "finished", name });
    else if (code === null ? signal !== null : STOPPED.has(code)) this.#again(task, signal);
    else
      this.#tell({
        type: "failed",
        name,
        failure: { exitCode: code ?? 1, message: message || `exit code ${code}; see its log` },
      });
    this.#fill();
  }

  #again(task: RunTask, signal: NodeJS.Signals | null): void {
    const { name } = task;
    this.#tell({ type: "killed", name });
    if (this.#isStopping) return;
    const failure = this.#deaths.count(task, signal ?? "a signal");
    if (failure === null) this.#waiting.unshift(task);
    else this.#tell({ type: "failed", name, failure });
  }
}

/** The message of an error line in a run's output; null for another line. */
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
