import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importModel } from "../../src/export/import.ts";
import { MODELING } from "../../src/export/pytorch-source.ts";
import { pytorch } from "../../src/export/pytorch.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import {
  engineOf,
  farthest,
  greedyOf,
  logitsOf,
  promptsOf,
  VERSES,
  verseModel,
  writeExported,
} from "../setup/exported.ts";
import { askPython, hasPython, PYTHON, PYTHON_ENV, withoutPython } from "../setup/python.ts";
import { workspace } from "../setup/microgpt.ts";

/** Greedy tokens up to BOS, as transformers pads them: with BOS. */
const upTo = (bos: number, ids: readonly number[]): readonly number[] =>
  ids.includes(bos) ? ids.slice(0, ids.indexOf(bos)) : ids;

test("the architecture is sixty lines of PyTorch, up to what is for transformers", () => {
  const [own] = MODELING.split("\n\n\ndef load");
  expect(own.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(60);
});

describe.skipIf(!hasPython("torch", "safetensors"))(`PyTorch alone ${withoutPython("torch")}`, () => {
  test.each(TOKENIZER_KINDS)(
    "%s: logits within 1e-4 after 50 prompts, the same greedy text after 80, ten training steps within 1e-4",
    async (kind) => {
      const model = await verseModel(kind);
      const engine = await engineOf(model);
      const [prompts, greedy] = [promptsOf(model, 50), promptsOf(model, 80)];
      const batches = Array.from({ length: 10 }, (_, step) => VERSES.slice(8 * step, 8 * step + 8));
      const documents = batches.map((verses) =>
        verses.map((verse) => [model.tokenizer.bos, ...model.tokenizer.encode(verse).ids, model.tokenizer.bos]),
      );
      const rates = documents.map((_, step) => 0.01 * (1 - step / 10));
      const folder = writeExported(join(workspace(), "model"), await pytorch.files(model));
      const theirs = askPython("torch-export.py", {
        folder,
        prompts,
        greedy,
        maxTokens: 30,
        batches: documents,
        rates,
      });
      const { logits, texts, losses } = theirs as { logits: number[][]; texts: number[][]; losses: number[] };
      for (const [i, prompt] of prompts.entries()) {
        expect(farthest(await logitsOf(engine, prompt), logits[i])).toBeLessThan(1e-4);
      }
      const ours: number[][] = [];
      for (const prompt of greedy) ours.push(await greedyOf(engine, prompt, 30));
      expect(texts).toEqual(ours);
      expect(ours.flat().length).toBeGreaterThan(500); // not all of them end at once
      for (const [step, batch] of documents.entries()) {
        const update = { step, learningRate: rates[step], weightDecay: 0, clipNorm: null };
        const { loss } = await engine.step([batch], update);
        expect(Math.abs(loss - losses[step])).toBeLessThan(1e-4);
      }
    },
  );
});

describe.skipIf(!hasPython("torch", "transformers"))(`transformers ${withoutPython("transformers")}`, () => {
  test.each(TOKENIZER_KINDS)("%s: the tokens, and the greedy text of 80 prompts, also padded", async (kind) => {
    const model = await verseModel(kind);
    const { tokenizer } = model;
    const engine = await engineOf(model);
    const texts = ["", ...promptsOf(model, 79).map((prompt) => tokenizer.decode(prompt).trim())];
    const directory = workspace();
    const folder = writeExported(join(directory, "model"), await pytorch.files(model));
    const saved = join(directory, "saved");
    const theirs = askPython("transformers-export.py", { folder, texts, maxTokens: 20, saved });
    const { ids, alone, together } = theirs as { ids: number[][]; alone: number[][]; together: number[][] };
    const prompts = texts.map((text) => [tokenizer.bos, ...tokenizer.encode(text).ids]);
    expect(ids).toEqual(prompts);
    const ours: number[][] = [];
    for (const prompt of prompts) ours.push(await greedyOf(engine, prompt, 20));
    expect(alone.map((text) => upTo(tokenizer.bos, text))).toEqual(ours);
    expect(together.map((text) => upTo(tokenizer.bos, text))).toEqual(ours);
    // What transformers saves has other names and another order; import knows them.
    const files = new Map([
      ...(await pytorch.files(model)),
      ["model.safetensors", new Uint8Array(readFileSync(join(saved, "model.safetensors")))] as const,
    ]);
    const imported = await importModel(files, []);
    expect([...imported.weights]).toEqual([...model.weights]);
    expect(imported.training).toEqual(model.training);
  });
});

describe.skipIf(!hasPython("torch", "tokenizers"))(`torchrun ${withoutPython("torch", "tokenizers")}`, () => {
  test("two processes train on as one does, and import takes the result", async () => {
    const model = await verseModel("char");
    const directory = workspace();
    const folder = writeExported(join(directory, "model"), await pytorch.files(model));
    writeFileSync(join(directory, "text.txt"), VERSES.join("\n"));
    const train = (out: string, processes: readonly string[]): string => {
      const args = [
        ...processes,
        join(folder, "train_microgpt.py"),
        "text.txt",
        "--steps",
        "5",
        "--batch-size",
        "9",
        "--out",
        out,
      ];
      const { status, stdout, stderr } = spawnSync(PYTHON, args, {
        cwd: directory,
        env: { ...process.env, ...PYTHON_ENV },
        encoding: "utf8",
      });
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
      return stdout;
    };
    expect(train("one.safetensors", [])).toMatch(/step 5\/5 {2}loss \d/);
    train("two.safetensors", ["-m", "torch.distributed.run", "--nproc-per-node", "2"]);
    const weightsOf = async (out: string): Promise<number[]> => {
      const bytes = new Uint8Array(readFileSync(join(directory, out)));
      const imported = await importModel(
        new Map([...(await pytorch.files(model)), ["model.safetensors", bytes] as const]),
        [],
      );
      expect(imported).toMatchObject({ training: null, heldOutLoss: null, step: 0 }); // nothing is claimed of other weights
      return [...imported.weights.values()].flatMap(({ data }) => [...data]);
    };
    const [one, two] = [await weightsOf("one.safetensors"), await weightsOf("two.safetensors")];
    const before = [...model.weights.values()].flatMap(({ data }) => [...data]);
    expect(farthest(one, before)).toBeGreaterThan(1e-3);
    expect(farthest(one, two)).toBeLessThan(1e-5);
  });
});
