/**
 * A sweep: many trainings of one text, each a process, then a table of their results.
 *
 * Work that all runs share is done once, before the first starts. Plan and results are in the sweep's directory, so that
 * after a kill `sweep --resume` does what is left, and nothing twice.
 */
import { realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { gather, locate, withoutPassword } from "../run/sources.ts";
import { megabytes } from "../run/format.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { checkSlurm, NO_SLURM_SETTINGS, slurmScript } from "../experiments/slurm-script.ts";
import type { SlurmSettings } from "../experiments/slurm-script.ts";
import { planSweep } from "../experiments/sweep-plan.ts";
import type { PlannedRun } from "../experiments/sweep-plan.ts";
import { summaryCsv, summaryJson } from "../experiments/summary.ts";
import { readComparison } from "./comparison.ts";
import { showPath } from "../errors.ts";
import { freePath } from "../node/atomic-directory.ts";
import { stemOf } from "../node/run-directory.ts";
import { SweepDirectory } from "./sweep-directory.ts";
import type { SweepMemory } from "./sweep-directory.ts";
import { ProcessPool } from "./pool.ts";
import { planCapacity } from "./capacity.ts";
import type { Capacity } from "./capacity.ts";
import { isDone, runRungs } from "./rungs.ts";
import type { PoolSetup } from "./rungs.ts";
import { SlurmJobs } from "./slurm-jobs.ts";
import { SlurmPool } from "./slurm-pool.ts";
import { readSpec } from "./source.ts";
import type { SpecFlags } from "./source.ts";
import { learnTexts, openTexts, sizesOf } from "./texts.ts";
import type { TextSizes } from "./texts.ts";
import type { SweepOutput } from "./view.ts";

/** How a sweep is executed, new or resumed. */
export interface SweepExecution {
  /** Runs at once; null: as many as the machine, or the cluster, allows. */
  readonly jobs: number | null;
  /** A module that is called with the events of every run; null: none. */
  readonly hook: string | null;
  /** Options for the cluster; null: runs are done on this machine. */
  readonly slurm: SlurmSettings | null;
}

/** The flags of a new sweep. */
export interface SweepFlags extends SpecFlags, SweepExecution {
  /** Name of the sweep; null: made from the data's. */
  readonly name: string | null;
  /** Where the sweep is made. */
  readonly runsDir: string;
  /** Whether to print the plan and train nothing. */
  readonly dryRun: boolean;
}

/** The flags of a resumed sweep. */
export interface ResumeFlags extends Omit<SweepExecution, "slurm"> {
  /** Where runs are done; null: as before. */
  readonly on: "local" | "slurm" | null;
  /** Options for the cluster that replace the sweep's own. */
  readonly slurm: Partial<SlurmSettings>;
}

/** Plans a sweep and runs it. Resolves to the exit code: 1 if a run failed. Throws InputError before anything is written. */
export async function sweep(
  source: string | null,
  typed: Partial<TrainOptions>,
  flags: SweepFlags,
  output: SweepOutput,
): Promise<number> {
  const plan = planSweep(readSpec(source, typed, flags));
  if (flags.slurm !== null) checkSlurm(flags.slurm);
  const options = locate(plan.options);
  const { reporter } = output;
  for (const [settings, reason] of plan.left) reporter.warn(`left out: ${settings}: ${reason}`);
  const gathered = await gather(options, reporter);
  const texts = await learnTexts({ options, runs: plan.runs }, gathered);
  const urls = options.urls.map(withoutPassword);
  const memory = {
    ...plan,
    options: { ...options, urls },
    dataHash: [...texts.values()][0].dataHash,
    slurm: flags.slurm,
  };
  const stem = stemOf(options.data, options.urls);
  if (flags.dryRun) {
    const path = resolve(freePath(flags.runsDir, flags.name, `${stem}-sweep`));
    return await showPlan(memory, sizesOf(texts), { flags, path, output });
  }
  const room = await capacityOf(memory, sizesOf(texts), flags);
  const directory = SweepDirectory.create(flags.runsDir, flags.name, stem, memory, gathered.fetched);
  try {
    await openTexts(directory, texts);
    return await runAll(directory, room, flags, output);
  } finally {
    directory.close();
  }
}

/** Resumes a sweep. Finished runs stay; failed ones are tried again, except those that diverged. Throws as `sweep`. */
export async function resumeSweep(path: string, { on, ...flags }: ResumeFlags, output: SweepOutput): Promise<number> {
  const directory = SweepDirectory.openToRun(path);
  try {
    const { memory } = directory;
    const isOnSlurm = on === null ? memory.slurm !== null : on === "slurm";
    if (!isOnSlurm) await mustBeAlone(path);
    const slurm = isOnSlurm ? checkSlurm({ ...(memory.slurm ?? NO_SLURM_SETTINGS), ...flags.slurm }) : null;
    const DIVERGED = 3;
    directory.saveFailures(new Map([...directory.failures()].filter(([, { exitCode }]) => exitCode === DIVERGED)));
    const texts = await openTexts(directory, null);
    const way = { ...flags, slurm };
    return await runAll(directory, await capacityOf(memory, sizesOf(texts), way), way, output);
  } finally {
    directory.close();
  }
}

/** Throws InputError if the cluster still has tasks of a sweep that is to be resumed on this machine. */
async function mustBeAlone(path: string): Promise<void> {
  const active = await SlurmJobs.open(path)
    .active()
    .catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
      const remedy = `if it does not, remove ${showPath(join(path, "slurm", "jobs.json"))}`;
      throw new InputError(`it is unknown whether the cluster still works on this sweep (${error.message}); ${remedy}`);
    });
  if (active.size === 0) return;
  const [task] = active.keys();
  throw new InputError(
    `${active.size} of its runs are in Slurm's queue (${task}); scancel them first, or drop --on local`,
  );
}

