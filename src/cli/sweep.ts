/**
 * `microgpt sweep`: many trainings of one text, side by side, each a process; then a table of what they came to.
 *
 * What all runs share is done once, before the first begins; what a run is told, and whether it is finished, stands in
 * the sweep's directory, so that whatever is killed, `sweep --resume` does what is left and nothing twice.
 */
import * as fs from "node:fs";
import type { TrainOptions } from "../config.ts";
import { rungsOf, stepAt, survivorsOf } from "../experiments/halving.ts";
import type { Rung } from "../experiments/halving.ts";
import { planSweep } from "../experiments/sweep-plan.ts";
import type { PlannedRun } from "../experiments/sweep-plan.ts";
import { summaryCsv, summaryJson } from "../experiments/summary.ts";
import { readComparison } from "../node/comparison.ts";
import { showPath } from "../node/files.ts";
import { loadResult } from "../node/result.ts";
import type { Measured } from "../node/result.ts";
import { stemOf } from "../node/run.ts";
import { SweepDirectory } from "../node/sweep-directory.ts";
import { comparisonLines } from "./compare.ts";
import { createReporter } from "./reporter.ts";
import { StopRequest } from "./signals.ts";
import { gather, locate, withoutPassword } from "./sources.ts";
import { Pool } from "./sweep-pool.ts";
import type { PoolEvent, Task } from "./sweep-pool.ts";
import { placeRuns } from "./sweep-room.ts";
import type { Room } from "./sweep-room.ts";
import { readSpec } from "./sweep-source.ts";
import type { SpecFlags } from "./sweep-source.ts";
import { learnTexts, openTexts, sizesOf } from "./sweep-texts.ts";
import { createSweepView } from "./sweep-view.ts";
import type { SweepView } from "./sweep-view.ts";
import { megabytes } from "./terminal.ts";

