import { Tokenizer as HuggingFace } from "@huggingface/tokenizers";
import { expect, test } from "vitest";
import { tokenizerFiles, tokenizerRefusals } from "../../src/export/hugging-face.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { VERSES } from "../setup/exported.ts";

const CONFIG = { vocabSize: 0, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 12 };

test.each(TOKENIZER_KINDS)("%s: their library puts BOS in front of every text, an empty one too", (kind) => {
  const tokenizer = trainTokenizer(VERSES, { tokenizer: kind, bpeMerges: 100, vocabSize: null, unk: kind === "word" });
  const files = tokenizerFiles({ tokenizer, config: CONFIG });
  const json = (name: string): Record<string, unknown> =>
    JSON.parse(new TextDecoder().decode(files.get(name))) as Record<string, unknown>;
  const config = json("tokenizer_config.json");
  const theirs = new HuggingFace(json("tokenizer.json"), config);
  for (const text of ["", ...VERSES.slice(0, 50)]) {
    expect(theirs.encode(text).ids).toEqual([tokenizer.bos, ...tokenizer.encode(text).ids]);
  }
  expect(theirs.encode(String(config.bos_token), { add_special_tokens: false }).ids).toEqual([tokenizer.bos]);
  // Without it, the pipeline of transformers.js writes other texts: it adds no BOS of its own.
  expect(config).toMatchObject({ add_bos_token: true, eos_token: config.bos_token, model_max_length: 12 });
  expect(json("generation_config.json")).toMatchObject({ bos_token_id: tokenizer.bos, eos_token_id: tokenizer.bos });
});

test("words are refused without <unk>, and no other kind is", () => {
  for (const [kind, unk] of [
    ["char", false],
    ["word", true],
    ["bpe", false],
    ["byte-bpe", false],
  ] as const) {
    const tokenizer = trainTokenizer(VERSES, { tokenizer: kind, bpeMerges: 20, vocabSize: null, unk });
    expect(tokenizerRefusals({ tokenizer })).toEqual([]);
  }
  const tokenizer = trainTokenizer(VERSES, { tokenizer: "word", bpeMerges: 0, vocabSize: null, unk: false });
  expect(tokenizerRefusals({ tokenizer })).toEqual([expect.stringMatching(/unknown words.*; train with --unk/)]);
});
