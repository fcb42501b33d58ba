import { describe, expect, test } from "vitest";
import { filterBits, filterCapacity, HashFilter, packFilter } from "../../src/text/hash-filter.ts";

const textsOf = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe("a packed filter", () => {
  test.each([4, 8, 16, 24])("of %i bits finds every text in it, and another one once in 2^bits", (bits) => {
    const texts = textsOf("in ", 3000);
    const filter = new HashFilter(packFilter(new Set(texts), bits));
    expect(texts.filter((text) => !filter.has(text))).toEqual([]);
    const others = textsOf("out ", 40_000).filter((text) => filter.has(text)).length;
    const expected = 40_000 * (1 - Math.exp(-(2 ** -bits))); // two texts may have one number
    expect(Math.abs(others - expected)).toBeLessThanOrEqual(4 * Math.sqrt(expected) + 2);
  });

  test("is as large as its capacity says", () => {
    for (const bits of [8, 12, 20]) {
      const { bytes } = packFilter(new Set(textsOf("in ", filterCapacity(20_000, bits))), bits);
      expect(bytes.length).toBeLessThanOrEqual(20_000);
      expect(bytes.length).toBeGreaterThan(19_700);
    }
  });

  test("takes as many bits as fit, at most 24", () => {
    expect([10, 10_000, 20_000, 160_000].map((texts) => filterBits(20_000, texts))).toEqual([24, 14, 6, -1]);
  });

  test("that is cut short throws RangeError", () => {
    const packed = packFilter(new Set(textsOf("in ", 100)), 12);
    expect(() => new HashFilter({ ...packed, bytes: packed.bytes.subarray(0, 50) })).toThrow(RangeError);
  });

  test("of nothing finds nothing", () => {
    expect(new HashFilter(packFilter(new Set(), 24)).has("")).toBe(false);
  });
});
