/**
 * Runs a sweep to its end; with halving, rung by rung (`experiments/halving.ts`). Whether a run has reached its goal is
 * read from its own directory, so that a killed sweep continues where it was. Processes and jobs belong to the pools.
 */
import * as fs from "node:fs";
import { resolve } from "node:path";
import type { StopRequest } from "../run/signals.ts";
import { rungsOf, survivorsOf } from "../experiments/halving.ts";
import type { Rung } from "../experiments/halving.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import type { PlannedRun } from "../experiments/sweep-plan.ts";
import { InputError } from "../errors.ts";
import { errorCode } from "../node/files.ts";
import { loadResult } from "../node/result.ts";
import type { Measured } from "../node/result.ts";
import type { Failure, SweepDirectory } from "./sweep-directory.ts";
import { stepAt } from "../run/begin.ts";
import { hasEndedEarly } from "../training/evaluations.ts";
import type { Pool, PoolEvent, PoolListener, RunTask } from "./pool.ts";
import type { Need } from "./capacity.ts";
import type { SweepView } from "./view.ts";

/** How to make the pool for each rung of a sweep. */
export interface PoolSetup {
  /** What each run needs, by its name. */
  readonly needs: ReadonlyMap<string, Need>;
  /** Further arguments of every task. */
  readonly taskArgs: readonly string[];
  /** Makes the pool for tasks that train this fraction of their steps. */
  readonly pool: (share: number, listener: PoolListener) => Pool;
}

/** Runs the sweep to its end, or until it is asked to stop and all runs have stopped. */
export async function runRungs(
  directory: SweepDirectory,
  poolSetup: PoolSetup,
  view: SweepView,
  stop: StopRequest,
): Promise<void> {
  const { runs, halving } = directory.plan;
  const groups = new Set(runs.map(({ group }) => group));
  const rungs: readonly Rung[] = halving ? rungsOf(groups.size) : [{ share: 1, survivors: 0 }];
  let active = runs;
  for (const rung of rungs) {
    await runRung(directory, active, rung, poolSetup, view, stop);
    if (stop.exitCode !== null || rung.share === 1) return;
    const results = new Map([...new Set(active.map(({ group }) => group))].map((group) => [group, [] as number[]]));
    for (const run of active) {
      const bits = measuredAt(directory, run, rung.share)?.bitsPerByte ?? null;
      if (bits !== null) results.get(run.group)?.push(bits);
    }
    const survivors = new Set(survivorsOf(results, rung.survivors));
    active = active.filter(({ group }) => survivors.has(group));
    view.note(
      `after ${Math.round(100 * rung.share)} % of the steps, ${survivors.size} of ${results.size} settings continue`,
    );
  }
}

async function runRung(
  directory: SweepDirectory,
  runs: readonly PlannedRun[],
  { share }: Rung,
  poolSetup: PoolSetup,
  view: SweepView,
  stop: StopRequest,
): Promise<void> {
  const byName = new Map(runs.map((run) => [run.name, run]));
  const listener = (event: PoolEvent): void => {
    if (event.type === "warning") {
      view.warn(event.name === null ? event.message : `${event.name}: ${event.message}`);
      return;
    }
    if (event.type === "failed") {
      saveFailures(directory, new Map([...directory.failures(), [event.name, event.failure]]), view);
    }
    const run = byName.get(event.name)!;
    view.pool(event, event.type === "finished" ? shownResult(directory, run, share) : null);
  };
  const failures = directory.failures();
  const todo = runs.filter((run) => !failures.has(run.name) && !isDone(directory, run, share));
  if (todo.length === 0 || stop.exitCode !== null) return;
  const pool = poolSetup.pool(share, listener);
  stop.onStop = () => {
    if (pool.stop()) stop.onStop = null;
  };
  try {
    await pool.run(todo.map((run) => taskOf(directory, run, share, poolSetup)));
  } finally {
    stop.onStop = null;
  }
  if (stop.exitCode === null) failUnfinished(directory, todo, share, listener);
}

/** Whatever a pool says: a run that neither reached its goal nor failed with a reason has failed. */
function failUnfinished(
  directory: SweepDirectory,
  runs: readonly PlannedRun[],
  share: number,
  listener: PoolListener,
): void {
  const failures = directory.failures();
  for (const run of runs) {
    if (failures.has(run.name) || isDone(directory, run, share)) continue;
    const failure = { exitCode: 1, message: "it ended before its last step; see its log" };
    listener({ type: "failed", name: run.name, failure });
  }
}

/** Saves the failures; on a full disk, they are at least remembered until the sweep ends. */
function saveFailures(directory: SweepDirectory, failures: ReadonlyMap<string, Failure>, view: SweepView): void {
  try {
    directory.saveFailures(failures);
  } catch (error) {
    if (!(error instanceof InputError) || error.code !== "machine") throw error;
    view.warn(error.message);
  }
}

function taskOf(directory: SweepDirectory, run: PlannedRun, share: number, { needs, taskArgs }: PoolSetup): RunTask {
  const { name } = run;
  const checkpoints = `${directory.runPath(name)}/checkpoints`;
  return {
    name,
    args: [resolve(directory.path), name, "--share", String(share), ...taskArgs],
    logPath: directory.logPath(name),
    bytes: needs.get(name)!.bytes,
    progress: () => namesIn(checkpoints).join(),
    isDone: () => isDone(directory, run, share),
  };
}

/** The names in a directory; none if it is missing, or a network disk does not show it now. */
export function namesIn(path: string): string[] {
  try {
    return fs.readdirSync(path);
  } catch (error) {
    if (errorCode(error) === null) throw error;
    return [];
  }
}

/** A run's result in bits per byte; null if it cannot be read: what is only shown must not end the sweep. */
function shownResult(directory: SweepDirectory, run: PlannedRun, share: number): number | null {
  try {
    return measuredAt(directory, run, share)?.bitsPerByte ?? null;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return null;
  }
}

/** A run's result after this fraction of its steps, or where it ended early; null if it has not reached it. */
function measuredAt(directory: SweepDirectory, run: PlannedRun, share: number): Measured | null {
  const path = directory.runPath(run.name);
  const result = fs.existsSync(path) ? loadResult(path) : null;
  if (result === null) return null;
  const goal = stepAt({ share }, result.numSteps);
  const options = optionsOf(directory.plan, run);
  const isReached = ({ step, bestStep }: Measured): boolean =>
    step === goal || (step < goal && hasEndedEarly(options, step, bestStep));
  return result.measured.find(isReached) ?? null;
}

/** Whether a run has reached this fraction of its steps and, at the end, written its samples. */
export function isDone(directory: SweepDirectory, run: PlannedRun, share: number): boolean {
  if (measuredAt(directory, run, share) === null) return false;
  return share < 1 || fs.existsSync(`${directory.runPath(run.name)}/samples.txt`);
}
