/**
 * Compiled libraries in the user's cache, a directory that nobody else can write to:
 *
 *   KEY-HASH.so      a library; KEY is of what it was made from and for, HASH is the SHA-256 of its bytes
 *   COMPILER.json    what a compiler makes on a CPU, so that a later start need not ask it
 *   KEY.log          the output of a compiler that failed
 *   KEY.lock         held by the process that compiles
 *
 * A library is verified each time, then loaded by its path. Between the two only this user could replace it, and the name
 * says what it must be. (A path of /proc/self/fd would name the verified file itself, but the system's loader takes a
 * library for loaded when its path is, and numbers of open files are used again.)
 */
import * as fs from "node:fs";
import { dirname, extname, join, resolve } from "node:path";
import { InputError, isRecord, showPath } from "../errors.ts";
import { describeKind, makeDirectory, readPlainFile, removeIfPossible, removeTemporaries } from "./files.ts";
import { errorCode, writeDurably, writeError } from "./files.ts";
import { Lock } from "./lock.ts";
import type { CompilerIdentity } from "./native-compiler.ts";
import { sha256 } from "./sha256.ts";

/** The most libraries, compilers and logs that stay: the newest of each. A cluster has as many compilers as machines. */
const MAX_KEPT: Readonly<Record<string, number>> = { ".so": 64, ".json": 1024, ".log": 16 };
/** More than any library of ours has; a larger file is not read. */
const MAX_LIBRARY_BYTES = 2 ** 28;
const MAX_COMPILER_BYTES = 4096;
/** A library that is used stays new; its time is set this often. */
const REFRESH_MS = 24 * 3600 * 1000;

/** The paths of logs, each with a stamp that differs for a later failure; null where the log cannot be read. */
export type Failures = ReadonlyMap<string, string | null>;

/** The cache in one directory; many processes may use it at once. */
export class NativeCache {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Opens the cache; makes the directory if it is missing. A text says why it must not be used, as one sentence. */
  static open(directory: string): NativeCache | string {
    try {
      makeDirectory(directory, 0o700);
      const problem = problemOf(directory);
      return problem === null ? new NativeCache(directory) : `${showPath(directory)} is not used: ${problem}`;
    } catch (error) {
      const failure = writeError(directory, 0, error);
      if (failure instanceof InputError) return failure.message;
      throw failure;
    }
  }

