/**
 * The terminal: colour, and a status line.
 */
import { styleText } from "node:util";

/** Colour where stdout is a terminal and NO_COLOR is not set; elsewhere the text as it is. */
export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** The width of the terminal in columns; Infinity where standard output is none. */
export const outputWidth = (): number => (process.stdout.isTTY ? process.stdout.columns || 80 : Infinity);

/** A line without the parts at its end, after two spaces each, that would not fit. A number is never cut. */
export function fitLine(line: string, width: number): string {
  if (line.length <= width) return line;
  const at = line.lastIndexOf("  ", width);
  return at > 0 ? line.slice(0, at).trimEnd() : line.slice(0, width);
}

/** Breaks a line at spaces, so that a terminal does not break it inside a number. @param indent of the lines that follow. */
export function wrapLine(line: string, width: number, indent: number): string {
  if (line.length <= width) return line;
  const at = line.lastIndexOf(" ", width);
  if (at <= indent) return line;
  return `${line.slice(0, at)}\n${wrapLine(" ".repeat(indent) + line.slice(at + 1), width, indent)}`;
}

/** A status line at the bottom of the terminal; other output scrolls above it. */
export class StatusLine {
  readonly #stream: NodeJS.WriteStream;
  #shown = false;
  #drawnMs = -Infinity;

  /** @param stream a terminal. */
  constructor(stream: NodeJS.WriteStream = process.stdout) {
    this.#stream = stream;
  }

  /**
   * Redraws at most ten times a second. The text is cut to the terminal's width: a wrapped line could not be erased.
   */
  show(text: () => string): void {
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < 100) return;
    this.#drawnMs = nowMs;
    this.clear();
    this.#stream.write(fitLine(text(), (this.#stream.columns || 80) - 1));
    this.#shown = true;
  }

  /** Erases the line. */
  clear(): void {
    if (this.#shown) this.#stream.write("\r\u001b[2K");
    this.#shown = false;
  }
}
