/** Reads the runs to compare, from directories of runs and of sweeps. `read-run.ts` reads a single run. */
import * as fs from "node:fs";
import { basename } from "node:path";
import type { TrainOptions } from "../options/train-options.ts";
import type { ReportRun } from "../experiments/report-data.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import { differences, readRun, unreadRun } from "./read-run.ts";
import type { HeldOutText, RunReading } from "./read-run.ts";
import { SweepDirectory } from "./sweep-directory.ts";

/** Runs to compare, and where they are. */
export interface Comparison {
  /** The runs, with the options in which they differ. */
  readonly runs: readonly ReportRun[];
  /** The directory of a run. */
  readonly pathOf: (run: ReportRun) => string;
}

/** Reads runs and sweeps. Throws InputError for a path that is neither. */
export function readComparison(paths: readonly string[]): Comparison {
  const found = paths.flatMap((path) =>
    SweepDirectory.isAt(path) ? readSweep(SweepDirectory.open(path)) : [{ ...readRun(path), path }],
  );
  const named = uniquelyNamed(found);
  const settings = differences(found.map(({ options }) => options));
  const texts = textNumbers(found.map(({ heldOutText }) => heldOutText));
  const runs = found.map(({ report }, i) => ({
    ...report,
    name: named[i],
    settings: settings[i],
    heldOutText: texts[i],
    completions: [],
  }));
  const pathOf = new Map(runs.map((run, i) => [run.name, found[i].path]));
  return { runs, pathOf: ({ name }) => pathOf.get(name)! };
}

/**
 * All runs of a sweep, including those that have not begun. Their options are the planned ones, in which a budget of
 * tokens or seconds has not yet become a number of steps.
 */
export function readSweep(sweep: SweepDirectory): (RunReading & { readonly path: string })[] {
  const failures = sweep.failures();
  return sweep.plan.runs.map((planned) => {
    const options: TrainOptions = optionsOf(sweep.plan, planned);
    const path = sweep.runPath(planned.name);
    const failure = failures.get(planned.name) ?? null;
    const reading = fs.existsSync(path)
      ? readRun(path, planned.name, failure)
      : unreadRun(planned.name, options, failure);
    return { ...reading, options, path };
  });
}

/** Numbers the held-out texts from 1. Where a run of an earlier version has no hash, the number of bytes decides. */
export function textNumbers(all: readonly (HeldOutText | null)[]): (number | null)[] {
  const known: HeldOutText[] = [];
  return all.map((text) => {
    if (text === null) return null;
    const isSame = ({ dataHash, heldOutBytes }: HeldOutText): boolean =>
      heldOutBytes === text.heldOutBytes && (dataHash === null || text.dataHash === null || dataHash === text.dataHash);
    const index = known.findIndex(isSame);
    return index >= 0 ? index + 1 : known.push(text);
  });
}

/** Names of the runs; those that are not unique are prefixed with their directory. */
function uniquelyNamed(
  found: readonly { readonly path: string; readonly report: { readonly name: string } }[],
): string[] {
  const names = found.map(({ report }) => report.name);
  return names.map((name, i) => {
    const isUnique = names.indexOf(name) === names.lastIndexOf(name);
    return isUnique ? name : `${found[i].path.split(/[\\/]/).slice(-3, -1).join("-")}-${basename(name)}-${i + 1}`;
  });
}
