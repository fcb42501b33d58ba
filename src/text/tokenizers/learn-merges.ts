/**
 * Learns merges by byte pair encoding (Sennrich et al. 2016): repeatedly, the most frequent pair of neighbouring tokens
 * becomes one token. The naive way counts all pairs for every merge; here a merge changes only the counts around the
 * positions where it happens, and the most frequent pair comes from a heap. The result is the same to the last tie.
 * `apply-merges.ts` applies what is learnt here.
 *
 *   words       l  o  w  │ l  o  w  e  r  │ …   distinct words; weight: occurrences, here 5 and 2
 *   position    0  1  2    3  4  5  6  7
 *   symbols     l  o  w    l  o  w  e  r
 *   merge l o   lo ·  w    lo ·  w  e  r        · is ABSENT: merged into the symbol before it
 *   next        2     ·    5     6  7  ·        links within the word skip it; `previous` likewise
 *
 *   pair table  (l, o) → 0, (o, w) → 1, …       index of the pair's state
 *   pairs[0]    count 7, positions 0 3          before the merge: summed weights, and where the pair begins
 *   heap        (index 0, count 7, first 0) …   highest count on top; of equal counts, the lowest first position
 *
 * All words share one list of symbols, so a position is one number and "seen first" means "lowest position". Counts in
 * the heap are upper bounds: an entry is compared with the pair's state when it is popped, and pushed back if outdated.
 */
import { ABSENT, PairTable } from "./pair-table.ts";

/** Two token ids that become one token. */
export type Merge = readonly [left: number, right: number];

/** Maximum length of a token in characters (byte-bpe: bytes), so that all tokens can be printed. */
export const MAX_TOKEN_LENGTH = 65_536;

/** A merge that has just been learnt. */
export interface MergeEvent {
  /** Merges learnt so far, this one included. */
  readonly count: number;
  /** Merges wanted; fewer are learnt where no pair is left. */
  readonly total: number;
  /**
   * Text of the first token. In byte-bpe each character represents a byte; in bpe a space represents the end of a word.
   */
  readonly left: string;
  /** Text of the second token. The new token is `left + right`. */
  readonly right: string;
  /** How often the pair occurred in the training text. */
  readonly frequency: number;
}

/** When learning stops. */
export interface LearnOptions {
  /** Maximum number of merges; null: no limit. */
  readonly maxMerges: number | null;
  /** Maximum number of tokens, base tokens included; null: no limit. */
  readonly maxTokens: number | null;
  /** Called after each merge, in order. */
  readonly onMerge?: ((merge: MergeEvent) => void) | undefined;
}

/**
 * The texts of all tokens, without duplicates: a merge whose text exists already, from another pair, adds no token.
 * `a·bc` and `ab·c` are the same token `abc`.
 */
export class TokenTexts {
  /** Text of each token, by id. */
  readonly texts: string[];
  readonly #idOf: Map<string, number>;

  /** Starts with the texts of the base tokens. */
  constructor(base: readonly string[]) {
    this.texts = [...base];
    this.#idOf = new Map(base.map((text, id) => [text, id]));
  }

