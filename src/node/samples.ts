/**
 * The samples of a run in two files: `samples.txt` to read, `samples.json` for programs, in which a text may have any
 * lines, and has its mark.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { InputError, isRecord, showPath } from "../errors.ts";
import type { DocumentKind } from "../text/dataset.ts";
import { splitLines } from "../text/dataset.ts";
import { readWhole, writeDurably } from "./files.ts";

/** A text that a model generated, and how it relates to the data. */
export interface Sample {
  /** The text. */
  readonly text: string;
  /** Whether it is a document of the data; null if unknown. */
  readonly known: boolean | null;
  /** The document that it is near to, as in `Likeness`; null if none. */
  readonly near: string | null;
}

/** How a sample is marked for people; null where the data is not known. */
export const markOf = ({ text, known, near }: Sample): "in the data" | "near" | "new" | "empty" | null =>
  text.trim() === "" ? "empty" : known === null ? null : known ? "in the data" : near === null ? "new" : "near";

/** Writes both files into a run's directory; `samples.txt` last, for its presence says that the run is complete. */
export function writeSamples(directory: string, samples: readonly Sample[], kind: DocumentKind): void {
  const end = kind === "line" ? "\n" : "\n\n";
  writeDurably(join(directory, "samples.json"), `${JSON.stringify(samples, null, 2)}\n`);
  writeDurably(join(directory, "samples.txt"), samples.map(({ text }) => text + end).join(""));
}

/**
 * Reads the samples of a run; none if it has not written any. A run of an older version has only `samples.txt`: where
 * its blank lines don't tell `count` texts apart, they come as one. Throws InputError for a damaged file.
 */
export function readSamples(directory: string, kind: DocumentKind, count: number): Sample[] {
  const path = join(directory, "samples.json");
  if (fs.existsSync(path)) return parseSamples(readWhole(path).toString("utf8"), path);
  const file = join(directory, "samples.txt");
  if (!fs.existsSync(file)) return [];
  const text = readWhole(file).toString("utf8");
  const unmarked = (one: string): Sample => ({ text: one, known: null, near: null });
  if (kind === "line") return splitLines(text).map(unmarked);
  const texts = text.split("\n\n").filter((sample) => sample !== "");
  return (texts.length <= count ? texts : [text.trim()]).map(unmarked);
}

function parseSamples(text: string, path: string): Sample[] {
  const damaged = new InputError(`${showPath(path)} is damaged; remove it to have samples.txt read instead`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw damaged;
  }
  if (!Array.isArray(json)) throw damaged;
  return json.map((item: unknown) => {
    const { text: sample, known, near } = isRecord(item) ? item : {};
    if (typeof sample !== "string") throw damaged;
    return {
      text: sample,
      known: typeof known === "boolean" ? known : null,
      near: typeof near === "string" ? near : null,
    };
  });
}
