/**
 * A directory that appears under its name complete or not at all: filled in a hidden sibling, then renamed. One that is
 * removed disappears in the same way.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { InputError, quote } from "../errors.ts";
import { errorCode, makeDirectory, removeIfAbandoned, removeIfPossible, syncDirectory, writeError } from "./files.ts";
import { Lock } from "./lock.ts";
import { OWNER_TAG, ownerTag } from "./owner.ts";
import { showPath } from "../errors.ts";

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;
/** The most characters of a name, and its most bytes in UTF-8 on nearly every file system. */
const [MAX_NAME, MAX_NAME_BYTES] = [100, 255];

/**
 * Makes `parent/name`, filled by `fill`, with the lock `.lock` in it, which this process holds. A null name becomes the
 * first free one of `stem-1`, `stem-2`, … Throws InputError if the name is not valid, exists (code "exists"), or cannot
 * be written ("machine").
 * @param resume the command that resumes an existing run, for the message.
 */
export function createDirectoryAtomically(
  parent: string,
  name: string | null,
  stem: string,
  resume: string,
  fill: (hidden: string) => void,
): { path: string; lock: Lock } {
  checkName(name);
  const hidden = join(parent, `.new-run-${ownerTag()}`);
  let lock: Lock | null = null;
  try {
    removeAllAbandoned(parent);
    makeDirectory(hidden);
    fill(hidden);
    lock = Lock.take(join(hidden, ".lock"));
    const path = renameToFree(hidden, parent, name, stem, resume);
    lock.moveTo(join(path, ".lock"));
    syncDirectory(parent);
    return { path, lock };
  } catch (error) {
    lock?.release();
    removeIfPossible(hidden);
    if (errorCode(error) === "ENAMETOOLONG") throw tooLong(name ?? stem, `the file system of ${showPath(parent)}`);
    throw writeError(parent, 0, error);
  }
}

function checkName(name: string | null): void {
  if (name === null) return;
  if (!NAME.test(name)) {
    throw new InputError(`--name: expected letters, digits and _, also - and . after the first, got ${quote(name)}`);
  }
  if (name.length > MAX_NAME || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw tooLong(name, `a directory (at most ${MAX_NAME} characters and ${MAX_NAME_BYTES} bytes)`);
  }
}

function tooLong(name: string, place: string): InputError {
  const size = `${name.length} characters, ${Buffer.byteLength(name)} bytes`;
  return new InputError(`--name: ${quote(name)} (${size}) is too long for ${place}; choose a shorter name`);
}

/** The path that `createDirectoryAtomically` would use now. Throws InputError for a name that is not valid. */
export function freePath(parent: string, name: string | null, stem: string): string {
  checkName(name);
  if (name !== null) return join(parent, name);
  for (let number = 1; ; number++) {
    const path = join(parent, `${stem}-${number}`);
    if (!fs.existsSync(path)) return path;
  }
}

function renameToFree(hidden: string, parent: string, name: string | null, stem: string, resume: string): string {
  for (;;) {
    const path = freePath(parent, name, stem);
    if (fs.existsSync(path)) {
      throw new InputError(
        `${showPath(path)} exists; choose another --name, or: ${resume} ${showPath(path)}`,
        "exists",
      );
    }
    try {
      fs.renameSync(hidden, path); // fails if another process has just made it: a run's directory is never empty
      return path;
    } catch (error) {
      if (errorCode(error) !== "ENOTEMPTY" && errorCode(error) !== "EEXIST") throw error;
    }
  }
}

/**
 * Removes a directory of `createDirectoryAtomically` which no process has: renames it to a hidden sibling first, so that a
 * kill leaves it whole, or gone; the next process that makes one here removes what is left. Throws InputError if it is in
 * use, or if the disk fails.
 */
export function removeDirectoryAtomically(path: string): void {
  const parent = dirname(path);
  const hidden = join(parent, `.removed-run-${ownerTag()}`);
  const lock = Lock.take(join(path, ".lock"));
  try {
    fs.renameSync(path, hidden);
    lock.moveTo(join(hidden, ".lock"));
    syncDirectory(parent);
    fs.rmSync(hidden, { recursive: true });
  } catch (error) {
    throw writeError(path, 0, error);
  } finally {
    lock.release();
  }
}

/** The name of a directory that is half made, also by an older version, or half removed. */
const HIDDEN = new RegExp(`^\\.(?:new|removed)-run-(?:${OWNER_TAG}|\\d+-\\d+)$`);

/** Removes hidden directories that nobody will complete. */
function removeAllAbandoned(parent: string): void {
  if (!fs.existsSync(parent)) return;
  for (const name of fs.readdirSync(parent)) if (HIDDEN.test(name)) removeIfAbandoned(join(parent, name));
}
