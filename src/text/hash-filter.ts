/**
 * A set of hashes in few bytes: a Golomb-coded set. `TextSet` answers with 64 bits per text and can grow; this one is made
 * once, for a file, and takes as many bits per text as there is space for. A text that is in it is always found; another one
 * is found by mistake once in 2^bits.
 *
 *   hashes  → numbers below count · 2^bits, sorted: uniform, so two neighbours are about 2^bits apart
 *   numbers → differences, Rice-coded: difference >> bits in unary, a 0, then its lowest `bits` bits
 *
 * About bits + 1.6 bits per text (Putze, Sanders and Singler 2007).
 */
import { hash64 } from "./text-set.ts";

/** Bits per text beyond `bits`. */
const OVERHEAD = 1.6;

/** How many texts fit into so many bytes. */
export const filterCapacity = (bytes: number, bits: number): number => Math.floor((8 * bytes) / (bits + OVERHEAD));

/** The most bits for so many texts and bytes, at most 24; below 1 where they do not fit. */
export const filterBits = (bytes: number, texts: number): number =>
  Math.min(24, Math.floor((8 * bytes) / Math.max(1, texts) - OVERHEAD));

/** A packed filter. */
export interface PackedFilter {
  /** Texts in it. */
  readonly count: number;
  /** A text that is not in it is found once in 2^bits. */
  readonly bits: number;
  /** The differences. */
  readonly bytes: Uint8Array;
}

/** The text's number, of `count` · 2^bits. */
function numberOf(text: string, { count, bits }: Pick<PackedFilter, "count" | "bits">): number {
  const [low, high] = hash64(text);
  return Math.floor(((high + low / 2 ** 32) / 2 ** 32) * count * 2 ** bits);
}

/** Packs texts, each of them once. */
export function packFilter(texts: ReadonlySet<string>, bits: number): PackedFilter {
  const size = { count: texts.size, bits };
  const numbers = Array.from(texts, (text) => numberOf(text, size)).toSorted((a, b) => a - b);
  const out: number[] = [];
  let [byte, filled, before] = [0, 0, 0];
  const put = (bit: number): void => {
    byte = (byte << 1) | bit;
    if (++filled < 8) return;
    out.push(byte);
    [byte, filled] = [0, 0];
  };
  for (const number of numbers) {
    const difference = number - before;
    for (let unary = Math.floor(difference / 2 ** bits); unary > 0; unary--) put(1);
    put(0);
    for (let i = bits - 1; i >= 0; i--) put(Math.floor(difference / 2 ** i) & 1);
    before = number;
  }
  for (let missing = (8 - filled) % 8; missing > 0; missing--) put(0);
  return { ...size, bytes: Uint8Array.from(out) };
}

/** Asks a packed filter. */
export class HashFilter {
  readonly #size: Pick<PackedFilter, "count" | "bits">;
  readonly #numbers = new Set<number>();

  /** Throws RangeError if the bytes end too early. */
  constructor({ count, bits, bytes }: PackedFilter) {
    this.#size = { count, bits };
    let position = 0;
    const bit = (): number => {
      if (position >= 8 * bytes.length) throw new RangeError("HashFilter: the bytes end too early");
      const value = (bytes[position >> 3] >> (7 - (position & 7))) & 1;
      position++;
      return value;
    };
    let number = 0;
    for (let i = 0; i < count; i++) {
      let difference = 0;
      while (bit() === 1) difference++;
      for (let b = 0; b < bits; b++) difference = 2 * difference + bit();
      number += difference;
      this.#numbers.add(number);
    }
  }

  /** Whether the text was packed; another one is found once in 2^bits. */
  has(text: string): boolean {
    return this.#numbers.has(numberOf(text, this.#size));
  }
}
