/**
 * Runs tasks on a Slurm cluster: submits them as a job array, follows the queue and their logs, and resubmits tasks
 * that ended before their run was done. `slurm.ts` runs the commands, `slurm-jobs.ts` remembers the jobs.
 *
 *   waiting → submitted → followed → finished | failed
 *      ↑____________________|  ended before its run was done
 *
 * A task leaves one list only for the other, or with an event that says how it ended: whatever Slurm answers, none is
 * lost. A run's progress is read from its directory, on a disk that the cluster shares; Slurm is only asked why a task
 * ended. A task that Slurm requeues (after preemption) is left to Slurm, and resumes from the run's checkpoint.
 */
import { setTimeout } from "node:timers/promises";
import pRetry from "p-retry";
import { InputError } from "../errors.ts";
import { MAX_ARRAY } from "../experiments/slurm-script.ts";
import { errorCode } from "../node/files.ts";
import { duration } from "../run/format.ts";
import { Patience } from "./patience.ts";
import type { Pace } from "./patience.ts";
import { KillCounter, STOPPED } from "./pool.ts";
import type { Pool, PoolListener, RunTask } from "./pool.ts";
import type { Failure } from "./sweep-directory.ts";
import { cancel, fateOf, SlurmError } from "./slurm.ts";
import type { Ending, Fate } from "./slurm.ts";
import type { SlurmJobs } from "./slurm-jobs.ts";
import { lastError, LogTail } from "./slurm-log.ts";

/** A task of an array. */
interface Followed {
  readonly task: RunTask;
  readonly log: LogTail;
  isRunning: boolean;
  /** Since when it is absent from the queue, by `performance.now`; null while it is there. */
  missingSinceMs: number | null;
}

/** Runs tasks as jobs of a Slurm cluster. */
export class SlurmPool implements Pool {
  readonly #jobs: SlurmJobs;
  readonly #script: (jobName: string, names: readonly string[]) => string;
  readonly #pace: Pace;
  readonly #listener: PoolListener;
  readonly #kills = new KillCounter();
  readonly #patience: Patience;
  /** Tasks to submit. */
  #waiting: readonly RunTask[] = [];
  /** By Slurm's id of the task, `12_3`. */
  readonly #followed = new Map<string, Followed>();
  /** Whether Slurm has accepted a task of this sweep. */
  #isAccepted = false;
  readonly #stopped = new AbortController();

  /** @param script makes the script of a job from its name and its runs, in the order of the array. */
  constructor(
    jobs: SlurmJobs,
    script: (jobName: string, names: readonly string[]) => string,
    pace: Pace,
    listener: PoolListener,
  ) {
    this.#jobs = jobs;
    this.#script = script;
    this.#pace = pace;
    this.#patience = new Patience(pace);
    this.#listener = listener;
  }

  /**
   * As `Pool.run`. Throws InputError if Slurm refuses the first job; or when the patience with it is at its end, after
   * each task that is left has failed.
   */
  async run(tasks: readonly RunTask[]): Promise<void> {
    this.#waiting = tasks;
    for (let waitMs = 0; this.#waiting.length + this.#followed.size > 0;) {
      await setTimeout(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      if (this.#stopped.signal.aborted) return await this.#cancelAll();
      waitMs = await this.#round().then(
        () => this.#patience.succeed(),
        (error: unknown) => this.#backOff(error),
      );
    }
  }

  /** As `Pool.stop`. */
  stop(): boolean {
    this.#stopped.abort();
    return true;
  }

  /** Looks at the queue once, then submits what waits. Throws if Slurm does not answer or refuses. */
  async #round(): Promise<void> {
    await this.#adopt();
    if (this.#followed.size > 0) {
      await this.#poll();
      this.#patience.hear();
    }
    await this.#submit();
  }

  /** Follows what waits but is in the queue: tasks of a killed sweep, and jobs whose acceptance did not reach us. */
  async #adopt(): Promise<void> {
    if (this.#waiting.length === 0) return;
    for (const [id, name] of await this.#jobs.active()) {
      const task = this.#waiting.find((one) => one.name === name);
      if (task !== undefined) this.#follow(id, task);
    }
  }

