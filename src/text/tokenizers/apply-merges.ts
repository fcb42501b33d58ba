/**
 * Applying merges: the ids of a piece, base tokens at first, become the ids of the tokens they make together. The merge
 * that was learnt first goes first, wherever it fits, from left to right.
 *
 * Not merge by merge over the whole piece, and not by a search for the best pair after every step, which takes n² for a
 * piece of n symbols: what can be merged waits in a heap, so a megabyte without a space takes n log n.
 */
import { TokenTexts } from "./learn-merges.ts";
import type { Merge } from "./learn-merges.ts";
import { ABSENT, PairTable } from "./pair-table.ts";

/** Heap keys are rank · 2³² + place: both fit a double exactly. */
const PLACES = 2 ** 32;

/** Applies merges to words, in the order of their ranks. */
export class MergeApplier {
  /** The text of every token, base ones first. */
  readonly texts: readonly string[];
  /** Pair → rank, and rank → the token that it makes. */
  readonly #rankOf: PairTable;
  readonly #made: Int32Array;
  readonly #merges: readonly Merge[];
  // Scratch, for one piece at a time.
  #previous = new Int32Array(64);
  #next = new Int32Array(64);
  readonly #heap = new MinHeap();

  /** @param base the base tokens. @param merges in the order in which they were learnt. */
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

  /** @param symbols base ids, overwritten. Negative ones are no tokens: they stay, and nothing is merged across them. */
  apply(symbols: number[]): number[] {
    const { length } = symbols;
    if (length < 2) return symbols;
    this.#link(length);
    for (let place = 0; place + 1 < length; place++) this.#propose(symbols, place);
    for (let key = this.#heap.pop(); key !== null; key = this.#heap.pop()) {
      const rank = Math.floor(key / PLACES);
      this.#merge(symbols, key - rank * PLACES, rank);
    }
    let kept = 0;
    for (let place = 0; place !== ABSENT; place = this.#next[place]) symbols[kept++] = symbols[place];
    symbols.length = kept;
    return symbols;
  }

  /** Every place has its neighbours. */
  #link(length: number): void {
    if (this.#next.length < length) {
      this.#previous = new Int32Array(2 * length);
      this.#next = new Int32Array(2 * length);
    }
    for (let place = 0; place < length; place++) {
      this.#previous[place] = place - 1;
      this.#next[place] = place + 1;
    }
    this.#next[length - 1] = ABSENT;
  }

  /** Puts the pair that begins at a place into the heap, if it is one to merge. */
  #propose(symbols: readonly number[], place: number): void {
    const [left, right] = [symbols[place], symbols[this.#next[place]]];
    if (left < 0 || right < 0) return;
    const rank = this.#rankOf.get(left, right);
    if (rank !== ABSENT) this.#heap.push(rank * PLACES + place);
  }

  /** Does so, unless one of the two has become part of another token since. */
  #merge(symbols: number[], place: number, rank: number): void {
    const second = this.#next[place];
    const [left, right] = this.#merges[rank];
    if (second === ABSENT || symbols[place] !== left || symbols[second] !== right) return;
    const after = this.#next[second];
    symbols[place] = this.#made[rank];
    symbols[second] = ABSENT;
    this.#next[place] = after;
    if (after !== ABSENT) {
      this.#previous[after] = place;
      this.#propose(symbols, place);
    }
    const before = this.#previous[place];
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
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent] <= key) break;
      keys[at] = keys[parent];
      at = parent;
    }
    keys[at] = key;
  }

  pop(): number | null {
    if (this.#size === 0) return null;
    const keys = this.#keys;
    const top = keys[0];
    const last = keys[--this.#size];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && keys[child + 1] < keys[child]) child++;
      if (keys[child] >= last) break;
      keys[at] = keys[child];
      at = child;
    }
    keys[at] = last;
    return top;
  }
}
