/** Cuts pieces out of the text of `src/microgpt.ts`, by words that occur in it. */
import type { Excerpt } from "./chapters/chapter.ts";

/** A piece of a text. */
export interface Piece {
  readonly lines: readonly string[];
  /** The number of the first line, from 1. */
  readonly firstLine: number;
}

/** Finds a piece. Throws Error if its words are missing, or if the first are on several lines. */
export function pieceOf(source: string, { from, until }: Excerpt): Piece {
  const lines = source.split("\n");
  const starts = lines.flatMap((line, i) => (line.includes(from) ? [i] : []));
  if (starts.length !== 1) throw new Error(`excerpt: "${from}" is on ${starts.length} lines, expected 1`);
  const [start] = starts;
  const end = until === null ? lines.length : lines.findIndex((line, i) => i > start && line.includes(until));
  if (end < 0) throw new Error(`excerpt: no line after "${from}" has "${until}"`);
  return { lines: trimEnd(lines.slice(start, end)), firstLine: start + 1 };
}

/** Without the blank lines at the end. */
function trimEnd(lines: readonly string[]): readonly string[] {
  const last = lines.findLastIndex((line) => line.trim() !== "");
  return lines.slice(0, last + 1);
}

/** A stretch of a line: code or comment. */
export interface Stretch {
  readonly text: string;
  readonly isComment: boolean;
}

/** Divides a line of the source into code and comments. The source has no comment mark inside a string. */
export function stretchesOf(line: string): readonly Stretch[] {
  const parts = line.split(/(\/\*\*.*?\*\/|(?<=^|\s)\/\/.*$)/);
  return parts.map((text, i) => ({ text, isComment: i % 2 === 1 })).filter(({ text }) => text !== "");
}
