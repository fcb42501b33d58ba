/**
 * `microgpt sweep` and `sweep-task`: connects the trainings of `sweep/` to a terminal, a pipe or a program (`--json`).
 */
import type { TrainOptions } from "../options/train-options.ts";
import { resumeSweep, sweep } from "../sweep/sweep.ts";
import type { ResumeFlags, SweepFlags } from "../sweep/sweep.ts";
import { sweepTask } from "../sweep/task.ts";
import type { SweepOutput } from "../sweep/view.ts";
import { comparisonLines } from "./compare.ts";
import { createReporter, hookedReporter } from "./reporters.ts";
import { jsonLine } from "../run/format.ts";
import { createSweepView } from "./sweep-view.ts";

function outputOf(json: boolean): SweepOutput {
  const print = (text: string): void => void process.stdout.write(json ? jsonLine({ event: "plan", text }) : text);
  return {
    reporter: createReporter(json),
    openView: (names, finished) => createSweepView(json, names, finished),
    print,
    results: (runs) => {
      if (!json) print(["", ...comparisonLines(runs), ""].join("\n"));
    },
  };
}

/** As `sweep`, with output as the flags say. */
export async function sweepCommand(
  source: string | null,
  typed: Partial<TrainOptions>,
  flags: SweepFlags,
  json: boolean,
): Promise<number> {
  return await sweep(source, typed, flags, outputOf(json));
}

/** As `resumeSweep`, with output as the flags say. */
export async function resumeSweepCommand(path: string, flags: ResumeFlags, json: boolean): Promise<number> {
  return await resumeSweep(path, flags, outputOf(json));
}

/** The flags of `sweep-task`. */
export interface TaskFlags {
  /** Whether to print JSON. */
  readonly json: boolean;
  /** Fraction of all steps to train. */
  readonly share: number;
  /** Minimum milliseconds between step events: the sweep redraws its table only a few times per second. */
  readonly everyMs: number;
  /** Path of a module that is called with every event, too; null: none. */
  readonly hook: string | null;
}

/** As `sweepTask`, with a reporter as the flags say. */
export async function taskCommand(path: string, name: string, flags: TaskFlags): Promise<number> {
  const reporter = await hookedReporter(createReporter(flags.json, flags.everyMs), flags.hook);
  return await sweepTask(path, name, { share: flags.share }, reporter);
}
