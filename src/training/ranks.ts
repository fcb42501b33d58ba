/**
 * One training in several processes, the ranks: data parallel. Every rank holds the whole model and computes a share of each
 * step's documents; the gradients are summed over all ranks, and each rank applies the same update to the same weights.
 *
 *   documents of a step   [ d0 d1 ][ d2 ][ d3 d4 d5 ]      consecutive, about the same number of tokens each
 *                           rank 0   rank 1   rank 2
 *   gradients               g0    +   g1   +   g2           summed in place: the same bits on every rank
 *
 * How numbers travel is a `RankTransport`: MPI in `node/mpi.ts`. The engine knows only this file.
 */

/** Sums numbers over processes. All ranks must make the same calls in the same order. */
export interface RankTransport {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /**
   * Begins to sum a list over all ranks, in place, to the same bits on every rank. It must have the same length everywhere, and
   * nobody else may use it until the next `sum` has resolved.
   */
  begin(list: Float32Array | Float64Array): void;
  /** Sums a short list in the same way; resolves when all sums are done. */
  sum(list: Float64Array): Promise<void>;
}

/** The ranks of a training. Every method must be called by all ranks, in the same order. */
export class Ranks {
  /** Number of this process, from 0; rank 0 reports and saves. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Exit code with which this process was asked to stop; null: it was not. */
  wish: number | null = null;
  readonly #transport: RankTransport;
  #agreed: number | null = null;
  #waitedMs = 0;

  /** @param transport how numbers travel. */
  constructor(transport: RankTransport) {
    this.#transport = transport;
    this.rank = transport.rank;
    this.size = transport.size;
  }

  /**
   * The exit code to stop with, or null: the wish of the first rank that had one at the last `sum`. So it is the same on all
   * ranks, which stop after the same step.
   */
  get agreedStop(): number | null {
    return this.#agreed;
  }

  /** Milliseconds that this process has spent in `sum`: it waited for other ranks, and for the transport. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** Begins to sum gradients over all ranks, in place. They are summed, and may be used, when the next `sum` has resolved. */
  begin(gradients: Float32Array | Float64Array): void {
    this.#transport.begin(gradients);
  }

  /** Sums the numbers over all ranks, and waits for what has begun. The wishes to stop travel with them. */
  async sum(numbers: readonly number[]): Promise<number[]> {
    const beginMs = performance.now();
    const list = new Float64Array(numbers.length + this.size);
    list.set(numbers);
    list[numbers.length + this.rank] = this.wish ?? 0;
    await this.#transport.sum(list);
    this.#agreed ??= list.subarray(numbers.length).find((code) => code !== 0) ?? null;
    this.#waitedMs += performance.now() - beginMs;
    return [...list.subarray(0, numbers.length)];
  }

  /** The numbers of every rank. All have equally many. */
  async gather(numbers: readonly number[]): Promise<number[][]> {
    const all = new Array<number>(numbers.length * this.size).fill(0);
    for (const [i, number] of numbers.entries()) all[this.rank * numbers.length + i] = number;
    const sums = await this.sum(all);
    return Array.from({ length: this.size }, (_, rank) =>
      sums.slice(rank * numbers.length, (rank + 1) * numbers.length),
    );
  }

  /** The number of rank 0. */
  async ofFirst(number: number): Promise<number> {
    return (await this.gather([number]))[0][0];
  }

  /**
   * The first rank whose hash is not that of rank 0; null: all have the same.
   * @param hash hexadecimal digits, equally many on every rank.
   */
  async findOther(hash: string): Promise<number | null> {
    const all = await this.gather(hash.match(/.{1,8}/g)!.map((digits) => Number.parseInt(digits, 16)));
    const other = all.findIndex((numbers) => numbers.some((number, i) => number !== all[0][i]));
    return other < 0 ? null : other;
  }
}

/** An engine's name, with its ranks: `wasm, 2 threads` → `wasm, 3 ranks × 2 threads`. @param ranks null: none. */
export function nameWithRanks(name: string, ranks: Ranks | null): string {
  if (ranks === null) return name;
  const [threads] = /\d+ threads/.exec(name) ?? [];
  if (threads === undefined) return `${name}, ${ranks.size} ranks × 1 thread`;
  return name.replace(threads, `${ranks.size} ranks × ${threads}`);
}

/** This process's share of a step. */
export interface StepShare {
  /** Number of the step's tokens before the share, for dropout: its bits depend on a token's place in the whole step. */
  readonly firstToken: number;
  /** Number of its passes; 0: there are more ranks than documents. */
  readonly passes: number;
  /** The ranks that compute the other shares. */
  readonly ranks: Ranks;
}

/** The documents of a rank: [from, to) of all, the number of tokens before them, and that of all documents. */
export function shareOf(
  { rank, size }: Pick<Ranks, "rank" | "size">,
  tokens: readonly number[],
): { readonly from: number; readonly to: number; readonly before: number; readonly tokens: number } {
  const [from, to] = divide(tokens, size).slice(rank);
  return { from, to, before: sum(tokens.slice(0, from)), tokens: sum(tokens) };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/**
 * Divides consecutive documents among ranks so that the largest share is as small as it can be. Document i is of rank r if
 * bounds[r] ≤ i < bounds[r + 1]; a rank may have none.
 * @example
 * divide([4, 1, 1, 5, 2], 2); // [0, 3, 5]: 6 and 7 tokens
 * @param tokens of each document.
 */
export function divide(tokens: readonly number[], ranks: number): number[] {
  let [low, high] = [Math.max(0, ...tokens), sum(tokens)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fill(tokens, middle).length <= ranks) high = middle;
    else low = middle + 1;
  }
  const ends = fill(tokens, low);
  return [0, ...Array.from({ length: ranks }, (_, rank) => ends[rank] ?? tokens.length)];
}

/** Ends of shares that are filled one after another, each with at most `most` tokens. */
function fill(tokens: readonly number[], most: number): number[] {
  const ends: number[] = [];
  let filled = 0;
  for (const [i, count] of tokens.entries()) {
    if (filled + count > most) {
      ends.push(i);
      filled = 0;
    }
    filled += count;
  }
  return [...ends, tokens.length];
}
