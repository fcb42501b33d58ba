import * as fc from "fast-check";
import { Value } from "../../src/microgpt.ts";
import type { Config } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";

export const values = (numbers: readonly number[]): Value[] => numbers.map((number) => new Value(number));
export const data = (list: readonly Value[]): number[] => list.map((value) => value.data);
export const norm = (list: readonly number[]): number => Math.hypot(...list);

/** Distance of two lists of numbers, relative to the length of the first; absolute where that is tiny. */
export const relativeError = (expected: readonly number[], actual: readonly number[]): number =>
  norm(expected.map((value, i) => value - actual[i])) / Math.max(norm(expected), 1e-3);

export interface AnyModel {
  readonly config: Config;
  readonly tokens: readonly number[];
  readonly seed: number;
}

/** Small models of every proportion, with a document that may be shorter or longer than the block. */
export const anyModel: fc.Arbitrary<AnyModel> = fc
  .record({
    vocabSize: fc.integer({ min: 2, max: 6 }),
    nHead: fc.integer({ min: 1, max: 3 }),
    headDim: fc.integer({ min: 1, max: 2 }),
    nLayer: fc.integer({ min: 1, max: 2 }),
    blockSize: fc.integer({ min: 1, max: 5 }),
    length: fc.integer({ min: 2, max: 7 }),
    seed: fc.nat(1_000_000),
  })
  .map(({ headDim, length, seed, ...shape }) => {
    const random = new Random(seed + 1);
    const tokens = Array.from({ length }, () => random.randbelow(shape.vocabSize));
    return { config: { ...shape, nEmbd: headDim * shape.nHead } satisfies Config, tokens, seed };
  });
