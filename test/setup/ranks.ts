import { Ranks } from "../../src/training/ranks.ts";

type Numbers = Float32Array | Float64Array;

/** Ranks within this process: a sum is done when all of them have called it, in the order of the ranks. */
export function ranksHere(size: number): Ranks[] {
  let waiting: { readonly rank: number; readonly lists: readonly Numbers[]; readonly done: () => void }[] = [];
  const sumAll = (): void => {
    const calls = waiting.toSorted((a, b) => a.rank - b.rank);
    waiting = [];
    for (const [i, first] of calls[0].lists.entries()) {
      const sums = first.slice();
      for (const { lists } of calls.slice(1)) for (let n = 0; n < sums.length; n++) sums[n] += lists[i][n];
      for (const { lists } of calls) lists[i].set(sums);
    }
    for (const { done } of calls) done();
  };
  const sum = (rank: number, lists: readonly Numbers[]): Promise<void> =>
    new Promise((done) => {
      waiting.push({ rank, lists, done });
      if (waiting.length === size) sumAll();
    });
  return Array.from({ length: size }, (_, rank) => new Ranks({ rank, size, sum: (...lists) => sum(rank, lists) }));
}
