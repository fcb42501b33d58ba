/**
 * Which jobs a sweep has submitted, and which runs their tasks are: `slurm/jobs.json` in its directory, so that a sweep
 * that goes on finds what it has in the queue, and submits nothing twice.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { makeDirectory, readWhole, writeDurably } from "../node/files.ts";
import { showPath } from "../errors.ts";
import { jobsNamed, queue, submit } from "./slurm.ts";

/** A job array. Written down before it is submitted: a process that is killed in between can find it by its name. */
interface Job {
  readonly name: string;
  /** Slurm's number; null: not yet known. */
  readonly id: string | null;
  /** Runs, by index. */
  readonly runs: readonly string[];
}

export class SlurmJobs {
  readonly #directory: string;
  #jobs: readonly Job[];

  private constructor(directory: string, jobs: readonly Job[]) {
    this.#directory = directory;
    this.#jobs = jobs;
  }

  /** Reads what a sweep has written down; nothing, if nothing. Throws InputError if it is damaged. */
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

  /** Tasks that wait or run now: `12_3` → its run. Each run has one at most, the newest. */
  async active(): Promise<Map<string, string>> {
    if (this.#jobs.length === 0) return new Map();
    await this.#findLost();
    const queued = await queue();
    const newest = new Map<string, string>();
    for (const { id, runs } of this.#jobs) {
      for (const [index, run] of runs.entries()) if (queued.has(`${id}_${index}`)) newest.set(run, `${id}_${index}`);
    }
    return new Map(Array.from(newest, ([run, task]) => [task, run]));
  }

  /** Submits a job array of these runs. @param script of its name → the script. Resolves to its tasks, as `active`. */
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

  /** Gives jobs their number whose submission nobody lived to hear of. */
  async #findLost(): Promise<void> {
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
    `${showPath(path)} is damaged; see by squeue that no job of the sweep is queued, then remove it and go on`,
  );
