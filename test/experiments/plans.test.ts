import * as fc from "fast-check";
import { expect, test } from "vitest";
import { deviation, groupsOf, importances, paretoFront, ranked } from "../../src/experiments/analysis.ts";
import type { RunScore } from "../../src/experiments/analysis.ts";
import { rungsOf, survivorsOf } from "../../src/experiments/halving.ts";
import { stepAt } from "../../src/run/begin.ts";
import { summaryCsv } from "../../src/experiments/summary.ts";
import { optionsOf, planSweep } from "../../src/experiments/sweep-plan.ts";
import { EMPTY_SPEC, parseGrid, parseRandom, readSweepSpec } from "../../src/experiments/sweep-spec.ts";

const spec = (json: unknown): ReturnType<typeof readSweepSpec> => readSweepSpec(json, "sweep.yaml");

test("a grid is every combination, with settings that belong together", () => {
  const plan = planSweep(
    spec({
      "n-embd": 8,
      grid: { "n-layer": [1, 2], seed: [1, 2] },
      runs: [{ tokenizer: "char" }, { tokenizer: "word" }],
    }),
  );
  expect(plan.runs.map(({ name }) => name)).toEqual([
    "01_tokenizer-char_n-layer-1_seed-1",
    "02_tokenizer-char_n-layer-1_seed-2",
    "03_tokenizer-char_n-layer-2_seed-1",
    "04_tokenizer-char_n-layer-2_seed-2",
    "05_tokenizer-word_n-layer-1_seed-1",
    "06_tokenizer-word_n-layer-1_seed-2",
    "07_tokenizer-word_n-layer-2_seed-1",
    "08_tokenizer-word_n-layer-2_seed-2",
  ]);
  expect(optionsOf(plan, plan.runs[6])).toMatchObject({ nEmbd: 8, tokenizer: "word", nLayer: 2, seed: 1, nHead: 4 });
});

test("repeats have seeds of their own and share a group; the split is the same for all", () => {
  const plan = planSweep({ ...EMPTY_SPEC, grid: new Map([["nLayer", [1, 2]]]), repeats: 3 });
  expect(plan.runs.map(({ group, settings }) => [group, settings.seed])).toEqual([
    ["01_n-layer-1", 42],
    ["01_n-layer-1", 43],
    ["01_n-layer-1", 44],
    ["02_n-layer-2", 42],
    ["02_n-layer-2", 43],
    ["02_n-layer-2", 44],
  ]);
});

test("combinations that can't be trained are dropped, with the reason", () => {
  const plan = planSweep(spec({ grid: { "n-embd": [6, 8], "n-head": [2, 3] } }));
  expect(plan.runs).toHaveLength(3);
  expect(plan.dropped).toEqual([
    ["n-embd 8, n-head 3", expect.stringMatching(/^--n-head 3 does not divide --n-embd 8/)],
  ]);
});

test("random trials are distinct, within their ranges, trainable, and the same for the same seed", () => {
  const draw = (seed: number): ReturnType<typeof planSweep> =>
    planSweep(
      spec({
        seed,
        trials: 40,
        grid: { "n-embd": [8, 16, 24] },
        random: { "learning-rate": "0.0001..0.1", "n-head": "1..8" },
      }),
    );
  const plan = draw(7);
  expect(plan).toEqual(draw(7));
  expect(plan.runs.map(({ settings }) => settings)).not.toEqual(draw(8).runs.map(({ settings }) => settings));
  expect(new Set(plan.runs.map(({ settings }) => JSON.stringify(settings))).size).toBe(40);
  const rates = plan.runs.map((run) => optionsOf(plan, run).learningRate);
  expect(Math.min(...rates)).toBeGreaterThanOrEqual(0.0001);
  expect(Math.max(...rates)).toBeLessThanOrEqual(0.1);
  // Along the logarithm: about a third of them in each factor of ten.
  for (const low of [1e-4, 1e-3, 1e-2]) {
    expect(rates.filter((rate) => rate >= low && rate < 10 * low).length).toBeGreaterThan(5);
  }
  for (const run of plan.runs) {
    const { nEmbd, nHead } = optionsOf(plan, run);
    expect(nEmbd % nHead).toBe(0);
  }
});

test("of a small grid there are only so many trials", () => {
  const plan = planSweep(spec({ trials: 50, grid: { "n-layer": [1, 2, 3] } }));
  expect(plan.runs.map(({ settings }) => settings.nLayer).toSorted((a, b) => Number(a) - Number(b))).toEqual([1, 2, 3]);
});

