/**
 * One process a run. A lock is a file with the process's id and start time: an id alone could, after a crash, belong
 * to somebody else by now.
 *
 * It is advice among microgpt processes on one machine, and it recovers by itself: the lock of a process that is gone
 * is taken over. Own code, because the packages for it go by the file's age (and name no process), and Node has no flock.
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { errorCode, isRunning, removeIfPossible, showPath, temporaryName, writeError } from "./files.ts";

interface Owner {
  readonly pid: number;
  /** When the process began, in whatever form the system tells it; null where it doesn't. */
  readonly started: string | null;
  /** Tells two locks of one process apart. */
  readonly token: string;
}

export class Lock {
  readonly #path: string;
  readonly #token: string;

  private constructor(path: string, token: string) {
    this.#path = path;
    this.#token = token;
  }

  /** Takes the lock file `path`. Throws InputError that names the process that holds it. */
  static take(path: string): Lock {
    const owner = { pid: process.pid, started: startTime(process.pid), token: randomBytes(8).toString("hex") };
    for (let tries = 0; tries < 40; tries++) {
      if (create(path, owner)) return new Lock(path, owner.token);
      const holder = readOwner(path);
      if (holder !== null && isAlive(holder)) throw inUse(path, holder);
      if (!removeStale(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
    throw new InputError(`${showPath(dirname(path))}: its lock keeps changing hands; try again`);
  }

  /** The lock of this process in a directory that was renamed since. Throws InputError if it is not this process's. */
  static adopt(path: string): Lock {
    const owner = readOwner(path);
    if (owner?.pid !== process.pid) throw new InputError(`${showPath(dirname(path))}: its lock was taken away`);
    return new Lock(path, owner.token);
  }

  /** Whether nobody has taken the lock away. */
  isHeld(): boolean {
    return readOwner(this.#path)?.token === this.#token;
  }

  /** Gives the lock back; harmless if it is gone, or can't be removed: nobody will hold it when this process has ended. */
  release(): void {
    if (this.isHeld()) removeIfPossible(this.#path);
  }
}

/** Creates the file whole or not at all: written aside, then linked to its name, which fails if there is one. */
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

/** Far longer than a takeover lasts: a guard of this age belongs to a process that died in the middle of one. */
const GUARD_MS = 5000;

/**
 * Removes a lock that nobody holds. Only the process that has made the guard file beside it may: it looks again, alone,
 * so that what it removes is never a lock that another process has just taken. False if another is at it.
 */
function removeStale(path: string): boolean {
  const guard = `${path}.takeover`;
  try {
    fs.closeSync(fs.openSync(guard, "wx"));
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw writeError(guard, 0, error);
    const made = fs.statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (Date.now() - made > GUARD_MS) fs.rmSync(guard, { force: true });
    return false;
  }
  try {
    const holder = readOwner(path);
    if (holder === null || !isAlive(holder)) fs.rmSync(path, { force: true });
    return true;
  } finally {
    removeIfPossible(guard);
  }
}

function readOwner(path: string): Owner | null {
  try {
    const json: unknown = JSON.parse(fs.readFileSync(path, "utf8"));
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
    // The second field, the program's name, stands in parentheses and may hold anything; the third follows them.
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
  return new InputError(`${showPath(dirname(path))} is in use by process ${pid}; wait for it, or stop it (Ctrl-C)`);
}
