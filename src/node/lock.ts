/**
 * One process per run. A lock is a file that names its owner (`owner.ts`) and that the owner touches every few seconds.
 *
 *   owner in this PID namespace    the process table decides
 *   … of an earlier boot           it is dead, unless the file is still being touched
 *   … in a container, on a host    cannot be determined from here: refused, unless the user says that it is gone (--take-over)
 *
 * The lock is advisory, among microgpt processes that share a disk. Written here, because the packages for it judge by
 * the file's age alone, which is no proof: a process may be suspended, or a network slow. Node has no flock.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { InputError, showPath } from "../errors.ts";
import {
  ageOf,
  errorCode,
  openToRead,
  pause,
  readError,
  removeIfPossible,
  temporaryName,
  writeError,
} from "./files.ts";
import { isAlive, parseOwner, thisProcess, whereaboutsOf } from "./owner.ts";
import type { Owner, Whereabouts } from "./owner.ts";

/**
 * Whose lock may be taken over: that of the provably "dead"; also a "silent" one, for callers that know that its process
 * was ended, such as a sweep; or "any" but that of a process seen running, because the user says so.
 */
export type TakeOver = "dead" | "silent" | "any";

/** Milliseconds between touches of a lock, and after how many without one it is silent. */
const [TOUCH_MS, SILENT_MS] = [5_000, 60_000];
/** Attempts to take a lock, 20 ms apart; the first of them wait for one that is still empty. */
const [MAX_TRIES, TRIES_WHILE_EMPTY, TRY_MS] = [60, 10, 20];
/** Pauses before a lock is read again where the machine fails: too many open files, a network disk that is away. */
const RETRY_MS = [20, 50, 130, 300];

/** A lock that this process holds. */
export class Lock {
  /** The locks of this process: what is left when it exits, as after a second Ctrl-C, is released. */
  static readonly #held = new Set<Lock>();

  #path: string;
  readonly #token: string;
  readonly #timer: NodeJS.Timeout;

  private constructor(path: string, { token }: Owner) {
    this.#path = path;
    this.#token = token;
    this.#timer = setInterval(() => this.#touch(), TOUCH_MS).unref();
    if (Lock.#held.size === 0) process.on("exit", Lock.#releaseAll);
    Lock.#held.add(this);
  }

  /** Takes the lock file `path`. Throws InputError (code "in-use") that names the process that holds it. */
  static take(path: string, takeOver: TakeOver = "dead"): Lock {
    const owner = thisProcess();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (create(path, owner)) return new Lock(path, owner);
      const found = readLock(path);
      if (found.is === "held") refuseUnlessFree(path, found.owner, takeOver);
      const isBeingWritten = found.is === "unreadable" && tries < TRIES_WHILE_EMPTY;
      if (!isBeingWritten && takeOverFrom(path, owner, takeOver)) return new Lock(path, owner);
      pause(TRY_MS);
    }
    throw new InputError(`${showPath(dirname(path))}: its lock keeps changing hands; try again`);
  }

  /** Throws InputError (code "in-use") if `take` would now. */
  static check(path: string, takeOver: TakeOver = "dead"): void {
    const found = readLock(path);
    if (found.is === "held") refuseUnlessFree(path, found.owner, takeOver);
  }

  /** Whether a process holds the lock file `path`, as far as can be told from here: it runs, or touches the file. */
  static isTaken(path: string): boolean {
    try {
      const found = readLock(path);
      return found.is === "held" && !isFree(path, found.owner, "silent");
    } catch (error) {
      if (error instanceof InputError) return false;
      throw error;
    }
  }

  /** Follows the lock into a directory that was renamed. Throws InputError if it is not there. */
  moveTo(path: string): void {
    this.#path = path;
    if (!this.isHeld()) {
      throw new InputError(`${showPath(dirname(path))}: its lock was taken over by another process`);
    }
  }

