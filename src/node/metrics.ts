/**
 * metrics.jsonl: a line of JSON for every step and every evaluation, appended as a training goes.
 *
 * Lines are buffered, and written out at the latest before a checkpoint, so that no checkpoint is ahead of them. A full
 * disk loses no line: they wait for the next write.
 */
import * as fs from "node:fs";
import type { Progress } from "../train.ts";
import { writeDurably, writeError } from "./files.ts";

const FLUSH_BYTES = 64 * 1024;

export class MetricsLog {
  readonly #path: string;
  #length: number;
  #pending = "";

  /** Goes on where `progress` stands; what a killed process wrote beyond is dropped. */
  constructor(path: string, progress: Progress) {
    this.#path = path;
    const kept = fs.existsSync(path) ? linesUpTo(fs.readFileSync(path, "utf8"), progress) : "";
    writeDurably(path, kept);
    this.#length = Buffer.byteLength(kept);
  }

  append(line: Readonly<Record<string, unknown>>): void {
    this.#pending += `${JSON.stringify(line)}\n`;
    if (this.#pending.length >= FLUSH_BYTES) this.flush();
  }

  /** Writes out what is buffered. Throws InputError if that fails; the file then ends as before. */
  flush(): void {
    if (this.#pending === "") return;
    const bytes = Buffer.from(this.#pending);
    try {
      const file = fs.openSync(this.#path, "r+");
      try {
        for (let written = 0; written < bytes.length;) {
          written += fs.writeSync(file, bytes, written, null, this.#length + written);
        }
        fs.fsyncSync(file); // or a power cut could leave a checkpoint that is ahead of its lines
      } catch (error) {
        fs.ftruncateSync(file, this.#length);
        throw error;
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      throw writeError(this.#path, bytes.length, error);
    }
    this.#length += bytes.length;
    this.#pending = "";
  }
}

/** The lines up to a training's progress, its last evaluation included; from the first that is torn on, nothing. */
function linesUpTo(text: string, { step, evaluation }: Progress): string {
  let kept = "";
  for (const line of text.split("\n")) {
    const match = /^\{"step":(\d+),"(\w+)".*\}$/.exec(line);
    if (match === null) break;
    const limit = match[2] === "heldOutLoss" ? (evaluation?.step ?? 0) : step;
    if (Number(match[1]) > limit) break;
    kept += `${line}\n`;
  }
  return kept;
}
