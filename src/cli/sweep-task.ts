/**
 * `microgpt sweep-task SWEEP RUN`: one run of a sweep, begun or gone on with. It is what a sweep starts as a process, here
 * or on another machine that sees the same directory; started again after any accident it does what is left.
 */
import * as fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import { Run } from "../node/run.ts";
import { SweepDirectory } from "../node/sweep-directory.ts";
import { Random } from "../random.ts";
import { encodeText } from "./encoded.ts";
import type { EncodedText } from "./encoded.ts";
import { decide } from "./engines.ts";
import { materialOf } from "./material.ts";
import { loadPrepared, preparedPath, textKey } from "./prepared.ts";
import { createReporter } from "./reporter.ts";
import { gatherFiles, sourcesOf } from "./sources.ts";
import { begin, goOn } from "./train.ts";
import type { Way } from "./train.ts";

export interface TaskFlags {
  readonly json: boolean;
  /** How far to train, as a share of all steps. */
  readonly share: number;
}

/** A line for a step at most so often: whoever listens draws ten pictures a second at most. */
const STEP_MS = 250;
/** How long to wait for a process of the same run that is ending, as after a sweep was killed. */
const MAX_WAIT_MS = 60_000;
const LOOK_MS = 100;

/** Resolves to the exit code. Throws InputError as a training does, or if the sweep has no such run. */
export async function sweepTask(path: string, name: string, { json, share }: TaskFlags): Promise<number> {
  const sweep = SweepDirectory.open(path);
  const options = optionsOf(sweep.memory, sweep.runOf(name));
  const decided = decide(options);
  const reporter = createReporter(json, STEP_MS);
  const text = await textOf(sweep, decided);
  const way: Way = { share, prompts: null };
  const runPath = sweep.runPath(name);
  if (!fs.existsSync(runPath)) {
    const place = { runsDir: sweep.runsPath, name, fetched: sweep.fetched() };
    try {
      return await begin(materialOf(decided, text), { ...decided, engine: options.engine }, place, way, reporter);
    } catch (error) {
      // Another process of the same run, of a sweep that was killed, has been quicker.
      if (!(error instanceof InputError) || !/ exists; /.test(error.message)) throw error;
    }
  }
  const run = await openWhenFree(runPath);
  try {
    return await goOn(run, materialOf(decide(run.options), text), way, reporter);
  } finally {
    run.close();
  }
}

/** The text as the sweep has prepared it, or else anew. Throws InputError if it is not what it was. */
async function textOf(sweep: SweepDirectory, options: ReturnType<typeof decide>): Promise<EncodedText> {
  const text =
    (await loadPrepared(preparedPath(sweep.preparedPath, await textKey(options)))) ??
    encodeText(
      options,
      sourcesOf({ files: await gatherFiles(options, () => {}), fetched: sweep.fetched() }),
      new Random(options.seed),
    );
  if (text.dataHash === sweep.memory.dataHash) return text;
  throw new InputError("the data is not what the sweep began with; put it back, or begin a new sweep");
}

async function openWhenFree(path: string): Promise<Run> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      return Run.openToTrain(path);
    } catch (error) {
      const isBusy = error instanceof InputError && / is in use by process /.test(error.message);
      if (!isBusy || waitedMs >= MAX_WAIT_MS) throw error;
      await setTimeout(LOOK_MS);
    }
  }
}
