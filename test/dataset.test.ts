import * as fc from "fast-check";
import { expect, test } from "vitest";
import { referenceDataset, splitDataset, splitLines } from "../src/dataset.ts";
import { Random } from "../src/random.ts";

test("a document is a line, stripped as Python strips, and blank lines are none", () => {
  expect(splitLines(" ada \r\n\n\tbob\u0085\n\u001f \rcarol o'hara\n\ufeffdave")).toEqual([
    "ada",
    "bob",
    "carol o'hara",
    "\ufeffdave", // no space to Python
  ]);
});

test("the reference keeps duplicates and shuffles with the run's own generator", () => {
  const [random, twin] = [new Random(7), new Random(7)];
  const documents = ["a", "b", "a", "c"];
  const expected = [...documents];
  twin.shuffle(expected);
  expect(referenceDataset(documents, random)).toEqual({ train: expected, heldOut: [], duplicates: 0 });
  expect(random.random()).toBe(twin.random()); // and nothing else was drawn
  expect(documents).toEqual(["a", "b", "a", "c"]);
});

test("a split leaks nothing and loses nothing, whatever the documents, the fraction and the seed", () => {
  const documents = fc.array(fc.string({ maxLength: 3 }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(documents, fc.double({ min: 0, max: 0.9, noNaN: true }), fc.nat(), (all, fraction, seed) => {
      const distinct = [...new Set(all)];
      fc.pre(fraction === 0 || distinct.length > 1);
      const { train, heldOut, duplicates } = splitDataset(all, fraction, new Random(seed));
      expect([...train, ...heldOut].toSorted()).toEqual(distinct.toSorted());
      expect(duplicates).toBe(all.length - distinct.length);
      expect(train.length).toBeGreaterThan(0);
      expect(heldOut.length > 0).toBe(fraction > 0);
    }),
  );
});

test("a tenth is held out, and runs of all seeds hold out the same documents", () => {
  const documents = Array.from({ length: 200 }, (_, i) => `document ${i % 100}`);
  const splits = [1, 2, 3].map((seed) => splitDataset(documents, 0.1, new Random(seed)));
  expect(splits[0].heldOut).toHaveLength(10);
  expect(splits[1].heldOut).toEqual(splits[0].heldOut);
  expect(splits[2].heldOut).toEqual(splits[0].heldOut);
  expect(splits[1].train).not.toEqual(splits[0].train);
});

test("one distinct document can't be split, and says so", () => {
  expect(() => splitDataset(["a", "a"], 0.1, new Random(0))).toThrow("one distinct document can't be split");
  expect(splitDataset(["a", "a"], 0, new Random(0)).train).toEqual(["a"]);
});
