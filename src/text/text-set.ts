/**
 * A set of texts that remembers 64 bits of each, not the texts: what is in it takes 16 to 32 bytes, however long it was.
 * Two texts look the same with a chance of 2⁻⁶⁴ each; among ten million, some pair does once in 400,000 sets.
 */

export class TextSet {
  /** Two words a place; a place of two zeros is free. */
  #words = new Uint32Array(2 * 1024);
  #size = 0;

  /** Texts in the set. */
  get size(): number {
    return this.#size;
  }

  /** All that is remembered; a view, for `unpack`. */
  pack(): Uint32Array<ArrayBuffer> {
    return this.#words;
  }

  /** Throws RangeError for words that no set packed. */
  static unpack(words: Uint32Array<ArrayBuffer>): TextSet {
    const set = new TextSet();
    const places = words.length / 2;
    for (let i = 0; i < words.length; i += 2) if (words[i] !== 0 || words[i + 1] !== 0) set.#size++;
    if (places < 2 || !Number.isInteger(Math.log2(places)) || 4 * set.#size > words.length) {
      throw new RangeError("TextSet.unpack: not what a set packed");
    }
    set.#words = words;
    return set;
  }

  /** Whether the text was not there yet. */
  add(text: string): boolean {
    const [low, high] = hash64(text);
    const place = this.#place(low, high);
    if (!this.#isFree(place)) return false;
    this.#words[place] = low;
    this.#words[place + 1] = high;
    if (4 * ++this.#size > this.#words.length) this.#grow();
    return true;
  }

  /** Whether the text was added. */
  has(text: string): boolean {
    return !this.#isFree(this.#place(...hash64(text)));
  }

  #isFree(place: number): boolean {
    return this.#words[place] === 0 && this.#words[place + 1] === 0;
  }

  /** Where a hash is, or would be: open addressing; at least half of the places are free. */
  #place(low: number, high: number): number {
    const mask = this.#words.length - 2;
    let place = (2 * low) & mask;
    while (!this.#isFree(place) && (this.#words[place] !== low || this.#words[place + 1] !== high)) {
      place = (place + 2) & mask;
    }
    return place;
  }

  #grow(): void {
    const words = this.#words;
    this.#words = new Uint32Array(2 * words.length);
    for (let i = 0; i < words.length; i += 2) {
      if (words[i] === 0 && words[i + 1] === 0) continue;
      const place = this.#place(words[i], words[i + 1]);
      this.#words[place] = words[i];
      this.#words[place + 1] = words[i + 1];
    }
  }
}

/** Two lanes over the UTF-16 units, each mixed as MurmurHash3 mixes (Appleby 2011), with constants of its own. Never 0, 0. */
function hash64(text: string): [low: number, high: number] {
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

function finish(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
