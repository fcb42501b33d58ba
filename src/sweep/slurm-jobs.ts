/**
 * The jobs that a sweep has submitted, with the run of each task: `slurm/jobs.json` in its directory. With it, a
 * resumed sweep finds its tasks in the queue and submits nothing twice.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { makeDirectory, readWhole, writeDurably } from "../node/files.ts";
import { showPath } from "../errors.ts";
import { jobsNamed, queue, submit } from "./slurm.ts";

/** A job array. It is recorded before it is submitted, so that after a kill in between it can be found by its name. */
interface Job {
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

  /** The tasks that are waiting or running: `12_3` → its run. Of several tasks of a run, only the newest is listed. */
  async active(): Promise<Map<string, string>> {
    if (this.#jobs.length === 0) return new Map();
    await this.#findSubmitted();
    const queued = await queue();
    const newest = new Map<string, string>();
    for (const { id, runs } of this.#jobs) {
      for (const [index, run] of runs.entries()) if (queued.has(`${id}_${index}`)) newest.set(run, `${id}_${index}`);
    }
    return new Map(Array.from(newest, ([run, task]) => [task, run]));
  }

  /** Submits a job array of these runs. Resolves to its tasks, as `active`. @param script job name → script. */
  async submit(runs: readonly string[], script: (name: string) => string): Promise<Map<string, string>> {
    makeDirectory(this.#directory);
    const name = `microgpt-${this.#jobs.length + 1}-${Date.now().toString(36)}`;
    const path = join(this.#directory, `${name}.sh`);
    writeDurably(path, script(name));
    this.#save([...this.#jobs, { name, id: null, runs }]);
    const id = await submit(path);
    this.#save(this.#jobs.map((job) => (job.name === name ? { ...job, id } : job)));
    return new Map(runs.map((run, index) => [`${id}_${index}`, run]));
  }

  /** Looks up the ids of jobs whose submission was interrupted by a kill. */
  async #findSubmitted(): Promise<void> {
    for (const job of this.#jobs.filter(({ id }) => id === null)) {
      const [id] = await jobsNamed(job.name);
      if (id !== undefined) this.#save(this.#jobs.map((one) => (one === job ? { ...job, id } : one)));
    }
  }

  #save(jobs: readonly Job[]): void {
    writeDurably(join(this.#directory, "jobs.json"), `${JSON.stringify(jobs, null, 2)}\n`);
    this.#jobs = jobs;
  }
}

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
