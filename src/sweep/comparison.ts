/**
 * The runs that a person names, each by its directory, or all of a sweep by the sweep's.
 */
import * as fs from "node:fs";
import { basename } from "node:path";
import type { TrainOptions } from "../options/train-options.ts";
import type { ReportRun } from "../experiments/report-data.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import { differences, readRun, unreadRun } from "./read-run.ts";
import type { RunReading } from "./read-run.ts";
import { SweepDirectory } from "./sweep-directory.ts";

export interface Comparison {
  readonly runs: readonly ReportRun[];
  /** Where a run of them lies. */
  readonly pathOf: (run: ReportRun) => string;
}

/** Throws InputError for what is neither a run nor a sweep. */
export function readComparison(paths: readonly string[]): Comparison {
  const found = paths.flatMap((path) =>
    SweepDirectory.isAt(path) ? readSweep(SweepDirectory.open(path)) : [{ ...readRun(path), path }],
  );
  const named = uniquelyNamed(found);
  const settings = differences(found.map(({ options }) => options));
  const runs = found.map(({ report }, i) => ({ ...report, name: named[i], settings: settings[i], completions: [] }));
  const pathOf = new Map(runs.map((run, i) => [run.name, found[i].path]));
  return { runs, pathOf: ({ name }) => pathOf.get(name)! };
}

/** All runs of a sweep, those that have not begun too. Their options are as planned: a budget in steps, say, is not. */
export function readSweep(sweep: SweepDirectory): (RunReading & { readonly path: string })[] {
  const failures = sweep.failures();
  return sweep.memory.runs.map((planned) => {
    const options: TrainOptions = optionsOf(sweep.memory, planned);
    const path = sweep.runPath(planned.name);
    const failure = failures.get(planned.name) ?? null;
    const reading = fs.existsSync(path)
      ? readRun(path, planned.name, failure)
      : unreadRun(planned.name, options, failure);
    return { ...reading, options, path };
  });
}

/** Runs of the same name, from different places, have the place before it. */
function uniquelyNamed(
  found: readonly { readonly path: string; readonly report: { readonly name: string } }[],
): string[] {
  const names = found.map(({ report }) => report.name);
  return names.map((name, i) => {
    const isAlone = names.indexOf(name) === names.lastIndexOf(name);
    return isAlone ? name : `${found[i].path.split(/[\\/]/).slice(-3, -1).join("-")}-${basename(name)}-${i + 1}`;
  });
}
