/**
 * The terminal: colour, and a status line.
 */
import { styleText } from "node:util";

/** Colour where stdout is a terminal and NO_COLOR is not set; elsewhere the text as it is. */
export function paint(style: Parameters<typeof styleText>[0], text: string): string {
  return styleText(style, text, { stream: process.stdout });
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
    this.#stream.write(text().slice(0, (this.#stream.columns || 80) - 1));
    this.#shown = true;
  }

  /** Erases the line. */
  clear(): void {
    if (this.#shown) this.#stream.write("\r\u001b[2K");
    this.#shown = false;
  }
}
