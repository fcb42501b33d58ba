/**
 * TensorBoard's event files (`--log tensorboard`), which Weights & Biases, Trackio and Aim read, too:
 * `tensorboard --logdir runs` shows every run below.
 *
 * A file is a list of records (TFRecord: length, its checksum, bytes, their checksum), each an `Event` in protocol
 * buffers. Each process that trains writes a file of its own, and says first where it begins, so that TensorBoard
 * forgets what a killed process wrote beyond.
 * Source: tensorflow/core/util/event.proto, framework/summary.proto, lib/io/record_writer.h (TensorFlow 2).
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { PbfWriter } from "pbf";
import { makeDirectory, syncDirectory, writeError } from "./files.ts";
import { GrowingFile } from "./growing-file.ts";
import type { Log, Metrics } from "./metrics.ts";

/** Names of the curves, by the key in a line of metrics. */
const TAGS: Readonly<Record<string, string>> = {
  loss: "loss/train",
  heldOutLoss: "loss/held-out",
  learningRate: "learning-rate",
};

export class EventLog implements Log {
  readonly #file: GrowingFile;

  /** Begins a file in `directory`, which is made. @param step done so far. Throws InputError if it can't be written. */
  constructor(directory: string, step: number) {
    const path = freePath(directory);
    this.#file = new GrowingFile(path, 0);
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

  /** An `Event` at this moment. @param what writes the field that makes it what it is. */
  #write(step: number, what: (event: PbfWriter) => void): void {
    const event = new PbfWriter();
    event.writeDoubleField(1, Date.now() / 1000);
    event.writeVarintField(2, step);
    what(event);
    this.#file.append(record(event.finish()));
  }
}

/** `SessionLog { status: START }`: what was written before for this step and later is void. */
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

/** An empty file whose name TensorBoard knows, and takes for newer than all others here. */
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

/** A TFRecord: little-endian, checksums masked as TensorFlow does. */
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

/** CRC-32C (Castagnoli), of which Node has no version: its zlib has the other polynomial. RFC 3720, B.4 has examples. */
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
