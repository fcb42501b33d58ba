/**
 * A sweep: many trainings on one text, each in its own process, then a table of their results.
 *
 *   specification → plan → texts, encoded once → capacity → rungs → pool of processes or jobs → summary
 *   (source.ts)            (texts.ts)    (capacity.ts)  (rungs.ts)  (pool.ts, slurm-pool.ts)
 *
 * Plan and results are in the sweep's directory, so that after a kill `sweep --resume` does what is left, and nothing
 * twice.
 */
import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { programName } from "../run/program-name.ts";
import { withNamedPreset, withPreset } from "../run/presets.ts";
import { gather, locate, sourcesOf, withoutPassword } from "../run/sources.ts";
import { megabytes } from "../run/format.ts";
import { initialOptions, TRAIN_OPTIONS } from "../options/config.ts";
import type { PresetName } from "../options/presets.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { checkSlurm, NO_SLURM_SETTINGS, slurmScript } from "../experiments/slurm-script.ts";
import type { SlurmSettings } from "../experiments/slurm-script.ts";
import { planSweep } from "../experiments/sweep-plan.ts";
import type { SweepSpec } from "../experiments/sweep-spec.ts";
import type { PlannedRun } from "../experiments/sweep-plan.ts";
import { summaryCsv, summaryJson } from "../experiments/summary.ts";
import { readComparison } from "./comparison.ts";
import { showPath } from "../errors.ts";
import { freePath } from "../node/atomic-directory.ts";
import { stemOf } from "../node/run-name.ts";
import { SweepDirectory } from "./sweep-directory.ts";
import type { SavedPlan } from "./sweep-directory.ts";
import { ProcessPool } from "./pool.ts";
import { planCapacity } from "./capacity.ts";
import type { Capacity } from "./capacity.ts";
import { isDone, runRungs } from "./rungs.ts";
import type { PoolSetup } from "./rungs.ts";
import { paceOf } from "./patience.ts";
import { SlurmJobs } from "./slurm-jobs.ts";
import { SlurmPool } from "./slurm-pool.ts";
import { readSpec } from "./source.ts";
import type { SpecFlags } from "./source.ts";
import { encodeTexts, openTexts, sizesOf } from "./texts.ts";
import type { TextSizes } from "./texts.ts";
import type { SweepOutput } from "./view.ts";
import { StopRequest } from "../run/signals.ts";

/** How a sweep is executed, new or resumed. */
export interface SweepExecution {
  /** Runs at once; null: as many as the machine or the cluster allows. */
  readonly jobs: number | null;
  /** Path of a module that is called with the events of every run; null: none. */
  readonly hook: string | null;
  /** Options for Slurm; null: run on this machine. */
  readonly slurm: SlurmSettings | null;
}

/** The flags of a new sweep. */
export interface SweepFlags extends SpecFlags, SweepExecution {
  /** Name of the sweep; null: derived from the data. */
  readonly name: string | null;
  /** The directory in which the sweep is created. */
  readonly runsDir: string;
  /** Whether to print the plan and train nothing. */
  readonly dryRun: boolean;
  /** The preset of all runs; null: chosen by the data where neither the flags nor the file say a size. */
  readonly preset: PresetName | null;
}

/** The flags of a resumed sweep. */
export interface ResumeFlags extends Omit<SweepExecution, "slurm"> {
  /** Where to run; null: where the sweep ran before. */
  readonly on: "local" | "slurm" | null;
  /** Whether to resume although another container or host has the sweep. */
  readonly takeOver: boolean;
  /** Options for Slurm that override the sweep's own. */
  readonly slurm: Partial<SlurmSettings>;
}

/**
 * Plans a sweep and runs it. Resolves to the exit code: 0, 1 if a run failed, or a signal's. Throws InputError for bad
 * input, before anything is written.
 */
