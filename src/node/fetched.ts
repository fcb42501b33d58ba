/** Texts that may not be readable again (pages and standard input): a run keeps copies, so that it can be resumed. */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { makeDirectory, readWhole, writeDurably } from "./files.ts";
import { showPath } from "../errors.ts";

/** A text that a run keeps. */
export interface FetchedText {
  /** The page's address, or `-` for standard input. */
  readonly name: string;
  /** The text as UTF-8. */
  readonly text: Uint8Array;
}

const fileName = (number: number): string => `${String(number + 1).padStart(4, "0")}.txt`;

/** Writes `0001.txt`, … and `pages.json`, the list of their names. Makes no directory if nothing was fetched. */
export function saveFetched(directory: string, fetched: readonly FetchedText[]): void {
  if (fetched.length === 0) return;
  makeDirectory(directory);
  for (const [number, { text }] of fetched.entries()) writeDurably(join(directory, fileName(number)), text);
  const names = fetched.map(({ name }) => ({ name }));
  writeDurably(join(directory, "pages.json"), `${JSON.stringify(names, null, 2)}\n`);
}

/** Reads what `saveFetched` wrote. Throws InputError that names the file at fault. */
export function loadFetched(directory: string): FetchedText[] {
  if (!fs.existsSync(directory)) return [];
  const list = join(directory, "pages.json");
  return readNames(list).map((name, number) => ({ name, text: readWhole(join(directory, fileName(number))) }));
}

function readNames(path: string): string[] {
  const damaged = (): InputError => new InputError(`${showPath(path)} is damaged: it is not a list of pages`);
  let json: unknown;
  try {
    json = JSON.parse(readWhole(path, 2 ** 26).toString("utf8"));
  } catch (error) {
    throw error instanceof InputError ? error : damaged();
  }
  if (!Array.isArray(json)) throw damaged();
  return (json as readonly unknown[]).map((entry) => {
    if (!isRecord(entry) || typeof entry.name !== "string") throw damaged();
    return entry.name;
  });
}