  /** Submits what waits; after a failure the rest still waits. */
  async #submit(): Promise<void> {
    while (this.#waiting.length > 0) {
      const array = this.#waiting.slice(0, MAX_ARRAY);
      const names = array.map(({ name }) => name);
      const submitted = await this.#jobs.submit(names, (jobName) => this.#script(jobName, names));
      for (const [index, id] of [...submitted.keys()].entries()) this.#follow(id, array[index]);
      this.#patience.hear();
    }
  }

  #follow(id: string, task: RunTask): void {
    this.#waiting = this.#waiting.filter((one) => one !== task);
    this.#followed.set(id, { task, log: new LogTail(task.logPath), isRunning: false, missingSinceMs: null });
    this.#isAccepted = true;
  }

  /** Reads the queue and the new lines of the logs once. */
  async #poll(): Promise<void> {
    const queued = await this.#jobs.queued();
    for (const [id, followed] of this.#followed) {
      const state = queued.get(id) ?? null;
      this.#report(followed, state);
      if (state === null) await this.#settle(id, followed);
      else followed.missingSinceMs = null;
    }
  }

  /** Reports what a task does. @param state null: it is not in the queue. */
  #report(followed: Followed, state: string | null): void {
    const { log, task } = followed;
    const { name } = task;
    const isRunning = state !== null && state !== "PENDING" && !state.startsWith("REQUEUE");
    if (isRunning && !followed.isRunning) this.#listener({ type: "started", name });
    for (const event of log.read()) this.#listener({ type: "event", name, event });
    // Preempted: Slurm starts it again.
    if (state !== null && followed.isRunning && !isRunning) this.#listener({ type: "killed", name });
    if (state !== null) followed.isRunning = isRunning;
  }

  /** Decides on a task that left the queue: its run is done, or it has failed, or waits again; or it is not certain yet. */
  async #settle(id: string, followed: Followed): Promise<void> {
    const { task } = followed;
    const { name } = task;
    if (task.isDone()) {
      this.#followed.delete(id);
      return this.#listener({ type: "finished", name });
    }
    const fate = await fateOf(id);
    if (!this.#isOver(followed, fate)) return;
    const ending = typeof fate === "string" ? null : fate;
    const failure = failureOf(ending, task.logPath) ?? this.#kills.count(task, wordOf(ending));
    this.#followed.delete(id);
    if (failure === null) this.#waiting = [...this.#waiting, task];
    this.#listener(failure === null ? { type: "killed", name } : { type: "failed", name, failure });
  }

  /** Whether a task has ended. One that has completed may be seen before its results are, on a shared disk. */
  #isOver(followed: Followed, fate: Fate): boolean {
    if (fate === "active") followed.missingSinceMs = null;
    if (fate === "active") return false;
    if (fate !== "unknown" && fate.state !== "COMPLETED") return true;
    followed.missingSinceMs ??= performance.now();
    return performance.now() - followed.missingSinceMs >= this.#pace.graceMs;
  }

  /** Handles a failed round. Returns the milliseconds to wait; throws what cannot be mended by waiting. */
  #backOff(error: unknown): number {
    if (!(error instanceof InputError) && errorCode(error) === null) throw error;
    const isAway = error instanceof SlurmError && error.isAway;
    // A first job that is refused has a wrong option, which the user mends.
    if (!this.#isAccepted && !isAway) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    if (!this.#patience.isFailing) {
      const message = `${reason}; trying again for ${duration(this.#pace.patienceMs / 1000)}`;
      this.#listener({ type: "warning", name: null, message });
    }
    const waitMs = this.#patience.fail();
    if (waitMs === null) this.#giveUp(reason);
    return waitMs;
  }

  /** Ends all tasks that are left as failed, by their names, and throws InputError. */
  #giveUp(reason: string): never {
    const end = (task: RunTask, message: string): void => {
      const { name } = task;
      if (task.isDone()) this.#listener({ type: "finished", name });
      else this.#listener({ type: "failed", name, failure: { exitCode: 1, message } });
    };
    for (const task of this.#waiting) end(task, `it was not submitted (${reason})`);
    for (const [id, { task }] of this.#followed) end(task, `it may still run, as task ${id} (${reason})`);
    throw new InputError(`${reason}; given up after ${duration(this.#pace.patienceMs / 1000)}`, "machine");
  }

  /** Cancels all tasks and waits until the running ones have saved and ended. */
  async #cancelAll(): Promise<void> {
    try {
      await this.#insist(() => this.#adopt());
      const ids = new Set(Array.from(this.#followed.keys(), (id) => id.split("_")[0]));
      await this.#insist(() => cancel([...ids]));
      while (this.#followed.size > 0) {
        const queued = await this.#insist(() => this.#jobs.queued());
        for (const [id, { task }] of this.#followed) {
          if (queued.has(id)) continue;
          this.#followed.delete(id);
          this.#listener({ type: task.isDone() ? "finished" : "killed", name: task.name });
        }
        if (this.#followed.size > 0) await setTimeout(this.#pace.firstPollMs);
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const left = [...this.#followed.keys()].join(" ");
      const message = `${error.message}; these tasks may still run: ${left}; --resume follows them, scancel ends them`;
      this.#listener({ type: "warning", name: null, message });
    }
  }

  /** Asks a few times: a user who wants to stop does not wait for long. */
  async #insist<Result>(question: () => Promise<Result>): Promise<Result> {
    return await pRetry(question, { retries: 4, minTimeout: this.#pace.firstPollMs, factor: 2 });
  }
}

const wordOf = (ending: Ending | null): string =>
  ending === null ? "unknown reason" : ending.state.toLowerCase().replaceAll("_", " ");

/** The failure of a task that would fail again; null if a retry may succeed (time limit, preemption, node failure). */
function failureOf(ending: Ending | null, logPath: string): Failure | null {
  if (ending === null) return null;
  const { state, exitCode, signal } = ending;
  if (state === "OUT_OF_MEMORY") return { exitCode: 1, message: "out of memory; request more with --mem" };
  if (state === "CANCELLED") return { exitCode: 143, message: "cancelled (scancel)" };
  if (state !== "FAILED" || signal !== 0 || STOPPED.has(exitCode)) return null;
  return { exitCode, message: lastError(logPath) ?? `exit code ${exitCode}` };
}