export async function sweep(
  source: string | null,
  typed: Partial<TrainOptions>,
  flags: SweepFlags,
  output: SweepOutput,
): Promise<number> {
  const spec = readSpec(source, typed, flags);
  const request = { typed: keysOf(spec), preset: flags.preset };
  const asked = planSweep(withBase(spec, (options) => withNamedPreset(options, request)));
  if (flags.slurm !== null) {
    checkSlurm(flags.slurm);
    paceOf(process.env); // throws before anything is written
  }
  const located = locate(asked.options);
  const { reporter } = output;
  const gathered = await gather(located, reporter, flags.runsDir);
  const sources = sourcesOf(gathered, located);
  const say = (message: string): void => reporter.note(message);
  const { dropped, ...planned } = planSweep(withBase(spec, (base) => withPreset(base, request, sources, say)));
  const options = locate(planned.options);
  for (const [settings, reason] of dropped) reporter.warn(`dropped ${settings}: ${reason}`);
  const texts = await encodeTexts({ options, runs: planned.runs }, gathered);
  const urls = options.urls.map(withoutPassword);
  const plan = {
    ...planned,
    options: { ...options, urls },
    dataHash: [...texts.values()][0].dataHash,
    slurm: flags.slurm,
  };
  const stem = stemOf(options.data, options.urls);
  if (flags.dryRun) {
    const path = resolve(freePath(flags.runsDir, flags.name, `${stem}-sweep`));
    return await showPlan(plan, sizesOf(texts), { execution: flags, path, output });
  }
  const capacity = await capacityOf(plan, sizesOf(texts), flags);
  return await StopRequest.during(async (stop) => {
    const directory = SweepDirectory.create(flags.runsDir, flags.name, stem, plan, gathered.fetched);
    try {
      await openTexts(directory, texts);
      return await runAll(directory, capacity, flags, output, stop);
    } finally {
      directory.close();
    }
  });
}

/** The options that a specification names, shared or varied. */
const keysOf = ({ base, grid, random, runs }: SweepSpec): ReadonlySet<string> =>
  new Set([...Object.keys(base), ...grid.keys(), ...random.keys(), ...runs.flatMap((run) => Object.keys(run))]);

/** The specification with other shared options. */
const withBase = (spec: SweepSpec, change: (options: TrainOptions) => TrainOptions): SweepSpec => ({
  ...spec,
  base: change({ ...initialOptions(TRAIN_OPTIONS), ...spec.base }),
});

/** Resumes a sweep. Finished runs are kept; failed ones are tried again unless they diverged. Throws as `sweep`. */
export async function resumeSweep(path: string, flags: ResumeFlags, output: SweepOutput): Promise<number> {
  return await StopRequest.during(async (stop) => {
    const directory = SweepDirectory.openToRun(path, flags.takeOver ? "any" : "dead");
    return await resumeAll(directory, flags, output, stop).finally(() => directory.close());
  });
}

async function resumeAll(
  directory: SweepDirectory,
  { on, slurm: slurmFlags, ...flags }: ResumeFlags,
  output: SweepOutput,
  stop: StopRequest,
): Promise<number> {
  const { path, plan } = directory;

  const isOnSlurm = on === null ? plan.slurm !== null : on === "slurm";
  if (!isOnSlurm) await checkQueueIsEmpty(path);
  const slurm = isOnSlurm ? checkSlurm({ ...(plan.slurm ?? NO_SLURM_SETTINGS), ...slurmFlags }) : null;
  const DIVERGED = 3;
  directory.saveFailures(new Map([...directory.failures()].filter(([, { exitCode }]) => exitCode === DIVERGED)));
  const texts = await openTexts(directory, null);
  const execution = { ...flags, slurm };
  const capacity = await capacityOf(plan, sizesOf(texts), execution);
  return await runAll(directory, capacity, execution, output, stop);
}

/** Throws InputError if the cluster still has tasks of a sweep that is to be resumed on this machine. */
async function checkQueueIsEmpty(path: string): Promise<void> {
  const active = await SlurmJobs.open(path)
    .active()
    .catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      const remedy = `if it does not, remove ${showPath(join(path, "slurm", "jobs.json"))}`;
      throw new InputError(`cannot tell whether the cluster still runs this sweep (${error.message}); ${remedy}`);
    });
  if (active.size === 0) return;
  const [task] = active.keys();
  throw new InputError(
    `${active.size} of its runs are in Slurm's queue (${task}); scancel them first, or drop --on local`,
  );
}

/** The capacity of this machine; without a limit on memory for a cluster, where each job requests its own. */
async function capacityOf(plan: SavedPlan, sizes: TextSizes, { jobs, slurm }: SweepExecution): Promise<Capacity> {
  return await planCapacity(plan, sizes, jobs, slurm === null ? undefined : Infinity);
}

/** What `--dry-run` needs to know. */
interface DryRun {
  readonly execution: SweepExecution;
  /** The directory that the sweep would have. */
  readonly path: string;
  readonly output: SweepOutput;
}