export interface SweepFlags extends SpecFlags {
  readonly name: string | null;
  readonly runsDir: string;
  /** Runs side by side; null: as the machine can. */
  readonly jobs: number | null;
  readonly json: boolean;
  readonly dryRun: boolean;
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Plans a sweep and runs it. Resolves to the exit code: 1 if a run failed. Throws InputError before anything is written. */
export async function sweep(source: string | null, typed: Partial<TrainOptions>, flags: SweepFlags): Promise<number> {
  const plan = planSweep(readSpec(source, typed, flags));
  const options = locate(plan.options);
  const reporter = createReporter(flags.json);
  for (const [settings, reason] of plan.left) reporter.warn(`left out: ${settings}: ${reason}`);
  const gathered = await gather(options, reporter);
  const texts = await learnTexts({ options, runs: plan.runs }, gathered);
  const urls = options.urls.map(withoutPassword);
  const memory = { ...plan, options: { ...options, urls }, dataHash: [...texts.values()][0].dataHash };
  const room = await placeRuns(memory, sizesOf(texts), flags.jobs);
  if (flags.dryRun) return showRoom(plan.runs, room);
  const stem = stemOf(options.data, options.urls);
  const directory = SweepDirectory.create(flags.runsDir, flags.name, stem, memory, gathered.fetched);
  try {
    await openTexts(directory, texts);
    return await runAll(directory, room, flags.json);
  } finally {
    directory.close();
  }
}

/** Goes on with a sweep. What is finished stays; what failed, but for a training that diverged, is tried again. */
export async function resumeSweep(path: string, flags: Pick<SweepFlags, "jobs" | "json">): Promise<number> {
  const directory = SweepDirectory.openToRun(path);
  try {
    const DIVERGED = 3;
    directory.saveFailures(new Map([...directory.failures()].filter(([, { exitCode }]) => exitCode === DIVERGED)));
    const texts = await openTexts(directory, null);
    return await runAll(directory, await placeRuns(directory.memory, sizesOf(texts), flags.jobs), flags.json);
  } finally {
    directory.close();
  }
}

function showRoom(runs: readonly PlannedRun[], { jobs, needs, maxBytes }: Room): number {
  for (const { name } of runs) {
    const { bytes, refusal } = needs.get(name)!;
    print(`${name}  ${megabytes(bytes)}${refusal === null ? "" : `  ${refusal}`}`);
  }
  print(`${runs.length} runs, ${jobs} at once; ${megabytes(maxBytes)} for all of them together`);
  return 0;
}

async function runAll(directory: SweepDirectory, room: Room, json: boolean): Promise<number> {
  const { runs } = directory.memory;
  const left = runs.filter((run) => !isDone(directory, run, 1));
  const view = createSweepView(
    json,
    left.map(({ name }) => name),
    runs.length - left.length,
  );
  view.note(`${runs.length} runs in ${showPath(directory.path)}, ${room.jobs} at once`);
  const failures = directory.failures();
  for (const { name } of left) {
    const refusal = room.needs.get(name)?.refusal ?? null;
    if (refusal === null) continue;
    failures.set(name, { exitCode: 2, message: refusal });
    view.warn(`${name}: ${refusal}`);
  }
  directory.saveFailures(failures);
  const exitCode = await runRungs(directory, room, view);
  view.end();
  const { runs: reports } = readComparison([directory.path]);
  directory.saveSummary(summaryJson(reports), summaryCsv(reports));
  if (exitCode !== null) {
    view.note(`to go on: microgpt sweep --resume ${showPath(directory.path)}`);
    return exitCode;
  }
  if (!json) for (const line of ["", ...comparisonLines(reports)]) print(line);
  view.note(
    `results: ${showPath(directory.path)}/summary.json; a page of them: microgpt report ${showPath(directory.path)}`,
  );
  return directory.failures().size > 0 ? 1 : 0;
}

/** Everything to the end, or, with halving, the better half, and again. Resolves to the exit code of a signal, or null. */
async function runRungs(directory: SweepDirectory, room: Room, view: SweepView): Promise<number | null> {
  const { runs, halving } = directory.memory;
  const groups = new Set(runs.map(({ group }) => group));
  const rungs: readonly Rung[] = halving ? rungsOf(groups.size) : [{ share: 1, survivors: 0 }];
  let active = runs;
  for (const rung of rungs) {
    const exitCode = await runRung(directory, active, rung, room, view);
    if (exitCode !== null || rung.share === 1) return exitCode;
    const results = new Map([...new Set(active.map(({ group }) => group))].map((group) => [group, [] as number[]]));
    for (const run of active) {
      const bits = measuredAt(directory, run, rung.share)?.bitsPerByte ?? null;
      if (bits !== null) results.get(run.group)?.push(bits);
    }
    const survivors = new Set(survivorsOf(results, rung.survivors));
    active = active.filter(({ group }) => survivors.has(group));
    view.note(
      `after ${Math.round(100 * rung.share)} % of the steps ${survivors.size} of ${results.size} settings go on`,
    );
  }
  return null;
}

async function runRung(
  directory: SweepDirectory,
  runs: readonly PlannedRun[],
  { share }: Rung,
  room: Room,
  view: SweepView,
): Promise<number | null> {
  const byName = new Map(runs.map((run) => [run.name, run]));
  const tell = (event: PoolEvent): void => {
    if (event.type === "failed") {
      directory.saveFailures(new Map([...directory.failures(), [event.name, event.failure]]));
    }
    const run = byName.get(event.name)!;
    view.pool(event, event.type === "finished" ? (measuredAt(directory, run, share)?.bitsPerByte ?? null) : null);
  };
  const failures = directory.failures();
  const todo = runs.filter((run) => !failures.has(run.name) && !isDone(directory, run, share));
  const tasks = todo.map((run): Task => taskOf(directory, run, share, room.needs.get(run.name)!.bytes));
  const pool = new Pool({ ...room, environment: { MICROGPT_CORES: String(room.coresEach) } }, tell);
  const stop = new StopRequest(() => pool.stop());
  stop.listen();
  await pool.run(tasks);
  stop.stopListening();
  return stop.exitCode;
}

function taskOf(directory: SweepDirectory, { name }: PlannedRun, share: number, bytes: number): Task {
  const checkpoints = `${directory.runPath(name)}/checkpoints`;
  return {
    name,
    args: [directory.path, name, "--share", String(share)],
    logPath: directory.logPath(name),
    bytes,
    progress: () => (fs.existsSync(checkpoints) ? fs.readdirSync(checkpoints).join() : ""),
  };
}

/** What a run had come to when it had done this share of its steps; null if it has not yet. */
function measuredAt(directory: SweepDirectory, { name }: PlannedRun, share: number): Measured | null {
  const path = directory.runPath(name);
  const result = fs.existsSync(path) ? loadResult(path) : null;
  if (result === null) return null;
  return result.measured.find(({ step }) => step === stepAt({ share }, result.numSteps)) ?? null;
}

/** At the end of a training samples follow the result. */
function isDone(directory: SweepDirectory, run: PlannedRun, share: number): boolean {
  if (measuredAt(directory, run, share) === null) return false;
  return share < 1 || fs.existsSync(`${directory.runPath(run.name)}/samples.txt`);
}
