import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { gpt2, gpt2Untied } from "../../src/export/gpt2.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { engineOf, farthest, greedyOf, logitsOf, shortPrompts, verseModel, writeExported } from "../setup/exported.ts";
import { gpt2Logits } from "../setup/gpt2.ts";
import { workspace } from "../setup/microgpt.ts";
import { askPython, hasPython, withoutPython } from "../setup/python.ts";

const FORMATS = [
  ["tied", gpt2],
  ["untied", gpt2Untied],
] as const;

const likeliest = (logits: readonly number[]): number => logits.indexOf(Math.max(...logits));

describe.each(FORMATS)("a GPT-2, %s", (_, format) => {
  test.each([
    ["char", {}],
    ["byte-bpe", { nLayer: 3, nHead: 2, nEmbd: 24 }],
    ["char", { nLayer: 1, nHead: 1, nEmbd: 6 }],
  ] as const)(
    "%s %j: a GPT-2 of plain loops has our logits within 1e-4 and our likeliest token",
    async (kind, options) => {
      const model = await verseModel(kind, options);
      const engine = await engineOf(model);
      const files = await format.files(model);
      for (const prompt of shortPrompts(model, 12)) {
        const [expected, actual] = [await logitsOf(engine, prompt), gpt2Logits(files, prompt)];
        expect(farthest(expected, actual)).toBeLessThan(1e-4);
        expect(likeliest(actual)).toBe(likeliest(expected));
      }
    },
  );

  describe.skipIf(!hasPython("torch", "transformers"))(`in transformers ${withoutPython("transformers")}`, () => {
    test.each(TOKENIZER_KINDS)(
      "%s: logits within 1e-4 and the likeliest token after 50 prompts, the greedy text of 80",
      async (kind) => {
        const model = await verseModel(kind);
        const engine = await engineOf(model);
        const [prompts, greedy] = [shortPrompts(model, 50), shortPrompts(model, 80)];
        const { blockSize, vocabSize } = model.config;
        const folder = writeExported(join(workspace(), "model"), await format.files(model));
        const theirs = askPython("gpt2-export.py", { folder, prompts, greedy, blockSize });
        const { logits, texts } = theirs as { logits: number[][]; texts: number[][] };
        for (const [i, prompt] of prompts.entries()) {
          const expected = await logitsOf(engine, prompt);
          expect(farthest(expected, logits[i])).toBeLessThan(1e-4);
          expect(likeliest(logits[i])).toBe(likeliest(expected));
        }
        for (const [i, prompt] of greedy.entries()) {
          const own = await greedyOf(engine, prompt, blockSize - prompt.length);
          expect(texts[i].filter((token) => token !== vocabSize - 1)).toEqual(own);
        }
      },
    );
  });
});

test("an untied head has less than half of the bytes of a tied one", async () => {
  const model = await verseModel("byte-bpe");
  const [tied, untied] = await Promise.all(
    [gpt2, gpt2Untied].map(async (format) => (await format.files(model)).get("model.safetensors")!.length),
  );
  expect(untied).toBeLessThan(tied / 2);
});
