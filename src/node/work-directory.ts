/**
 * Temporary directories that do not stay: gone after the work, when the process exits, and when a signal ends it. What a
 * SIGKILL leaves is removed by the next process that makes one.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { errorCode, removeIfAbandoned, removeIfPossible, writeDurably } from "./files.ts";
import { OWNER_TAG, ownerTag } from "./owner.ts";
import { InputError } from "../errors.ts";

const SIGNALS = ["SIGHUP", "SIGINT", "SIGTERM"] as const;

/** The directories in which this process works now. */
const inUse = new Set<string>();

/**
 * Works in an empty directory that nobody else can read. While the work lasts, a signal that would kill this process makes
 * it exit, so that it cleans up. Rejects with the system's error if the directory cannot be made.
 * @param prefix how its name begins, and no other's.
 */
export async function inWorkDirectory<Result>(
  prefix: string,
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = join(tmpdir(), `${prefix}${ownerTag()}`);
  removeAbandoned(prefix);
  if (inUse.size === 0) listen();
  inUse.add(directory);
  try {
    fs.mkdirSync(directory, 0o700);
    return await work(directory);
  } finally {
    removeIfPossible(directory);
    inUse.delete(directory);
    if (inUse.size === 0) stopListening();
  }
}

function listen(): void {
  process.on("exit", removeAll);
  for (const signal of SIGNALS) process.on(signal, exitIfAlone);
}

function stopListening(): void {
  process.off("exit", removeAll);
  for (const signal of SIGNALS) process.off(signal, exitIfAlone);
}

const removeAll = (): void => inUse.forEach(removeIfPossible);

/** Where another listens, the signal has another meaning, such as to stop after this step. */
function exitIfAlone(signal: (typeof SIGNALS)[number]): void {
  if (process.listenerCount(signal) === 1) process.exit(128 + constants.signals[signal]);
}

/** Keeps a text in a new temporary file that nobody else can read. Returns its path; null if it cannot be written. */
export function keepTemporarily(prefix: string, text: string): string | null {
  const path = join(tmpdir(), `${prefix}${randomBytes(8).toString("hex")}.log`);
  try {
    writeDurably(path, text, 0o600);
    return path;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

function removeAbandoned(prefix: string): void {
  const left = new RegExp(`^${prefix}${OWNER_TAG}$`);
  try {
    for (const path of fs.readdirSync(tmpdir()).flatMap((name) => (left.test(name) ? [join(tmpdir(), name)] : []))) {
      // Not another user's, who could put links into it while it is removed.
      if (fs.lstatSync(path).uid === process.geteuid?.()) removeIfAbandoned(path);
    }
  } catch (error) {
    if (errorCode(error) === null) throw error; // cleaning up is for later, too
  }
}
