import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { splitLines } from "../../src/text/dataset.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { generateTokens } from "../../src/training/sample.ts";
import { documentTokens } from "../../src/text/tokenizer.ts";
import type { TokenizerKind } from "../../src/text/tokenizer.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { newProgress, trainSteps } from "../../src/training/train.ts";

/** What the extended program printed (CPython 3.13), for the first 200 verses of the Bible. */
interface Reference {
  readonly tokenizer: TokenizerKind;
  readonly config: {
    readonly seed: number;
    readonly nLayer: number;
    readonly nEmbd: number;
    readonly nHead: number;
    readonly blockSize: number;
    readonly numSteps: number;
    readonly bpeMerges: number | null;
  };
  readonly vocabTokens: number;
  readonly vocabFirst40: readonly string[];
  readonly vocabLast40: readonly string[];
  readonly losses: readonly number[];
  readonly samples: readonly string[];
  readonly completions: readonly { readonly prompt: string; readonly output: string }[];
  readonly firstDocs: readonly { readonly text: string; readonly ids: readonly number[] }[];
  readonly prompts: readonly {
    readonly prompt: string;
    readonly ids: readonly number[];
    readonly skipped: readonly string[];
    readonly decoded: string;
  }[];
}

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const references = JSON.parse(fixture("extended.json")) as readonly Reference[];

describe.each(references)("the extended program's figures, $tokenizer:", (reference) => {
  const { seed, nLayer, nEmbd, nHead, blockSize, numSteps, bpeMerges } = reference.config;
  const random = new Random(seed);
  const documents = splitLines(fixture("genesis200.txt"));
  random.shuffle(documents);
  const options = { tokenizer: reference.tokenizer, bpeMerges: bpeMerges ?? 0, vocabSize: null, unk: false };
  const tokenizer = trainTokenizer(documents, options);

  test("the vocabulary, its size and its order", () => {
    expect(tokenizer.bos).toBe(reference.vocabTokens);
    const tokens = Array.from({ length: tokenizer.bos }, (_, id) => tokenizer.token(id));
    expect(tokens.slice(0, 40)).toEqual(reference.vocabFirst40);
    expect(tokens.slice(-40)).toEqual(reference.vocabLast40);
  });

  test("the ids of documents", () => {
    expect(documents.slice(0, reference.firstDocs.length)).toEqual(reference.firstDocs.map(({ text }) => text));
    for (const { text, ids } of reference.firstDocs) expect(documentTokens(tokenizer, text)).toEqual(ids);
  });

  test("the ids of prompts, what is skipped, and the text of the ids", () => {
    for (const { prompt, ids, skipped, decoded } of reference.prompts) {
      const encoding = tokenizer.encode(prompt);
      expect(encoding.ids).toEqual(ids);
      expect([...encoding.unknown.keys()]).toEqual(skipped);
      expect(tokenizer.decode(ids)).toBe(decoded);
    }
  });

  test("with the atomic engine: 20 losses within 1e-6, all samples and completions", async () => {
    const config = { vocabSize: tokenizer.vocabSize, nEmbd, nHead, nLayer, blockSize };
    const engine = new AtomicEngine(config, initWeights(config, random));
    const train = documents.map((document) => documentTokens(tokenizer, document));
    const settings = { numSteps, learningRate: 0.01, evalInterval: numSteps };
    const losses: number[] = [];
    for await (const event of trainSteps(engine, train, [], settings, newProgress())) {
      if (event.type === "step") losses.push(event.loss);
    }
    expect(losses).toHaveLength(reference.losses.length);
    for (const [i, loss] of losses.entries()) expect(Math.abs(loss - reference.losses[i])).toBeLessThan(1e-6);

    const sampling = { temperature: 0.5, topK: null, topP: null };
    for (const sample of reference.samples) {
      expect(tokenizer.decode(await generateTokens(engine, [], blockSize, random, sampling))).toBe(sample);
    }
    for (const { prompt, output } of reference.completions) {
      const { ids } = tokenizer.encode(prompt);
      // It stops where the block is full, with BOS and the prompt in it.
      const more = await generateTokens(engine, ids, blockSize - 1 - ids.length, random, sampling);
      expect(tokenizer.decode([...ids, ...more])).toBe(output);
    }
  });
});
