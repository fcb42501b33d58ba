/**
 * One process per run. A lock is a file with the process's id and start time, because after a crash the id alone may
 * belong to another process.
 *
 * The lock is advisory, among microgpt processes on one machine, and recovers by itself: one whose process no longer
 * runs is taken over. Written here, because the packages for it judge by the file's age and do not name the process,
 * and Node has no flock.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { errorCode, isRunning, removeIfPossible, temporaryName, writeError } from "./files.ts";
import { showPath } from "../errors.ts";

interface Owner {
  readonly pid: number;
  /** The process's start time, in the system's own form; null where the system has none. */
  readonly started: string | null;
  /** Random; distinguishes two locks of one process. */
  readonly token: string;
}

/** A lock that this process holds. */
export class Lock {
  readonly #path: string;
  readonly #token: string;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
  }

  /** Takes the lock file `path`. Throws InputError (code "in-use") that names the process that holds it. */
  static take(path: string): Lock {
    const owner = { pid: process.pid, started: startTime(process.pid), token: randomBytes(8).toString("hex") };
    for (let tries = 0; tries < 40; tries++) {
      if (create(path, owner)) return new Lock(path, owner.token);
      const holder = readOwner(path);
      if (holder !== null && isAlive(holder)) throw inUse(path, holder);
      if (takeOver(path, owner)) return new Lock(path, owner.token);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
    throw new InputError(`${showPath(dirname(path))}: its lock keeps changing hands; try again`);
  }

  /** The lock that this process took before the directory was renamed. Throws InputError if another process has it. */
  static adopt(path: string): Lock {
    const owner = readOwner(path);
    if (owner?.pid !== process.pid) {
      throw new InputError(`${showPath(dirname(path))}: its lock was taken over by another process`);
    }
    return new Lock(path, owner.token);
  }

  /** Whether a running process holds the lock file `path`. */
  static isTaken(path: string): boolean {
    const holder = readOwner(path);
    return holder !== null && isAlive(holder);
  }

  /** Whether the lock file is still the one that this process wrote. */
  isHeld(): boolean {
    return readOwner(this.#path)?.token === this.#token;
  }

  /** Removes the lock. A failure does no harm: the lock of a process that has ended is taken over. */
  release(): void {
    if (this.isHeld()) removeIfPossible(this.#path);
  }
}

/**
 * Creates the file complete or not at all: written under a temporary name, then linked, which fails if the name exists.
 */
function create(path: string, owner: Owner): boolean {
  const aside = temporaryName(path);
  try {
    fs.writeFileSync(aside, JSON.stringify(owner), { flag: "wx" });
    fs.linkSync(aside, path);
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw writeError(path, 100, error);
  } finally {
    removeIfPossible(aside);
  }
}

/**
 * Takes over an abandoned lock. Only the process that created the guard file may: it checks again, alone, then renames
 * the guard to the lock, which replaces one and removes the other atomically. A killed process leaves at most its
 * guard, which the next process removes. Returns whether the lock's token is ours; false: try again.
 */
function takeOver(path: string, owner: Owner): boolean {
  const guard = `${path}.takeover`;
  if (!create(guard, owner)) {
    if (isAbandoned(guard)) removeIfPossible(guard);
    return false;
  }
  try {
    if (isAbandoned(path)) fs.renameSync(guard, path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw writeError(path, 0, error);
  } finally {
    if (readOwner(guard)?.token === owner.token) removeIfPossible(guard);
  }
  return readOwner(path)?.token === owner.token;
}

/**
 * Whether the file exists and no running process holds it. A missing file is not abandoned: another process may be
 * creating it.
 */
function isAbandoned(path: string): boolean {
  try {
    const holder = parseOwner(fs.readFileSync(path, "utf8"));
    return holder === null || !isAlive(holder);
  } catch (error) {
    return errorCode(error) !== "ENOENT";
  }
}

function readOwner(path: string): Owner | null {
  try {
    return parseOwner(fs.readFileSync(path, "utf8"));
  } catch {
    return null;
  }
}

/** Null for a file that is not a lock: empty, or garbage. */
function parseOwner(text: string): Owner | null {
  try {
    const json: unknown = JSON.parse(text);
    if (!isRecord(json)) return null;
    const { pid, started, token } = json;
    if (!Number.isSafeInteger(pid) || Number(pid) < 1 || typeof token !== "string") return null;
    return { pid: Number(pid), started: typeof started === "string" ? started : null, token };
  } catch {
    return null;
  }
}

function isAlive({ pid, started }: Owner): boolean {
  if (!isRunning(pid)) return false;
  const now = startTime(pid);
  return started === null || now === null || started === now;
}

/** Linux: field 22 of /proc/PID/stat, in clock ticks since boot, with the boot's id. Elsewhere: what `ps` says. */
function startTime(pid: number): string | null {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the program's name, is in parentheses and may contain anything; the third follows them.
    const ticks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()} ${ticks}`;
  } catch {
    return process.platform === "darwin" ? startTimeFromPs(pid) : null;
  }
}

function startTimeFromPs(pid: number): string | null {
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return null;
  }
}

function inUse(path: string, { pid }: Owner): InputError {
  return new InputError(
    `${showPath(dirname(path))} is in use by process ${pid}; wait for it, or stop it (Ctrl-C)`,
    "in-use",
  );
}
