import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { largestOf, paint, parseColor } from "../../playground/widgets/heat-colors.ts";
import { windowAround } from "../../playground/widgets/heat-table.ts";
import { histogramOf, statisticsOf } from "../../playground/widgets/statistics.ts";

const PALETTE = { zero: [255, 255, 255], positive: [11, 100, 168], negative: [184, 80, 10] } as const;

describe("numbers as colours", () => {
  test("0 is the card, the largest the full colour of its sign, half of it half way", () => {
    const pixels = paint([0, 2, -2, 1, -4], 2, PALETTE);
    const colors = [0, 1, 2, 3, 4].map((i) => [...pixels.subarray(4 * i, 4 * i + 4)]);
    expect(colors).toEqual([
      [255, 255, 255, 255],
      [11, 100, 168, 255],
      [184, 80, 10, 255],
      [133, 178, 212, 255],
      [184, 80, 10, 255],
    ]);
  });

  test("what is not finite is transparent, and no number is the largest of nothing", () => {
    expect([...paint([Number.NaN, Infinity], 1, PALETTE)]).toEqual(Array(8).fill(0));
    expect(largestOf([1, Number.NaN, -3, -Infinity])).toBe(3);
    expect(largestOf([])).toBe(0);
    expect([...paint([0], 0, PALETTE)]).toEqual([255, 255, 255, 255]);
  });

  test("colours are read in both lengths, and others refused", () => {
    expect([parseColor(" #0b64a8"), parseColor("#fa0")]).toEqual([
      [11, 100, 168],
      [255, 170, 0],
    ]);
    for (const text of ["", "red", "#12345", "#ggg"]) expect(() => parseColor(text)).toThrow("expected #rrggbb");
  });
});

describe("a histogram", () => {
  test("worked by hand: ends belong to the first and the last bin", () => {
    expect(histogramOf([0, 1, 2, 2.5, 4], 4)).toEqual([
      { from: 0, to: 1, count: 1 },
      { from: 1, to: 2, count: 1 },
      { from: 2, to: 3, count: 2 },
      { from: 3, to: 4, count: 1 },
    ]);
    expect(statisticsOf([1, 3, 5, 7])).toEqual({ count: 4, mean: 4, deviation: Math.sqrt(5), smallest: 1, largest: 7 });
    expect(histogramOf([2, 2], 4)).toEqual([{ from: 2, to: 2, count: 2 }]);
    expect(histogramOf([], 4)).toEqual([]);
  });

  test("each number is counted once, in a bin that holds it", () => {
    const numbers = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 1, max: 50 }), (data, bins) => {
        const found = histogramOf(data, bins);
        expect(found.reduce((sum, { count }) => sum + count, 0)).toBe(data.length);
        const below = (end: number): number => data.filter((x) => x < end - 1e-9).length;
        for (const { from, to, count } of found.slice(0, -1)) {
          // A number on a border may round to either side.
          const onBorders = data.filter((x) => Math.abs(x - from) < 1e-9 || Math.abs(x - to) < 1e-9).length;
          expect(Math.abs(count - (below(to) - below(from)))).toBeLessThanOrEqual(onBorders);
        }
      }),
    );
  });
});

test("a table shows a window that stays within the matrix", () => {
  expect([windowAround(100, 500), windowAround(0, 500), windowAround(499, 500), windowAround(3, 8)]).toEqual([
    [88, 112],
    [0, 24],
    [476, 500],
    [0, 8],
  ]);
});
