/**
 * Losses of trivial models, as yardsticks for the model's own loss. Counts only; nothing here is trained by gradients.
 */
import { isRecord } from "../errors.ts";

/**
 * Means of −log p in nats per token, over the tokens that the model's loss covers: the first blockSize targets per
 * document.
 */
export interface Baselines {
  /** Every token equally likely: ln(vocabSize), the loss before training. */
  readonly uniform: number;
  /** Tokens predicted by their frequency in the training documents, without context. */
  readonly unigram: number;
  /** Tokens predicted from the previous token alone. A GPT that uses more context must be below it. */
  readonly bigram: number;
}

/** Whether JSON from outside is `Baselines`. */
export const isBaselines = (json: unknown): json is Baselines =>
  isRecord(json) && [json.uniform, json.unigram, json.bigram].every(Number.isFinite);

/** The same models on the same documents, measured as a training is. */
export interface MeasuredBaselines {
  /** Nats per token over the first blockSize targets of each document. */
  readonly loss: Baselines;
  /** −log₂ of the probability of all documents whole: their length in bits, ideally coded. A table needs no restarts. */
  readonly bits: Baselines;
}

/**
 * Computes the baselines on `test` from counts on the first blockSize targets of each document of `train`. Documents are
 * tokens with BOS at both ends. Where none are held out, `test` is the training documents themselves.
 */
export function baselines(
  train: Iterable<ArrayLike<number>>,
  test: Iterable<ArrayLike<number>>,
  vocabSize: number,
  blockSize: number,
): Baselines {
  return measureBaselines(train, test, vocabSize, blockSize).loss;
}

/** As `baselines`, with the bits of the whole documents. */
export function measureBaselines(
  train: Iterable<ArrayLike<number>>,
  test: Iterable<ArrayLike<number>>,
  vocabSize: number,
  blockSize: number,
): MeasuredBaselines {
  const counts = countPairs(train, vocabSize, blockSize);
  // Add-one (Laplace) smoothing, so that no token has probability 0.
  const unigram = (next: number): number => (counts.unigram[next] + 1) / (counts.total + vocabSize);
  // Witten–Bell smoothing (1991): unseen pairs get a share that grows with the number of distinct pairs seen.
  const bigram = (token: number, next: number): number => {
    const follower = counts.followers.get(token);
    if (follower === undefined) return unigram(next);
    const kinds = follower.counts.size;
    return ((follower.counts.get(next) ?? 0) + kinds * unigram(next)) / (follower.total + kinds);
  };
  const [beginnings, rest] = [newSums(), newSums()];
  eachPair(test, Infinity, (token, next, position) => {
    const sums = position < blockSize ? beginnings : rest;
    sums.unigram -= Math.log(unigram(next));
    sums.bigram -= Math.log(bigram(token, next));
    sums.tokens++;
  });
  const { tokens } = beginnings;
  const uniform = Math.log(vocabSize);
  return {
    loss: { uniform, unigram: beginnings.unigram / tokens, bigram: beginnings.bigram / tokens },
    bits: {
      uniform: (uniform * (tokens + rest.tokens)) / Math.LN2,
      unigram: (beginnings.unigram + rest.unigram) / Math.LN2,
      bigram: (beginnings.bigram + rest.bigram) / Math.LN2,
    },
  };
}

/** Sums of −log p, in nats, and the number of targets. */
const newSums = (): { unigram: number; bigram: number; tokens: number } => ({ unigram: 0, bigram: 0, tokens: 0 });

type Followers = { total: number; readonly counts: Map<number, number> };

function countPairs(
  documents: Iterable<ArrayLike<number>>,
  vocabSize: number,
  blockSize: number,
): { unigram: Float64Array; total: number; followers: Map<number, Followers> } {
  const unigram = new Float64Array(vocabSize);
  const followers = new Map<number, Followers>();
  let total = 0;
  eachPair(documents, blockSize, (token, next) => {
    unigram[next]++;
    total++;
    const follower = followers.get(token) ?? { total: 0, counts: new Map<number, number>() };
    follower.total++;
    follower.counts.set(next, (follower.counts.get(next) ?? 0) + 1);
    followers.set(token, follower);
  });
  return { unigram, total, followers };
}

function eachPair(
  documents: Iterable<ArrayLike<number>>,
  blockSize: number,
  visit: (token: number, next: number, position: number) => void,
): void {
  for (const tokens of documents) {
    const positions = Math.min(blockSize, tokens.length - 1);
    for (let position = 0; position < positions; position++) visit(tokens[position], tokens[position + 1], position);
  }
}
