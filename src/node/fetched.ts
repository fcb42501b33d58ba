/**
 * Texts that can't be had again as they were, pages and what was piped in: a run keeps them, to go on with.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord } from "../errors.ts";
import { readWhole, writeDurably } from "./files.ts";
import { showPath } from "../errors.ts";

export interface FetchedText {
  /** The page's address, or `-` for what was piped in. */
  readonly name: string;
  /** UTF-8. */
  readonly text: Uint8Array;
}

const fileName = (number: number): string => `${String(number + 1).padStart(4, "0")}.txt`;

/** Writes `pages/0001.txt`, … and a list of their names. Nothing fetched: no directory. */
export function saveFetched(directory: string, fetched: readonly FetchedText[]): void {
  if (fetched.length === 0) return;
  fs.mkdirSync(directory);
  for (const [number, { text }] of fetched.entries()) writeDurably(join(directory, fileName(number)), text);
  const names = fetched.map(({ name }) => ({ name }));
  writeDurably(join(directory, "pages.json"), `${JSON.stringify(names, null, 2)}\n`);
}

/** What `saveFetched` wrote. Throws InputError that names the file at fault. */
export function loadFetched(directory: string): FetchedText[] {
  if (!fs.existsSync(directory)) return [];
  const list = join(directory, "pages.json");
  return readNames(list).map((name, number) => ({ name, text: readWhole(join(directory, fileName(number))) }));
}

function readNames(path: string): string[] {
  const damaged = (): InputError => new InputError(`${showPath(path)} is damaged: it is no list of pages`);
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