  /** The id of the merged token: a new one, or that of the same text. */
  merge([left, right]: Merge): number {
    const text = this.texts[left] + this.texts[right];
    const known = this.#idOf.get(text);
    if (known !== undefined) return known;
    this.#idOf.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}

/**
 * Learns merges and returns them in the order in which they must be applied.
 * @param words each distinct word as base ids, in order of first occurrence, with its number of occurrences.
 * @param base the text of every base id.
 */
export function learnMerges(
  words: Iterable<readonly [ids: readonly number[], count: number]>,
  base: readonly string[],
  { maxMerges, maxTokens, onMerge }: LearnOptions,
): Merge[] {
  const vocabulary = new TokenTexts(base);
  const learner = new MergeLearner(words);
  const merges: Merge[] = [];
  const total = maxMerges ?? (maxTokens === null ? 0 : maxTokens - base.length);
  while (merges.length < (maxMerges ?? Infinity) && vocabulary.texts.length < (maxTokens ?? Infinity)) {
    const pair = learner.mostFrequent();
    if (pair === null) break;
    const [left, right] = pair;
    if (vocabulary.texts[left].length + vocabulary.texts[right].length > MAX_TOKEN_LENGTH) {
      learner.forget(pair);
      continue;
    }
    const frequency = learner.frequencyOf(pair);
    learner.merge(pair, vocabulary.merge(pair));
    merges.push(pair);
    const texts = { left: vocabulary.texts[left], right: vocabulary.texts[right] };
    onMerge?.({ count: merges.length, total: Math.max(total, merges.length), ...texts, frequency });
  }
  return merges;
}

/** A pair and where it occurs. */
interface PairState {
  readonly pair: Merge;
  /** How often it occurs now: the sum of its positions' weights. */
  count: number;
  /** Positions where it has begun, ascending if `isSorted`; it may have been merged away from some of them. */
  readonly positions: number[];
  isSorted: boolean;
  /** The pair no longer occurs at any of `positions` before this index. */
  firstIndex: number;
}

class MergeLearner {
  /** Symbol at each position; ABSENT where it was merged into the one before it. */
  readonly #symbols: Int32Array;
  /** Positions of the neighbouring symbols within the word; ABSENT at its ends. */
  readonly #previous: Int32Array;
  readonly #next: Int32Array;
  /** How often the word around a position occurs. */
  readonly #weights: Float64Array;
  readonly #indexOf = new PairTable(4096);
  readonly #pairs: PairState[] = [];
  readonly #heap = new PairHeap();

  constructor(words: Iterable<readonly [ids: readonly number[], count: number]>) {
    const all = [...words];
    const length = all.reduce((sum, [ids]) => sum + ids.length, 0);
    this.#symbols = new Int32Array(length);
    this.#previous = new Int32Array(length);
    this.#next = new Int32Array(length);
    this.#weights = new Float64Array(length);
    let position = 0;
    for (const [ids, count] of all) {
      const [first, last] = [position, position + ids.length - 1];
      for (const id of ids) {
        this.#symbols[position] = id;
        this.#previous[position] = position > first ? position - 1 : ABSENT;
        this.#next[position] = position < last ? position + 1 : ABSENT;
        this.#weights[position++] = count;
      }
    }
    for (let i = 0; i < length; i++) if (this.#next[i] !== ABSENT) this.#add(i);
    for (const [index, { count }] of this.#pairs.entries())
      this.#heap.push(index, count, this.#pairs[index].positions[0]);
  }

  /** The pair with the highest count, of several the one that occurs first; null if no pair is left. */
  mostFrequent(): Merge | null {
    for (;;) {
      const top = this.#heap.pop();
      if (top === null) return null;
      const state = this.#pairs[top.index];
      if (state.count <= 0) continue;
      // An entry is an upper bound: since it was pushed, the count may have fallen, the first position risen.
      const first = this.#firstPosition(state);
      if (state.count === top.count && first === top.first) return state.pair;
      this.#heap.push(top.index, state.count, first);
    }
  }

  /** How often the pair occurs now, weighted by word. */
  frequencyOf([left, right]: Merge): number {
    return this.#pairs[this.#indexOf.get(left, right)].count;
  }

  /** Excludes a pair, just popped, from merging: it never returns to the heap. */
  forget([left, right]: Merge): void {
    this.#pairs[this.#indexOf.get(left, right)].count = -Infinity;
  }

  /** Replaces every occurrence of the pair, from left to right, by `token`. */
  merge([left, right]: Merge, token: number): void {
    const { positions } = this.#sorted(this.#pairs[this.#indexOf.get(left, right)]);
    const grown = new Set<number>();
    for (const position of positions) {
      if (!this.#occursAt(position, left, right)) continue;
      const second = this.#next[position];
      const [before, after] = [this.#previous[position], this.#next[second]];
      this.#remove(position);
      if (before !== ABSENT) this.#remove(before);
      if (after !== ABSENT) this.#remove(second);
      this.#symbols[position] = token;
      this.#symbols[second] = ABSENT;
      this.#next[position] = after;
      if (after !== ABSENT) this.#previous[after] = position;
      if (before !== ABSENT) grown.add(this.#add(before));
      if (after !== ABSENT) grown.add(this.#add(position));
    }
    for (const index of grown) {
      const state = this.#pairs[index];
      if (state.count > 0) this.#heap.push(index, state.count, this.#firstPosition(state));
    }
  }

  #occursAt(position: number, left: number, right: number): boolean {
    const next = this.#next[position];
    return this.#symbols[position] === left && next !== ABSENT && this.#symbols[next] === right;
  }

  /** Counts the pair that begins at a position; returns its index in `#pairs`. */
  #add(position: number): number {
    const [left, right] = [this.#symbols[position], this.#symbols[this.#next[position]]];
    let index = this.#indexOf.get(left, right);
    if (index === ABSENT) {
      index = this.#pairs.push({ pair: [left, right], count: 0, positions: [], isSorted: true, firstIndex: 0 }) - 1;
      this.#indexOf.set(left, right, index);
    }
    const state = this.#pairs[index];
    state.count += this.#weights[position];
    // A merge visits positions in ascending order, and a pair with a new token gets all its positions from that merge.
    // Only a token made a second time, from another pair, adds to a list that was complete.
    if (state.positions.length > 0 && position < state.positions[state.positions.length - 1]) state.isSorted = false;
    state.positions.push(position);
    return index;
  }

  #remove(position: number): void {
    const index = this.#indexOf.get(this.#symbols[position], this.#symbols[this.#next[position]]);
    this.#pairs[index].count -= this.#weights[position];
  }

  /** The lowest position of a pair that occurs at least once. */
  #firstPosition(state: PairState): number {
    const { pair, positions } = this.#sorted(state);
    while (!this.#occursAt(positions[state.firstIndex], ...pair)) state.firstIndex++;
    return positions[state.firstIndex];
  }

  #sorted(state: PairState): PairState {
    if (!state.isSorted) {
      state.positions.sort((a, b) => a - b);
      state.isSorted = true;
      state.firstIndex = 0;
    }
    return state;
  }
}

interface HeapEntry {
  readonly index: number;
  readonly count: number;
  readonly first: number;
}

/** A binary heap: the highest count on top; of equal counts, the lowest first position. */
class PairHeap {
  readonly #entries: HeapEntry[] = [];

  push(index: number, count: number, first: number): void {
    const entries = this.#entries;
    const entry = { index, count, first };
    let hole = entries.push(entry) - 1;
    for (let parent = (hole - 1) >> 1; hole > 0 && isBetter(entry, entries[parent]); parent = (hole - 1) >> 1) {
      entries[hole] = entries[parent];
      hole = parent;
    }
    entries[hole] = entry;
  }

  pop(): HeapEntry | null {
    const entries = this.#entries;
    const top = entries[0] ?? null;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return top;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && isBetter(entries[child + 1], entries[child])) child++;
      if (!isBetter(entries[child], last)) break;
      entries[hole] = entries[child];
      hole = child;
    }
    entries[hole] = last;
    return top;
  }
}

const isBetter = (a: HeapEntry, b: HeapEntry): boolean =>
  a.count > b.count || (a.count === b.count && a.first < b.first);
