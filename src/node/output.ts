/**
 * Output files that the user names (`--out`, `--export`). Unlike the files of a run (`files.ts`), they may be anything
 * that a path can name: `-`, a pipe, a device, a symbolic link, a file of someone else.
 *
 *   "-", /dev/stdout, /dev/fd/N    written to that stream
 *   a pipe, a device               written through; never replaced
 *   a symbolic link                followed; what it points to is replaced, the link stays
 *   a regular file, or no file     replaced durably; its mode stays
 *   a directory, a file in a run,
 *   a sweep's own file, a file
 *   of another user                refused
 *
 * A folder (`writeFolder`) must not exist yet: it appears under its name complete, or not at all.
 */
import * as fs from "node:fs";
import { constants } from "node:os";
import { dirname, join, resolve } from "node:path";
import { InputError, showPath } from "../errors.ts";
import {
  describeKind,
  errorCode,
  makeDirectory,
  pause,
  removeIfPossible,
  removeTemporaries,
  syncDirectory,
  temporaryName,
  writeDurably,
  writeError,
} from "./files.ts";
import { ownKind } from "./own-folders.ts";

/** Where an output went: a caller that reports it must not do so on the stream that has the output. */
export type OutputTarget = "file" | "stream";

/**
 * Writes an output to what `path` names. Throws InputError, and leaves what is there as it was, for a directory, a file
 * inside a run, a file that may not be written or belongs to another user, and for failures of the system. Waits for
 * the reader of a pipe.
 */
export function writeOutput(path: string, content: string | Uint8Array): OutputTarget {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  try {
    const target = path === "-" ? 1 : followLinks(path);
    if (typeof target === "number") {
      writeAll(target, bytes);
      return "stream";
    }
    const status = fs.statSync(target, { throwIfNoEntry: false });
    const kind = status === undefined ? null : describeKind(status);
    if (kind === "a directory") throw new InputError(`${showPath(path)} is a directory; name a file`);
    if (kind !== null) {
      writeThrough(target, bytes);
      return "stream";
    }
    refuseRun(path, target);
    if (status !== undefined) refuseOthers(path, target, status);
    removeLeftovers(dirname(target));
    untilDone(() => writeDurably(target, bytes, 0o644, status ?? null));
    return "file";
  } catch (error) {
    throw writeError(path, bytes.length, error);
  }
}

/**
 * Throws InputError (code "exists") if there is something where `writeFolder` would write, and InputError if it is inside
 * a run.
 */
export function checkFolder(path: string): void {
  if (path === "-") throw new InputError("a folder cannot be written to standard output; name one with --out");
  const target = resolve(path);
  if (isThere(target)) throw existing(path);
  refuseRun(path, target);
}

/** Whether a path has an entry, a link to nowhere included. Throws InputError if that cannot be seen. */
function isThere(path: string): boolean {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw writeError(path, 0, error);
  }
}

const existing = (path: string): InputError =>
  new InputError(`${showPath(path)} exists and is not replaced; choose another --out, or remove it`, "exists");

/**
 * Writes files into a new folder, which appears under its name when all of them are on the disk. Throws InputError as
 * `checkFolder`, and for failures of the system; then nothing is left.
 * @param files path within the folder → bytes.
 */
export function writeFolder(path: string, files: ReadonlyMap<string, Uint8Array>): void {
  checkFolder(path);
  const target = resolve(path);
  const parent = dirname(target);
  const hidden = temporaryName(target);
  try {
    makeDirectory(parent);
    removeLeftovers(parent);
    untilDone(() => {
      for (const [name, bytes] of files) {
        makeDirectory(dirname(join(hidden, name)));
        writeDurably(join(hidden, name), bytes);
      }
      fs.renameSync(hidden, target);
      syncDirectory(parent);
    });
  } catch (error) {
    removeIfPossible(hidden);
    // Another process has just made it.
    if (["EEXIST", "ENOTEMPTY", "ENOTDIR"].includes(errorCode(error) ?? "")) throw existing(path);
    throw writeError(target, sizeOf(files), error);
  }
}

const sizeOf = (files: ReadonlyMap<string, Uint8Array>): number =>
  [...files.values()].reduce((sum, { length }) => sum + length, 0);

/** Removes the temporary files of killed writers. It is a courtesy: a directory that cannot be read keeps them. */
function removeLeftovers(directory: string): void {
  try {
    removeTemporaries(directory);
  } catch (error) {
    if (errorCode(error) === null) throw error;
  }
}

const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Does work of milliseconds to its end before a signal ends the process, which would leave a temporary file behind. */
export function untilDone<Result>(work: () => Result): Result {
  const end = (signal: NodeJS.Signals): void => process.exit(128 + constants.signals[signal]);
  for (const signal of ENDING_SIGNALS) process.on(signal, end);
  try {
    return work();
  } finally {
    const stopListening = (): void => ENDING_SIGNALS.forEach((signal) => process.off(signal, end));
    setImmediate(() => setImmediate(stopListening)); // between the two the event loop delivers what arrived
  }
}

/** Linux follows at most 40 links. */
const MAX_LINKS = 40;

/** What a path leads to through symbolic links, which need not exist; or the number of an open file. */
function followLinks(path: string): string | number {
  let target = resolve(path);
  for (let links = 0; links <= MAX_LINKS; links++) {
    const directory = fs.realpathSync(dirname(target));
    target = join(directory, target.slice(dirname(target).length));
    const open = new RegExp(`^/proc/${process.pid}/fd/(\\d+)$`).exec(target) ?? /^\/dev\/fd\/(\d+)$/.exec(target);
    if (open !== null) return Number(open[1]);
    if (fs.lstatSync(target, { throwIfNoEntry: false })?.isSymbolicLink() !== true) return target;
    target = resolve(directory, fs.readlinkSync(target));
  }
  throw new InputError(`cannot write ${showPath(path)}: its symbolic links form a loop`);
}

/** Writes into a pipe or a device. `O_NOCTTY`: a terminal must not become this process's own. */
function writeThrough(path: string, bytes: Uint8Array): void {
  const file = fs.openSync(path, fs.constants.O_WRONLY | (fs.constants.O_NOCTTY ?? 0));
  try {
    writeAll(file, bytes);
  } finally {
    fs.closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    try {
      written += fs.writeSync(file, bytes, written);
    } catch (error) {
      // A stream that another process made non-blocking is full: wait for its reader.
      if (errorCode(error) !== "EAGAIN") throw error;
      pause(5);
    }
  }
}

/** A run is written by its training alone, and a sweep's files by the sweep: another file could damage them. */
function refuseRun(path: string, target: string): void {
  for (let directory = dirname(target); ; directory = dirname(directory)) {
    if (ownKind(directory) === "run") {
      throw new InputError(`${showPath(path)} is inside the run ${showPath(directory)}; name a file outside of runs`);
    }
    if (dirname(directory) === directory) break;
  }
  const isPage = target.endsWith(".html");
  if (!isPage && fs.existsSync(target) && ownKind(dirname(target)) === "sweep") {
    throw new InputError(`${showPath(path)} belongs to the sweep ${showPath(dirname(target))}; name another file`);
  }
}

function refuseOthers(path: string, target: string, status: fs.Stats): void {
  fs.accessSync(target, fs.constants.W_OK);
  const user = process.getuid?.();
  if (user === undefined || user === 0 || status.uid === user) return;
  throw new InputError(`${showPath(path)} belongs to another user, so it is not replaced; name another file`);
}