/** `--dry-run`: prints what each run needs, or the script of the first job. */
async function showPlan(plan: SavedPlan, sizes: TextSizes, { execution, path, output }: DryRun): Promise<number> {
  const capacity = await capacityOf(plan, sizes, execution);
  const { runs } = plan;
  if (execution.slurm !== null) {
    const names = runs.map(({ name }) => name);
    output.print(scriptWriter(execution.slurm, capacity, execution, path)("microgpt", names, 1));
    return 0;
  }
  for (const { name } of runs) {
    const { bytes, refusal } = capacity.needs.get(name)!;
    output.print(`${name}  ${megabytes(bytes)}${refusal === null ? "" : `  ${refusal}`}\n`);
  }
  const most = runs
    .map(({ name }) => capacity.needs.get(name)!.bytes)
    .toSorted((a, b) => b - a)
    .slice(0, capacity.jobs)
    .reduce((sum, bytes) => sum + bytes, 0);
  const there = `this machine has ${megabytes(capacity.maxBytes)} for them`;
  output.print(`${runs.length} runs, ${capacity.jobs} at once, which need at most ${megabytes(most)}; ${there}\n`);
  return 0;
}

/** The command that starts this program in another process. */
const program = (): string[] => [process.execPath, ...process.execArgv, realpathSync(process.argv[1])];

const hookArgs = ({ hook }: SweepExecution): string[] => (hook === null ? [] : ["--hook", resolve(hook)]);

/** Returns a function that writes the script of a job, for some runs and a fraction of their steps. */
function scriptWriter(
  settings: SlurmSettings,
  { needs }: Capacity,
  execution: SweepExecution,
  directory: string,
): (jobName: string, names: readonly string[], share: number) => string {
  return (jobName, names, share) => {
    const bytes = Math.max(...names.map((name) => needs.get(name)!.bytes));
    const common = { program: program(), more: hookArgs(execution), jobs: execution.jobs, directory, settings };
    return slurmScript({ ...common, jobName, names, share, bytes });
  };
}

/** Chooses the pool: processes on this machine, or jobs on a cluster. */
function poolSetupOf(directory: SweepDirectory, capacity: Capacity, execution: SweepExecution): PoolSetup {
  const { needs, jobs, maxBytes, coresEach } = capacity;
  if (execution.slurm === null) {
    const environment = { MICROGPT_CORES: String(coresEach) };
    const options = { program: program(), jobs, maxBytes, environment };
    return { needs, taskArgs: hookArgs(execution), pool: (_, listener) => new ProcessPool(options, listener) };
  }
  const submitted = SlurmJobs.open(directory.path);
  const script = scriptWriter(execution.slurm, capacity, execution, resolve(directory.path));
  const pace = paceOf(process.env);
  const pool: PoolSetup["pool"] = (share, listener) =>
    new SlurmPool(submitted, (jobName, names) => script(jobName, names, share), pace, listener);
  return { needs, taskArgs: [], pool };
}

function inputErrorOf(error: unknown): InputError {
  if (error instanceof InputError) return error;
  throw error;
}

/** Does the runs that are left, then writes the summary. Resolves to the exit code. Throws InputError if none can be run. */
async function runAll(
  directory: SweepDirectory,
  capacity: Capacity,
  execution: SweepExecution,
  output: SweepOutput,
  stop: StopRequest,
): Promise<number> {
  const { runs } = directory.plan;
  const left = runs.filter((run) => !isDone(directory, run, 1));
  const view = output.openView(
    left.map(({ name }) => name),
    runs.length - left.length,
  );
  const where = execution.slurm === null ? `${capacity.jobs} at once` : "on the cluster";
  view.note(`${runs.length} runs in ${showPath(directory.path)}, ${where}`);
  refuse(directory, left, capacity, (message) => view.warn(message));
  const poolSetup = poolSetupOf(directory, capacity, execution);
  const lost = await runRungs(directory, poolSetup, view, stop)
    .then(() => null, inputErrorOf)
    .finally(() => view.end());
  const { runs: reports } = readComparison([directory.path]);
  directory.saveSummary(summaryJson(reports), summaryCsv(reports));
  if (lost !== null || stop.exitCode !== null) {
    view.note(`to resume: ${programName()} sweep --resume ${showPath(directory.path)}`);
    if (lost !== null) throw lost;
    return stop.exitCode ?? 1;
  }
  output.results(reports);
  view.note(
    `results: ${showPath(directory.path)}/summary.json; as a page: ${programName()} report ${showPath(directory.path)}`,
  );
  return directory.failures().size > 0 ? 1 : 0;
}

/** Records the runs that do not fit on the machine as failures. */
function refuse(
  directory: SweepDirectory,
  runs: readonly PlannedRun[],
  { needs }: Capacity,
  warn: (message: string) => void,
): void {
  const failures = directory.failures();
  for (const { name } of runs) {
    const refusal = needs.get(name)?.refusal ?? null;
    if (refusal === null) continue;
    failures.set(name, { exitCode: 2, message: refusal });
    warn(`${name}: ${refusal}`);
  }
  directory.saveFailures(failures);
}
