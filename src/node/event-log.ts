/**
 * TensorBoard's event files (`--log tensorboard`); Weights & Biases, Trackio and Aim read them, too.
 * `tensorboard --logdir runs` shows every run in the directory.
 *
 *   TFRecord:  length, 8 bytes | CRC of it, 4 | an `Event` in protocol buffers | CRC of it, 4
 *
 * Each training process writes its own file and opens it with the step that it begins at, so that TensorBoard drops the
 * later steps that a killed process wrote.
 * Source: tensorflow/core/util/event.proto, framework/summary.proto, lib/io/record_writer.h (TensorFlow 2).
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { PbfWriter } from "pbf";
import { makeDirectory, syncDirectory, writeError } from "./files.ts";
import { GrowingFile } from "./growing-file.ts";
import type { Metrics } from "../library/run-metrics.ts";
import type { Log } from "./metrics.ts";

/** Names of the curves, by the key in a line of metrics. */
const TAGS: Readonly<Record<string, string>> = {
  loss: "loss/train",
  heldOutLoss: "loss/held-out",
  learningRate: "learning-rate",
};

/** Writes metrics as event files. */
export class EventLog implements Log {
  readonly #file: GrowingFile;

  /**
   * Starts a file in `directory`, which is made if missing. Throws InputError if it cannot be written.
   * @param step steps done so far. @param checkOwner as of `GrowingFile`.
   */
  constructor(directory: string, step: number, checkOwner: () => void) {
    const path = freePath(directory);
    this.#file = new GrowingFile(path, 0, checkOwner);
    this.#write(0, (event) => event.writeStringField(3, "brain.Event:2"));
    this.#write(step + 1, (event) => event.writeMessage(7, writeSessionStart, null));
  }

  append({ step, ...line }: Metrics): void {
    const values = Object.entries(line).flatMap(([key, value]) =>
      TAGS[key] !== undefined && typeof value === "number" ? [[TAGS[key], value] as const] : [],
    );
    this.#write(step, (event) => event.writeMessage(5, writeSummary, values));
  }

  flush(): void {
    this.#file.flush();
  }

  close(): void {
    this.#file.close();
  }

  /** Appends an `Event` with the current time. @param what writes the field that sets its kind. */
  #write(step: number, what: (event: PbfWriter) => void): void {
    const event = new PbfWriter();
    event.writeDoubleField(1, Date.now() / 1000);
    event.writeVarintField(2, step);
    what(event);
    this.#file.append(record(event.finish()));
  }
}

/** `SessionLog { status: START }`: earlier events of this step and later ones are void. */
const writeSessionStart = (_: null, log: PbfWriter): void => log.writeVarintField(1, 1);

/** `Summary { value { tag, simple_value } … }` */
function writeSummary(values: readonly (readonly [tag: string, value: number])[], summary: PbfWriter): void {
  for (const entry of values) {
    summary.writeMessage(
      1,
      ([tag, number]: readonly [string, number], value: PbfWriter) => {
        value.writeStringField(1, tag);
        value.writeFloatField(2, number);
      },
      entry,
    );
  }
}

/** Makes an empty file whose name TensorBoard recognises and sorts after all others in the directory. */
function freePath(directory: string): string {
  try {
    makeDirectory(directory);
    for (let seconds = Math.floor(Date.now() / 1000); ; seconds++) {
      const path = join(directory, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.0`);
      // TensorBoard reads a directory's files in the order of their names.
      if (fs.readdirSync(directory).some((name) => name >= `events.out.tfevents.${seconds}`)) continue;
      fs.closeSync(fs.openSync(path, "wx"));
      syncDirectory(directory);
      return path;
    }
  } catch (error) {
    throw writeError(directory, 0, error);
  }
}

/** Bytes → a TFRecord: little-endian, with TensorFlow's masked checksums. */
export function record(data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(crc32c(bytes.subarray(0, 8))), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, masked(crc32c(data)), true);
  return bytes;
}

const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** CRC-32C (Castagnoli); Node's zlib has only the other polynomial. RFC 3720, B.4 has examples. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff];
  return ~crc >>> 0;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
