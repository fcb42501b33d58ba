import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MergeApplier } from "../../src/text/tokenizers/apply-merges.ts";
import { learnMerges, MAX_TOKEN_LENGTH, TokenTexts } from "../../src/text/tokenizers/learn-merges.ts";
import type { Merge } from "../../src/text/tokenizers/learn-merges.ts";
import { ABSENT, PairTable } from "../../src/text/tokenizers/pair-table.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { naiveApply, naiveMerges } from "../setup/naive-bpe.ts";
import { byExtent } from "../setup/place.ts";

const NO_LIMIT = { maxMerges: null, maxTokens: null };

/** Words of few letters, so that pairs come again, overlap (`aaa`) and make the same text in two ways. */
const words = fc.array(
  fc.tuple(fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 12 }), fc.integer({ min: 1, max: 5 })),
  { minLength: 1, maxLength: 12 },
);
const BASE = ["a", "b", "c"];
const idsOf = (symbols: readonly string[]): number[] => symbols.map((symbol) => BASE.indexOf(symbol));

/** Merges of ids → of texts. */
function spell(merges: readonly Merge[]): string[][] {
  const vocabulary = new TokenTexts(BASE);
  return merges.map((merge) => {
    const pair = merge.map((id) => vocabulary.texts[id]);
    vocabulary.merge(merge);
    return pair;
  });
}

test("merges are those of the naive way, which counts all pairs anew for each: same pairs, same order, same ties", () => {
  fc.assert(
    fc.property(words, fc.integer({ min: 0, max: 40 }), (drawn, maxMerges) => {
      const merges = learnMerges(
        drawn.map(([symbols, count]) => [idsOf(symbols), count] as const),
        BASE,
        { maxMerges, maxTokens: null },
      );
      expect(spell(merges)).toEqual(naiveMerges(drawn, maxMerges));
    }),
    { numRuns: 2_000 },
  );
});

test("merges are applied as by walking over all of them in turn, unknown symbols in between", () => {
  const symbols = fc.array(fc.constantFrom("a", "b", "c", "?"), { maxLength: 40 });
  fc.assert(
    fc.property(words, symbols, (drawn, piece) => {
      const merges = learnMerges(
        drawn.map(([of, count]) => [idsOf(of), count] as const),
        BASE,
        NO_LIMIT,
      );
      const applier = new MergeApplier(BASE, merges);
      const spelt = applier.apply(idsOf(piece)).map((id) => (id === ABSENT ? "?" : applier.texts[id]));
      expect(spelt).toEqual(naiveApply(piece, spell(merges)));
    }),
    { numRuns: 2_000 },
  );
});

test("a limit of tokens counts base tokens and merges; a text that two merges make is one token", () => {
  const drawn = [
    [idsOf([..."abc"]), 1],
    [idsOf([..."ab"]), 9],
    [idsOf([..."bc"]), 8],
  ] as const;
  // ab (10), then bc (8), then ab+c; a+bc can't come: no word is left with it.
  expect(spell(learnMerges(drawn, BASE, NO_LIMIT))).toEqual([
    ["a", "b"],
    ["b", "c"],
    ["ab", "c"],
  ]);
  expect(learnMerges(drawn, BASE, { maxMerges: null, maxTokens: 5 })).toHaveLength(2);
  expect(new TokenTexts(BASE).merge([0, 1])).toBe(3);
  const vocabulary = new TokenTexts(BASE);
  const [ab, bc] = [vocabulary.merge([0, 1]), vocabulary.merge([1, 2])];
  expect([vocabulary.merge([ab, 2]), vocabulary.merge([0, bc])]).toEqual([5, 5]);
});

test("no token gets longer than the limit, and what would be too long does not end the learning", () => {
  const length = 4 * MAX_TOKEN_LENGTH;
  const merges = learnMerges(
    [
      [new Array<number>(length).fill(0), 3],
      [[1, 2], 1],
    ],
    BASE,
    NO_LIMIT,
  );
  const texts = new MergeApplier(BASE, merges).texts.slice(BASE.length);
  expect(Math.max(...texts.map((text) => text.length))).toBe(MAX_TOKEN_LENGTH);
  expect(texts).toContain("bc");
});

test("a table of pairs is a map of pairs, however many there are", () => {
  const id = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.oneof(id, fc.integer({ min: 0, max: 9 })), id, id), { maxLength: 200 }),
      (entries) => {
        const table = new PairTable();
        const map = new Map<string, number>();
        for (const [left, right, value] of entries) {
          table.set(left, right, value);
          map.set(`${left} ${right}`, value);
        }
        for (const [left, right] of entries) expect(table.get(left, right)).toBe(map.get(`${left} ${right}`));
        expect(table.get(3, 2 ** 30 + 1)).toBe(map.get(`3 ${2 ** 30 + 1}`) ?? ABSENT);
      },
    ),
  );
});

const kjv = fileURLToPath(new URL("../../../shared/data/kjv.txt", import.meta.url));

describe.skipIf(!existsSync(kjv))("on the Bible (skipped where ../shared is missing)", () => {
  test("the first merges are the naive way's", { tags: ["large"] }, () => {
    const count = byExtent(20, 40, 1000);
    const lines = readFileSync(kjv, "utf8").split("\n").slice(0, byExtent(3000, Infinity));
    const tokenizer = trainTokenizer(lines, { tokenizer: "bpe", bpeMerges: count, vocabSize: null, unk: false });
    const counts = new Map<string, number>();
    for (const line of lines) {
      for (const word of line.split(/\s+/).filter(Boolean)) counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    const drawn = [...counts].map(([word, times]) => [[...word, "</w>"], times] as const);
    const merged = naiveMerges(drawn, count).map(([left, right]) => left + right);
    const first = tokenizer.bos - count;
    expect(merged).toEqual(Array.from({ length: count }, (_, i) => tokenizer.token(first + i)));
  });
});
