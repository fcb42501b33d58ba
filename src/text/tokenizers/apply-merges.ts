/**
 * Applies merges that `learn-merges.ts` learnt: replaces the base ids of a piece by the ids of merged tokens. The merge
 * learnt first has the lowest rank and goes first, from left to right.
 *
 *   position  0   1   2   3   4       ranks   l o → 0, e r → 1, lo w → 2
 *   symbols   l   o   w   e   r       heap    (0, 0) (1, 3)     rank and position of each pair that can be merged
 *             lo  ·   w   e   r               (1, 3) (2, 0)     merging l o makes lo w a candidate
 *             lo  ·   w   er  ·               (2, 0)
 *             low ·   ·   er  ·
 *
 * The heap makes a piece of n symbols take n log n. Searching for the best pair after every merge would take n², too
 * long for a megabyte without a space.
 */
import { TokenTexts } from "./learn-merges.ts";
import type { Merge } from "./learn-merges.ts";
import { ABSENT, PairTable } from "./pair-table.ts";

/** A heap key is rank · 2³² + position, which a double holds exactly. */
const POSITIONS = 2 ** 32;

/** Applies merges to pieces, in the order of their ranks. */
export class MergeApplier {
  /** Text of every token, base tokens first. */
  readonly texts: readonly string[];
  /** Pair → rank; below, rank → merged token. */
  readonly #rankOf: PairTable;
  readonly #made: Int32Array;
  readonly #merges: readonly Merge[];
  // Scratch for one piece: positions of the neighbouring symbols, as in `learn-merges.ts`.
  #previous = new Int32Array(64);
  #next = new Int32Array(64);
  readonly #heap = new MinHeap();

  /** Prepares to apply `merges`, which must be in the order in which they were learnt, to the ids of `base` tokens. */
  constructor(base: readonly string[], merges: readonly Merge[]) {
    const vocabulary = new TokenTexts(base);
    this.#merges = merges;
    this.#rankOf = new PairTable(merges.length);
    this.#made = new Int32Array(merges.length);
    for (const [rank, pair] of merges.entries()) {
      this.#made[rank] = vocabulary.merge(pair);
      this.#rankOf.set(...pair, rank);
    }
    this.texts = vocabulary.texts;
  }

  /**
   * Merges base ids in place; returns `symbols`, shortened. Negative ids represent unknown symbols: they are kept, and
   * nothing is merged across them.
   */
  apply(symbols: number[]): number[] {
    const { length } = symbols;
    if (length < 2) return symbols;
    this.#link(length);
    for (let position = 0; position + 1 < length; position++) this.#propose(symbols, position);
    for (let key = this.#heap.pop(); key !== null; key = this.#heap.pop()) {
      const rank = Math.floor(key / POSITIONS);
      this.#merge(symbols, key - rank * POSITIONS, rank);
    }
    let kept = 0;
    for (let position = 0; position !== ABSENT; position = this.#next[position]) symbols[kept++] = symbols[position];
    symbols.length = kept;
    return symbols;
  }

  /** Links each position to its neighbours. */
  #link(length: number): void {
    if (this.#next.length < length) {
      this.#previous = new Int32Array(2 * length);
      this.#next = new Int32Array(2 * length);
    }
    for (let position = 0; position < length; position++) {
      this.#previous[position] = position - 1;
      this.#next[position] = position + 1;
    }
    this.#next[length - 1] = ABSENT;
  }

  /** Pushes the pair that begins at a position onto the heap if there is a merge for it. */
  #propose(symbols: readonly number[], position: number): void {
    const [left, right] = [symbols[position], symbols[this.#next[position]]];
    if (left < 0 || right < 0) return;
    const rank = this.#rankOf.get(left, right);
    if (rank !== ABSENT) this.#heap.push(rank * POSITIONS + position);
  }

  /** Merges the pair at a position, unless one of the two has been merged into another token since it was pushed. */
  #merge(symbols: number[], position: number, rank: number): void {
    const second = this.#next[position];
    const [left, right] = this.#merges[rank];
    if (second === ABSENT || symbols[position] !== left || symbols[second] !== right) return;
    const after = this.#next[second];
    symbols[position] = this.#made[rank];
    symbols[second] = ABSENT;
    this.#next[position] = after;
    if (after !== ABSENT) {
      this.#previous[after] = position;
      this.#propose(symbols, position);
    }
    const before = this.#previous[position];
    if (before !== ABSENT) this.#propose(symbols, before);
  }
}

/** A binary heap of numbers, the lowest on top. */
class MinHeap {
  #keys = new Float64Array(64);
  #size = 0;

  push(key: number): void {
    if (this.#size === this.#keys.length) {
      const keys = new Float64Array(2 * this.#size);
      keys.set(this.#keys);
      this.#keys = keys;
    }
    const keys = this.#keys;
    let hole = this.#size++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[hole] = keys[parent];
      hole = parent;
    }
    keys[hole] = key;
  }

  pop(): number | null {
    if (this.#size === 0) return null;
    const keys = this.#keys;
    const top = keys[0];
    const last = keys[--this.#size];
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= last) break;
      keys[hole] = keys[child];
      hole = child;
    }
    keys[hole] = last;
    return top;
  }
}
