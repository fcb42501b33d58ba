/**
 * metrics.jsonl: a line of JSON for every step and every evaluation of a training, no time of day. It is written out
 * before a checkpoint is, so that no checkpoint is ahead of it; a training that goes on cuts off what a killed process
 * wrote beyond. `logs.ts` makes other files of the same lines.
 */
import * as fs from "node:fs";
import type { Progress } from "../training/train.ts";

/** A line: what a step or an evaluation came to. */
export type Metrics =
  | { readonly step: number; readonly loss: number; readonly learningRate: number }
  | { readonly step: number; readonly skipped: true; readonly learningRate: number }
  | { readonly step: number; readonly heldOutLoss: number };

/** A file, or several, that take lines. */
export interface Log {
  append(line: Metrics): void;
  /** Throws InputError if it can't be written; nothing is lost, and the next `flush` tries again. */
  flush(): void;
}

/** The lines up to a training's progress, its last evaluation included; from the first that is torn on, nothing. */
export function linesUpTo(path: string, { step, evaluation }: Progress): string[] {
  if (!fs.existsSync(path)) return [];
  const kept: string[] = [];
  for (const line of fs.readFileSync(path, "utf8").split("\n")) {
    const match = /^\{"step":(\d+),"(\w+)".*\}$/.exec(line);
    if (match === null) break;
    const limit = match[2] === "heldOutLoss" ? (evaluation?.step ?? 0) : step;
    if (Number(match[1]) > limit) break;
    kept.push(line);
  }
  return kept;
}
