/**
 * CPython's random numbers, bit for bit.
 *
 * The reference seeds Python's generator once and draws everything from it: the order of the documents,
 * the initial weights, the samples. To print the reference's numbers we need its generator: the Mersenne
 * Twister MT19937 (Matsumoto & Nishimura 1998) with the methods of CPython's `Lib/random.py` on top.
 *
 * It is a small generator with a known future, so it is no source of secrets.
 */

/** The generator's whole state, in the shape of Python's `random.getstate()`; plain JSON. */
export interface RandomState {
  /** 3, the version that CPython has used since Python 3.2. */
  readonly version: 3;
  /** 625 numbers: the 624 words of the twister, then the index of the next word to use. */
  readonly words: readonly number[];
  /** The second half of the last pair that `gauss` made, if it has not been used yet. */
  readonly gaussNext: number | null;
}

const WORDS = 624;
const SHIFT = 397;
const TWO_POW_32 = 2 ** 32;

export class Random {
  readonly #words = new Uint32Array(WORDS);
  #index = WORDS;
  #gaussNext: number | null = null;

  /** @param seed any integer; like Python's, its sign is dropped. Throws RangeError on a fraction. */
  constructor(seed: number | bigint) {
    this.seed(seed);
  }

  /** Starts over, as `random.seed(seed)` does: the seed's 32-bit digits, lowest first, are mixed into the state. */
  seed(seed: number | bigint): void {
    if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
      throw new RangeError(`Random.seed: the seed must be an integer, got ${seed}`);
    }
    let rest = BigInt(seed);
    if (rest < 0n) rest = -rest;
    const digits: number[] = [];
    do {
      digits.push(Number(rest & 0xffffffffn));
      rest >>= 32n;
    } while (rest > 0n);
    this.#initByArray(digits);
    this.#index = WORDS;
    this.#gaussNext = null;
  }

  /** A float in [0, 1) with 53 random bits. */
  random(): number {
    const high = this.#nextWord() >>> 5;
    const low = this.#nextWord() >>> 6;
    return (high * 67108864 + low) / 2 ** 53;
  }

  /** An integer of `bits` random bits, 0 to 53 (Python has no upper limit; a JavaScript number does). */
  getrandbits(bits: number): number {
    if (!Number.isInteger(bits) || bits < 0 || bits > 53) {
      throw new RangeError(`Random.getrandbits: bits must be an integer from 0 to 53, got ${bits}`);
    }
    if (bits === 0) return 0;
    if (bits <= 32) return this.#nextWord() >>> (32 - bits);
    const low = this.#nextWord();
    return low + TWO_POW_32 * (this.#nextWord() >>> (64 - bits));
  }

  /** An integer in [0, n): draws of as many bits as `n` has, until one is below `n`. */
  randbelow(n: number): number {
    if (!Number.isSafeInteger(n) || n < 1) {
      throw new RangeError(`Random.randbelow: n must be a positive integer, got ${n}`);
    }
    const bits = n.toString(2).length;
    let draw = this.getrandbits(bits);
    while (draw >= n) draw = this.getrandbits(bits);
    return draw;
  }

  /** Shuffles `items` in place (Fisher–Yates, from the end). */
  shuffle(items: unknown[] | Uint32Array): void {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.randbelow(last + 1);
      const item = items[last];
      items[last] = items[other];
      items[other] = item;
    }
  }

  /**
   * A number from the normal distribution (Box–Muller: two at a time, the second is kept for the next call).
   * Where V8's `cos` and `log` round differently from the C library's, the last bit can differ from CPython's.
   */
  gauss(mean: number, deviation: number): number {
    let unit = this.#gaussNext;
    this.#gaussNext = null;
    if (unit === null) {
      const angle = this.random() * (2 * Math.PI);
      const radius = Math.sqrt(-2 * Math.log(1 - this.random()));
      unit = Math.cos(angle) * radius;
      this.#gaussNext = Math.sin(angle) * radius;
    }
    return mean + unit * deviation;
  }

  /**
   * `count` draws, with replacement, of items in proportion to their weights.
   * Throws RangeError where there is nothing to draw from: no items, a weight too many or too few, or a sum
   * that is not a positive finite number.
   */
  choices<Item>(items: readonly Item[], weights: ArrayLike<number>, count: number = 1): Item[] {
    if (weights.length !== items.length) {
      throw new RangeError(`Random.choices: ${items.length} items have ${weights.length} weights`);
    }
    const total = positiveSum(weights);
    return Array.from({ length: count }, () => items[this.#draw(weights, total)]);
  }

  /**
   * What one draw of `choices` is, as an index: without lists, for whoever draws often.
   * Throws RangeError where the weights' sum is not a positive finite number.
   */
  weightedIndex(weights: ArrayLike<number>): number {
    return this.#draw(weights, positiveSum(weights));
  }

  #draw(weights: ArrayLike<number>, total: number): number {
    const last = weights.length - 1;
    const x = this.random() * total;
    let [index, reached] = [0, weights[0]];
    while (index < last && reached <= x) reached += weights[++index];
    return index;
  }

  /** A copy of the state; `random.setstate((3, tuple(words), gaussNext))` goes on from it in Python. */
  getState(): RandomState {
    return { version: 3, words: [...this.#words, this.#index], gaussNext: this.#gaussNext };
  }

  /** Goes on from a state of `getState` (or Python's). Throws RangeError if it is not one. */
  setState(state: RandomState): void {
    if (!isRandomState(state)) {
      throw new RangeError("Random.setState: not a generator state; expected version 3, 625 words and gaussNext");
    }
    const { words, gaussNext } = state;
    this.#words.set(words.slice(0, WORDS));
    this.#index = words[WORDS];
    this.#gaussNext = gaussNext;
  }

  /** A generator that starts at a saved state. */
  static fromState(state: RandomState): Random {
    const random = new Random(0);
    random.setState(state);
    return random;
  }

  #initByArray(key: readonly number[]): void {
    const words = this.#words;
    words[0] = 19650218;
    for (let i = 1; i < WORDS; i++) words[i] = Math.imul(1812433253, words[i - 1] ^ (words[i - 1] >>> 30)) + i;
    let i = 1;
    let j = 0;
    const advance = (): void => {
      if (++i >= WORDS) {
        words[0] = words[WORDS - 1];
        i = 1;
      }
    };
    for (let k = Math.max(WORDS, key.length); k > 0; k--) {
      const mixed = Math.imul(words[i - 1] ^ (words[i - 1] >>> 30), 1664525);
      words[i] = (words[i] ^ mixed) + key[j] + j;
      j = (j + 1) % key.length;
      advance();
    }
    for (let k = WORDS - 1; k > 0; k--) {
      const mixed = Math.imul(words[i - 1] ^ (words[i - 1] >>> 30), 1566083941);
      words[i] = (words[i] ^ mixed) - i;
      advance();
    }
    words[0] = 0x80000000;
  }

  #nextWord(): number {
    if (this.#index >= WORDS) this.#twist();
    let word = this.#words[this.#index++];
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  }

  #twist(): void {
    const words = this.#words;
    for (let i = 0; i < WORDS; i++) {
      const mixed = (words[i] & 0x80000000) | (words[(i + 1) % WORDS] & 0x7fffffff);
      words[i] = words[(i + SHIFT) % WORDS] ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.#index = 0;
  }
}

function positiveSum(weights: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  if (total > 0 && total < Infinity) return total;
  throw new RangeError(`Random: the weights must have a positive finite sum, got ${total}`);
}

/** Whether JSON from outside is a state that `setState` takes. */
export function isRandomState(json: unknown): json is RandomState {
  if (typeof json !== "object" || json === null) return false;
  const { version, words, gaussNext } = json as Partial<Record<keyof RandomState, unknown>>;
  if (version !== 3 || !Array.isArray(words) || words.length !== WORDS + 1) return false;
  const isWord = (word: unknown): boolean => typeof word === "number" && word >>> 0 === word;
  return words.every(isWord) && Number(words[WORDS]) <= WORDS && (gaussNext === null || Number.isFinite(gaussNext));
}
