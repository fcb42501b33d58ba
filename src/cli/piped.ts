/**
 * Lines that are piped to standard input: answers to `--interactive`, then prompts. A terminal's lines are read by
 * `interactive.ts` and `prompts.ts` themselves.
 */
import { fstatSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Interface } from "node:readline";

/**
 * How long to wait for the first line of a socket. A program that starts microgpt may leave one open and never write;
 * a shell's pipe or file has been made on purpose, and ends.
 */
const GRACE_MS = 1000;

/** Standard input, line by line. One per process: what it has buffered would be lost to another. */
export class PipedLines {
  readonly #interface: Interface;
  readonly #lines: AsyncIterator<string>;

  /** Begins to read. */
  constructor() {
    this.#interface = createInterface({ input: process.stdin, crlfDelay: Infinity });
    this.#lines = this.#interface[Symbol.asyncIterator]();
  }

  /** The next line without its end; null where there is none. */
  async next(): Promise<string | null> {
    const { done, value } = await this.#lines.next();
    return done === true ? null : value;
  }

  /** The next line, or null where none comes soon and nobody may be there to write one. */
  async first(): Promise<string | null> {
    if (inputKind() !== "socket") return await this.next();
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<null>((resolve) => (timer = setTimeout(resolve, GRACE_MS, null)));
    const line = await Promise.race([this.next(), silence]);
    clearTimeout(timer);
    return line;
  }

  /** Stops reading, so that the process can end. */
  close(): void {
    this.#interface.close();
  }
}

/** What standard input is; null for a terminal, /dev/null or nothing. */
function inputKind(): "pipe" | "socket" | null {
  if (process.stdin.isTTY) return null;
  if (process.stdin.fd === undefined) return "pipe"; // a stream that a program put in its place
  try {
    const stats = fstatSync(process.stdin.fd);
    return stats.isSocket() ? "socket" : stats.isFIFO() || stats.isFile() ? "pipe" : null;
  } catch {
    return null; // closed
  }
}

/** Whether something may be piped in. */
export const isPiped = (): boolean => inputKind() !== null;
