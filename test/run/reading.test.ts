import { expect, test, vi } from "vitest";
import { watchReading } from "../../src/run/reading.ts";
import { readingText } from "../../src/cli/reading-log.ts";
import type { ReadingReport } from "../../src/run/reporter.ts";
import { TextSource } from "../../src/node/text.ts";

test("how far the reading has come is told of every mebibyte of all passes, but not of the first half second", () => {
  let nowMs = 1000;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const mebibytes = (count: number): TextSource => TextSource.bytes("text", Buffer.alloc(count * 2 ** 20, "word\n"));
  const sources = [mebibytes(3), mebibytes(1)];
  const reports: ReadingReport[] = [];
  watchReading(sources, 2, (report) => reports.push(report));
  for (let pass = 0; pass < 2; pass++) {
    for (const source of sources) for (const chunk of source.chunks()) if (chunk.length > 1000) nowMs += 300;
  }
  clock.mockRestore();
  // Eight in all, a third of a second apart: those after 0 and 300 ms are kept back.
  expect(reports.map(({ share }) => share)).toEqual([3 / 8, 4 / 8, 5 / 8, 6 / 8, 7 / 8, 1]);
  expect(reports[1].etaSeconds).toBeCloseTo(0.9, 10); // 900 ms for the first half
  expect(readingText(reports[1])).toBe("reading    50 %  4 MB  ETA 1s");
});