/** On a cluster this machine's memory is no limit. */
async function capacityOf(memory: SweepMemory, sizes: TextSizes, { jobs, slurm }: SweepExecution): Promise<Capacity> {
  return await planCapacity(memory, sizes, jobs, slurm === null ? undefined : Infinity);
}

/** `--dry-run`: what each run needs, or the script of the first job. */
async function showPlan(
  { runs, ...memory }: SweepMemory,
  sizes: TextSizes,
  { flags: way, path, output }: { readonly flags: SweepExecution; readonly path: string; readonly output: SweepOutput },
): Promise<number> {
  const room = await capacityOf({ runs, ...memory }, sizes, way);
  if (way.slurm !== null) {
    const names = runs.map(({ name }) => name);
    output.print(scriptWriter(way.slurm, room, way, path)("microgpt", names, 1));
    return 0;
  }
  for (const { name } of runs) {
    const { bytes, refusal } = room.needs.get(name)!;
    output.print(`${name}  ${megabytes(bytes)}${refusal === null ? "" : `  ${refusal}`}\n`);
  }
  output.print(`${runs.length} runs, ${room.jobs} at once; ${megabytes(room.maxBytes)} for all of them together\n`);
  return 0;
}

/** The command that starts this program in another process. */
const program = (): string[] => [process.execPath, ...process.execArgv, realpathSync(process.argv[1])];

const hookArgs = ({ hook }: SweepExecution): string[] => (hook === null ? [] : ["--hook", resolve(hook)]);

/** A writer of job scripts, for some runs and a fraction of their steps. */
function scriptWriter(
  settings: SlurmSettings,
  { needs }: Capacity,
  way: SweepExecution,
  directory: string,
): (jobName: string, names: readonly string[], share: number) => string {
  return (jobName, names, share) => {
    const bytes = Math.max(...names.map((name) => needs.get(name)!.bytes));
    const whole = { program: program(), more: hookArgs(way), jobs: way.jobs, directory, settings };
    return slurmScript({ ...whole, jobName, names, share, bytes });
  };
}

/** Where the runs are done: on this machine, or on a cluster. */
function poolSetupOf(directory: SweepDirectory, room: Capacity, way: SweepExecution): PoolSetup {
  const { needs, jobs, maxBytes, coresEach } = room;
  if (way.slurm === null) {
    const environment = { MICROGPT_CORES: String(coresEach) };
    const settings = { program: program(), jobs, maxBytes, environment };
    return { needs, taskArgs: hookArgs(way), pool: (_, tell) => new ProcessPool(settings, tell) };
  }
  const queued = SlurmJobs.open(directory.path);
  const script = scriptWriter(way.slurm, room, way, resolve(directory.path));
  const pool: PoolSetup["pool"] = (share, tell) =>
    new SlurmPool(queued, (jobName, names) => script(jobName, names, share), tell);
  return { needs, taskArgs: [], pool };
}

async function runAll(
  directory: SweepDirectory,
  room: Capacity,
  way: SweepExecution,
  output: SweepOutput,
): Promise<number> {
  const { runs } = directory.memory;
  const left = runs.filter((run) => !isDone(directory, run, 1));
  const view = output.openView(
    left.map(({ name }) => name),
    runs.length - left.length,
  );
  const where = way.slurm === null ? `${room.jobs} at once` : "on the cluster";
  view.note(`${runs.length} runs in ${showPath(directory.path)}, ${where}`);
  refuse(directory, left, room, (message) => view.warn(message));
  const exitCode = await runRungs(directory, poolSetupOf(directory, room, way), view).finally(() => view.end());
  const { runs: reports } = readComparison([directory.path]);
  directory.saveSummary(summaryJson(reports), summaryCsv(reports));
  if (exitCode !== null) {
    view.note(`to resume: microgpt sweep --resume ${showPath(directory.path)}`);
    return exitCode;
  }
  output.results(reports);
  view.note(
    `results: ${showPath(directory.path)}/summary.json; a page of them: microgpt report ${showPath(directory.path)}`,
  );
  return directory.failures().size > 0 ? 1 : 0;
}

/** Records the runs that do not fit the machine as failures. */
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
