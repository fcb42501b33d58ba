/**
 * One run of a sweep, started or resumed: the work of `microgpt sweep-task`, a process that the sweep starts on this
 * machine or on a cluster that shares the directory. After a crash it is started again and does what is left.
 */
import * as fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import { Run } from "../node/run-directory.ts";
import { SweepDirectory } from "./sweep-directory.ts";
import { mayChooseEngine, resolveOptions } from "../options/resolve.ts";
import { trainingDataOf } from "../library/training-data.ts";
import { openText } from "./texts.ts";
import type { Reporter } from "../run/reporter.ts";
import { StopRequest } from "../run/signals.ts";
import { begin, continueRun } from "../run/begin.ts";
import type { TrainingGoal } from "../run/begin.ts";

/** How long to wait for another process of the same run to end, for example one of a killed sweep: also until its lock is
 *  silent, if that can't be seen from here. */
const MAX_WAIT_MS = 90_000;
/** Milliseconds between attempts to lock the run. */
const POLL_MS = 100;

/**
 * Trains a run to its goal. Resolves to the exit code. Throws InputError as a training does, or if the sweep has no
 * such run.
 */
export async function sweepTask(path: string, name: string, goal: TrainingGoal, reporter: Reporter): Promise<number> {
  const sweep = SweepDirectory.open(path);
  const given = optionsOf(sweep.plan, sweep.runOf(name));
  const options = resolveOptions(given);
  const text = await openText(sweep, options);
  const runPath = sweep.runPath(name);
  if (!fs.existsSync(runPath)) {
    const newRun = { runsDir: sweep.runsPath, name, fetched: sweep.fetched(), mayChooseEngine: mayChooseEngine(given) };
    try {
      return (await begin(trainingDataOf(options, text), options, newRun, goal, reporter)).exitCode;
    } catch (error) {
      // Another process of the same run, started by a killed sweep, created it first.
      if (!(error instanceof InputError) || error.code !== "exists") throw error;
    }
  }
  return await StopRequest.during(async (stop) => {
    const run = await openWhenFree(runPath, stop);
    if (run === null) return stop.exitCode ?? 0;
    try {
      return (await continueRun(run, trainingDataOf(run.options, text), goal, reporter, stop)).exitCode;
    } finally {
      run.close();
    }
  });
}

/**
 * Locks a run as soon as no other process has it. A sweep, or Slurm, starts a task when the one before has ended, so a
 * silent lock is a lost machine's or container's. Resolves to null if a signal asks to stop first.
 */
async function openWhenFree(path: string, stop: StopRequest): Promise<Run | null> {
  for (let waitedMs = 0; stop.exitCode === null; waitedMs += POLL_MS) {
    try {
      return Run.openToTrain(path, "silent");
    } catch (error) {
      const isBusy = error instanceof InputError && error.code === "in-use";
      if (!isBusy || waitedMs >= MAX_WAIT_MS) throw error;
      await setTimeout(POLL_MS);
    }
  }
  return null;
}
