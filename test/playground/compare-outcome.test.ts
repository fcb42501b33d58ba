/** What the Compare page says of its runs. */
import { describe, expect, test } from "vitest";
import { checkOptions, TRAIN_OPTIONS } from "../../src/index.ts";
import { runningMean } from "../../playground/pages/compare/curves.ts";
import { parseCell } from "../../playground/pages/compare/parse-cell.ts";
import { sorted, whatMattered } from "../../playground/pages/compare/outcome.ts";
import type { Outcome } from "../../playground/pages/compare/outcome.ts";
import { labelOf, MAX_RUNS, MIN_RUNS, optionsOf, PRESETS, settingsOf } from "../../playground/pages/compare/plan.ts";
import type { Plan } from "../../playground/pages/compare/plan.ts";
import { checkTogether } from "../../src/options/option-rules.ts";

const outcome = (index: number, settings: Outcome["settings"], bitsPerByte: number | null): Outcome => ({
  index,
  name: `run ${index + 1}`,
  settings,
  status: bitsPerByte === null ? "failed" : "done",
  failure: null,
  heldOutLoss: bitsPerByte,
  bitsPerByte,
  steps: 10,
  numSteps: 10,
  tokensPerSecond: 1000,
  seconds: 1,
  parameters: 100,
});

describe.each(PRESETS.map((preset) => [preset.name, preset] as const))("the preset %s", (_, { plan }) => {
  test("has runs that the option table accepts, that differ, and of which each has all columns", () => {
    expect(plan.rows.length).toBeGreaterThanOrEqual(MIN_RUNS);
    expect(plan.rows.length).toBeLessThanOrEqual(MAX_RUNS);
    for (const row of plan.rows) {
      checkTogether(checkOptions(TRAIN_OPTIONS, { ...optionsOf(plan, row) }));
      expect(Object.keys(row).toSorted()).toEqual([...plan.columns].toSorted());
    }
    expect(new Set(plan.rows.map((row) => JSON.stringify(row))).size).toBe(plan.rows.length);
  });
});

describe("which option mattered", () => {
  test("of two options, the one with the larger effect comes first, with its best and worst value", () => {
    const grid = [8, 32].flatMap((width) => [1, 2].map((layers) => ({ "n-embd": width, "n-layer": layers })));
    const outcomes = grid.map((settings, i) =>
      outcome(i, settings, 3 - settings["n-embd"] / 100 - settings["n-layer"] / 100),
    );
    expect(whatMattered(outcomes)).toEqual([
      "The best run is run 4 with 2.660 bits per byte, 8.6 % less than the worst, run 1.",
      "n-embd explains 100 % of the variance of the results: on average 32 is best (2.665), 8 worst (2.905).",
    ]);
  });

  test("options that change together are said to be inseparable", () => {
    const outcomes = [1, 2, 2].map((n, i) => outcome(i, { "n-embd": n, "n-layer": n }, n));
    expect(whatMattered(outcomes).at(-1)).toMatch(/cannot tell them apart/);
  });

  test("one option with another value in each run is only ranked: it explains everything, trivially", () => {
    const outcomes = [1, 2, 3].map((n) => outcome(n, { "n-embd": n }, n));
    expect(whatMattered(outcomes)).toHaveLength(1);
  });

  test("runs that failed do not count, and one run is compared with nothing", () => {
    expect(whatMattered([outcome(0, {}, 2), outcome(1, {}, null)])).toEqual([]);
    const same = [outcome(0, { seed: 1 }, 2), outcome(1, { seed: 2 }, 2)];
    expect(whatMattered(same)).toEqual(["All 2 runs have the same result, 2.000 bits per byte."]);
  });
});

test("a column sorts in both directions, and a run without a value comes last in both", () => {
  const outcomes = [2, null, 1, 3].map((bits, i) => outcome(i, {}, bits));
  const order = (isAscending: boolean): number[] =>
    sorted(outcomes, "bitsPerByte", isAscending).map(({ index }) => index);
  expect([order(true), order(false)]).toEqual([
    [2, 0, 3, 1],
    [3, 0, 2, 1],
  ]);
});

test("a run is named by the options that may differ; one that it leaves open has the value of all runs", () => {
  const plan: Plan = {
    text: "names",
    base: { nLayer: 2 },
    columns: ["nEmbd", "nLayer", "clipNorm"],
    rows: [{ nEmbd: 8 }, {}],
  };
  expect(settingsOf(plan, plan.rows[0])).toEqual({ "n-embd": 8, "n-layer": 2, "clip-norm": null });
  expect(labelOf(plan, 1)).toBe("2: n-embd 16, n-layer 2, clip-norm default");
  expect(optionsOf(plan, plan.rows[0])).toEqual({ threads: 1, nLayer: 2, nEmbd: 8 });
});

test("a cell takes what the command's flag takes, and explains what it does not", () => {
  expect(parseCell("nEmbd", " 32 ")).toEqual({ type: "value", value: 32 });
  expect(parseCell("stream", "true")).toEqual({ type: "value", value: true });
  expect(parseCell("nEmbd", "")).toEqual({ type: "value", value: undefined });
  expect(parseCell("nEmbd", "3.5")).toEqual({
    type: "wrong",
    message: 'n-embd: expected a whole number from 1 to 65536, got "3.5"',
  });
});

test("the mean of training losses has a point per block, without skipped steps", () => {
  expect(runningMean([1, 3, Number.NaN, 5, Number.NaN, Number.NaN, 7], 2)).toEqual({
    xs: [2, 4, 6],
    ys: [2, 5, Number.NaN],
  });
});
