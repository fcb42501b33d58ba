/** A directory that appears under its name complete or not at all: filled in a hidden sibling, then renamed. */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, quote } from "../errors.ts";
import { errorCode, isRunning, makeDirectory, removeIfPossible, syncDirectory, writeError } from "./files.ts";
import { showPath } from "../errors.ts";

const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,99}$/u;

/**
 * Makes `parent/name`, filled by `fill`, and returns its path. A null name becomes the first free one of `stem-1`,
 * `stem-2`, … Throws InputError if the name is not valid, exists (code "exists"), or cannot be written ("machine").
 * @param resume the command that resumes an existing run, for the message.
 */
export function createDirectoryAtomically(
  parent: string,
  name: string | null,
  stem: string,
  resume: string,
  fill: (hidden: string) => void,
): string {
  checkName(name);
  const hidden = join(parent, `.new-run-${process.pid}-${Date.now()}`);
  try {
    removeAbandoned(parent);
    makeDirectory(hidden);
    fill(hidden);
    const path = renameToFree(hidden, parent, name, stem, resume);
    syncDirectory(parent);
    return path;
  } catch (error) {
    removeIfPossible(hidden);
    throw writeError(parent, 0, error);
  }
}

function checkName(name: string | null): void {
  if (name === null || NAME.test(name)) return;
  throw new InputError(`--name: expected letters, digits and _, also - and . after the first, got ${quote(name)}`);
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

/** Removes hidden directories left by processes that no longer run. */
function removeAbandoned(parent: string): void {
  if (!fs.existsSync(parent)) return;
  for (const name of fs.readdirSync(parent)) {
    const pid = /^\.new-run-(\d+)-\d+$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) fs.rmSync(join(parent, name), { recursive: true, force: true });
  }
}
