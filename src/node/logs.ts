/** The metrics files of a training: metrics.jsonl, and the formats that `--log` adds. */
import { join } from "node:path";
import type { LogFormat } from "../options/train-options.ts";
import { isRecord } from "../errors.ts";
import type { Progress } from "../training/train.ts";
import { EventLog } from "./event-log.ts";
import { writePieces } from "./files.ts";
import { GrowingFile } from "./growing-file.ts";
import { linesUpTo } from "./metrics.ts";
import type { Log } from "./metrics.ts";
import type { Run } from "./run-directory.ts";

/** Opens a run's logs and drops lines after `progress`. Throws InputError if they cannot be written. */
export function openLogs(run: Run, progress: Progress): Log {
  const { path, metricsPath, options } = run;
  const checkOwner = (): void => run.mustHoldLock();
  // Each log reads them for itself: there may be too many for the memory.
  const kept = (): Iterable<string> => linesUpTo(metricsPath, progress);
  const openers: Readonly<Record<LogFormat, () => Log>> = {
    csv: () => csvLog(join(path, "metrics.csv"), kept(), checkOwner),
    tensorboard: () => new EventLog(join(path, "tensorboard"), progress.step, checkOwner),
  };
  const logs = [jsonLog(metricsPath, kept(), checkOwner), ...options.log.map((format) => openers[format]())];
  return {
    append: (line) => logs.forEach((log) => log.append(line)),
    flush: () => logs.forEach((log) => log.flush()),
    close: () => logs.forEach((log) => log.close()),
  };
}

/** metrics.jsonl: a line of JSON for each step and each evaluation; it begins with the `kept` lines. */
function jsonLog(path: string, kept: Iterable<string>, checkOwner: () => void): Log {
  const file = new GrowingFile(path, writePieces(path, buffered(withNewlines(kept))), checkOwner);
  return {
    append: (line) => file.append(`${JSON.stringify(line)}\n`),
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

function* withNewlines(lines: Iterable<string>): Generator<string> {
  for (const line of lines) yield `${line}\n`;
}

/** Texts, joined to pieces of some 64 KiB: one system call for each. */
function* buffered(texts: Iterable<string>): Generator<Uint8Array> {
  let buffer = "";
  for (const text of texts) {
    buffer += text;
    if (buffer.length < 65_536) continue;
    yield Buffer.from(buffer);
    buffer = "";
  }
  yield Buffer.from(buffer);
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
function csvLog(path: string, kept: Iterable<string>, checkOwner: () => void): Log {
  let last: CsvRow | null = null;
  function* texts(): Generator<string> {
    yield `${COLUMNS.join(",")}\n`;
    for (const line of kept) {
      const json: unknown = JSON.parse(line);
      const row = isRecord(json) ? json : {};
      if (last !== null && last.step !== row.step) yield csvText(last);
      last = last?.step === row.step ? { ...last, ...row } : row;
    }
  }
  const file = new GrowingFile(path, writePieces(path, buffered(texts())), checkOwner);
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
    close: () => file.close(),
  };
}
