/** Lines of a file of any size: read a mebibyte at a time, never the whole. For files that microgpt wrote, as UTF-8. */
import * as fs from "node:fs";
import { InputError, showPath } from "../errors.ts";
import { describeKind, openToRead, readError } from "./files.ts";

const CHUNK_BYTES = 2 ** 20;
const NEWLINE = 10;

/**
 * The lines of a regular file, without their ends; none for the rest after the last newline if that is empty. A line
 * longer than a mebibyte comes in pieces. Throws InputError for what cannot be read, and for anything but a regular
 * file, without waiting for it.
 */
export function* linesOf(path: string): Generator<string> {
  const file = openRegular(path);
  try {
    let rest: Buffer = Buffer.alloc(0);
    for (const chunk of chunksOf(file, path)) {
      const bytes = Buffer.concat([rest, chunk]);
      const end = bytes.lastIndexOf(NEWLINE) + 1 || (bytes.length > CHUNK_BYTES ? bytes.length : 0);
      if (end > 0) yield* bytes.toString("utf8", 0, bytes[end - 1] === NEWLINE ? end - 1 : end).split("\n");
      rest = bytes.subarray(end);
    }
    if (rest.length > 0) yield rest.toString("utf8");
  } finally {
    fs.closeSync(file);
  }
}

function* chunksOf(file: number, path: string): Generator<Buffer> {
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let length: number;
    try {
      length = fs.readSync(file, chunk);
    } catch (error) {
      throw readError(path, error);
    }
    if (length === 0) return;
    yield chunk.subarray(0, length);
  }
}

function openRegular(path: string): number {
  try {
    const kind = describeKind(fs.statSync(path));
    if (kind !== null) throw new InputError(`${showPath(path)} is ${kind}, not a file`);
    return openToRead(path);
  } catch (error) {
    throw readError(path, error);
  }
}
