/**
 * How predictable a text is, measured without training: the bits per byte that tables of its last few characters need. A
 * model of a text is compared with that, since texts differ far more than models do.
 */
import type { Source } from "./corpus.ts";
import { utf8Length } from "./sha256.ts";

/** The longest context in characters. */
const ORDER = 5;
/** Entries of each table, a power of 2. Contexts that share an entry make the figure a little worse, not wrong. */
const SLOTS = 2 ** 22;
/** The part that is measured, at the end; the tables have counted all before it. */
const MEASURED = 0.1;

/**
 * Bits per byte of the last tenth of a text, if each character is predicted from up to five before it by counts of the text so
 * far: interpolated orders, each weighted by the number of its distinct followers (Witten and Bell 1991). Infinity for a
 * text of fewer than ten characters.
 * @example
 * contextBits("ab".repeat(10)); // 0.0001: hardly a bit is new
 */
export function contextBits(text: string): number {
  const [totals, kinds, pairs] = [new Uint32Array(SLOTS), new Uint32Array(SLOTS), new Uint32Array(SLOTS)];
  const from = Math.ceil((1 - MEASURED) * text.length);
  if (text.length < 1 / MEASURED) return Infinity;
  let bits = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    let probability = 1 / 256;
    let context = 0;
    for (let order = 0; order <= Math.min(ORDER, at); order++) {
      if (order > 0) context = mix(context, text.charCodeAt(at - order));
      const slot = (context ^ order) & (SLOTS - 1);
      const pair = mix(context, character + 65_536 * (order + 1)) & (SLOTS - 1);
      const total = totals[slot];
      const [count, distinct] = [Math.min(pairs[pair], total), Math.max(1, kinds[slot])];
      if (total > 0) probability = (count + distinct * probability) / (total + distinct);
      if (pairs[pair]++ === 0) kinds[slot]++;
      totals[slot]++;
    }
    if (at >= from) bits -= Math.log2(probability);
  }
  return bits / utf8Length(text.slice(from));
}

/** A hash of two numbers (the multiplication and shift of MurmurHash3's finalizer). */
function mix(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, 0x85eb_ca6b);
  return Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35) >>> 0;
}

/** Characters that `measureText` looks at; more would hardly change the figure. */
const SAMPLE_CHARACTERS = 2 ** 20;
/** Characters after which a text is not read on: for any of our budgets it is large. */
const MANY_CHARACTERS = 2 ** 26;

/** The size of a text, and how predictable it is. */
export interface PredictedText {
  /** UTF-16 units in all sources, counted up to 67 million. */
  readonly characters: number;
  /** Bits per byte of its beginning, by `contextBits`. */
  readonly contextBits: number;
}

/** Reads the sources once, up to 67 million characters. Throws InputError if one cannot be read. */
export function measureText(sources: Iterable<Pick<Source, "chunks">>): PredictedText {
  const sample: string[] = [];
  let characters = 0;
  for (const source of sources) {
    for (const chunk of source.chunks()) {
      if (characters < SAMPLE_CHARACTERS) sample.push(chunk.slice(0, SAMPLE_CHARACTERS - characters));
      characters += chunk.length;
      if (characters >= MANY_CHARACTERS) break;
    }
    if (characters >= MANY_CHARACTERS) break;
  }
  return { characters, contextBits: contextBits(sample.join("")) };
}
