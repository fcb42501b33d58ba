/**
 * A set of texts that stores a 64-bit hash of each, not the text: 16 to 32 bytes per text, whatever its length. Two
 * texts collide with probability 2⁻⁶⁴; among ten million texts, the chance of any collision is about 1 in 400,000.
 *
 *   words    low₀ high₀ │ 0 0 │ low₂ high₂ │ …      a hash table of 2ⁿ slots, two words each; a slot of zeros is free
 */

/** A set of texts, by hash. A text that was not added may be reported as present, with negligible probability. */
export class TextSet {
  /** Two words per slot; a slot of two zeros is free. */
  #words = new Uint32Array(2 * 1024);
  #size = 0;

  /** Number of texts in the set. */
  get size(): number {
    return this.#size;
  }

  /** The hash table, for `unpack`: a view, valid until the next `add`. */
  pack(): Uint32Array<ArrayBuffer> {
    return this.#words;
  }

  /** Restores a set from the words of `pack`, which it takes over. Throws RangeError if no set packed them. */
  static unpack(words: Uint32Array<ArrayBuffer>): TextSet {
    const set = new TextSet();
    const slots = words.length / 2;
    for (let i = 0; i < words.length; i += 2) if (words[i] !== 0 || words[i + 1] !== 0) set.#size++;
    if (slots < 2 || !Number.isInteger(Math.log2(slots)) || 4 * set.#size > words.length) {
      throw new RangeError("TextSet.unpack: expected the words of a packed set");
    }
    set.#words = words;
    return set;
  }

  /** Adds a text; returns whether it was new. */
  add(text: string): boolean {
    const [low, high] = hash64(text);
    const slot = this.#slot(low, high);
    if (!this.#isFree(slot)) return false;
    this.#words[slot] = low;
    this.#words[slot + 1] = high;
    if (4 * ++this.#size > this.#words.length) this.#grow();
    return true;
  }

  /** Whether the text was added. */
  has(text: string): boolean {
    return !this.#isFree(this.#slot(...hash64(text)));
  }

  #isFree(slot: number): boolean {
    return this.#words[slot] === 0 && this.#words[slot + 1] === 0;
  }

  /**
   * Offset of the slot that holds a hash, or of the free slot where it belongs: linear probing, at least half the slots
   * free.
   */
  #slot(low: number, high: number): number {
    const mask = this.#words.length - 2;
    let slot = (2 * low) & mask;
    while (!this.#isFree(slot) && (this.#words[slot] !== low || this.#words[slot + 1] !== high)) {
      slot = (slot + 2) & mask;
    }
    return slot;
  }

  #grow(): void {
    const words = this.#words;
    this.#words = new Uint32Array(2 * words.length);
    for (let i = 0; i < words.length; i += 2) {
      if (words[i] === 0 && words[i + 1] === 0) continue;
      const slot = this.#slot(words[i], words[i + 1]);
      this.#words[slot] = words[i];
      this.#words[slot + 1] = words[i + 1];
    }
  }
}

/** Hashes UTF-16 units in two lanes, each mixed as in MurmurHash3 (Appleby 2011) with its own constants. Never 0, 0. */
export function hash64(text: string): [low: number, high: number] {
  let low = text.length ^ 0x9747b28c;
  let high = text.length ^ 0x3c6ef372;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0xcc9e2d51);
    low ^= low >>> 15;
    high = Math.imul(high ^ unit, 0x85ebca6b) + 0x165667b1;
    high ^= high >>> 13;
  }
  return [(finish(low ^ (high >>> 7)) | 1) >>> 0, finish(high ^ (low << 3))];
}

/** MurmurHash3's final mix, `fmix32`. */
function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
