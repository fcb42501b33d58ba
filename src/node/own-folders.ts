/** Which folders microgpt has made itself: what is in them is not training text. */
import { basename, dirname, join } from "node:path";
import { readStart } from "./files.ts";

/** Files that only a run or a sweep has, and what they begin with. */
const SIGNS = [
  { kind: "run", file: "config.json", format: /"format": "microgpt-run"/ },
  { kind: "sweep", file: "sweep.json", format: /"format": "microgpt-sweep"/ },
] as const;

/** Whether a directory is a run or a sweep; null: neither, or it cannot be read. */
export function ownKind(directory: string): "run" | "sweep" | null {
  const isOwn = ({ file, format }: (typeof SIGNS)[number]): boolean => {
    try {
      return format.test(readStart(join(directory, file), 256).toString("latin1"));
    } catch {
      return false;
    }
  };
  return SIGNS.find(isOwn)?.kind ?? null;
}

/**
 * The directory of runs that a run or a sweep is in: `runs` for `runs/names-1` and for `runs/names-sweep-1`, but also
 * for `runs/names-sweep-1/runs/01`. A resumed run leaves out of its texts what it left out when it began.
 */
export function runsDirectoryOf(path: string): string {
  const parent = dirname(path);
  const isOfSweep = basename(parent) === "runs" && ownKind(dirname(parent)) === "sweep";
  return isOfSweep ? dirname(dirname(parent)) : parent;
}
