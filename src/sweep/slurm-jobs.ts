/**
 * The jobs that a sweep has submitted, with the run of each task: `slurm/jobs.json` in its directory. With it, a
 * resumed sweep finds its tasks in the queue and submits nothing twice.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord, showPath } from "../errors.ts";
import { makeDirectory, readWhole, writeDurably, writeError } from "../node/files.ts";
import { queue, submit } from "./slurm.ts";
import type { QueuedTask } from "./slurm.ts";

/** A job array. It is recorded before it is submitted, so that it can be found by its name if the answer is lost. */
interface Job {
  /** Its name in the queue: no other job has it, whereas Slurm begins to use ids again after some millions. */
  readonly name: string;
  /** Slurm's job id; null: not yet known. */
  readonly id: string | null;
  /** The run of each task, by the task's index. */
  readonly runs: readonly string[];
}

/** The record of submitted jobs. */
export class SlurmJobs {
  readonly #directory: string;
  #jobs: readonly Job[];

  private constructor(directory: string, jobs: readonly Job[]) {
    this.#directory = directory;
    this.#jobs = jobs;
  }

  /** Reads the record of a sweep; empty if there is none. Throws InputError if it is damaged. */
  static open(sweepPath: string): SlurmJobs {
    const directory = join(sweepPath, "slurm");
    const path = join(directory, "jobs.json");
    if (!fs.existsSync(path)) return new SlurmJobs(directory, []);
    try {
      const json: unknown = JSON.parse(readWhole(path, 2 ** 26).toString("utf8"));
      if (Array.isArray(json)) return new SlurmJobs(directory, json.map(readJob));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw damaged(path);
  }

  /** The tasks of these jobs that are in the queue: Slurm's id of the task → its state. Throws InputError as `queue`. */
  async queued(): Promise<Map<string, string>> {
    const all = await queue();
    this.#learnIds(all);
    const names = new Map(this.#jobs.map(({ id, name }) => [id, name]));
    const own = all.filter((one) => isNamed(one, names.get(jobOf(one)) ?? null));
    return new Map(own.map(({ task, state }) => [task, state]));
  }

  /** The tasks in the queue: `12_3` → its run. Of several tasks of a run, only the newest is listed. */
  async active(): Promise<Map<string, string>> {
    if (this.#jobs.length === 0) return new Map();
    const queued = await this.queued();
    const newest = new Map<string, string>();
    for (const { id, runs } of this.#jobs) {
      for (const [index, run] of runs.entries()) if (queued.has(`${id}_${index}`)) newest.set(run, `${id}_${index}`);
    }
    return new Map(Array.from(newest, ([run, task]) => [task, run]));
  }

  /**
   * Submits a job array of these runs. Resolves to its tasks, as `active`. Throws InputError: the job may then be
   * accepted all the same, so call `active` before the next attempt. @param script job name → script.
   */
  async submit(runs: readonly string[], script: (name: string) => string): Promise<Map<string, string>> {
    const name = this.#nameFor(runs);
    const path = join(this.#directory, `${name}.sh`);
    this.#write(path, script(name));
    if (!this.#jobs.some((job) => job.name === name)) this.#save([...this.#jobs, { name, id: null, runs }]);
    const id = await submit(path);
    this.#saveIds(this.#jobs.map((job) => (job.name === name ? { ...job, id } : job)));
    return new Map(runs.map((run, index) => [`${id}_${index}`, run]));
  }

  /** The name of an earlier attempt to submit these runs, which has no job; or a new one. */
  #nameFor(runs: readonly string[]): string {
    const earlier = this.#jobs.find(({ id, runs: same }) => id === null && same.join() === runs.join());
    const unique = `${Date.now().toString(36)}-${randomBytes(3).toString("hex")}`;
    return earlier?.name ?? `microgpt-${this.#jobs.length + 1}-${unique}`;
  }

  /** Takes from the queue the ids of jobs whose submission was not answered, or interrupted by a kill. */
  #learnIds(tasks: readonly QueuedTask[]): void {
    const ids = new Map(tasks.map((one) => [one.jobName, jobOf(one)]));
    const jobs = this.#jobs.map((job) => ({ ...job, id: job.id ?? ids.get(job.name) ?? null }));
    if (jobs.some(({ id }, i) => id !== this.#jobs[i].id)) this.#saveIds(jobs);
  }

  /** Saves ids, as far as the disk can: what is running is followed, and a resumed sweep finds it by its name. */
  #saveIds(jobs: readonly Job[]): void {
    try {
      this.#save(jobs);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }

  #save(jobs: readonly Job[]): void {
    this.#jobs = jobs;
    this.#write(join(this.#directory, "jobs.json"), `${JSON.stringify(jobs, null, 2)}\n`);
  }

  #write(path: string, text: string): void {
    try {
      makeDirectory(this.#directory);
    } catch (error) {
      throw writeError(path, text.length, error);
    }
    writeDurably(path, text);
  }
}

/** The job's id in the task's: `12` of `12_3`. */
const jobOf = ({ task }: QueuedTask): string => task.split("_")[0];

/** Whether a task is of the job with this name. A queue without names is believed. @param name null: of no known job. */
const isNamed = ({ jobName }: QueuedTask, name: string | null): boolean =>
  name !== null && (jobName === null || jobName === name);

function readJob(json: unknown): Job {
  const { name, id, runs } = isRecord(json) ? json : {};
  const isId = id === null || (typeof id === "string" && /^\d+$/.test(id));
  const isRuns = Array.isArray(runs) && runs.every((run) => typeof run === "string");
  if (typeof name === "string" && /^[\w-]+$/.test(name) && isId && isRuns) return { name, id, runs };
  throw damaged("slurm/jobs.json");
}

const damaged = (path: string): InputError =>
  new InputError(
    `${showPath(path)} is damaged; check with squeue that no job of the sweep is queued, then remove it and resume`,
  );
