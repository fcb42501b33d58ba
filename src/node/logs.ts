/** All files in which a training tells of its course: metrics.jsonl, and what `--log` names beside it. */
import { join } from "node:path";
import type { LogFormat } from "../options/config.ts";
import { isRecord } from "../errors.ts";
import type { Progress } from "../training/train.ts";
import { EventLog } from "./event-log.ts";
import { writeDurably } from "./files.ts";
import { GrowingFile } from "./growing-file.ts";
import { linesUpTo } from "./metrics.ts";
import type { Log, Metrics } from "./metrics.ts";
import type { Run } from "./run-directory.ts";

/** Opens a run's logs where `progress` stands. Throws InputError if they can't be written. */
export function openLogs({ path, metricsPath, options }: Run, progress: Progress): Log {
  const kept = linesUpTo(metricsPath, progress);
  const openers: Readonly<Record<LogFormat, () => Log>> = {
    csv: () => csvLog(join(path, "metrics.csv"), kept),
    tensorboard: () => new EventLog(join(path, "tensorboard"), progress.step),
  };
  const logs = [jsonLog(metricsPath, kept), ...options.log.map((format) => openers[format]())];
  return {
    append: (line) => logs.forEach((log) => log.append(line)),
    flush: () => logs.forEach((log) => log.flush()),
  };
}

/** A log whose lines are text; it begins with what is kept of it. */
function textLog(path: string, kept: readonly string[], show: (line: Metrics) => string): Log {
  const text = kept.map((line) => `${line}\n`).join("");
  writeDurably(path, text);
  const file = new GrowingFile(path, Buffer.byteLength(text));
  return { append: (line) => file.append(`${show(line)}\n`), flush: () => file.flush() };
}

const jsonLog = (path: string, kept: readonly string[]): Log => textLog(path, kept, (line) => JSON.stringify(line));

const COLUMNS = ["step", "loss", "learningRate", "heldOutLoss", "skipped"] as const;

/** A line a step or an evaluation, an empty field for what it does not have. All values are numbers and "true". */
function csvLog(path: string, kept: readonly string[]): Log {
  const show = (line: unknown): string =>
    COLUMNS.map((key) => (isRecord(line) && line[key] !== undefined ? JSON.stringify(line[key]) : "")).join(",");
  return textLog(path, [COLUMNS.join(","), ...kept.map((line) => show(JSON.parse(line)))], show);
}
