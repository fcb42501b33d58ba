/** Reports how far the reading of a large text has come. */
import type { TextSource } from "../node/text.ts";
import type { ReadingReport } from "./reporter.ts";

/** Shorter readings are not reported. */
const QUIET_MS = 500;
/** Calls `report` for every mebibyte that is read from now on. @param passes how often the texts will be read. */
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
