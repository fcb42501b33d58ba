/** `microgpt sweep` and `sweep-task`: the trainings of `sweep/`, told to a terminal, a pipe or a program. */
import type { TrainOptions } from "../options/train-options.ts";
import { resumeSweep, sweep } from "../sweep/sweep.ts";
import type { ResumeFlags, SweepFlags } from "../sweep/sweep.ts";
import { sweepTask } from "../sweep/task.ts";
import type { SweepOutput } from "../sweep/view.ts";
import { comparisonLines } from "./compare.ts";
import { createReporter, hookedReporter } from "./reporters.ts";
import { createSweepView } from "./sweep-view.ts";

function outputOf(json: boolean): SweepOutput {
  const print = (text: string): void => void process.stdout.write(text);
  return {
    reporter: createReporter(json),
    openView: (names, finished) => createSweepView(json, names, finished),
    print,
    results: (runs) => {
      if (!json) print(["", ...comparisonLines(runs), ""].join("\n"));
    },
  };
}

/** As `sweep`, with its output where the flags say. */
export async function sweepCommand(
  source: string | null,
  typed: Partial<TrainOptions>,
  flags: SweepFlags,
  json: boolean,
): Promise<number> {
  return await sweep(source, typed, flags, outputOf(json));
}

/** As `resumeSweep`, with its output where the flags say. */
export async function resumeSweepCommand(path: string, flags: ResumeFlags, json: boolean): Promise<number> {
  return await resumeSweep(path, flags, outputOf(json));
}

/** The flags of `sweep-task`. */
export interface TaskFlags {
  /** Whether to print JSON. */
  readonly json: boolean;
  /** How far to train, as a share of all steps. */
  readonly share: number;
  /** Between two step events: the sweep draws a few pictures per second at most. */
  readonly everyMs: number;
  /** A module that is called with every event, too; null: none. */
  readonly hook: string | null;
}

/** As `sweepTask`, with a reporter as the flags say. */
export async function taskCommand(path: string, name: string, flags: TaskFlags): Promise<number> {
  const reporter = await hookedReporter(createReporter(flags.json, flags.everyMs), flags.hook);
  return await sweepTask(path, name, { share: flags.share }, reporter);
}
