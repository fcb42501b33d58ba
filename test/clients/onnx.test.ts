import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { onnx } from "../../src/export/onnx.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { engineOf, farthest, greedyOf, logitsOf, shortPrompts, verseModel, writeExported } from "../setup/exported.ts";
import { workspace } from "../setup/microgpt.ts";
import { client, hasClients, WITHOUT_CLIENTS } from "./client.ts";

interface OrtTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

interface Ort {
  readonly Tensor: new (type: string, data: Float32Array | BigInt64Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(
      path: string,
      options: object,
    ): Promise<{ run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>> }>;
  };
}

interface Transformers {
  readonly env: { localModelPath: string; allowRemoteModels: boolean };
  pipeline(
    this: void,
    task: string,
    model: string,
    options: object,
  ): Promise<{
    model: { generate(options: object): Promise<{ tolist(): bigint[][] }> };
    tokenizer(text: string, options?: object): object;
  }>;
}

describe.skipIf(!hasClients)(`ONNX ${WITHOUT_CLIENTS}`, () => {
  test.each(TOKENIZER_KINDS)("%s: ONNX Runtime has our logits within 1e-4, whole and token by token", async (kind) => {
    const model = await verseModel(kind);
    const engine = await engineOf(model);
    const folder = writeExported(join(workspace(), "model"), await onnx.files(model));
    const { InferenceSession, Tensor } = await client<Ort>("onnxruntime-node");
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
    const session = await InferenceSession.create(join(folder, "onnx/model.onnx"), options);
    const { nHead, nEmbd, nLayer } = model.config;
    const names = Array.from({ length: nLayer }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
    const row = (values: readonly number[]): OrtTensor =>
      new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
    const empty = new Map(
      names.map((name) => [name, new Tensor("float32", new Float32Array(), [1, nHead, 0, nEmbd / nHead])]),
    );
    /** Reads tokens behind a cache; resolves to the last logits and the new cache. */
    const read = async (tokens: readonly number[], cache: ReadonlyMap<string, OrtTensor>) => {
      const past = cache.get("0.key")!.dims[2];
      const answer = await session.run({
        input_ids: row(tokens),
        position_ids: row(tokens.map((_, i) => past + i)),
        attention_mask: row(new Array<number>(past + tokens.length).fill(1)),
        ...Object.fromEntries(Array.from(cache, ([name, tensor]) => [`past_key_values.${name}`, tensor])),
      });
      const { data, dims } = answer.logits;
      const present = new Map(names.map((name) => [name, answer[`present.${name}`]]));
      return { logits: Array.from(data.slice(-dims[2])), present };
    };
    for (const prompt of shortPrompts(model, 50)) {
      const expected = await logitsOf(engine, prompt);
      expect(farthest(expected, (await read(prompt, empty)).logits)).toBeLessThan(1e-4);
      let cached = await read(prompt.slice(0, 1), empty);
      for (const token of prompt.slice(1)) cached = await read([token], cached.present);
      expect(farthest(expected, cached.logits)).toBeLessThan(1e-4);
    }
  });

  test.each(TOKENIZER_KINDS)("%s: transformers.js writes our greedy text after 80 prompts", async (kind) => {
    const model = await verseModel(kind);
    const engine = await engineOf(model);
    const directory = workspace();
    writeExported(join(directory, "mine"), await onnx.files(model));
    const { env, pipeline } = await client<Transformers>("@huggingface/transformers");
    env.localModelPath = directory;
    const options = { dtype: "fp32", local_files_only: true, session_options: { intraOpNumThreads: 1 } };
    const write = await pipeline("text-generation", "mine", options);
    const { bos } = model.tokenizer;
    for (const [, ...ids] of shortPrompts(model, 80)) {
      const text = model.tokenizer.decode(ids);
      const prompt = [bos, ...model.tokenizer.encode(text).ids];
      const most = model.config.blockSize - prompt.length;
      if (most < 1) continue;
      const inputs = write.tokenizer(text);
      const output = await write.model.generate({ ...inputs, max_new_tokens: most, do_sample: false });
      const [tokens] = output.tolist().map((list) => list.map(Number));
      expect(tokens.slice(0, prompt.length)).toEqual(prompt);
      expect(tokens.slice(prompt.length).filter((token) => token !== bos)).toEqual(
        await greedyOf(engine, prompt, most),
      );
    }
  });
});
