/**
 * Files that survive: a write is either whole on the disk or not there at all, and what can't be read or written is
 * said in one sentence.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { InputError, showPath } from "../errors.ts";

/**
 * Writes a file so that no crash or power cut leaves a part of it: a temporary file beside it, fsync, rename, fsync of
 * the directory. When this returns the bytes are on the disk; when it throws, the old file is as it was and the
 * temporary one is gone. A failed fsync is final: its pages may be lost, so it is never tried again on the same file.
 */
export function writeDurably(path: string, content: Uint8Array | string, mode: number = 0o644): void {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const temporary = temporaryName(path);
  try {
    const file = fs.openSync(temporary, "wx", mode);
    try {
      for (let written = 0; written < bytes.length;) written += fs.writeSync(file, bytes, written);
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
    fs.renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (error) {
    removeIfPossible(temporary);
    throw writeError(path, bytes.length, error);
  }
}

/** Cleans up where a failure is no news: after an error, which is what must be told, or where the next start cleans too. */
export function removeIfPossible(path: string): void {
  try {
    fs.rmSync(path, { recursive: true, force: true });
  } catch {
    // it stays; `removeTemporaries` will see it
  }
}

/** Makes the names in a directory durable. Windows can't (and needs not) open a directory for that. */
export function syncDirectory(path: string): void {
  if (process.platform === "win32") return;
  const directory = fs.openSync(path, "r");
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}

/** Makes a directory and those above it. (Node's own `recursive` never returns where mkdir says ENOENT, as in /proc.) */
export function makeDirectory(path: string, mode: number = 0o777): void {
  if (fs.existsSync(path)) return;
  if (dirname(path) !== path) makeDirectory(dirname(path), mode);
  try {
    fs.mkdirSync(path, mode);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error; // another process may have been quicker
  }
}

/** A hidden name beside `path` for what is not complete yet; it tells whose it is. */
export function temporaryName(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp-${process.pid}-${randomBytes(4).toString("hex")}`);
}

const TEMPORARY = /^\..+\.tmp-(\d+)-[0-9a-f]{8}$/;

/** Removes the temporary files of processes that are gone. */
export function removeTemporaries(directory: string): void {
  for (const name of fs.readdirSync(directory)) {
    const pid = TEMPORARY.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) fs.rmSync(join(directory, name), { force: true });
  }
}

/** Whether there is a process of this id now. */
export function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) !== "ESRCH"; // any other code: it is there, but not ours
  }
}

/** The most that is read into memory at once; a larger text needs a stream. */
const MAX_FILE_BYTES = 2 ** 30;

/** Reads a regular file: what is not one (a directory, a pipe, a device) is never opened. Throws InputError. */
export function readWhole(path: string, limit: number = MAX_FILE_BYTES): Buffer {
  try {
    const status = fs.statSync(path);
    const kind = describeKind(status);
    if (kind !== null) throw new InputError(`${showPath(path)} is ${kind}, not a file`);
    if (status.size > limit) {
      throw new InputError(`${showPath(path)} has ${status.size} bytes; at most ${limit} can be read`);
    }
    return fs.readFileSync(path);
  } catch (error) {
    throw readError(path, error);
  }
}

/** The first bytes of a file, fewer if it is shorter. */
export function readStart(path: string, length: number): Buffer {
  try {
    const file = fs.openSync(path, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
    try {
      const start = Buffer.alloc(length);
      return start.subarray(0, fs.readSync(file, start, 0, length, 0));
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw readError(path, error);
  }
}

export function describeKind(status: fs.Stats): string | null {
  if (status.isFile()) return null;
  if (status.isDirectory()) return "a directory";
  if (status.isFIFO()) return "a pipe";
  if (status.isSocket()) return "a socket";
  return "a device";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  ENOTDIR: "a part of the path is no directory",
  EISDIR: "it is a directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the disk is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EMFILE: "too many open files",
  EIO: "the disk reports an error",
  ELOOP: "its links run in a circle",
  ENAMETOOLONG: "the name is too long",
};

/** The system's code for an error (`ENOENT`), or null for an error of another kind. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : null;
}

/** A failed read, in a sentence: exit code 2, the person can mend it. Errors that are none of the system's pass. */
export function readError(path: string, error: unknown): unknown {
  const code = errorCode(error);
  if (code === null || error instanceof InputError) return error;
  return new InputError(`cannot read ${showPath(path)}: ${REASONS[code] ?? "the system refuses"} (${code})`);
}

/** A failed write, in a sentence: exit code 1, with the bytes it needed and the bytes that are free where that is why. */
export function writeError(path: string, bytes: number, error: unknown): unknown {
  const code = errorCode(error);
  if (code === null || error instanceof InputError) return error;
  const room = code === "ENOSPC" ? `, ${bytes} bytes needed, ${freeBytes(dirname(path))} free` : "";
  return new InputError(
    `cannot write ${showPath(path)}: ${REASONS[code] ?? "the system refuses"} (${code}${room})`,
    "machine",
  );
}

function freeBytes(directory: string): string {
  try {
    const { bavail, bsize } = fs.statfsSync(directory);
    return String(bavail * bsize);
  } catch {
    return "unknown";
  }
}
