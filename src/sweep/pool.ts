/**
 * Processes side by side: so many at once, as far as memory goes. It knows how a run is started and what it says, and
 * nothing of what runs mean to each other.
 *
 * A run that is killed (by a person, by the system for want of memory) is started again, and goes on from its checkpoint;
 * one that is killed again and again and comes no further is given up.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import * as fs from "node:fs";
import { createInterface } from "node:readline";
import { isRecord } from "../errors.ts";
import type { Failure } from "./sweep-directory.ts";

export interface RunTask {
  readonly name: string;
  /** As `sweep-task` takes them. */
  readonly args: readonly string[];
  readonly logPath: string;
  /** What it needs, by the formula. */
  readonly bytes: number;
  /** Something that changes whenever the run has come further; `""` before it has. */
  readonly progress: () => string;
  /** Whether the run has come as far as it should. */
  readonly isDone: () => boolean;
}

/** Where runs are done: here, or elsewhere (`slurm-pool.ts`). */
export interface Pool {
  /** Runs all tasks; resolves when each has finished or failed, or the pool was stopped and none runs any more. */
  run(tasks: readonly RunTask[]): Promise<void>;
  /** Starts nothing more, and asks what runs to stop, saved. */
  stop(): void;
}

export interface PoolSettings {
  /** Node, what it is told, and the command line's file. */
  readonly program: readonly string[];
  readonly jobs: number;
  /** Of all running tasks together. */
  readonly maxBytes: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** What the pool tells: a task's own event (a line of its JSON), or how it fares. */
export type PoolEvent =
  | { readonly type: "started" | "finished" | "killed"; readonly name: string }
  | { readonly type: "failed"; readonly name: string; readonly failure: Failure }
  | { readonly type: "event"; readonly name: string; readonly event: Readonly<Record<string, unknown>> };

export type Tell = (event: PoolEvent) => void;

/** Exit codes of a run that was stopped from outside, and is whole: 128 + SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGKILL. */
export const STOPPED: ReadonlySet<number> = new Set([129, 130, 137, 141, 143]);
const MAX_KILLS_WITHOUT_PROGRESS = 5;

/** Counts how often runs were killed: one that is killed again and again and comes no further is to be given up. */
export class Deaths {
  readonly #kills = new Map<string, { progress: string; count: number }>();

  /** One more. @param how in words. Returns why to give up; null: not yet. */
  count({ name, ...task }: Pick<RunTask, "name" | "progress">, how: string): Failure | null {
    const progress = task.progress();
    const before = this.#kills.get(name);
    const count = before?.progress === progress ? before.count + 1 : 1;
    this.#kills.set(name, { progress, count });
    if (count < MAX_KILLS_WITHOUT_PROGRESS) return null;
    const message = `it was ended ${count} times (${how}) and came no further; is there memory, and time, enough?`;
    return { exitCode: 1, message };
  }
}

interface Running {
  readonly task: RunTask;
  readonly child: ChildProcess;
}

export class ProcessPool implements Pool {
  readonly #settings: PoolSettings;
  readonly #tell: Tell;
  readonly #running = new Map<string, Running>();
  readonly #deaths = new Deaths();
  #waiting: RunTask[] = [];
  #isStopping = false;
  #done: () => void = () => {};

  constructor(settings: PoolSettings, tell: Tell) {
    this.#settings = settings;
    this.#tell = tell;
  }

  /** As `Pool.run`; tasks begin in order. */
  async run(tasks: readonly RunTask[]): Promise<void> {
    this.#waiting = [...tasks];
    await new Promise<void>((resolve) => {
      this.#done = resolve;
      this.#fill();
    });
  }

  /** As `Pool.stop`; asked twice, what runs is told again, and ends at once. */
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
    // A group of its own: Ctrl-C reaches the sweep alone, which asks each run once.
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

/** The error of a line of a run's output; null where it is none. */
export function messageOf(line: string): string | null {
  return /^microgpt: (?!warning: )(.*)$/.exec(line)?.[1] ?? null;
}

/** A line of a run's JSON; null where it is none. */
export function parseEvent(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const json: unknown = JSON.parse(line);
    return isRecord(json) ? json : null;
  } catch {
    return null;
  }
}
