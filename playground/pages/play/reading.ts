/**
 * How the visitor's own text becomes examples: each line is one, as for names and verses, or the whole is running text that is
 * cut into windows. A line that is longer than the context would be cut, and a single line could not be divided into
 * training and held-out examples; so prose is read as running text unless the visitor wants otherwise.
 */
import { splitDocuments, TRAIN_OPTIONS } from "../../../src/index.ts";
import type { ModelOptions } from "../../../src/index.ts";

/** How a text is read. */
export type Reading = "lines" | "running";

/** The options that make it so. */
export const READINGS: Readonly<Record<Reading, ModelOptions>> = {
  lines: { documents: "line", stream: false },
  running: { documents: "file", stream: true },
};

/** How options read a text; null: in another way, such as by paragraphs. */
export function readingOf({
  documents = TRAIN_OPTIONS.documents.initial,
  stream = TRAIN_OPTIONS.stream.initial,
}: ModelOptions): Reading | null {
  if (documents === "line" && !stream) return "lines";
  return documents === "file" && stream ? "running" : null;
}

/** How a text is probably meant. @param blockSize the context in tokens, here taken for characters. */
export function readingFor(text: string, blockSize: number): Reading {
  const lengths = splitDocuments(text, "line").map(({ length }) => length);
  const median = lengths.toSorted((a, b) => a - b)[lengths.length >> 1] ?? 0;
  return isOneLine(text) || median > blockSize ? "running" : "lines";
}

/** Whether the lines of a text are too few to divide into training and held-out examples. */
export const isOneLine = (text: string): boolean => new Set(splitDocuments(text, "line")).size === 1;
