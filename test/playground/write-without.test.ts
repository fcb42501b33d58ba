import { describe, expect, test } from "vitest";
import { textOf } from "../../playground/pages/inside/token-text.ts";
import { writeWithout } from "../../playground/pages/inside/write-without.ts";
import type { Writing } from "../../playground/pages/inside/write-without.ts";
import { inspect } from "../../playground/run/looking.ts";
import type { HeadName } from "../../src/tensor/attention-weights.ts";
import { withoutHeads } from "../../src/tensor/attention-weights.ts";
import type { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { charTokenizer } from "../../src/text/tokenizers/char.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { Random } from "../../src/random.ts";
import { generateTokens } from "../../src/training/sample.ts";
import { newTensorEngine, wasm } from "../setup/tensor-models.ts";

const tokenizer = charTokenizer([..."abcdefgh"]);
const CONFIG = { vocabSize: 9, nEmbd: 8, nHead: 2, nLayer: 1, blockSize: 10 };
const vocabulary = Array.from({ length: 9 }, (_, id) => tokenizer.token(id));
const WRITING: Writing = {
  heads: [],
  count: 4,
  seed: 7,
  temperature: 1,
  kind: "char",
  vocabulary,
  blockSize: CONFIG.blockSize,
};

const inspecting =
  (engine: TensorEngine) =>
  (text: string, heads: readonly HeadName[]): ReturnType<typeof inspect> =>
    inspect(engine, tokenizer, { text, heads });

/** What the library writes with these seeds, as many tokens as fit. */
async function written(engine: TensorEngine): Promise<string[]> {
  const texts: string[] = [];
  for (let i = 0; i < WRITING.count; i++) {
    const options = { temperature: WRITING.temperature, topK: null, topP: null };
    const random = new Random(WRITING.seed + i);
    texts.push(tokenizer.decode(await generateTokens(engine, [], CONFIG.blockSize - 1, random, options)));
  }
  return texts;
}

describe("samples without heads", () => {
  test("with all heads they are what the library writes, and without one what it writes without its weights", async () => {
    const engine = await newTensorEngine(wasm, CONFIG, 3);
    const weights = new Map(
      [...(await engine.weights())].map(([name, { shape, data }]) => [name, { shape, data: data.map((w) => 3 * w) }]),
    );
    await engine.loadWeights(weights);
    const all = await written(engine);
    expect(await writeWithout(inspecting(engine), WRITING)).toEqual(all);
    const heads = [{ layer: 0, head: 1 }];
    const without = await writeWithout(inspecting(engine), { ...WRITING, heads });
    await engine.loadWeights(withoutHeads(weights, CONFIG, heads));
    expect(without).toEqual(await written(engine));
    expect(without).not.toEqual(all);
  });

  test("a tokenizer that splits a growing text anew is refused with a sentence", async () => {
    const engine = await newTensorEngine(wasm, CONFIG, 4);
    const answer = await inspect(engine, tokenizer, { text: "", heads: [] });
    const merging = (text: string): Promise<typeof answer> =>
      Promise.resolve({ ...answer, ids: text === "" ? [8] : [8, 0, 0] });
    // BOS is not drawn: its logit is low.
    answer.logits.fill(0)[8] = -50;
    await expect(writeWithout(merging, WRITING)).rejects.toThrow("need characters or words as tokens");
  });
});

describe("the text of tokens", () => {
  test("of every kind it encodes to the same tokens, at the end of a word", () => {
    const text = "the cat sat on the mat";
    for (const kind of ["char", "word", "bpe", "byte-bpe"] as const) {
      const learnt = trainTokenizer([text], { tokenizer: kind, bpeMerges: 10, vocabSize: null, unk: false });
      const ids = learnt.encode(text).ids;
      const tokens = [learnt.bos, ...ids].map((id) => learnt.token(id));
      expect(learnt.encode(textOf(tokens, kind)).ids).toEqual(ids);
    }
  });
});