test.each<[unknown, string]>([
  [[1], "sweep.yaml: expected options by name"],
  [{ nlayer: 1 }, 'sweep.yaml: "nlayer" is not an option; microgpt train --help lists them'],
  [{ grid: { "n-layer": 3 } }, "sweep.yaml: grid: n-layer: expected a list of values"],
  [{ grid: { "n-layer": [] } }, "sweep.yaml: grid: n-layer: expected at least one value"],
  [{ grid: { "n-layer": ["two"] } }, 'sweep.yaml: --n-layer: expected a whole number from 1 to 1000, got "two"'],
  [
    { grid: { data: [["a.txt"]] } },
    "sweep.yaml: --data cannot vary, because results on different texts cannot be compared",
  ],
  [{ grid: { "val-fraction": [0.1, 0.2] } }, "sweep.yaml: --val-fraction cannot vary"],
  [{ grid: { __proto__: null, constructor: [1] } }, '"constructor" is not an option'],
  [{ random: { "learning-rate": "0.1..0.01" } }, "sweep.yaml: random: learning-rate: expected values or a range"],
  [{ random: { tokenizer: "a..b" } }, "sweep.yaml: --tokenizer: expected one of char, word, bpe, byte-bpe"],
  [{ runs: { tokenizer: "char" } }, "sweep.yaml: runs: expected a list"],
  [{ trials: 0 }, 'sweep.yaml: trials: expected a whole number from 1 to 10000, got "0"'],
  [{ halving: "yes" }, "sweep.yaml: halving: expected true or false"],
  [{ "n-layer": { a: 1 } }, "sweep.yaml: --n-layer: expected a whole number"],
])("a sweep file with a mistake is refused with its place: %j", (json, message) => {
  expect(() => spec(json)).toThrow(message);
});

test.each<[unknown, string]>([
  [{ reference: true }, "sweep: --reference holds nothing out, so runs cannot be compared; drop it"],
  [{ "val-fraction": 0 }, "sweep: --val-fraction 0 holds nothing out"],
  [{ random: { "learning-rate": "0.01..0.1" } }, "sweep: --random needs --trials, the number of runs to draw"],
  [{ trials: 3 }, "sweep: --trials draws from --grid or --random"],
  [{ "n-head": 3 }, "sweep: no run can be trained; --n-head 3 does not divide --n-embd 16"],
  [
    {
      grid: { seed: Array.from({ length: 100 }, (_, i) => i), "n-layer": Array.from({ length: 100 }, (_, i) => i + 1) },
    },
    "sweep: the grid has more than 4096 runs",
  ],
])("a plan without sense is refused: %j", (json, message) => {
  expect(() => planSweep(spec(json))).toThrow(message);
});

test("grids and ranges as flags", () => {
  expect(parseGrid("n-layer=1,2,2,3")).toEqual(["nLayer", [1, 2, 3]]);
  expect(parseGrid("tokenizer=char,bpe")).toEqual(["tokenizer", ["char", "bpe"]]);
  expect(parseGrid("stream=true,false")).toEqual(["stream", [true, false]]);
  expect(parseRandom("learning-rate=1e-4..0.1")).toEqual(["learningRate", { min: 1e-4, max: 0.1, isWhole: false }]);
  expect(parseRandom("n-layer=1..4")).toEqual(["nLayer", { min: 1, max: 4, isWhole: true }]);
  expect(() => parseGrid("n-layer")).toThrow(
    '--grid: expected an option and its values, such as n-layer=1,2,4, got "n-layer"',
  );
  expect(() => parseGrid("n-layer=1,,2")).toThrow("--n-layer: expected a whole number");
});

test("halving: every rung is twice as long for half as many, down to one", () => {
  expect(rungsOf(8)).toEqual([
    { share: 1 / 8, survivors: 4 },
    { share: 1 / 4, survivors: 2 },
    { share: 1 / 2, survivors: 1 },
    { share: 1, survivors: 0 },
  ]);
  expect(rungsOf(5).map(({ survivors }) => survivors)).toEqual([3, 2, 1, 0]);
  expect(rungsOf(1)).toEqual([{ share: 1, survivors: 0 }]);
  expect(rungsOf(8).map((rung) => stepAt(rung, 1000))).toEqual([125, 250, 500, 1000]);
  expect(stepAt({ share: 1 / 8 }, 3)).toBe(1);
});

test("the better half goes on, by the mean of its seeds; who has failed does not", () => {
  const results = new Map([
    ["a", [3, 1]],
    ["b", [1.9]],
    ["c", []],
    ["d", [2.5]],
  ]);
  expect(survivorsOf(results, 2)).toEqual(["a", "b"]);
  expect(survivorsOf(results, 3)).toEqual(["a", "b", "d"]);
});

const result = (name: string, bitsPerByte: number | null, settings: RunScore["settings"] = {}): RunScore => ({
  name,
  bitsPerByte,
  settings,
});

