/**
 * Learns merges by byte pair encoding (Sennrich et al. 2016): repeatedly, the most frequent pair of neighbouring tokens
 * becomes one token. The naive way counts all pairs for every merge; here a merge changes only the counts around the
 * positions where it happens, and the most frequent pair comes from a heap. The result is the same to the last tie.
 *
 *   words       l o w │ l o w e r │ …        weight: how often the word was met
 *   position    0 1 2   3 4 5 6 7
 *   symbols     l o w   l o w e r
 *   merge l o:  lo · w  lo · w e r           · ABSENT: merged into the symbol before; previous and next skip it
 *
 *   pair table  (l, o) → index of its state: count, and the positions where it begins
 *   heap        (count, first position) of pairs; entries may be too good, never too bad, and are checked when popped
 *
 * All words share one list of symbols, so a position is one number and "met first" means "lowest position".
 */
import { ABSENT, PairTable } from "./pair-table.ts";

/** Two token ids that become one token. */
export type Merge = readonly [left: number, right: number];

/** No token gets longer than this many characters (or bytes): the text of all tokens must stay printable. */
export const MAX_TOKEN_LENGTH = 65_536;

/** A merge that was just learnt. */
export interface MergeEvent {
  /** Merges learnt so far, this one included. */
  readonly count: number;
  /** The texts of the two tokens; the new one is both. In byte-bpe a character stands for a byte, in bpe a space for the end of a word. */
  readonly left: string;
  /** The text of the second token. */
  readonly right: string;
  /** How often the pair was in the training text. */
  readonly frequency: number;
}

/** When learning stops. */
export interface LearnOptions {
  /** Stop after so many merges; null: no limit. */
  readonly maxMerges: number | null;
  /** Stop when there are so many tokens, the base ones included; null: no limit. */
  readonly maxTokens: number | null;
  /** Is called after each merge, in order. */
  readonly onMerge?: ((merge: MergeEvent) => void) | undefined;
}

/** Tokens are equal if their texts are: a merge that makes a text again, from other parts, adds no token. */
export class TokenTexts {
  /** The text of each token, by id. */
  readonly texts: string[];
  readonly #idOf: Map<string, number>;

  /** @param base the texts of the base tokens. */
  constructor(base: readonly string[]) {
    this.texts = [...base];
    this.#idOf = new Map(base.map((text, id) => [text, id]));
  }

  /** The id of the token that a merge makes. */
  merge([left, right]: Merge): number {
    const text = this.texts[left] + this.texts[right];
    const known = this.#idOf.get(text);
    if (known !== undefined) return known;
    this.#idOf.set(text, this.texts.length);
    return this.texts.push(text) - 1;
  }
}

/**
 * @param words each distinct word as base ids, in the order in which they were met, and how often it was.
 * @param base the text of every base id. Merges come out in the order in which they are to be applied.
 */
export function learnMerges(
  words: Iterable<readonly [ids: readonly number[], count: number]>,
  base: readonly string[],
  { maxMerges, maxTokens, onMerge }: LearnOptions,
): Merge[] {
  const vocabulary = new TokenTexts(base);
  const learner = new MergeLearner(words);
  const merges: Merge[] = [];
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
    onMerge?.({ count: merges.length, left: vocabulary.texts[left], right: vocabulary.texts[right], frequency });
  }
  return merges;
}

/** What is known of a pair. */
interface PairState {
  readonly pair: Merge;
  /** How often it stands in the text now: words weigh as often as they were met. */
  count: number;
  /** Places where it was seen to begin, rising if `isSorted`; it may stand there no more. */
  readonly places: number[];
  isSorted: boolean;
  /** All of `places` before this index are places where it stands no more. */
  firstIndex: number;
}

