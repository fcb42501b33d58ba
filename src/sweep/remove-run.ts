/** Removes runs and sweeps: never one that is in use, and nothing else. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { removeDirectoryAtomically } from "../node/atomic-directory.ts";
import { Lock } from "../node/lock.ts";
import { ownKind, runsDirectoryOf } from "../node/own-folders.ts";

/** Throws InputError for what must not be removed: what is not a run or a sweep, or is in use. */
export function checkRemovable(path: string): void {
  const kind = ownKind(path);
  const shown = showPath(path);
  if (kind === null)
    throw new InputError(`${shown} is not a run or a sweep, or its config is damaged; remove it yourself`);
  if (fs.lstatSync(path).isSymbolicLink()) {
    throw new InputError(`${shown} is a symbolic link, whose run may have other names; remove the link yourself`);
  }
  if (runsDirectoryOf(path) !== dirname(path)) {
    throw new InputError(`${shown} is a run of a sweep, which would train it again; remove the whole sweep`);
  }
  for (const lock of locksOf(path, kind)) Lock.check(lock);
}

/** Removes a run or a sweep (`removeDirectoryAtomically`). Throws InputError as `checkRemovable`, or if the disk fails. */
export function removeRun(path: string): void {
  checkRemovable(path);
  removeDirectoryAtomically(path);
}

/** The lock of a run or sweep, and those of a sweep's runs: on a cluster, they train while no process has the sweep. */
function locksOf(path: string, kind: "run" | "sweep"): string[] {
  const own = join(path, ".lock");
  if (kind === "run") return [own];
  const runs = join(path, "runs");
  return [own, ...(fs.existsSync(runs) ? fs.readdirSync(runs).map((name) => join(runs, name, ".lock")) : [])];
}
