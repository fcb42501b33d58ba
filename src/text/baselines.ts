/**
 * What the loss of a model that has learnt nothing, or next to nothing, would be: the yardsticks beside the loss.
 *
 * All are means of −log p(token) over the same tokens: the first `blockSize` of each document, as the model counts.
 */

export interface Baselines {
  /** Every token is as likely as any other: ln(vocabSize). */
  readonly uniform: number;
  /** Tokens by how often they stand in the training documents, whatever came before. */
  readonly unigram: number;
  /** Tokens by how often they follow the one before. A GPT that looks further back must be below it. */
  readonly bigram: number;
}

/**
 * @param train documents as tokens, BOS at both ends: counted.
 * @param test likewise: measured. The training documents themselves, where none are held out.
 */
export function baselines(
  train: Iterable<ArrayLike<number>>,
  test: Iterable<ArrayLike<number>>,
  vocabSize: number,
  blockSize: number,
): Baselines {
  const counts = countPairs(train, vocabSize, blockSize);
  // Each count plus one (Laplace), so that a token that was never seen is not impossible.
  const unigram = (next: number): number => (counts.unigram[next] + 1) / (counts.total + vocabSize);
  // Pairs that were never seen share in proportion to the number of kinds that were (Witten & Bell 1991).
  const bigram = (token: number, next: number): number => {
    const follower = counts.followers.get(token);
    if (follower === undefined) return unigram(next);
    const kinds = follower.counts.size;
    return ((follower.counts.get(next) ?? 0) + kinds * unigram(next)) / (follower.total + kinds);
  };
  const sums = { unigram: 0, bigram: 0, tokens: 0 };
  eachPair(test, blockSize, (token, next) => {
    sums.unigram -= Math.log(unigram(next));
    sums.bigram -= Math.log(bigram(token, next));
    sums.tokens++;
  });
  const { tokens } = sums;
  return { uniform: Math.log(vocabSize), unigram: sums.unigram / tokens, bigram: sums.bigram / tokens };
}

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
  visit: (token: number, next: number) => void,
): void {
  for (const tokens of documents) {
    const positions = Math.min(blockSize, tokens.length - 1);
    for (let position = 0; position < positions; position++) visit(tokens[position], tokens[position + 1]);
  }
}
