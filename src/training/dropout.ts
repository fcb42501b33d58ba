/**
 * The random bits of dropout (Srivastava et al. 2014), the same in every backend. Nothing is drawn and nothing is stored:
 * a bit is a hash of where it belongs, as in counter-based generators (Salmon et al. 2011), so it depends neither on
 * threads and passes nor on where a training was resumed, and the backward pass computes it again.
 *
 *   stepSeed = hash(step ^ hash(seed))     one per step
 *   siteSeed = hash(stepSeed ^ site)       one per site: a place in the model that has dropout
 *   rowSeed  = hash(siteSeed ^ token)      one per token, counted through all batches of the step
 *   kept     = hash(rowSeed ^ column) ≥ rate · 2³²
 */

/**
 * The rounds of `hash32`: x ^= x >>> shift, then x *= factor. They are those of lowbias32, which Chris Wellons found by
 * searching for functions with little bias (https://nullprogram.com/blog/2018/07/31/).
 */
export const HASH_ROUNDS: readonly { readonly shift: number; readonly factor: number }[] = [
  { shift: 16, factor: 0x7feb352d },
  { shift: 15, factor: 0x846ca68b },
  { shift: 16, factor: 1 },
];

/** Scrambles 32 bits, one to one: 1 → 0x688990c0. Takes any integer modulo 2³²; returns one of [0, 2³²). */
export function hash32(value: number): number {
  let x = value | 0;
  for (const { shift, factor } of HASH_ROUNDS) x = Math.imul(x ^ (x >>> shift), factor);
  return x >>> 0;
}

/** Without it, the hash of seed 0, step 0 and site 0 would be 0. */
const START = 0x9e3779b9;

/** `stepSeed` of a step, counted from 0. @param seed of the run, a safe integer. */
export function dropoutSeedAt(seed: number, step: number): number {
  const [low, high] = [seed, Math.floor(seed / 2 ** 32)];
  return hash32(step ^ hash32(high ^ hash32(low ^ START)));
}

/** Hashes below it are dropped: rate · 2³². @param rate probability of being dropped, in [0, 1). */
export const dropThreshold = (rate: number): number => Math.round(rate * 2 ** 32);

/** What a kept number is multiplied by, so that its mean stays what it is without dropout. */
export const keptScale = (rate: number): number => 1 / (1 - rate);

/** `siteSeed`: see the head of this file. */
export const siteSeed = (stepSeed: number, site: number): number => hash32(stepSeed ^ site);

/** Whether the number in a column of a token's row is kept: the definition that kernels are tested against. */
export const isKept = (seedOfSite: number, token: number, column: number, rate: number): boolean =>
  hash32(hash32(seedOfSite ^ token) ^ column) >= dropThreshold(rate);
