/**
 * metrics.jsonl: a line of JSON per step and per evaluation, without the time of day. It is flushed before a checkpoint
 * is saved, so that no checkpoint is ahead of it; a resumed training drops the lines that a killed process wrote after
 * its checkpoint. `logs.ts` writes other files from the same lines.
 */
import * as fs from "node:fs";
import { readWhole } from "./files.ts";
import type { Progress } from "../training/train.ts";

/** A line: the result of a step, a skipped step, or an evaluation. */
export type Metrics =
  | { readonly step: number; readonly loss: number; readonly learningRate: number }
  | { readonly step: number; readonly skipped: true; readonly learningRate: number }
  | { readonly step: number; readonly heldOutLoss: number };

/** One or more files that take lines of metrics. */
export interface Log {
  /** Adds a line, in memory. */
  append(line: Metrics): void;
  /**
   * Writes what was added. Throws InputError if it cannot be written; nothing is lost, and the next `flush` tries
   * again.
   */
  flush(): void;
}

/**
 * The lines up to a training's progress, including its last evaluation; ends before the first damaged line. Throws
 * InputError if the file cannot be read, or is not a regular file.
 */
export function linesUpTo(path: string, { step, evaluation }: Progress): string[] {
  if (!fs.existsSync(path)) return [];
  const kept: string[] = [];
  for (const line of readWhole(path, MAX_BYTES).toString("utf8").split("\n")) {
    const match = /^\{"step":(\d+),"(\w+)".*\}$/.exec(line);
    if (match === null || !isJson(line)) break;
    const limit = match[2] === "heldOutLoss" ? (evaluation?.step ?? 0) : step;
    if (Number(match[1]) > limit) break;
    kept.push(line);
  }
  return kept;
}

/** JavaScript's strings end at 512 Mi characters; a line has about 65. */
const MAX_BYTES = 2 ** 29 - 1024;

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
