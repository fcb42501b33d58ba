import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRandomState, Random } from "../src/random.ts";
import type { RandomState } from "../src/random.ts";

interface Figures {
  readonly seed: string;
  readonly random: readonly number[];
  readonly getrandbits: readonly (readonly [number, number])[];
  readonly randbelow: readonly (readonly [number, number])[];
  readonly shuffle: readonly number[];
  readonly choices: readonly number[];
  readonly gauss: readonly number[];
  readonly afterwards: readonly number[];
  readonly state?: RandomState;
  readonly afterState?: readonly number[];
}

/** What CPython printed; make-cpython-random.py makes the calls in this order. */
const cpython = JSON.parse(readFileSync(new URL("fixtures/cpython-random.json", import.meta.url), "utf8")) as {
  readonly weights: readonly number[];
  readonly figures: readonly Figures[];
};

const times = <Item>(count: number, draw: () => Item): Item[] => Array.from({ length: count }, draw);

describe.each(cpython.figures)("seed $seed gives CPython's numbers", (figures) => {
  test("random, getrandbits, randbelow, shuffle and choices bit for bit; gauss to the last bit but one", () => {
    const random = new Random(BigInt(figures.seed));
    expect(times(10, () => random.random())).toEqual(figures.random);
    expect(figures.getrandbits.map(([bits]) => [bits, random.getrandbits(bits)])).toEqual(figures.getrandbits);
    expect(figures.randbelow.map(([n]) => [n, random.randbelow(n)])).toEqual(figures.randbelow);
    const items = times(50, () => 0).map((_, i) => i);
    random.shuffle(items);
    expect(items).toEqual(figures.shuffle);
    expect(random.choices([0, 1, 2, 3, 4, 5, 6], cpython.weights, 20)).toEqual(figures.choices);
    // V8's log, cos and sin may round the last bit differently from the C library's: 2 ulp of 1, or of the value.
    for (const expected of figures.gauss) {
      expect(Math.abs(random.gauss(0, 1) - expected)).toBeLessThanOrEqual(
        2 * 2 ** -52 * Math.max(1, Math.abs(expected)),
      );
    }
    expect(times(700, () => random.random()).slice(-3)).toEqual(figures.afterwards); // across a twist of the state
  });
});

test("the example in the doc comment holds", () => {
  expect(new Random(42).random()).toBe(0.6394267984578837);
});

test("a number and a bigint of the same value are the same seed, and the sign does not count", () => {
  const first = (seed: number | bigint): number => new Random(seed).random();
  expect(first(42)).toBe(first(42n));
  expect(first(-42)).toBe(first(42));
  expect(first(2 ** 53 - 1)).toBe(first(2n ** 53n - 1n));
});

test("a seed longer than the state itself, of 20,605 bits, is used in full", () => {
  const random = new Random(3n ** 13_000n); // expected values from CPython 3.11: random.Random(3**13000)
  expect(times(2, () => random.random())).toEqual([0.4674494737505117, 0.43520205962319114]);
});

test("seeding again starts over: the second number of a gauss pair is forgotten", () => {
  const random = new Random(7);
  random.gauss(0, 1);
  random.seed(7);
  expect(random.gauss(0, 1)).toBe(new Random(7).gauss(0, 1));
});

test("choices at the ends of the range: never an item of weight 0, never past the last", () => {
  class Fixed extends Random {
    readonly #draw: number;
    constructor(draw: number) {
      super(0);
      this.#draw = draw;
    }
    override random(): number {
      return this.#draw;
    }
  }
  expect(new Fixed(0).choices(["never", "always"], [0, 1])).toEqual(["always"]);
  expect(new Fixed(1 - 2 ** -53).choices(["only"], [5e-324])).toEqual(["only"]); // the product rounds up to the sum
});

test("continues from a state that Python saved, and saves the state that Python would", () => {
  for (const { seed, state, afterState } of cpython.figures) {
    if (state === undefined) continue;
    const random = Random.fromState(state);
    expect(random.getState()).toEqual(state);
    expect(times(3, () => random.random())).toEqual(afterState);
    expect(new Random(BigInt(seed)).getState().words).toHaveLength(625);
  }
});

/** Draws of every kind, in any order: what a training may have done before it was saved. */
const draws = fc.array(fc.constantFrom("random", "gauss", "bits", "below", "shuffle", "choices"), { maxLength: 40 });

function play(random: Random, kinds: readonly string[]): unknown[] {
  return kinds.map((kind) => {
    if (kind === "random") return random.random();
    if (kind === "gauss") return random.gauss(1, 2);
    if (kind === "bits") return random.getrandbits(53);
    if (kind === "below") return random.randbelow(1000);
    if (kind === "choices") return random.choices(["a", "b"], [1, 2], 3);
    const items = [1, 2, 3, 4, 5];
    random.shuffle(items);
    return items;
  });
}

test("a restored generator continues exactly, whatever was drawn before, also through JSON", () => {
  fc.assert(
    fc.property(fc.integer(), draws, draws, (seed, before, after) => {
      const random = new Random(seed);
      play(random, before);
      const state = random.getState();
      const copy = Random.fromState(JSON.parse(JSON.stringify(state)) as RandomState);
      const expected = play(random, after);
      expect(play(copy, after)).toEqual(expected);
      expect(play(Random.fromState(state), after)).toEqual(expected); // the state is a copy: later draws do not change it
    }),
  );
});

test("wrong arguments throw an error that says what was expected", () => {
  const random = new Random(1);
  expect(() => new Random(1.5)).toThrow("Random.seed: the seed must be an integer, got 1.5");
  expect(() => new Random(Number.NaN)).toThrow(RangeError);
  expect(() => random.getrandbits(54)).toThrow("bits must be an integer from 0 to 53, got 54");
  expect(() => random.getrandbits(-1)).toThrow(RangeError);
  expect(() => random.randbelow(0)).toThrow("n must be a positive integer, got 0");
  expect(() => random.randbelow(1.5)).toThrow(RangeError);
  expect(() => random.choices([1, 2], [1])).toThrow("got 2 items and 1 weights, expected one weight per item");
  expect(() => random.choices([1, 2], [0, 0])).toThrow("the weights must have a positive finite sum, got 0");
  expect(() => random.choices([1, 2], [1, Infinity])).toThrow("got Infinity");
  expect(() => random.choices([1, 2], [Number.NaN, 1])).toThrow("got NaN");
  expect(() => random.choices([], [])).toThrow(RangeError);
  expect(random.getrandbits(0)).toBe(0);
});

test("a damaged state is rejected", () => {
  const state = new Random(1).getState();
  const words = [...state.words];
  const bad: unknown[] = [
    null,
    {},
    [],
    { ...state, version: 2 },
    { ...state, words: words.slice(1) },
    { ...state, words: [...words, 0] },
  ];
  bad.push({ ...state, words: [...words.slice(0, 624), 625] }, { ...state, words: [2 ** 32, ...words.slice(1)] });
  bad.push({ ...state, words: [-1, ...words.slice(1)] }, { ...state, words: [0.5, ...words.slice(1)] });
  bad.push({ ...state, gaussNext: "1" }, { version: 3, words: "no" });
  for (const json of bad) expect(isRandomState(json)).toBe(false);
  expect(isRandomState(state)).toBe(true);
  expect(() => Random.fromState({ ...state, words: [] })).toThrow("Random.setState: not a generator state");
});

test("choices needs a positive weight, even for no draws", () => {
  expect(() => new Random(1).choices([], [], 0)).toThrow("the weights must have a positive finite sum, got 0");
});
