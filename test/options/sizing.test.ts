import { expect, test } from "vitest";
import { chooseSizes, headsFor, microsecondsPerToken, passesIn } from "../../src/options/sizing.ts";
import type { TextMeasure } from "../../src/options/sizing.ts";
import { checkTogether } from "../../src/options/option-rules.ts";
import { initialOptions, TRAIN_OPTIONS, checkOptions } from "../../src/options/config.ts";

const SECONDS = [1, 10, 30, 60, 300, 1200, 3600, 86_400];
const CHARACTERS = [1000, 3e4, 3e5, 1.1e6, 4.4e6, 5e7];
const text = (characters: number, isNames: boolean = false): TextMeasure => ({ characters, contextBits: 2, isNames });
const all = SECONDS.flatMap((seconds) =>
  CHARACTERS.flatMap((characters) =>
    [true, false].map((isNames) => ({ seconds, measured: text(characters, isNames) })),
  ),
);

test("every choice can be trained: options in range that fit together, and a share of the time", () => {
  for (const { seconds, measured } of all) {
    const { options, share, expected } = chooseSizes(measured, seconds);
    checkTogether(checkOptions(TRAIN_OPTIONS, { ...initialOptions(TRAIN_OPTIONS), ...options }));
    expect(options.nEmbd / options.nHead).toBeLessThanOrEqual(32);
    expect(share).toBeGreaterThan(0);
    expect(share).toBeLessThanOrEqual(1);
    expect(expected.low).toBeLessThan(expected.bitsPerByte);
    expect(expected.high).toBeGreaterThan(expected.bitsPerByte);
  }
});

test("more time never makes a smaller model, nor a worse one expected; less text never more merges", () => {
  for (const characters of CHARACTERS) {
    const sizes = SECONDS.map((seconds) => chooseSizes(text(characters), seconds));
    for (const [shorter, longer] of sizes.slice(1).map((next, i) => [sizes[i], next] as const)) {
      expect(longer.options.nEmbd).toBeGreaterThanOrEqual(shorter.options.nEmbd);
      expect(longer.options.nLayer).toBeGreaterThanOrEqual(shorter.options.nLayer);
      expect(longer.expected.bitsPerByte).toBeLessThanOrEqual(shorter.expected.bitsPerByte);
    }
  }
  for (const seconds of SECONDS) {
    const merges = CHARACTERS.map((characters) => chooseSizes(text(characters), seconds).options.bpeMerges);
    expect(merges.toSorted((a, b) => a - b)).toEqual(merges);
  }
});

test("what is given is kept, and heads divide the width", () => {
  const given = { nEmbd: 50, learningRate: 0.123, tokenizer: "bpe", bpeMerges: 77 } as const;
  expect(chooseSizes(text(1e6), 60, given).options).toMatchObject({ ...given, nHead: headsFor(50) });
  for (const nHead of [1, 3, 5, 7]) {
    const { options } = chooseSizes(text(1e6), 60, { nHead });
    expect([options.nHead, options.nEmbd % nHead]).toEqual([nHead, 0]);
  }
  for (const width of [1, 2, 7, 16, 24, 50, 97, 384]) expect(width % headsFor(width)).toBe(0);
});

test("the work per token is that of products, attention and softmax: it has their orders", () => {
  const base = { vocabSize: 1000, nEmbd: 64, nLayer: 2, blockSize: 64 };
  const work = (change: Partial<typeof base>): number => microsecondsPerToken({ ...base, ...change });
  expect(work({ nLayer: 4 }) - work({ nLayer: 2 })).toBeCloseTo(work({ nLayer: 2 }) - work({ nLayer: 0 }), 9);
  expect(work({ vocabSize: 3000 }) - work({ vocabSize: 2000 })).toBeCloseTo(work({ vocabSize: 2000 }) - work({}), 9);
  expect(work({ nEmbd: 1280 }) / work({ nEmbd: 640 })).toBeGreaterThan(3); // nearly a square
});

test("passes are tokens of the time over tokens of the text", () => {
  const { options } = chooseSizes(text(1e6), 60);
  expect(passesIn(text(1e6), options, 60) / passesIn(text(1e6), options, 30)).toBeCloseTo(2, 9);
  expect(passesIn(text(1e6), options, 60) / passesIn(text(2e6), options, 60)).toBeCloseTo(2, 9);
});