class MergeLearner {
  /** The symbol at a place; ABSENT where it was merged into the one before. Words have ABSENT between them. */
  readonly #symbols: Int32Array;
  /** The places of the symbols before and behind, in the same word; ABSENT at its ends. */
  readonly #previous: Int32Array;
  readonly #next: Int32Array;
  /** How often the word around a place was met. */
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
    let place = 0;
    for (const [ids, count] of all) {
      const [first, last] = [place, place + ids.length - 1];
      for (const id of ids) {
        this.#symbols[place] = id;
        this.#previous[place] = place > first ? place - 1 : ABSENT;
        this.#next[place] = place < last ? place + 1 : ABSENT;
        this.#weights[place++] = count;
      }
    }
    for (let at = 0; at < length; at++) if (this.#next[at] !== ABSENT) this.#add(at);
    for (const [index, { count }] of this.#pairs.entries()) this.#heap.push(index, count, this.#pairs[index].places[0]);
  }

  /** The pair with the highest count, of several the one that stands first; null if there is no pair any more. */
  mostFrequent(): Merge | null {
    for (;;) {
      const top = this.#heap.pop();
      if (top === null) return null;
      const state = this.#pairs[top.index];
      if (state.count <= 0) continue;
      // An entry of the heap may be too good, never too bad: counts fall and first places move back unnoticed.
      const first = this.#firstPlace(state);
      if (state.count === top.count && first === top.first) return state.pair;
      this.#heap.push(top.index, state.count, first);
    }
  }

  /** How often the pair is in the text now, words counted as often as they were met. */
  frequencyOf([left, right]: Merge): number {
    return this.#pairs[this.#indexOf.get(left, right)].count;
  }

  /** This pair is never to be merged: it is out of the heap, and stays out. */
  forget([left, right]: Merge): void {
    this.#pairs[this.#indexOf.get(left, right)].count = -Infinity;
  }

  /** Wherever the pair stands, from left to right, `token` takes its place. */
  merge([left, right]: Merge, token: number): void {
    const { places } = this.#sorted(this.#pairs[this.#indexOf.get(left, right)]);
    const grown = new Set<number>();
    for (const place of places) {
      if (!this.#stands(place, left, right)) continue;
      const second = this.#next[place];
      const [before, after] = [this.#previous[place], this.#next[second]];
      this.#remove(place);
      if (before !== ABSENT) this.#remove(before);
      if (after !== ABSENT) this.#remove(second);
      this.#symbols[place] = token;
      this.#symbols[second] = ABSENT;
      this.#next[place] = after;
      if (after !== ABSENT) this.#previous[after] = place;
      if (before !== ABSENT) grown.add(this.#add(before));
      if (after !== ABSENT) grown.add(this.#add(place));
    }
    for (const index of grown) {
      const state = this.#pairs[index];
      if (state.count > 0) this.#heap.push(index, state.count, this.#firstPlace(state));
    }
  }

  #stands(place: number, left: number, right: number): boolean {
    const next = this.#next[place];
    return this.#symbols[place] === left && next !== ABSENT && this.#symbols[next] === right;
  }

  /** One more of the pair that begins at a place; returns its index. */
  #add(place: number): number {
    const [left, right] = [this.#symbols[place], this.#symbols[this.#next[place]]];
    let index = this.#indexOf.get(left, right);
    if (index === ABSENT) {
      index = this.#pairs.push({ pair: [left, right], count: 0, places: [], isSorted: true, firstIndex: 0 }) - 1;
      this.#indexOf.set(left, right, index);
    }
    const state = this.#pairs[index];
    state.count += this.#weights[place];
    // A merge finds places in rising order, and a pair with a new token has all its places from one merge. Only a token
    // that is made a second time, from other parts, adds to a list that was complete.
    if (state.places.length > 0 && place < state.places[state.places.length - 1]) state.isSorted = false;
    state.places.push(place);
    return index;
  }

  #remove(place: number): void {
    const index = this.#indexOf.get(this.#symbols[place], this.#symbols[this.#next[place]]);
    this.#pairs[index].count -= this.#weights[place];
  }

  /** The lowest place where the pair stands; it stands somewhere. */
  #firstPlace(state: PairState): number {
    const { pair, places } = this.#sorted(state);
    while (!this.#stands(places[state.firstIndex], ...pair)) state.firstIndex++;
    return places[state.firstIndex];
  }

  #sorted(state: PairState): PairState {
    if (!state.isSorted) {
      state.places.sort((a, b) => a - b);
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

/** A binary heap: the highest count on top, of equal ones the lowest first place. */
class PairHeap {
  readonly #entries: HeapEntry[] = [];

  push(index: number, count: number, first: number): void {
    const entries = this.#entries;
    const entry = { index, count, first };
    let at = entries.push(entry) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && isBetter(entry, entries[parent]); parent = (at - 1) >> 1) {
      entries[at] = entries[parent];
      at = parent;
    }
    entries[at] = entry;
  }

  pop(): HeapEntry | null {
    const entries = this.#entries;
    const top = entries[0] ?? null;
    const last = entries.pop();
    if (last === undefined || entries.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= entries.length) break;
      if (child + 1 < entries.length && isBetter(entries[child + 1], entries[child])) child++;
      if (!isBetter(entries[child], last)) break;
      entries[at] = entries[child];
      at = child;
    }
    entries[at] = last;
    return top;
  }
}

const isBetter = (a: HeapEntry, b: HeapEntry): boolean =>
  a.count > b.count || (a.count === b.count && a.first < b.first);
