/**
 * A map from pairs of ids to numbers, in three typed arrays: the only lookup in the inner loops of learning and
 * applying merges, where a `Map` of joined keys would take three times as long.
 *
 *   slot     0   1   2   3   …          2ⁿ slots, at least half of them free
 *   left     ·   7   ·   3              · is ABSENT: a free slot
 *   right        2       9
 *   value        0       1              (7, 2) → 0, (3, 9) → 1
 *
 * A pair is in the slot of its hash or in the first slot after it that was free (linear probing). No deletion.
 */

/** Result of `get` for a pair that is not in the table. */
export const ABSENT = -1;

/** A hash table from pairs of ids to numbers, with open addressing. */
export class PairTable {
  #left: Int32Array;
  #right: Int32Array;
  #value: Int32Array;
  #size = 0;

  /** Allocates slots for about `expected` pairs; grows as needed. */
  constructor(expected: number = 16) {
    const capacity = 2 ** Math.ceil(Math.log2(2 * Math.max(8, expected)));
    this.#left = new Int32Array(capacity).fill(ABSENT);
    this.#right = new Int32Array(capacity);
    this.#value = new Int32Array(capacity);
  }

  /** The value of a pair; ABSENT if it has none. */
  get(left: number, right: number): number {
    const slot = this.#slot(left, right);
    return this.#left[slot] === ABSENT ? ABSENT : this.#value[slot];
  }

  /** Sets the value of a pair: ids and value are at least 0. */
  set(left: number, right: number, value: number): void {
    let slot = this.#slot(left, right);
    if (this.#left[slot] === ABSENT) {
      if (2 * ++this.#size > this.#left.length) {
        this.#grow();
        slot = this.#slot(left, right);
      }
      this.#left[slot] = left;
      this.#right[slot] = right;
    }
    this.#value[slot] = value;
  }

  /** The slot that holds a pair, or the free slot where it belongs. */
  #slot(left: number, right: number): number {
    const mask = this.#left.length - 1;
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = hash & mask;
    while (this.#left[slot] !== ABSENT && (this.#left[slot] !== left || this.#right[slot] !== right)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [left, right, value] = [this.#left, this.#right, this.#value];
    this.#left = new Int32Array(2 * left.length).fill(ABSENT);
    this.#right = new Int32Array(2 * left.length);
    this.#value = new Int32Array(2 * left.length);
    for (let i = 0; i < left.length; i++) {
      if (left[i] === ABSENT) continue;
      const slot = this.#slot(left[i], right[i]);
      this.#left[slot] = left[i];
      this.#right[slot] = right[i];
      this.#value[slot] = value[i];
    }
  }
}
