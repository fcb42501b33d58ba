/**
 * A map from pairs of ids to numbers, in three typed arrays: the only lookup in the inner loops of learning and applying
 * merges, where a `Map` of joined keys would take three times as long.
 */

/** What `get` says of a pair that is not there. */
export const ABSENT = -1;

/** A hash table from pairs of ids to numbers, with open addressing. */
export class PairTable {
  #left: Int32Array;
  #right: Int32Array;
  #value: Int32Array;
  #size = 0;

  /** @param expected about how many pairs it will hold; it grows beyond. */
  constructor(expected: number = 16) {
    const capacity = 2 ** Math.ceil(Math.log2(2 * Math.max(8, expected)));
    this.#left = new Int32Array(capacity).fill(ABSENT);
    this.#right = new Int32Array(capacity);
    this.#value = new Int32Array(capacity);
  }

  /** The value of a pair, ≥ 0, or ABSENT. */
  get(left: number, right: number): number {
    const place = this.#place(left, right);
    return this.#left[place] === ABSENT ? ABSENT : this.#value[place];
  }

  /** Sets the value of a pair. */
  set(left: number, right: number, value: number): void {
    let place = this.#place(left, right);
    if (this.#left[place] === ABSENT) {
      if (2 * ++this.#size > this.#left.length) {
        this.#grow();
        place = this.#place(left, right);
      }
      this.#left[place] = left;
      this.#right[place] = right;
    }
    this.#value[place] = value;
  }

  /** Where a pair is, or would be: open addressing, one step after another; at least half of the places are free. */
  #place(left: number, right: number): number {
    const mask = this.#left.length - 1;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    let place = hash & mask;
    while (this.#left[place] !== ABSENT && (this.#left[place] !== left || this.#right[place] !== right)) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #grow(): void {
    const [left, right, value] = [this.#left, this.#right, this.#value];
    this.#left = new Int32Array(2 * left.length).fill(ABSENT);
    this.#right = new Int32Array(2 * left.length);
    this.#value = new Int32Array(2 * left.length);
    for (let i = 0; i < left.length; i++) {
      if (left[i] === ABSENT) continue;
      const place = this.#place(left[i], right[i]);
      this.#left[place] = left[i];
      this.#right[place] = right[i];
      this.#value[place] = value[i];
    }
  }
}
