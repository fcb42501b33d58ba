/**
 * CPython's random numbers, bit for bit.
 *
 * microgpt.py seeds Python's generator once and draws everything from it: the order of the documents, the initial
 * weights, the samples. To give the same numbers, this is the same generator: the Mersenne Twister MT19937 (Matsumoto &
 * Nishimura 1998) with the methods of CPython's `Lib/random.py` on top.
 *
 * Not for secrets: its future output can be computed from its past output.
 */

/** The generator's whole state, in the shape of Python's `random.getstate()`; plain JSON. */
export interface RandomState {
  /** 3, the version that CPython has used since Python 3.2. */
  readonly version: 3;
  /** 625 numbers: the twister's 624 words of 32 bits, then the index of the next word to use, 0 to 624. */
  readonly words: readonly number[];
  /** The second of the last pair of numbers that `gauss` drew, before scaling; null if it has been used. */
  readonly gaussNext: number | null;
}

// MT19937's n and m: the words of its state, and how far apart the two words are that make a new one.
const WORDS = 624;
const SHIFT = 397;
const TWO_POW_32 = 2 ** 32;

/**
 * A generator that draws what Python's `random.Random` draws from the same seed.
 * @example
 * const random = new Random(42);
 * random.random(); // 0.6394267984578837, as in Python after random.seed(42)
 */
export class Random {
  readonly #words = new Uint32Array(WORDS);
  #index = WORDS;
  #gaussNext: number | null = null;

  /** `seed` is any integer; as in Python, its sign is ignored. Throws RangeError if it is not an integer. */
  constructor(seed: number | bigint) {
    this.seed(seed);
  }

  /** Starts again, as Python's `random.seed(seed)`: mixes the seed's 32-bit digits, lowest first, into the state. */
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

  /** An integer of `bits` random bits. Throws RangeError unless 0 ≤ bits ≤ 53, what a number holds exactly. */
  getrandbits(bits: number): number {
    if (!Number.isInteger(bits) || bits < 0 || bits > 53) {
      throw new RangeError(`Random.getrandbits: bits must be an integer from 0 to 53, got ${bits}`);
    }
    if (bits === 0) return 0;
    if (bits <= 32) return this.#nextWord() >>> (32 - bits);
    const low = this.#nextWord();
    return low + TWO_POW_32 * (this.#nextWord() >>> (64 - bits));
  }

  /** An integer in [0, n): draws as many bits as `n` has until the result is below `n`. Throws RangeError if n < 1. */
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
   * A number from the normal distribution (Box–Muller: draws two and keeps the second for the next call).
   * The last bit can differ from CPython's where V8's `cos`, `sin` or `log` rounds differently from the C library's.
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
   * Draws `count` items with replacement, each with a probability proportional to its weight.
   * Throws RangeError if the items and weights differ in number, or the weights' sum is not positive and finite.
   * @example
   * random.choices(["a", "b"], [1, 3], 5); // each is "b" with probability 3/4
   */
  choices<Item>(items: readonly Item[], weights: ArrayLike<number>, count: number = 1): Item[] {
    if (weights.length !== items.length) {
      throw new RangeError(
        `Random.choices: got ${items.length} items and ${weights.length} weights, expected one weight per item`,
      );
    }
    const total = positiveSum(weights);
    return Array.from({ length: count }, () => items[this.#draw(weights, total)]);
  }

  /**
   * Draws an index with a probability proportional to its weight: one draw of `choices`, without its lists.
   * Throws RangeError if the weights' sum is not positive and finite.
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

  /** A copy of the state. In Python, `random.setstate((3, tuple(words), gaussNext))` continues from it. */
  getState(): RandomState {
    return { version: 3, words: [...this.#words, this.#index], gaussNext: this.#gaussNext };
  }

  /** Continues from a state that `getState` (or Python's) returned. Throws RangeError if it is not a state. */
  setState(state: RandomState): void {
    if (!isRandomState(state)) {
      throw new RangeError("Random.setState: not a generator state; expected version 3, 625 words and gaussNext");
    }
    const { words, gaussNext } = state;
    this.#words.set(words.slice(0, WORDS));
    this.#index = words[WORDS];
    this.#gaussNext = gaussNext;
  }

  /** A generator that continues from a saved state. Throws RangeError if it is not a state. */
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

/** Whether JSON from outside is a state that `setState` accepts. */
export function isRandomState(json: unknown): json is RandomState {
  if (typeof json !== "object" || json === null) return false;
  const { version, words, gaussNext } = json as Partial<Record<keyof RandomState, unknown>>;
  if (version !== 3 || !Array.isArray(words) || words.length !== WORDS + 1) return false;
  const isWord = (word: unknown): boolean => typeof word === "number" && word >>> 0 === word;
  return words.every(isWord) && Number(words[WORDS]) <= WORDS && (gaussNext === null || Number.isFinite(gaussNext));
}