  /** What a compiler makes here, if it was asked before. @param key of its file, its flags and the CPU. */
  compiler(key: string): CompilerIdentity | null {
    const bytes = readPlainFile(this.#path(`${key}.json`), MAX_COMPILER_BYTES, isOurs);
    return bytes === null ? null : parseIdentity(bytes.toString("utf8"));
  }

  /** Keeps it. A failure does no harm: the compiler is asked again. */
  keepCompiler(key: string, identity: CompilerIdentity): void {
    this.#write(`${key}.json`, JSON.stringify(identity));
  }

  /** The path of a library; null if it is missing. A damaged one is removed. */
  find(key: string): string | null {
    for (const name of this.#names().filter((each) => each.startsWith(`${key}-`))) {
      const bytes = readPlainFile(this.#path(name), MAX_LIBRARY_BYTES, isOurs);
      if (bytes !== null && name === libraryName(key, bytes)) {
        refresh(this.#path(name));
        return this.#path(name);
      }
      removeIfPossible(this.#path(name));
    }
    return null;
  }

  /** Keeps a library. The oldest ones are removed, but stay with the processes that have loaded them. Returns its path, or one sentence if it cannot be written. */
  store(key: string, library: Buffer): { readonly path: string } | string {
    const name = libraryName(key, library);
    const failure = this.#write(name, library);
    if (failure !== null) return failure;
    removeIfPossible(this.#path(`${key}.log`));
    return { path: this.#path(name) };
  }

  /** Keeps the output of a compiler that failed. Returns the file's path; null if it cannot be written. */
  log(key: string, output: string): string | null {
    const name = `${key}.log`;
    return this.#write(name, output) === null ? this.#path(name) : null;
  }

  /** The logs of all failures. */
  failures(): Failures {
    return new Map(this.#paths(".log").map((log) => [log, stampOf(log)]));
  }

  /** The log of a failure that was not there `before`; null if there is none. */
  newFailure(key: string, before: Failures): string | null {
    const log = this.#path(`${key}.log`);
    const stamp = stampOf(log);
    return stamp === null || stamp === before.get(log) ? null : log;
  }

  /** Takes the lock of a key; "held" if another process has it; null if it cannot be taken at all. */
  lock(key: string): Lock | "held" | null {
    const path = this.#path(`${key}.lock`);
    try {
      if (Lock.isTaken(path)) return "held"; // reads one file, where an attempt to take it writes
      // A compiler is killed after seconds: who has been silent for a minute has ended, on whatever machine.
      return Lock.take(path, "silent");
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return error.code === "in-use" ? "held" : null;
    }
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  /** The paths of all files with this ending. */
  #paths(ending: string): string[] {
    return this.#names().flatMap((name) => (name.endsWith(ending) ? [this.#path(name)] : []));
  }

  #names(): string[] {
    try {
      return fs.readdirSync(this.#directory);
    } catch {
      return []; // removed since it was opened
    }
  }

  /** Writes a file, and removes the oldest with its ending. Null, or why it cannot be written. */
  #write(name: string, content: Uint8Array | string): string | null {
    try {
      writeDurably(this.#path(name), content, 0o600);
      this.#prune(extname(name));
      return null;
    } catch (error) {
      if (error instanceof InputError) return error.message;
      throw error;
    }
  }

  #prune(ending: string): void {
    try {
      removeTemporaries(this.#directory);
    } catch (error) {
      if (errorCode(error) === null) throw error; // the next process tries again
    }
    const timeOf = new Map(this.#paths(ending).map((path) => [path, statusOf(path)?.mtimeMs ?? 0]));
    const newestFirst = [...timeOf.keys()].toSorted((a, b) => timeOf.get(b)! - timeOf.get(a)!);
    for (const path of newestFirst.slice(MAX_KEPT[ending])) removeIfPossible(path);
  }
}

const libraryName = (key: string, bytes: Buffer): string => `${key}-${sha256(bytes)}.so`;

/** Whether only this user, or root, can have written a file or a directory. */
const isOurs = (status: fs.Stats): boolean => status.uid === process.geteuid?.() && (status.mode & 0o022) === 0;

/** Why what is in a directory cannot be trusted, as a clause; null if it can. */
function problemOf(directory: string): string | null {
  const status = fs.lstatSync(directory);
  if (status.isSymbolicLink()) return "it is a symbolic link";
  if (!status.isDirectory()) return `it is ${describeKind(status) ?? "a file"}`;
  if (status.uid !== process.geteuid?.()) return `it belongs to another user (uid ${status.uid})`;
  if (!isOurs(status)) return `others may write to it (mode ${(status.mode & 0o7777).toString(8)}); chmod 700 it`;
  return problemAbove(directory);
}

/** Who may write to a directory above could put another directory in this one's place; so could its owner. */
function problemAbove(directory: string): string | null {
  for (const path of new Set(directoriesAbove(resolve(directory)))) {
    const { uid, gid, mode } = fs.statSync(path);
    if (uid !== 0 && uid !== process.geteuid?.()) return `${showPath(path)} belongs to another user (uid ${uid})`;
    if ((mode & 0o1000) !== 0) continue; // sticky: others cannot rename what is ours
    if ((mode & 0o002) !== 0) return `all may write to ${showPath(path)}; chmod o-w it`;
    // Many systems give each user a group of that number, and directories that it may write to.
    const isShared = (mode & 0o020) !== 0 && gid !== 0 && gid !== process.geteuid?.();
    if (isShared) return `its group (gid ${gid}) may write to ${showPath(path)}; chmod g-w it`;
  }
  return null;
}

/** All directories that a path leads through, also by links. @param path absolute; nothing on it is missing. */
function directoriesAbove(path: string): string[] {
  const parent = dirname(path);
  if (parent === path) return [];
  const isLink = fs.lstatSync(path).isSymbolicLink();
  const target = isLink ? directoriesAbove(resolve(fs.realpathSync(parent), fs.readlinkSync(path))) : [];
  return [parent, ...directoriesAbove(parent), ...target];
}

function stampOf(path: string): string | null {
  const status = statusOf(path);
  return status === null ? null : `${status.ino} ${status.mtimeMs}`;
}

/** The status of a file; null if it is missing or cannot be read. */
function statusOf(path: string): fs.Stats | null {
  try {
    return fs.statSync(path);
  } catch (error) {
    if (errorCode(error) === null) throw error;
    return null;
  }
}

function refresh(path: string): void {
  try {
    const now = Date.now();
    if (now - fs.statSync(path).mtimeMs > REFRESH_MS) fs.utimesSync(path, now / 1000, now / 1000);
  } catch {
    // a disk that is read-only, or a library that was just removed
  }
}

function parseIdentity(text: string): CompilerIdentity | null {
  try {
    const json: unknown = JSON.parse(text);
    if (!isRecord(json)) return null;
    const { name, tuning, hash } = json;
    if (typeof name !== "string" || !/^[a-z]+ [\d.?]+$/.test(name)) return null;
    if (!Number.isSafeInteger(tuning) || typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash)) return null;
    return { name, tuning: Number(tuning), hash };
  } catch {
    return null;
  }
}
