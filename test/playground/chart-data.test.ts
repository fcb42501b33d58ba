/** What a chart shows of its data, before anything is drawn. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { align, rowsOf, summaryOf, thin, valueAt, valueAtX } from "../../playground/widgets/chart-data.ts";
import { logTicks } from "../../playground/widgets/log-ticks.ts";
import { shortNumber } from "../../playground/widgets/numbers.ts";

const LINEAR = { logX: false, logY: false };

describe("thin", () => {
  test("keeps all points of a short series", () => {
    expect(thin([3, 1, 2], 4)).toEqual([0, 1, 2]);
  });

  test("keeps the first and last point, the extremes and some gap of a long one, within its limit", () => {
    const value = fc.oneof(fc.double({ min: -10, max: 10, noNaN: true }), fc.constant(Number.NaN));
    fc.assert(
      fc.property(fc.array(value, { minLength: 21, maxLength: 300 }), (ys) => {
        const kept = thin(ys, 20);
        const finite = ys.filter((y) => Number.isFinite(y));
        const shown = kept.map((i) => ys[i]);
        expect(kept).toEqual([...new Set(kept)].toSorted((a, b) => a - b));
        expect(kept.length).toBeLessThanOrEqual(3 * 10 + 2);
        expect([kept[0], kept.at(-1)]).toEqual([0, ys.length - 1]);
        expect(shown.some(Number.isNaN)).toBe(ys.some(Number.isNaN));
        if (finite.length > 0) {
          expect(shown).toContain(Math.min(...finite));
          expect(shown).toContain(Math.max(...finite));
        }
      }),
    );
  });
});

describe("the value at an x", () => {
  const steps = { label: "steps", xs: null, ys: [5, Number.NaN, 7] };
  const evaluations = { label: "evaluations", xs: [10, 20], ys: [3, 2] };

  test("is that of the series itself, however much is drawn of it", () => {
    const ys = Float64Array.from({ length: 9000 }, (_, i) => Math.sin(i));
    expect(valueAtX({ label: "long", xs: null, ys }, 4321)).toBe(Math.sin(4320));
    expect([1, 2, 3].map((x) => valueAtX(steps, x))).toEqual([5, null, 7]);
  });

  test("between two points and after the last one, it is the one before; before the first there is none", () => {
    expect([0, 4].map((x) => valueAtX(steps, x))).toEqual([null, 7]);
    expect([9, 10, 19, 20, 30].map((x) => valueAtX(evaluations, x))).toEqual([null, 3, 3, 2, 2]);
  });
});

describe("align", () => {
  test("joins series on the union of their x values; a value that is not finite is a gap", () => {
    const series = [
      { label: "a", xs: null, ys: [5, Number.NaN] },
      { label: "b", xs: [1, 3], ys: [7, 8] },
    ];
    expect(align(series, LINEAR)).toEqual([
      [1, 2, 3],
      [5, null, undefined],
      [7, undefined, 8],
    ]);
  });

  test("leaves out what a logarithmic axis cannot show", () => {
    const series = [{ label: "a", xs: [0, 1, 2], ys: [1, 0, 2] }];
    expect(align(series, { logX: true, logY: true })).toEqual([
      [1, 2],
      [null, 2],
    ]);
  });
});

test("the value at an index is that of the last point before it; in a gap there is none", () => {
  const line = [undefined, 4, undefined, null];
  expect([0, 1, 2, 3].map((i) => valueAt(line, i))).toEqual([null, 4, 4, null]);
});

test("the summary names the first, last and lowest value of each curve, then the lines", () => {
  const series = [
    { label: "train", xs: [1, 10, 20], ys: [3, 1.25, 2] },
    { label: "held out", xs: [], ys: [] },
  ];
  expect(summaryOf("Loss", series, [{ label: "uniform", y: Math.log(27) }], "step")).toBe(
    "Loss. train: first 3 at step 1, last 2 at step 20, lowest 1.25 at step 10. held out: no values yet. line uniform at 3.296",
  );
});

test("the table has the first and the last point, and no more rows than asked for", () => {
  const aligned = align([{ label: "a", xs: null, ys: Array.from({ length: 101 }, (_, i) => i) }], LINEAR);
  expect(rowsOf(aligned, 5).map(({ x, values }) => [x, ...values])).toEqual([
    [1, 0],
    [26, 25],
    [51, 50],
    [76, 75],
    [101, 100],
  ]);
  expect(rowsOf([[]], 5)).toEqual([]);
});

test("the table has no value of a series before its first point and after its last one", () => {
  const short = [
    { label: "a", xs: [2, 4], ys: [5, 6] },
    { label: "b", xs: null, ys: [1, 2, 3, 4, 5] },
  ];
  expect(rowsOf(align(short, LINEAR), 9).map(({ values: [value] }) => value)).toEqual([null, 5, 5, 6, null]);
});

test("short numbers have four digits and a letter for thousands and millions", () => {
  expect([2.71849, 1_500_000, 12_345, 0.01, Number.NaN].map(shortNumber)).toEqual([
    "2.718",
    "1.5M",
    "12.3k",
    "0.01",
    "–",
  ]);
});

test("a logarithmic axis has round ticks, and evenly spaced ones where its range is narrow", () => {
  expect(logTicks(1, 100)).toEqual([1, 2, 5, 10, 20, 50, 100]);
  expect(logTicks(0.95, 9.5)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(logTicks(1.94, 3.6)).toEqual([2, 2.5, 3, 3.5]);
  expect(logTicks(0.285, 0.318)).toEqual([0.29, 0.3, 0.31]);
});
