/** A run as it is typed: a path, a name in the directory of runs, `latest`, or `SWEEP/best`. */
import * as fs from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { nearNames } from "../node/near-names.ts";
import { bestRun, namesIn, newestRun } from "./run-list.ts";
import { SweepDirectory } from "./sweep-directory.ts";

/**
 * The directory of a run, or of a sweep. What exists under the typed name comes first, also where it is called `latest` or
 * `best`. Throws InputError that lists similar names, if there is none.
 * @param runsDirectory the directory of runs. @param what is looked for, for the message.
 */
export function findRun(typed: string, runsDirectory: string, what: "run" | "sweep" = "run"): string {
  if (fs.existsSync(typed)) return resolve(typed);
  const named = join(runsDirectory, typed);
  if (fs.existsSync(named)) return named;
  if (typed === "latest") return latest(runsDirectory);
  if (basename(typed) === "best" && dirname(typed) !== ".") return best(dirname(typed), runsDirectory);
  const near = nearNames(typed, namesIn(runsDirectory));
  const advice = near.length === 0 ? "" : `; did you mean ${near.map(showPath).join(" or ")}?`;
  throw new InputError(`${showPath(typed)}: there is no such ${what}${advice}`);
}

function latest(runsDirectory: string): string {
  const found = newestRun(runsDirectory);
  if (found !== null) return found;
  throw new InputError(`latest: there is no run in ${showPath(runsDirectory)} yet; microgpt train makes one`);
}

function best(typed: string, runsDirectory: string): string {
  const path = findRun(typed, runsDirectory, "sweep");
  if (!SweepDirectory.isAt(path)) {
    throw new InputError(`${showPath(typed)}/best: ${showPath(typed)} is not a sweep; name the run alone`);
  }
  const found = bestRun(SweepDirectory.open(path));
  if (found !== null) return found;
  throw new InputError(`${showPath(typed)}/best: none of its runs has been measured on held-out text yet`);
}
