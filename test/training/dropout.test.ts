import { describe, expect, test } from "vitest";
import { dropoutSeedAt, hash32, isKept, keptScale, siteSeed } from "../../src/training/dropout.ts";

test("the hash is lowbias32: the numbers of a C program", () => {
  const known = [
    [1, 0x688990c0],
    [2, 0xd1132181],
    [123_456_789, 0xa8f1db88],
    [0xffffffff, 0x6768824a],
    [-1, 0x6768824a],
  ];
  for (const [value, hash] of known) expect(hash32(value)).toBe(hash);
});

interface Place {
  readonly seed: number;
  readonly step: number;
  readonly site: number;
  readonly token: number;
}

const [TOKENS, COLUMNS] = [400, 64];

/** Whether each number of a site is kept, [TOKENS · COLUMNS]. */
function maskOf({ seed, step, site, token }: Place, rate: number): boolean[] {
  const seedOfSite = siteSeed(dropoutSeedAt(seed, step), site);
  return Array.from({ length: TOKENS * COLUMNS }, (_, i) =>
    isKept(seedOfSite, token + Math.floor(i / COLUMNS), i % COLUMNS, rate),
  );
}

const count = (list: readonly boolean[]): number => list.filter(Boolean).length;

/** How far a count is from its mean, in standard deviations of the binomial distribution. */
const deviations = (found: number, draws: number, chance: number): number =>
  Math.abs(found - draws * chance) / Math.sqrt(draws * chance * (1 - chance));

const PLACES: readonly Place[] = [
  { seed: 42, step: 0, site: 0, token: 0 },
  { seed: 0, step: 0, site: 0, token: 0 },
  { seed: 42, step: 1, site: 0, token: 0 },
  { seed: 43, step: 0, site: 0, token: 0 },
  { seed: 42 + 2 ** 32, step: 0, site: 0, token: 0 },
  { seed: 42, step: 0, site: 1, token: 0 },
  { seed: 42, step: 0, site: 2, token: 0 },
  { seed: 42, step: 999_999_999, site: 200, token: 0 },
  { seed: 42, step: 0, site: 0, token: TOKENS },
  { seed: 42, step: 0, site: 0, token: 1 },
];

describe.each([0.1, 0.5, 0.9])("at rate %d", (rate) => {
  const masks = PLACES.map((place) => maskOf(place, rate));

  test("a number is dropped as often as it should be, within four deviations, in any place", () => {
    for (const mask of masks) expect(deviations(mask.length - count(mask), mask.length, rate)).toBeLessThan(4);
    const all = masks.flat();
    expect(deviations(all.length - count(all), all.length, rate)).toBeLessThan(4);
  });

  test("a kept number is scaled so that the mean over the mask is 1, within four deviations", () => {
    const all = masks.flat();
    const mean = (count(all) * keptScale(rate)) / all.length;
    expect(Math.abs(mean - 1)).toBeLessThan(4 * Math.sqrt(rate / (1 - rate) / all.length));
  });

  test("masks of two seeds, steps, sites or rows agree as often as independent ones, within four deviations", () => {
    const chance = rate ** 2 + (1 - rate) ** 2;
    for (const [i, one] of masks.entries()) {
      for (const other of masks.slice(i + 1)) {
        const same = one.filter((kept, at) => kept === other[at]).length;
        expect(deviations(same, one.length, chance)).toBeLessThan(4);
      }
    }
  });

  test("neighbouring columns, and the columns of neighbouring rows, agree as often as independent ones", () => {
    const chance = rate ** 2 + (1 - rate) ** 2;
    for (const distance of [1, 2, 4, COLUMNS - 1, COLUMNS, COLUMNS + 1]) {
      for (const mask of masks) {
        const same = mask.filter((kept, at) => at >= distance && kept === mask[at - distance]).length;
        expect(deviations(same, mask.length - distance, chance)).toBeLessThan(4);
      }
    }
  });
});

test("at a low rate every column is dropped now and then, and none always", () => {
  const mask = maskOf(PLACES[0], 0.1);
  for (let column = 0; column < COLUMNS; column++) {
    const kept = count(mask.filter((_, i) => i % COLUMNS === column));
    expect(deviations(TOKENS - kept, TOKENS, 0.1)).toBeLessThan(4);
  }
});