test("what mattered: shares as a hand-made analysis of variance has them", () => {
  // bits = 2 + 0.3·(layer − 1.5) + 0.1·(width − 1.5): variances 0.09/4·… in the ratio 9 : 1.
  const runs = [1, 2].flatMap((layer) =>
    [1, 2].map((width) => result(`${layer}${width}`, 2 + 0.3 * (layer - 1.5) + 0.1 * (width - 1.5), { layer, width })),
  );
  const [first, second] = importances(runs);
  expect(first).toMatchObject({ option: "layer", share: expect.closeTo(0.9, 9) });
  expect(first.values.map(({ value, runs: count }) => [value, count])).toEqual([
    ["1", 2],
    ["2", 2],
  ]);
  expect(second).toMatchObject({ option: "width", share: expect.closeTo(0.1, 9) });
  expect(importances(runs.slice(0, 2))).toEqual([]);
});

test("many different numbers are looked at in quarters", () => {
  const runs = Array.from({ length: 40 }, (_, i) => result(String(i), i < 20 ? 1 : 2, { rate: i / 100 }));
  const [{ share, values }] = importances(runs);
  expect(share).toBeCloseTo(1, 9);
  expect(values.map(({ value }) => value).toSorted()).toEqual([
    "0 to 0.09",
    "0.1 to 0.19",
    "0.2 to 0.29",
    "0.3 to 0.39",
  ]);
});

test("shares lie between 0 and 1, whatever the results", () => {
  const runs = fc.array(
    fc.record({
      name: fc.string(),
      bitsPerByte: fc.option(fc.double({ min: 0, max: 10, noNaN: true })),
      settings: fc.record({
        a: fc.integer({ min: 0, max: 3 }),
        b: fc.oneof(fc.constant(null), fc.double({ noNaN: true })),
      }),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(runs, (all) => {
      for (const { share } of importances(all)) {
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1 + 1e-9);
      }
    }),
  );
});

test("runs of the same settings are one, with mean and sample deviation", () => {
  const runs = [
    result("a", 1, { layer: 1, seed: 1 }),
    result("b", 2, { layer: 1, seed: 2 }),
    result("c", 0.5, { layer: 2, seed: 1 }),
    result("d", null, { layer: 3, seed: 1 }),
  ];
  expect(groupsOf(runs)).toEqual([
    { settings: { layer: 2 }, runs: 1, mean: 0.5, deviation: 0 },
    { settings: { layer: 1 }, runs: 2, mean: 1.5, deviation: Math.SQRT1_2 },
  ]);
  expect(deviation([1, 2, 3, 4])).toBeCloseTo(1.2909944487358056, 12); // numpy.std(…, ddof=1)
});

test("best first, by name where equal, without result last", () => {
  const runs = [result("x", null), result("b", 1), result("a", 1), result("c", 0.5)];
  expect(ranked(runs).map(({ name }) => name)).toEqual(["c", "a", "b", "x"]);
});

test("the Pareto front is what nothing beats in both, by the definition", () => {
  const point = fc.record({ seconds: fc.integer({ min: 1, max: 9 }), bitsPerByte: fc.integer({ min: 1, max: 9 }) });
  fc.assert(
    fc.property(fc.array(point, { maxLength: 20 }), (points) => {
      const beats = (a: (typeof points)[0], b: (typeof points)[0]): boolean =>
        a.seconds <= b.seconds &&
        a.bitsPerByte <= b.bitsPerByte &&
        (a.seconds < b.seconds || a.bitsPerByte < b.bitsPerByte);
      const key = ({ seconds, bitsPerByte }: (typeof points)[0]): string => `${seconds} ${bitsPerByte}`;
      const expected = new Set(points.filter((one) => !points.some((other) => beats(other, one))).map(key));
      expect(new Set(paretoFront(points).map(key))).toEqual(expected);
    }),
  );
});

test("CSV is quoted as RFC 4180 has it, and a sheet finds no formula in it", () => {
  const run = {
    name: 'a,"b"',
    state: "failed",
    failure: "=cmd()\nline",
    settings: { "n-layer": 1 },
    parameters: null,
    vocabSize: 27,
    step: 1,
    numSteps: 2,
    bestStep: null,
    heldOutLoss: null,
    bitsPerByte: null,
    worseThan: null,
    heldOutText: null,
  } as const;
  expect(summaryCsv([run])).toBe(
    "name,n-layer,state,parameters,vocabSize,step,numSteps,bestStep,heldOutLoss,bitsPerByte,worseThan,heldOutText,failure\r\n" +
      `"a,""b""",1,failed,,27,1,2,,,,,,"'=cmd()\nline"\r\n`,
  );
});
