import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { TokenCollector } from "../../src/text/token-sequences.ts";
import type { TokenSequences } from "../../src/text/token-sequences.ts";
import { TextSet } from "../../src/text/text-set.ts";

function collected(documents: readonly (readonly number[])[], vocabSize: number): TokenSequences {
  const collector = new TokenCollector(vocabSize);
  for (const document of documents) collector.add(document);
  return collector.documents();
}

const listed = (sequences: TokenSequences): number[][] => Array.from(sequences, (tokens) => Array.from(tokens));

test.each([1, 256, 257, 65_536, 65_537, 4_000_000])(
  "documents of %i possible ids come back as they were",
  (vocabSize) => {
    const ids = fc.integer({ min: 0, max: vocabSize - 1 });
    fc.assert(
      fc.property(fc.array(fc.array(ids, { maxLength: 20 }), { maxLength: 40 }), (documents) => {
        const sequences = collected(documents, vocabSize);
        expect(listed(sequences)).toEqual(documents);
        expect(sequences.countTokens()).toBe(documents.flat().length);
        expect(listed(sequences.slice(1, 3))).toEqual(documents.slice(1, 3));
        for (const [i, document] of documents.entries()) expect(Array.from(sequences.at(i))).toEqual(document);
      }),
    );
  },
);

test("a list of documents longer than any of its first arrays keeps all of them, in any order", () => {
  const documents = Array.from({ length: 5000 }, (_, i) => [i % 200, i % 7, (i * 3) % 200]);
  const sequences = collected(documents, 200);
  expect(listed(sequences)).toEqual(documents);
  const shuffled = [...documents];
  new Random(5).shuffle(shuffled);
  expect(listed(sequences.shuffled(new Random(5)))).toEqual(shuffled);
  const collector = new TokenCollector(200);
  for (const document of documents) collector.add(document);
  expect(listed(collector.documents(Uint32Array.of(3, 1, 3)))).toEqual([documents[3], documents[1], documents[3]]);
});

test("windows of any size make every token but the first a target exactly once, in order", () => {
  const BOS = 9;
  const drawn = fc.array(fc.array(fc.nat(8), { maxLength: 12 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(drawn, fc.integer({ min: 1, max: 9 }), (all, blockSize) => {
      const documents = all.map((ids) => [BOS, ...ids, BOS]);
      const windows = listed(collected(documents, 10).windows(blockSize));
      const stream = [BOS, ...all.flatMap((ids) => [...ids, BOS])];
      expect(windows.flatMap((window) => window.slice(1))).toEqual(stream.slice(1));
      for (const [i, window] of windows.entries()) {
        expect(window[0]).toBe(stream[i * blockSize]); // what the first target follows
        if (i + 1 < windows.length) expect(window).toHaveLength(blockSize + 1);
        else expect(window.length).toBeGreaterThan(1);
      }
    }),
  );
  expect(listed(collected([[9, 1, 2, 9], [9, 3, 9]], 10).windows(2))).toEqual([[9, 1, 2], [2, 9, 3], [3, 9]]); // prettier-ignore
});

test("a set of texts knows what was added, and nothing else", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { maxLength: 60 }), fc.string(), (texts, other) => {
      const set = new TextSet();
      const expected = new Set<string>();
      for (const text of texts) {
        expect(set.add(text)).toBe(!expected.has(text));
        expected.add(text);
      }
      expect(set.size).toBe(expected.size);
      for (const text of texts) expect(set.has(text)).toBe(true);
      expect(set.has(other)).toBe(expected.has(other));
    }),
  );
});

test("a million texts that differ in one place make a million entries", () => {
  const set = new TextSet();
  for (let i = 0; i < 1_000_000; i++) set.add(`document ${i}`);
  expect(set.size).toBe(1_000_000);
  expect([set.has("document 999999"), set.has("document 1000000"), set.has("")]).toEqual([true, false, false]);
});

test("texts gives the documents back, from any order of them, and from the windows they were cut into", () => {
  const documents = fc.array(fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 1, maxLength: 7 }), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(documents, fc.integer({ min: 1, max: 5 }), (all, blockSize) => {
      const collector = new TokenCollector(10);
      for (const ids of all) collector.add([9, ...ids, 9]);
      const textsOf = (sequences: TokenSequences): number[][] =>
        Array.from(sequences.texts(9), (ids) => Array.from(ids));
      const shuffled = collector.documents().shuffled(new Random(1));
      expect(textsOf(shuffled)).toEqual(all);
      expect(textsOf(collector.documents().windows(blockSize).shuffled(new Random(2)))).toEqual(all);
      const even = Uint32Array.from(all.keys()).filter((index) => index % 2 === 0);
      expect(textsOf(collector.documents(even.toReversed()))).toEqual(all.filter((_, index) => index % 2 === 0));
    }),
  );
});
