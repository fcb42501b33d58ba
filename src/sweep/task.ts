/**
 * One run of a sweep, started or resumed: what `microgpt sweep-task` does in a process that the sweep starts, here or on
 * another machine that shares the directory. Started again after a crash, it does what is left.
 */
import * as fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import { Run } from "../node/run-directory.ts";
import { SweepDirectory } from "./sweep-directory.ts";
import { nodeHasher } from "../node/text.ts";
import { Random } from "../random.ts";
import { encodeText } from "../library/encode.ts";
import type { EncodedText } from "../library/encode.ts";
import { mayUseGpu, resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { trainingDataOf } from "../library/training-data.ts";
import { loadPrepared, preparedPath, textKey } from "./prepared.ts";
import type { Reporter } from "../run/reporter.ts";
import { gatherFiles, sourcesOf } from "../run/sources.ts";
import { begin, continueRun } from "../run/begin.ts";
import type { TrainingGoal } from "../run/begin.ts";

/** How long to wait for another process of the same run to end, for example after the sweep was killed. */
const MAX_WAIT_MS = 60_000;
const LOOK_MS = 100;

/** Trains a run to its goal. Resolves to the exit code. Throws InputError as a training does, or if the sweep has no such run. */
export async function sweepTask(path: string, name: string, goal: TrainingGoal, reporter: Reporter): Promise<number> {
  const sweep = SweepDirectory.open(path);
  const asked = optionsOf(sweep.memory, sweep.runOf(name));
  const options = resolveOptions(asked);
  const text = await textOf(sweep, options);
  const runPath = sweep.runPath(name);
  if (!fs.existsSync(runPath)) {
    const place = { runsDir: sweep.runsPath, name, fetched: sweep.fetched(), mayUseGpu: mayUseGpu(asked) };
    try {
      return (await begin(trainingDataOf(options, text), options, place, goal, reporter)).exitCode;
    } catch (error) {
      // Another process of the same run, from a killed sweep, was faster.
      if (!(error instanceof InputError) || error.code !== "exists") throw error;
    }
  }
  const run = await openWhenFree(runPath);
  try {
    return (await continueRun(run, trainingDataOf(run.options, text), goal, reporter)).exitCode;
  } finally {
    run.close();
  }
}

/** The sweep's encoded text, made again where its file is missing. Throws InputError if the data has changed. */
async function textOf(sweep: SweepDirectory, options: ResolvedOptions): Promise<EncodedText> {
  const text =
    (await loadPrepared(preparedPath(sweep.preparedPath, await textKey(options)))) ??
    encodeText(options, sourcesOf({ files: await gatherFiles(options, () => {}), fetched: sweep.fetched() }), {
      random: new Random(options.seed),
      newHasher: nodeHasher,
    });
  if (text.dataHash === sweep.memory.dataHash) return text;
  throw new InputError("the data is not what the sweep began with; put it back, or begin a new sweep");
}

async function openWhenFree(path: string): Promise<Run> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      return Run.openToTrain(path);
    } catch (error) {
      const isBusy = error instanceof InputError && error.code === "in-use";
      if (!isBusy || waitedMs >= MAX_WAIT_MS) throw error;
      await setTimeout(LOOK_MS);
    }
  }
}
