import * as fc from "fast-check";
import { expect, test } from "vitest";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { generate, generateTokens, nextTokenProbabilities } from "../../src/training/sample.ts";
import type { SamplingOptions } from "../../src/training/sample.ts";

const PLAIN: SamplingOptions = { temperature: 1, topK: null, topP: null };
const LOGITS = [Math.log(1), Math.log(4), Math.log(2), Math.log(3)]; // probabilities 0.1, 0.4, 0.2, 0.3
const close = (values: ArrayLike<number>): number[] => Array.from(values, (value) => Number(value.toFixed(12)));

test("temperature sharpens, top-k and top-p narrow, and what is left sums to one", () => {
  expect(close(nextTokenProbabilities(LOGITS, PLAIN))).toEqual([0.1, 0.4, 0.2, 0.3]);
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, temperature: 0.5 }))).toEqual(
    close([1 / 30, 16 / 30, 4 / 30, 9 / 30]),
  );
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, temperature: 0 }))).toEqual([0, 1, 0, 0]);
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, topK: 2 }))).toEqual(close([0, 4 / 7, 0, 3 / 7]));
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, topP: 0.71 }))).toEqual(close([0, 4 / 9, 2 / 9, 3 / 9]));
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, topP: 0.000001 }))).toEqual([0, 1, 0, 0]);
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, topK: 3, topP: 0.3 }))).toEqual([0, 1, 0, 0]);
  expect(close(nextTokenProbabilities(LOGITS, { ...PLAIN, topK: 99, topP: 1 }))).toEqual([0.1, 0.4, 0.2, 0.3]);
});

test("of equally likely tokens top-k keeps the first, so that K tokens are left and no more", () => {
  expect(close(nextTokenProbabilities([0, 0, 0], { ...PLAIN, topK: 2 }))).toEqual([0.5, 0.5, 0]);
});

test("huge logits and tiny temperatures give probabilities, never NaN", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 9 }),
      fc.double({ min: 0, max: 1000, noNaN: true }),
      fc.option(fc.integer({ min: 1, max: 12 }), { nil: null }),
      fc.option(fc.double({ min: 1e-6, max: 1, noNaN: true }), { nil: null }),
      (logits, temperature, topK, topP) => {
        const probabilities = nextTokenProbabilities(logits, { temperature, topK, topP });
        expect(probabilities.every((probability) => probability >= 0 && probability <= 1)).toBe(true);
        expect(probabilities.reduce((sum, probability) => sum + probability, 0)).toBeCloseTo(1, 9);
        expect(probabilities.filter((probability) => probability > 0).length).toBeLessThanOrEqual(topK ?? Infinity);
      },
    ),
  );
});

test.each([5e-324, 1e-320, 1e-310, 1e-308, 1e-300, 1e-200])(
  "a temperature of %d, by which logits can't be divided without overflow, takes the likeliest token, as 0 does",
  (temperature) => {
    for (const logits of [LOGITS, [3, 7, 5], [-3, -1, -2], [-1e9, 2, -1e9], [0, 0, 1e-3], [4]]) {
      for (const options of [PLAIN, { ...PLAIN, topK: 2 }, { ...PLAIN, topP: 0.9 }, { ...PLAIN, topK: 1, topP: 0.1 }]) {
        const expected = nextTokenProbabilities(logits, { ...options, temperature: 0 });
        expect(nextTokenProbabilities(logits, { ...options, temperature })).toEqual(expected);
      }
    }
  },
);

const CONFIG = { vocabSize: 6, nEmbd: 8, nHead: 2, nLayer: 2, blockSize: 5 };
const newEngine = (): AtomicEngine => new AtomicEngine(CONFIG, initWeights(CONFIG, new Random(3)));

test("a text grows past the block: each token is drawn from what the last blockSize tokens give", async () => {
  const engine = newEngine();
  const prompt = [0, 1, 2];
  const written: number[] = [];
  // Greedy, so that the expectation can be computed apart; BOS ends the text early for some weights, not for these.
  for await (const { token } of generate(engine, prompt, 9, new Random(0), { ...PLAIN, temperature: 0 })) {
    const window = [CONFIG.vocabSize - 1, ...prompt, ...written].slice(-CONFIG.blockSize);
    const reader = engine.reader();
    let logits: number[] = [];
    for (const seen of window) logits = await reader.read(seen);
    expect(token).toBe(logits.indexOf(Math.max(...logits)));
    written.push(token);
  }
  expect(written).toHaveLength(9);
});

test("a prompt longer than the block counts with its last blockSize tokens", async () => {
  const long = [4, 4, 4, 1, 2, 3, 0, 1];
  const options = { ...PLAIN, temperature: 0.7 };
  const draws = (prompt: number[]): Promise<number[]> => generateTokens(newEngine(), prompt, 6, new Random(9), options);
  expect(await draws(long)).toEqual(await draws(long.slice(1)));
  expect(await draws(long)).toEqual(await draws([0, 0, ...long.slice(-5)]));
});

test("a draw tells its probability and the likeliest tokens in falling order", async () => {
  for await (const draw of generate(newEngine(), [], 4, new Random(1), { ...PLAIN, topK: 3 })) {
    const probabilities = draw.likeliest.map(({ probability }) => probability);
    expect(probabilities).toEqual(probabilities.toSorted((a, b) => b - a));
    expect(draw.likeliest).toHaveLength(3);
    expect(draw.likeliest).toContainEqual({ token: draw.token, probability: draw.probability });
  }
});

test("a reader refuses a token past the block instead of reading beyond its positions", async () => {
  const reader = newEngine().reader();
  for (let i = 0; i < CONFIG.blockSize; i++) await reader.read(0);
  await expect(reader.read(0)).rejects.toThrow("reader: the model reads at most 5 tokens");
});
