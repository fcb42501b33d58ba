/** The logs of tasks on a cluster, read from the shared disk: new events while a task runs, its last error at the end. */
import * as fs from "node:fs";
import { messageOf, parseEvent } from "./pool.ts";

/** Bytes at the end of a log in which to look for the last error. */
const END_BYTES = 16_384;

/** The last error message in a run's log; null if there is none. */
export function lastError(path: string): string | null {
  if (!fs.existsSync(path)) return null;
  const end = readFrom(path, Math.max(0, fs.statSync(path).size - END_BYTES)).toString("utf8");
  return end.split("\n").reduce<string | null>((last, line) => messageOf(line) ?? last, null);
}

/** Reads the lines that are appended to a log from now on. */
export class LogTail {
  readonly #path: string;
  #offset: number;

  /** The log need not exist yet. */
  constructor(path: string) {
    this.#path = path;
    this.#offset = fs.existsSync(path) ? fs.statSync(path).size : 0;
  }

  /** The events in the lines completed since the last call. */
  read(): Readonly<Record<string, unknown>>[] {
    return this.lines()
      .map(parseEvent)
      .filter((event) => event !== null);
  }

  /** The lines completed since the last call. */
  lines(): string[] {
    if (!fs.existsSync(this.#path) || fs.statSync(this.#path).size <= this.#offset) return [];
    const bytes = readFrom(this.#path, this.#offset);
    const complete = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    this.#offset += complete.length;
    return complete.length === 0 ? [] : complete.toString("utf8").slice(0, -1).split("\n");
  }
}

/** The bytes of a file from an offset to its end. */
function readFrom(path: string, offset: number): Buffer {
  const file = fs.openSync(path, "r");
  try {
    const bytes = Buffer.alloc(Math.max(0, fs.fstatSync(file).size - offset));
    return bytes.subarray(0, fs.readSync(file, bytes, 0, bytes.length, offset));
  } finally {
    fs.closeSync(file);
  }
}
