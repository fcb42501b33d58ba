/** A run on the disk as named bytes, for `loadRun` and other code that takes a run in memory. */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, showPath } from "../errors.ts";
import { stepOfCheckpoint } from "../library/run-files.ts";
import type { RunFiles } from "../library/run-files.ts";
import { readWhole } from "./files.ts";

/**
 * Reads what another process needs to resume a run: options, tokenizer, best weights, newest checkpoint, and the copies
 * of its texts. Only reads, so a training may be writing to the run at the same time. Throws InputError that names the
 * file at fault.
 */
export function readRunFiles(path: string): RunFiles {
  if (!fs.existsSync(join(path, "config.json"))) {
    throw new InputError(`${showPath(path)} is not a run: it has no config.json; name the directory of a run`);
  }
  const list = (directory: string): string[] => {
    const found = join(path, directory);
    return fs.existsSync(found) ? fs.readdirSync(found).map((name) => `${directory}/${name}`) : [];
  };
  const step = (name: string): number => stepOfCheckpoint(name.replace("checkpoints/", "")) ?? -1;
  const newest = list("checkpoints")
    .toSorted((a, b) => step(b) - step(a))
    .filter((name) => step(name) >= 0);
  const names = ["config.json", "tokenizer.json", "model.safetensors", ...newest.slice(0, 1), ...list("pages")];
  const there = names.filter((name) => fs.existsSync(join(path, name)));
  return new Map(there.map((name) => [name, new Uint8Array(readWhole(join(path, name)))]));
}
