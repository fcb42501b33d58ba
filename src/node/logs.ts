/** The metrics files of a training: metrics.jsonl, and the formats that `--log` adds. */
import { join } from "node:path";
import type { LogFormat } from "../options/train-options.ts";
import { isRecord } from "../errors.ts";
import type { Progress } from "../training/train.ts";
import { EventLog } from "./event-log.ts";
import { writeDurably } from "./files.ts";
import { GrowingFile } from "./growing-file.ts";
import { linesUpTo } from "./metrics.ts";
import type { Log } from "./metrics.ts";
import type { Run } from "./run-directory.ts";

/** Opens a run's logs and drops lines after `progress`. Throws InputError if they cannot be written. */
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

/** metrics.jsonl: a line of JSON for each step and each evaluation; it begins with the `kept` lines. */
function jsonLog(path: string, kept: readonly string[]): Log {
  const text = kept.map((line) => `${line}\n`).join("");
  writeDurably(path, text);
  const file = new GrowingFile(path, Buffer.byteLength(text));
  return { append: (line) => file.append(`${JSON.stringify(line)}\n`), flush: () => file.flush() };
}

const COLUMNS = ["step", "loss", "learningRate", "heldOutLoss", "skipped"] as const;

/** A row of the CSV: a step, and the evaluation after it. */
type CsvRow = Readonly<Record<string, unknown>>;

const csvText = (row: CsvRow): string =>
  `${COLUMNS.map((key) => (row[key] === undefined ? "" : JSON.stringify(row[key]))).join(",")}\n`;

/**
 * metrics.csv: one row per step; a field without a value is empty, the others are numbers or "true". A step's
 * evaluation goes into the step's row, so a row is written when the next one begins, or at a flush.
 */
function csvLog(path: string, kept: readonly string[]): Log {
  const rows: CsvRow[] = [];
  for (const line of kept) {
    const json: unknown = JSON.parse(line);
    const row = isRecord(json) ? json : {};
    if (rows.at(-1)?.step === row.step) rows.push({ ...rows.pop(), ...row });
    else rows.push(row);
  }
  let last: CsvRow | null = rows.pop() ?? null;
  const text = `${COLUMNS.join(",")}\n${rows.map(csvText).join("")}`;
  writeDurably(path, text);
  const file = new GrowingFile(path, Buffer.byteLength(text));
  const write = (): void => {
    if (last !== null) file.append(csvText(last));
    last = null;
  };
  return {
    append(line) {
      if (last !== null && last.step !== line.step) write();
      last = { ...last, ...line };
    },
    flush() {
      write();
      file.flush();
    },
  };
}
