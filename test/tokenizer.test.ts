import * as fc from "fast-check";
import { expect, test } from "vitest";
import { charTokenizer, documentTokens, nameUnknown, tokenizerFromJson } from "../src/tokenizer.ts";

test("characters get their ids by code point, and BOS the last", () => {
  const tokenizer = charTokenizer(["ab", "ba!", "é😀\uffee"]);
  expect(tokenizer.encode("!abé\uffee😀").ids).toEqual([0, 1, 2, 3, 4, 5]); // U+FFEE before U+1F600, unlike UTF-16
  expect([tokenizer.bos, tokenizer.vocabSize]).toEqual([6, 7]);
  expect(documentTokens(tokenizer, "ab")).toEqual([6, 1, 2, 6]);
});

test("decoding gives back what was encoded, for every text made of known characters", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (documents) => {
      const tokenizer = charTokenizer(documents);
      for (const document of documents) {
        const { ids, unknown } = tokenizer.encode(document);
        expect(unknown).toEqual([]);
        expect(tokenizer.decode([tokenizer.bos, ...ids, tokenizer.bos])).toBe(document);
      }
    }),
  );
});

test("unknown characters are named, each once, and the known ones keep their ids", () => {
  const tokenizer = charTokenizer(["abc"]);
  expect(tokenizer.encode("zaxbz")).toEqual({ ids: [0, 1], unknown: ["z", "x"] });
  expect(() => documentTokens(tokenizer, "za")).toThrow(
    'tokenizer: the document "za" has a character that the training data does not have: "z"',
  );
  expect(nameUnknown(["\u001b", "\u202e"])).toBe(
    '2 characters that the training data does not have: "\\u001b", "\\u202e"',
  );
});

test("an id outside of the vocabulary is refused", () => {
  expect(() => charTokenizer(["ab"]).decode([0, 3])).toThrow("decode: ids are 0 to 2, got 3");
});

test("a tokenizer survives its journey through JSON", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1 }), (documents) => {
      const tokenizer = charTokenizer(documents);
      const copy = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
      expect(copy.vocabSize).toBe(tokenizer.vocabSize);
      for (const document of documents) expect(copy.encode(document)).toEqual(tokenizer.encode(document));
    }),
  );
});
