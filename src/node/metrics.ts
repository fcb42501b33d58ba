/**
 * metrics.jsonl: a line of JSON per step and per evaluation, without the time of day. It is flushed before a checkpoint
 * is saved, so that no checkpoint is ahead of it; a resumed training drops the lines that a killed process wrote after
 * its checkpoint. `logs.ts` writes other files from the same lines.
 */
import * as fs from "node:fs";
import type { Metrics } from "../library/run-metrics.ts";
import { linesOf } from "./lines.ts";

/** How far a training is. */
export interface MetricsEnd {
  /** Its last step. */
  readonly step: number;
  /** Its last evaluation; null before the first. */
  readonly evaluation: { readonly step: number } | null;
}

/** One or more files that take lines of metrics. */
export interface Log {
  /** Adds a line, in memory. */
  append(line: Metrics): void;
  /**
   * Writes what was added. Throws InputError if it cannot be written; nothing is lost, and the next `flush` tries
   * again.
   */
  flush(): void;
  /** Closes the files; a later `flush` opens them again. */
  close(): void;
}

/**
 * The lines up to a training's progress, including its last evaluation; ends before the first damaged line. A stream: a
 * step takes some 65 bytes, so eight million are more than a string can hold. Throws InputError if the file cannot be
 * read, or is not a regular file.
 */
export function* linesUpTo(path: string, { step, evaluation }: MetricsEnd): Generator<string> {
  if (!fs.existsSync(path)) return;
  for (const line of linesOf(path)) {
    const match = /^\{"step":(\d+),"(\w+)".*\}$/.exec(line);
    if (match === null || !isJson(line)) return;
    const limit = match[2] === "heldOutLoss" ? (evaluation?.step ?? 0) : step;
    if (Number(match[1]) > limit) return;
    yield line;
  }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}
