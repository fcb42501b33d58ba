import * as fc from "fast-check";
import { expect, test } from "vitest";
import { baselines, measureBaselines } from "../../src/text/baselines.ts";

// Tokens: a 0, b 1, BOS 2. "ab" and "aa", the block long enough for both.
const AB = [2, 0, 1, 2];
const AA = [2, 0, 0, 2];

test("the three baselines of two tiny documents are what counting by hand gives", () => {
  const { uniform, unigram, bigram } = baselines([AB, AA], [AB], 3, 16);
  expect(uniform).toBeCloseTo(Math.log(3), 12);
  // Next tokens: a, b, BOS, a, a, BOS: (count + 1) / (6 + 3).
  const [a, b, bos] = [4 / 9, 2 / 9, 3 / 9];
  expect(unigram).toBeCloseTo(-(Math.log(a) + Math.log(b) + Math.log(bos)) / 3, 12);
  // After BOS: a twice (1 kind). After a: b, a, BOS (3 kinds). After b: BOS once (1 kind).
  const bosThenA = (2 + 1 * a) / (2 + 1);
  const aThenB = (1 + 3 * b) / (3 + 3);
  const bThenBos = (1 + 1 * bos) / (1 + 1);
  expect(bigram).toBeCloseTo(-(Math.log(bosThenA) + Math.log(aThenB) + Math.log(bThenBos)) / 3, 12);
});

test("only the first blockSize tokens of a document count, as in the model's loss", () => {
  expect(baselines([AB, AA], [AB], 3, 1)).toEqual(baselines([AB, AA], [[2, 0, 0, 0]], 3, 1));
});

test("bits cover the documents whole, also what lies beyond blockSize", () => {
  const { loss, bits } = measureBaselines([AB, AA], [AB, [2, 0, 0, 0, 1, 2]], 3, 16);
  const targets = 3 + 5;
  for (const name of ["uniform", "unigram", "bigram"] as const) {
    expect(bits[name]).toBeCloseTo((targets * loss[name]) / Math.LN2, 12);
  }
  const short = measureBaselines([AB, AA], [[2, 1, 1, 2]], 3, 1);
  // Counted in the first target of each document alone, a twice: of 3 targets, b, b and BOS, none was seen.
  expect(short.bits.unigram).toBeCloseTo(3 * Math.log2(5), 12);
  // After BOS, a twice (1 kind); after b, never seen, as without context.
  expect(short.bits.bigram).toBeCloseTo(Math.log2(15) + 2 * Math.log2(5), 12);
  expect(short.bits.uniform).toBeCloseTo(3 * Math.log2(3), 12);
  expect(short.loss.unigram).toBeCloseTo(Math.log(5), 12);
});

test("every conditional distribution sums to one, also after a token that was never seen", () => {
  const vocabSize = 5;
  const document = fc.array(fc.nat(vocabSize - 2), { maxLength: 8 }).map((ids) => [4, ...ids, 4]);
  fc.assert(
    fc.property(fc.array(document, { minLength: 1, maxLength: 5 }), fc.nat(vocabSize - 1), (train, token) => {
      let [unigram, bigram] = [0, 0];
      for (let next = 0; next < vocabSize; next++) {
        const loss = baselines(train, [[token, next]], vocabSize, 16);
        unigram += Math.exp(-loss.unigram);
        bigram += Math.exp(-loss.bigram);
      }
      expect(unigram).toBeCloseTo(1, 10);
      expect(bigram).toBeCloseTo(1, 10);
    }),
  );
});
