/** Trained models of each kind of tokenizer, and what our engine says of them: the measure of every exported format. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ExportedFiles, ExportedModel } from "../../src/export/model.ts";
import { openEngine } from "../../src/library/engines.ts";
import { baselinesOf, sizeOf } from "../../src/library/training-data.ts";
import { createTrainer } from "../../src/run/library.ts";
import { nodeMachine } from "../../src/run/machine.ts";
import { readModelPage } from "../../src/run/model-page.ts";
import type { ModelOptions } from "../../src/library/trainer-options.ts";
import { Random } from "../../src/random.ts";
import type { TokenizerKind } from "../../src/text/tokenizer.ts";
import type { Engine } from "../../src/training/engine.ts";
import { generateTokens } from "../../src/training/sample.ts";

/** Verses of Genesis. */
export const VERSES: readonly string[] = readFileSync(new URL("../fixtures/genesis200.txt", import.meta.url), "utf8")
  .trim()
  .split("\n");

const known = new Map<string, Promise<ExportedModel>>();

/** A model that was trained on the verses, once per test file. Words have <unk>, because some formats need it. */
export function verseModel(kind: TokenizerKind, options: ModelOptions = {}): Promise<ExportedModel> {
  const key = JSON.stringify([kind, options]);
  const model = known.get(key) ?? trainVerses(kind, options);
  known.set(key, model);
  return model;
}

async function trainVerses(kind: TokenizerKind, options: ModelOptions): Promise<ExportedModel> {
  const sizes = { nEmbd: 32, nHead: 4, nLayer: 2, blockSize: 24, batchSize: 16, numSteps: 150, threads: 1 };
  const vocabulary = { tokenizer: kind, bpeMerges: 200, unk: kind === "word" };
  const trainer = await createTrainer(VERSES, { ...sizes, ...vocabulary, ...options });
  await trainer.run();
  const model = await trainer.model();
  const { config, tokenizer, weights, step, heldOutLoss } = model;
  const { dataHash } = trainer.data;
  trainer.close();
  await model.close();
  return {
    name: `verses-${kind}`,
    config,
    tokenizer,
    weights,
    options: model.options,
    dataHash,
    step,
    heldOutLoss,
    training: {
      data: ["genesis200.txt"],
      size: sizeOf(trainer.data),
      numSteps: step,
      heldOutLoss,
      bitsPerByte: 1.5,
      baselines: baselinesOf(trainer.data).bitsPerByte,
    },
    documents: () => Promise.resolve(VERSES.map((verse) => tokenizer.encode(verse).ids)),
    page: readModelPage,
  };
}

/** Beginnings of verses, of every length, also longer than the block. As tokens, with BOS in front. */
export function promptsOf({ tokenizer }: ExportedModel, count: number): number[][] {
  return Array.from({ length: count }, (_, i) => {
    const { ids } = tokenizer.encode(VERSES[i % VERSES.length]);
    return [tokenizer.bos, ...ids.slice(0, (i * 7) % 40)];
  });
}

/** The same, as far as the model can read them as a whole and write one more token. */
export const shortPrompts = (model: ExportedModel, count: number): number[][] =>
  promptsOf(model, count).map((prompt) => prompt.slice(0, model.config.blockSize - 1));

/** An engine with the model's weights, for a text at a time or a few documents. */
export function engineOf({ config, weights, options }: ExportedModel): Promise<Engine> {
  return openEngine(config, weights, { ...options, batchSize: 16 }, nodeMachine, () => {});
}

/** Logits [vocabSize] after a prompt's last blockSize tokens. */
export async function logitsOf(engine: Engine, prompt: readonly number[]): Promise<number[]> {
  const reader = engine.reader();
  let logits: number[] = [];
  for (const token of prompt.slice(-engine.config.blockSize)) logits = await reader.read(token);
  return logits;
}

/** The likeliest tokens after a prompt, up to BOS. */
export async function greedyOf(engine: Engine, [, ...prompt]: readonly number[], maxTokens: number): Promise<number[]> {
  const options = { temperature: 0, topK: null, topP: null };
  return await generateTokens(engine, prompt, maxTokens, new Random(0), options);
}

/** The largest difference of two lists of numbers. */
export const farthest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.POSITIVE_INFINITY))), 0);

/** Writes an export into a folder. */
export function writeExported(folder: string, files: ExportedFiles): string {
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}
