import { Ranks } from "../../src/training/ranks.ts";

type Numbers = Float32Array | Float64Array;

/** What a rank has given to be summed. */
interface Begun {
  readonly list: Numbers;
  /** What it was then: a change after `begin` is lost, as it may be with a real network. */
  readonly numbers: Numbers;
}

/** Ranks within this process: sums are done when all of them have called `sum`, in the order of the ranks. */
export function ranksHere(size: number): Ranks[] {
  const begun: Begun[][] = Array.from({ length: size }, () => []);
  let waiting: (() => void)[] = [];
  const sumAll = (): void => {
    const [done, ranks] = [waiting, begun.map((lists) => lists.splice(0))];
    waiting = [];
    for (const [i, first] of ranks[0].entries()) {
      const sums = first.numbers;
      for (const others of ranks.slice(1)) for (let n = 0; n < sums.length; n++) sums[n] += others[i].numbers[n];
      for (const lists of ranks) lists[i].list.set(sums);
    }
    for (const resolve of done) resolve();
  };
  const begin = (rank: number, list: Numbers): void => void begun[rank].push({ list, numbers: list.slice() });
  const sum = (rank: number, list: Float64Array): Promise<void> =>
    new Promise((done) => {
      begin(rank, list);
      waiting.push(done);
      if (waiting.length === size) sumAll();
    });
  return Array.from(
    { length: size },
    (_, rank) => new Ranks({ rank, size, begin: (list) => begin(rank, list), sum: (list) => sum(rank, list) }),
  );
}
