import { expect, test } from "vitest";
import { tokenizerFromJson } from "../../src/text/tokenizers/json.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { PLACE } from "../setup/place.ts";

const TEXT = "The rivers run into the sea; yet the sea isn't full — nor is the théâtre. 川は海へ 🌊🌊\n";
const PROMPT = "the sea isn't a théâtre 🌊 ";

// That these are the reference's ids is shown on its own figures (test/text/extended.test.ts); here, that a page has the same.
test.each([
  ["char", 29, [16, 9, 7, 1, 15, 7, 6, 1, 10, 15, 12, 2, 16, 1, 6, 1, 16, 9, 21, 20, 16, 14, 7, 1, 27, 1]],
  ["word", 21, [13, 11, 7, 0, 12, 19, 14, 18]],
  ["bpe", 53, [29, 50, 51, 11, 0, 33, 5, 3, 27, 20, 19, 15, 13, 28, 26, 3]],
  ["byte-bpe", 282, [256, 101, 263, 264, 110, 39, 116, 32, 97, 257, 195, 169, 195, 162, 116, 114, 101, 32, 268, 32]],
] as const)(`in ${PLACE}: %s learns %i tokens, and has the ids that it has everywhere`, (kind, vocabSize, ids) => {
  const options = { tokenizer: kind, bpeMerges: 25, vocabSize: null, unk: kind === "word" };
  const tokenizer = trainTokenizer([TEXT, TEXT.toLowerCase()], options);
  expect([tokenizer.vocabSize, tokenizer.encode(PROMPT).ids]).toEqual([vocabSize, ids]);
  const copy = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
  expect(copy.encode(PROMPT).ids).toEqual(ids);
  if (kind === "byte-bpe" || kind === "char") expect(copy.decode(copy.encode(TEXT).ids)).toBe(TEXT);
});
