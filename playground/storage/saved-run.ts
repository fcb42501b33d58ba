/**
 * The pointer of a saved run: a small JSON file that names the folder of the last complete save and says what must be in
 * it. Read as if a stranger had written it: another version of this page may have.
 */
import { isRecord } from "../../src/errors.ts";

/** What the list of saved runs shows. */
export interface SavedRun {
  /** The run's identity, chosen by the page. */
  readonly id: string;
  /** Its name for the visitor. */
  readonly title: string;
  /** Steps done. */
  readonly step: number;
  /** Steps in all. */
  readonly numSteps: number;
  /** When it was saved, in milliseconds since 1970. */
  readonly savedMs: number;
  /** Size of all files in bytes. */
  readonly bytes: number;
}

/** What the pointer holds. */
export interface Pointer {
  readonly run: SavedRun;
  /** The folder of the save. */
  readonly folder: string;
  /** Size of each file in bytes, by its path. */
  readonly sizes: Readonly<Record<string, number>>;
}

const FORMAT = "microgpt-saved-run";

/** Pointer → text. */
export const pointerText = (pointer: Pointer): string => JSON.stringify({ format: FORMAT, version: 1, ...pointer });

/** Text → pointer; null if it is not one. */
export function parsePointer(text: string): Pointer | null {
  const json = parseJson(text);
  if (!isRecord(json) || json.format !== FORMAT || json.version !== 1) return null;
  const { run, folder, sizes } = json;
  if (!isSavedRun(run) || typeof folder !== "string" || !isSizes(sizes)) return null;
  return { run, folder, sizes };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

function isSavedRun(json: unknown): json is SavedRun {
  if (!isRecord(json) || typeof json.id !== "string" || typeof json.title !== "string") return false;
  return [json.step, json.numSteps, json.savedMs, json.bytes].every(isCount);
}

const isSizes = (json: unknown): json is Readonly<Record<string, number>> =>
  isRecord(json) && Object.values(json).every(isCount);
