import { Tokenizer as HuggingFace } from "@huggingface/tokenizers";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toHuggingFace } from "../../src/text/tokenizers/hugging-face.ts";
import { tokenizerFromJson } from "../../src/text/tokenizers/json.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { askPython, hasPython, withoutPython } from "../setup/python.ts";

const verses = readFileSync(new URL("../fixtures/genesis200.txt", import.meta.url), "utf8").split("\n");

/** Of letters, words, spaces, marks and scripts, known and unknown, as they may come in a row. */
const PIECES = [
  ..."abzGT .,:;!?'’\"()[]-_01\n\t\u00a0\u2003\u001c\u0085\ufeff\u0000é\u0301中文😀½Ⅷ",
  "the ",
  "God",
  "And ",
  "'s",
  "'ll",
  " earth",
];
const strings = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(""));

test.each([
  ["char", false],
  ["char", true],
  ["word", true],
  ["bpe", false],
  ["byte-bpe", false],
] as const)(
  "%s (unk %s): Hugging Face's library reads the file, and has the same ids and texts for 1,000 strings",
  (kind, unk) => {
    const tokenizer = trainTokenizer(verses, { tokenizer: kind, bpeMerges: 300, vocabSize: null, unk });
    const theirs = new HuggingFace(JSON.parse(JSON.stringify(toHuggingFace(tokenizer))) as object, {});
    // The format has no rule for quotes, so a decoder of words there has the reference's spacing.
    const decoder = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)), { reference: true });
    const compare = (text: string): void => {
      const { ids } = tokenizer.encode(text);
      expect(theirs.encode(text, { add_special_tokens: false }).ids).toEqual(ids);
      if (ids.length === 0) return; // their decode takes an empty list for a mistake
      expect(theirs.decode(ids, { clean_up_tokenization_spaces: false })).toBe(decoder.decode(ids));
    };
    for (const verse of verses) compare(verse);
    fc.assert(fc.property(strings, compare), { numRuns: 1_000 });
  },
);

test("word without <unk>: the same ids for what is known", () => {
  const tokenizer = trainTokenizer(verses, { tokenizer: "word", bpeMerges: 0, vocabSize: null, unk: false });
  const theirs = new HuggingFace(JSON.parse(JSON.stringify(toHuggingFace(tokenizer))) as object, {});
  for (const verse of verses) {
    expect(theirs.encode(verse, { add_special_tokens: false }).ids).toEqual(tokenizer.encode(verse).ids);
  }
});

describe.skipIf(!hasPython("tokenizers"))(`their library in Rust ${withoutPython("tokenizers")}`, () => {
  test.each([
    ["char", true],
    ["word", true],
    ["bpe", false],
    ["byte-bpe", false],
  ] as const)("%s: the same ids and texts for 10,000 strings (reliability 24)", (kind, unk) => {
    const tokenizer = trainTokenizer(verses, { tokenizer: kind, bpeMerges: 300, vocabSize: null, unk });
    const texts = fc.sample(strings, { numRuns: 10_000, seed: 24 });
    const theirs = askPython("hf-tokenizers.py", { json: toHuggingFace(tokenizer), texts });
    const decoder = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)), { reference: true });
    expect(theirs).toEqual(
      texts.map((text) => [tokenizer.encode(text).ids, decoder.decode(tokenizer.encode(text).ids)]),
    );
  });
});

test("BOS is a special token of its own id", () => {
  const tokenizer = trainTokenizer(["ab"], { tokenizer: "byte-bpe", bpeMerges: 1, vocabSize: null, unk: false });
  const theirs = new HuggingFace(JSON.parse(JSON.stringify(toHuggingFace(tokenizer))) as object, {});
  expect(theirs.encode("<bos>ab", { add_special_tokens: false }).ids).toEqual([257, 256]);
  expect(theirs.decode([257, 256], { skip_special_tokens: true })).toBe("ab");
});

test("bpe: every id has its own name, also where merges have learnt `<bos>`", () => {
  const texts = ["<bos>x <bos>y", "<bos>z <bos>x", "a <|bos|> <|bos|> <|bos|>", "plain text"];
  const tokenizer = trainTokenizer(texts, { tokenizer: "bpe", bpeMerges: 40, vocabSize: null, unk: false });
  const tokens = Array.from({ length: tokenizer.bos }, (_, id) => tokenizer.token(id));
  expect(tokens).toContain("<bos>"); // the merges are those of the fault
  const json = JSON.parse(JSON.stringify(toHuggingFace(tokenizer))) as {
    added_tokens: { id: number; content: string }[];
    model: { vocab: Record<string, number> };
  };
  const ids = Object.values(json.model.vocab).toSorted((a, b) => a - b);
  expect(ids).toEqual(Array.from({ length: tokenizer.vocabSize }, (_, id) => id));
  const [{ id, content }] = json.added_tokens;
  expect([id, json.model.vocab[content], tokens.includes(content)]).toEqual([tokenizer.bos, tokenizer.bos, false]);
  const theirs = new HuggingFace(json, {});
  for (const text of texts) {
    const { ids: ours } = tokenizer.encode(text);
    if (text.includes(content)) continue; // there the letters are the special token
    expect(theirs.encode(text, { add_special_tokens: false }).ids).toEqual(ours);
    expect(theirs.decode(ours)).toBe(text);
  }
  expect(theirs.encode(`${content}x`, { add_special_tokens: false }).ids[0]).toBe(tokenizer.bos);
});
