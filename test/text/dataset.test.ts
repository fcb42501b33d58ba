import * as fc from "fast-check";
import { expect, test } from "vitest";
import { referenceDataset, splitDataset, splitDocuments, splitLines, splitTails } from "../../src/text/dataset.ts";
import { DocumentsHash } from "../../src/text/sha256.ts";
import { Random } from "../../src/random.ts";

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

test("a paragraph ends at blank lines and keeps its own line breaks; a file is one document", () => {
  const text = "\ufeff one \r\n two\r\n\r\n \t\u0085\n\nthree\r\rfour\n\n";
  expect(splitDocuments(text, "paragraph")).toEqual(["\ufeff one \n two", "three", "four"]);
  expect(splitDocuments("\n a\r\nb\n\n\nc \n", "file")).toEqual(["a\nb\n\n\nc"]);
  expect(splitDocuments(" \n\t\n", "file")).toEqual([]);
  expect(splitDocuments(" \n\t\n", "paragraph")).toEqual([]);
});

test("a megabyte of spaces inside of a text is read in a moment, not in an hour", () => {
  const text = `a${" ".repeat(1_000_000)}b\n${" ".repeat(1_000_000)}c`;
  for (const kind of ["paragraph", "file"] as const) expect(splitDocuments(text, kind)).toEqual([text]);
});

const withoutSpace = (text: string): string => text.replace(/\s/g, "");
const character = fc.constantFrom("a", "b", " ", "\n", "é", "😀");
const longText = fc.string({ unit: character, minLength: 2, maxLength: 80 }).map((text) => `x${text}y`);

test("the end of each text is held out in one piece, and nothing is in both parts or in none", () => {
  const fractions = fc.double({ min: 0.01, max: 0.9, noNaN: true });
  fc.assert(
    fc.property(
      fc.uniqueArray(longText, { minLength: 1, maxLength: 4 }),
      fractions,
      fc.nat(),
      (texts, fraction, seed) => {
        const { train, heldOut } = splitTails(texts, fraction, new Random(seed));
        expect([train.length, heldOut.length]).toEqual([texts.length, texts.length]);
        for (const [i, text] of texts.entries()) {
          const tail = heldOut[i];
          expect(tail).not.toBe("");
          expect(text.endsWith(tail)).toBe(true);
          const head = text.slice(0, text.length - tail.length).trimEnd();
          expect(train).toContain(head);
          expect(withoutSpace(head + tail)).toBe(withoutSpace(text));
          expect((head + tail).isWellFormed()).toBe(true);
          // The share is kept to a line: never more than twice of it (and a character).
          expect(tail.length).toBeLessThanOrEqual(Math.max(2, 2 * Math.round(text.length * fraction) + 2));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("a text is divided at a line break, where one is near", () => {
  const held = (text: string, fraction: number): readonly string[] =>
    splitTails([text], fraction, new Random(0)).heldOut;
  expect(held("one\ntwo\nthree", 0.4)).toEqual(["three"]);
  expect(held(`title\n${"a".repeat(94)}`, 0.1)).toEqual(["a".repeat(10)]); // not at the title's
  expect(held("😀b", 0.9)).toEqual(["b"]);
  expect(splitTails(["ab", "ab", "c"], 0, new Random(0))).toMatchObject({ heldOut: [], duplicates: 1 });
  for (const tooShort of ["a", "😀"])
    expect(() => held(tooShort, 0.1)).toThrow("a file of one character can't be split");
});

function hashOf(documents: readonly string[]): string {
  const hash = new DocumentsHash();
  for (const document of documents) hash.add(document);
  return hash.finish();
}

test("other documents have another hash, however their lines fall; lines hash as ever", () => {
  const hashes = [["a\nb", "c"], ["a", "b\nc"], ["a", "b", "c"], ["a\nb\nc"], ["a\n b", "c"]].map(hashOf);
  expect(new Set(hashes).size).toBe(5);
  // sha256sum of "a\nb\nc\n"
  expect(hashes[2]).toBe("880553fca8fcea94e325ee2cfb48e5a985cc797f39a14cc6d3cedecfeb2ae4d2");
});
