import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { compileGpt2 } from "../../src/export/gpt2-weights.ts";
import { gguf } from "../../src/export/gguf.ts";
import type { ExportedModel } from "../../src/export/model.ts";
import {
  engineOf,
  greedyOf,
  logitsOf,
  promptsOf,
  shortPrompts,
  VERSES,
  verseModel,
  writeExported,
} from "../setup/exported.ts";
import { workspace } from "../setup/microgpt.ts";
import { client, hasClients, WITHOUT_CLIENTS } from "./client.ts";

interface GgufReader {
  gguf(
    file: string,
    options: { allowLocalFile: true },
  ): Promise<{
    metadata: Readonly<Record<string, unknown>>;
    tensorInfos: { name: string; shape: bigint[]; dtype: number }[];
  }>;
}

/** What is used of node-llama-cpp. */
interface LlamaCpp {
  getLlama(
    this: void,
    options: object,
  ): Promise<{
    loadModel(options: object): Promise<LlamaModel>;
    dispose(): Promise<void>;
  }>;
}

interface LlamaModel {
  tokenize(text: string): number[];
  createContext(options: object): Promise<{ getSequence(): LlamaSequence; dispose(): Promise<void> }>;
}

interface LlamaSequence {
  controlledEvaluate(
    input: (number | [number, object])[],
  ): Promise<({ next: { token?: number; probabilities?: Map<number, number> } } | undefined)[]>;
  clearHistory(): Promise<void>;
}

const KINDS = ["char", "byte-bpe"] as const;

interface Opened {
  readonly model: ExportedModel;
  readonly loaded: LlamaModel;
  readonly sequence: LlamaSequence;
}

/** Opens an exported model in llama.cpp until the test ends. */
async function opened(kind: (typeof KINDS)[number]): Promise<Opened> {
  const model = await verseModel(kind);
  const folder = writeExported(workspace(), await gguf.files(model));
  const { getLlama } = await client<LlamaCpp>("node-llama-cpp");
  const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: 1 });
  onTestFinished(() => llama.dispose());
  const loaded = await llama.loadModel({ modelPath: join(folder, `${model.name}.gguf`) });
  // Slack: with the block alone, node-llama-cpp moves its window at the last token.
  const context = await loaded.createContext({ contextSize: model.config.blockSize + 8, threads: 1 });
  return { model, loaded, sequence: context.getSequence() };
}

/** Reads tokens; resolves to what may come next. */
async function nextOf(
  sequence: LlamaSequence,
  tokens: readonly number[],
  asked: object,
): Promise<{ token?: number; probabilities?: Map<number, number> }> {
  const input = tokens.map((token, i): number | [number, object] =>
    i === tokens.length - 1 ? [token, { generateNext: asked }] : token,
  );
  return (await sequence.controlledEvaluate(input)).at(-1)!.next;
}

describe.skipIf(!hasClients)(`GGUF ${WITHOUT_CLIENTS}`, () => {
  test.each(KINDS)("%s: @huggingface/gguf reads the header, and every tensor's name and shape", async (kind) => {
    const model = await verseModel(kind);
    const folder = writeExported(workspace(), await gguf.files(model));
    const reader = await client<GgufReader>("@huggingface/gguf");
    const { metadata, tensorInfos } = await reader.gguf(join(folder, `${model.name}.gguf`), { allowLocalFile: true });
    const { width, layers, matrices, vectors } = compileGpt2(model.config, model.weights, false);
    expect(metadata).toMatchObject({
      version: 3,
      "general.architecture": "gpt2",
      "gpt2.block_count": layers,
      "gpt2.embedding_length": width,
      "gpt2.context_length": model.config.blockSize,
      "tokenizer.ggml.bos_token_id": model.tokenizer.bos,
      "tokenizer.ggml.add_bos_token": true,
    });
    expect(metadata["tokenizer.ggml.tokens"]).toHaveLength(model.tokenizer.vocabSize);
    expect(tensorInfos).toHaveLength(matrices.size + vectors.size);
    const head = tensorInfos.find(({ name }) => name === "output.weight")!;
    expect([head.dtype, head.shape.map(Number)]).toEqual([0, [width, model.config.vocabSize]]);
  });

  test.each(KINDS)(
    "%s: llama.cpp has our tokens, our probabilities within 5e-3, and our likeliest token",
    async (kind) => {
      const { model, loaded, sequence } = await opened(kind);
      const engine = await engineOf(model);
      for (const verse of VERSES.slice(0, 50)) {
        expect(loaded.tokenize(verse)).toEqual(model.tokenizer.encode(verse).ids);
      }
      for (const prompt of promptsOf(model, 50).map((tokens) => tokens.slice(0, model.config.blockSize))) {
        const logits = await logitsOf(engine, prompt);
        const largest = Math.max(...logits);
        const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
        const asked = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
        const probabilities = (await nextOf(sequence, prompt, asked)).probabilities!;
        for (const [id, logit] of logits.entries()) {
          const own = Math.exp(logit - largest) / total;
          expect(Math.abs((probabilities.get(id) ?? 0) - own)).toBeLessThan(5e-3);
        }
        const [likeliest] = [...probabilities].reduce((a, b) => (b[1] > a[1] ? b : a));
        expect(likeliest).toBe(logits.indexOf(largest));
        await sequence.clearHistory();
      }
    },
  );

  test.each(KINDS)("%s: llama.cpp writes our greedy text after 80 prompts", async (kind) => {
    const { model, sequence } = await opened(kind);
    const engine = await engineOf(model);
    const { bos } = model.tokenizer;
    let total = 0;
    for (const prompt of shortPrompts(model, 80)) {
      const most = model.config.blockSize - prompt.length;
      const written: number[] = [];
      let read = prompt;
      while (written.length < most) {
        const token = (await nextOf(sequence, read, { token: true, options: { temperature: 0 } })).token!;
        if (token === bos) break;
        written.push(token);
        read = [token];
      }
      expect(written).toEqual(await greedyOf(engine, prompt, most));
      total += written.length;
      await sequence.clearHistory();
    }
    expect(total).toBeGreaterThan(500);
  });
});
