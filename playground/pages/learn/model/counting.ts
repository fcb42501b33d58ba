/** Rungs that count instead of learning by gradients: blind, single letters, pairs. */
import { BLOCK_SIZE } from "./names.ts";
import type { Names } from "./names.ts";
import type { Predictor } from "./predictor.ts";

/** How often each token follows each token in the training names: [vocabSize][vocabSize], row = the earlier token. */
export function countPairs({ train, vocabSize }: Names): number[][] {
  const counts = Array.from({ length: vocabSize }, () => new Array<number>(vocabSize).fill(0));
  for (const tokens of train) {
    const positions = Math.min(BLOCK_SIZE, tokens.length - 1);
    for (let position = 0; position < positions; position++) counts[tokens[position]][tokens[position + 1]]++;
  }
  return counts;
}

/** Every token is equally likely. */
export function uniform({ vocabSize }: Names): Predictor {
  const probabilities = new Array<number>(vocabSize).fill(1 / vocabSize);
  return () => () => probabilities;
}

/** Each token is as likely as it is frequent; add-one smoothing, so that none has probability 0. */
export function letters({ vocabSize }: Names, counts: readonly (readonly number[])[]): Predictor {
  const totals = Array.from({ length: vocabSize }, (_, next) => sum(counts.map((row) => row[next])));
  const probabilities = totals.map((total) => (total + 1) / (sum(totals) + vocabSize));
  return () => () => probabilities;
}

/**
 * Each token is as likely as it is frequent after the token before. Unseen pairs get a share of the letters' frequencies
 * that grows with the number of distinct pairs seen (Witten & Bell 1991).
 */
export function pairs(names: Names, counts: readonly (readonly number[])[]): Predictor {
  const [unigram] = [letters(names, counts)()(0)];
  const rows = counts.map((row) => {
    const kinds = row.filter((count) => count > 0).length;
    if (kinds === 0) return unigram;
    return row.map((count, next) => (count + kinds * unigram[next]) / (sum(row) + kinds));
  });
  return () => (token) => rows[token];
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
