/**
 * How far the reading of a large text has come: a line that lives on at a terminal, a line now and then elsewhere.
 */
import type { TextSource } from "../node/text.ts";
import { duration, StatusLine } from "./terminal.ts";

export interface ReadingReport {
  /** Of all passes over all texts, from 0 to 1. */
  readonly share: number;
  readonly megabytes: number;
  readonly etaSeconds: number;
}

/** Nobody needs to be told of less. */
const QUIET_MS = 500;
/** Between two lines where they are not overwritten. */
const LINE_MS = 10_000;

/** From now on `report` hears of every mebibyte that is read. @param passes how often the texts will be read. */
export function watchReading(
  sources: readonly TextSource[],
  passes: number,
  report: (reading: ReadingReport) => void,
): void {
  const total = passes * sources.reduce((sum, { size }) => sum + size, 0);
  const startMs = performance.now();
  let read = 0;
  for (const source of sources) {
    source.onChunk = (bytes) => {
      read += bytes;
      const elapsedMs = performance.now() - startMs;
      if (elapsedMs < QUIET_MS) return;
      const share = Math.min(1, read / total);
      report({ share, megabytes: read / 1e6, etaSeconds: (elapsedMs / 1000) * (1 / share - 1) });
    };
  }
}

export const readingText = ({ share, megabytes, etaSeconds }: ReadingReport): string =>
  `reading    ${Math.floor(100 * share)} %  ${megabytes.toFixed(0)} MB  ETA ${duration(etaSeconds)}`;

/** Tells on a stream: over and over on one line of a terminal, every ten seconds elsewhere. */
export class ReadingLog {
  readonly #stream: NodeJS.WriteStream;
  readonly #status: StatusLine;
  #toldMs = performance.now();

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#status = new StatusLine(stream);
  }

  report(reading: ReadingReport): void {
    if (this.#stream.isTTY) return this.#status.show(() => readingText(reading));
    if (performance.now() - this.#toldMs < LINE_MS) return;
    this.#toldMs = performance.now();
    this.#stream.write(`${readingText(reading)}\n`);
  }

  /** The reading is over. */
  end(): void {
    this.#status.clear();
  }
}