  /**
   * Whether the lock is still this process's: it is not if its file is missing or names another owner. A file that says
   * nothing, as one that is just being written, proves neither. Throws InputError if it cannot be read.
   */
  isHeld(): boolean {
    const found = readLock(this.#path);
    return found.is === "held" ? found.owner.token === this.#token : found.is === "unreadable";
  }

  /** Removes the lock. A failure does no harm: the lock of a process that has ended is taken over. */
  release(): void {
    clearInterval(this.#timer);
    Lock.#held.delete(this);
    if (Lock.#held.size === 0) process.off("exit", Lock.#releaseAll);
    try {
      if (holds(this.#path, this.#token)) removeIfPossible(this.#path);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }

  /** Another container could not tell that this process has ended. */
  static readonly #releaseAll = (): void => {
    for (const lock of Lock.#held) lock.release();
  };

  /**
   * Writes the file's own bytes again: that sets its time by the clock of the disk, which all who share it can compare
   * with. The file stays open in between, so that a new owner's file, which replaces it, is never written to.
   */
  #touch(): void {
    try {
      const file = fs.openSync(this.#path, fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0));
      try {
        const bytes = fs.readFileSync(file);
        if (parseOwner(bytes.toString("utf8"))?.token === this.#token) fs.writeSync(file, bytes, 0, bytes.length, 0);
        else clearInterval(this.#timer);
      } finally {
        fs.closeSync(file);
      }
    } catch (error) {
      if (errorCode(error) === null) throw error; // a disk that fails now may be back at the next touch
    }
  }
}

/** What a lock file says. */
type Found = { readonly is: "missing" | "unreadable" } | { readonly is: "held"; readonly owner: Owner };

/**
 * Reads a lock. An empty file, or garbage, is unreadable; throws InputError where the machine fails time and again: a
 * single failure must not end a training.
 */
function readLock(path: string, pauses: readonly number[] = RETRY_MS): Found {
  try {
    const owner = parseOwner(textOf(path));
    return owner === null ? { is: "unreadable" } : { is: "held", owner };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return { is: "missing" };
    if (code !== null && pauses.length > 0) {
      pause(pauses[0]);
      return readLock(path, pauses.slice(1));
    }
    const failure = readError(path, error);
    throw failure instanceof InputError ? new InputError(failure.message, "machine") : failure;
  }
}

function textOf(path: string): string {
  const file = openToRead(path);
  try {
    return fs.readFileSync(file, "utf8");
  } finally {
    fs.closeSync(file);
  }
}

/** Whether the owner's lock may be taken over. */
function isFree(path: string, owner: Owner, takeOver: TakeOver): boolean {
  const where = whereaboutsOf(owner);
  if (where === "here") return !isAlive(owner);
  if (where === "earlier start" || takeOver === "any") return true;
  if (takeOver === "dead" && where !== "earlier boot") return false;
  return (ageOf(path) ?? 0) > SILENT_MS;
}

/**
 * Creates the file complete or not at all: written under a temporary name, then linked, which fails if the name exists.
 */
function create(path: string, owner: Owner): boolean {
  const aside = temporaryName(path);
  try {
    fs.writeFileSync(aside, JSON.stringify(owner), { flag: "wx" });
    try {
      fs.linkSync(aside, path);
      return true;
    } catch (error) {
      if (!WITHOUT_LINKS.has(errorCode(error) ?? "")) throw error;
      return createInPlace(path, owner);
    }
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw writeError(path, 100, error);
  } finally {
    removeIfPossible(aside);
  }
}

/** What `link` answers on disks without hard links: FAT and exFAT, many SMB, FUSE and network disks. */
const WITHOUT_LINKS = new Set(["EPERM", "EACCES", "EINVAL", "EMLINK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "UNKNOWN"]);

/**
 * Creates the file under its own name, which is empty for a moment: others wait before they take that for a dead lock.
 * Should one not have waited long enough, the file is no longer ours.
 */
function createInPlace(path: string, owner: Owner): boolean {
  fs.writeFileSync(path, JSON.stringify(owner), { flag: "wx" });
  return holds(path, owner.token);
}

/**
 * Takes over an abandoned lock. Only the process that created the guard file may: it checks again, alone, then renames
 * the guard to the lock, which replaces one and removes the other atomically. A killed process leaves at most its
 * guard, which the next process removes. Returns whether the lock is ours; false: try again.
 */
function takeOverFrom(path: string, owner: Owner, takeOver: TakeOver): boolean {
  const guard = `${path}.takeover`;
  if (!create(guard, owner)) {
    // A guard lives for milliseconds: a silent one is left over, wherever its process is.
    if (isAbandoned(guard, takeOver === "dead" ? "silent" : takeOver)) removeIfPossible(guard);
    return false;
  }
  try {
    if (isAbandoned(path, takeOver)) fs.renameSync(guard, path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw writeError(path, 0, error);
  } finally {
    if (holds(guard, owner.token)) removeIfPossible(guard);
  }
  return holds(path, owner.token);
}

/** Whether the file exists and may be taken over. A missing one is not abandoned: another process may be creating it. */
function isAbandoned(path: string, takeOver: TakeOver): boolean {
  const found = readLock(path);
  return found.is === "unreadable" || (found.is === "held" && isFree(path, found.owner, takeOver));
}

function holds(path: string, token: string): boolean {
  const found = readLock(path);
  return found.is === "held" && found.owner.token === token;
}

function refuseUnlessFree(path: string, owner: Owner, takeOver: TakeOver): void {
  if (isFree(path, owner, takeOver)) return;
  const inUse = `${showPath(dirname(path))} is in use by process ${owner.pid}`;
  const where = whereaboutsOf(owner);
  if (where === "here") throw new InputError(`${inUse}; wait for it, or stop it (Ctrl-C)`, "in-use");
  const silence = ageOf(path);
  const seen = silence === null ? "" : `, last heard of ${Math.max(0, Math.round(silence / 1000))} s ago`;
  const remedy = "stop it there or, if it is certainly gone, repeat this command with --take-over";
  const holder = `${PLACES[where]} ${showPath(owner.host ?? "?")} since ${showPath(owner.since ?? "?")}`;
  throw new InputError(`${inUse} ${holder}${seen}; ${remedy}`, "in-use");
}

const PLACES: Readonly<Record<Whereabouts, string>> = {
  here: "on",
  "earlier start": "on",
  "earlier boot": "of an earlier boot of",
  "other container": "of another container on",
  "other host": "on",
};
