/** The progress of reading, on a terminal or in a pipe. */
import { duration } from "../run/format.ts";
import type { ReadingReport } from "../run/reporter.ts";
import { StatusLine } from "./terminal.ts";

/** Milliseconds between lines in a pipe. */
const LINE_MS = 10_000;

/** The progress as a line. */
export const readingText = ({ share, megabytes, etaSeconds }: ReadingReport): string =>
  `reading    ${Math.floor(100 * share)} %  ${megabytes.toFixed(0)} MB  ETA ${duration(etaSeconds)}`;

/** Prints the progress: on a status line at a terminal, every ten seconds elsewhere. */
export class ReadingLog {
  readonly #stream: NodeJS.WriteStream;
  readonly #status: StatusLine;
  #printedMs = performance.now();

  /** @param stream a terminal or a pipe. */
  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#status = new StatusLine(stream);
  }

  /** Prints the progress. */
  report(reading: ReadingReport): void {
    if (this.#stream.isTTY) return this.#status.show(() => readingText(reading));
    if (performance.now() - this.#printedMs < LINE_MS) return;
    this.#printedMs = performance.now();
    this.#stream.write(`${readingText(reading)}\n`);
  }

  /** Erases the status line. */
  end(): void {
    this.#status.clear();
  }
}
