/** A file of the fastest tiles for this machine's GPUs, in the user's cache; it may be deleted at any time. */
import * as fs from "node:fs";
import { dirname } from "node:path";
import type { TuningStore } from "../backend/webgpu/tune.ts";
import { makeDirectory, writeDurably } from "../node/files.ts";
import { userCache } from "../node/user-cache.ts";

/** Opens the file. One that cannot be read or written counts as missing. @param path default: in the user's cache. */
export function openTuning(path: string = userCache("gpu-tuning.json")): TuningStore {
  const kept = readKept(path);
  return {
    get: (key) => kept.get(key) ?? null,
    set(key, value) {
      kept.set(key, value);
      try {
        makeDirectory(dirname(path));
        writeDurably(path, `${JSON.stringify(Object.fromEntries(kept), null, 1)}\n`);
      } catch {
        // The tiles are measured again next time.
      }
    },
  };
}

function readKept(path: string): Map<string, string> {
  try {
    const json: unknown = JSON.parse(fs.readFileSync(path, "utf8"));
    const entries = typeof json === "object" && json !== null ? Object.entries(json) : [];
    return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return new Map();
  }
}
