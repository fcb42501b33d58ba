/**
 * The model that is in the page, on the page's own thread: a file on the disk may share no memory with workers. With the same
 * seed it writes what `microgpt sample` (or `complete`) writes: one generator for all texts, the run's own kind of engine.
 */
import { fromBase64 } from "../../src/export/base64.ts";
import type { PageMarks } from "../../src/export/page.ts";
import { openEngine, writingOptions } from "../../src/library/engines.ts";
import { loadModel } from "../../src/library/model.ts";
import { ONE_THREAD } from "../../src/library/one-thread.ts";
import { Pieces } from "../../src/library/pieces.ts";
import { completionOf, encodePrompt, nextTokensOf } from "../../src/library/prompt.ts";
import { Random } from "../../src/random.ts";
import { layerAttention } from "../../src/tensor/attention-weights.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { TextMarker } from "../../src/text/text-marks.ts";
import type { Tokenizer } from "../../src/text/tokenizer.ts";
import type { Engine } from "../../src/training/engine.ts";
import { generate } from "../../src/training/sample.ts";
import type { PageModel } from "./page-model.ts";

/** Opens the model of the page. Throws InputError if its bytes are damaged. @param base64 the model's file. */
export async function openInlineModel(base64: string, packed: PageMarks): Promise<PageModel> {
  const { config, weights, tokenizer, options } = await loadModel(fromBase64(base64), ONE_THREAD);
  const writing = writingOptions({ ...options, batchSize: 1 }, false);
  const open = (engineOptions: typeof writing): Promise<Engine> =>
    openEngine(config, weights, engineOptions, ONE_THREAD, () => {});
  const engine = await open(writing);
  let looking: Promise<Engine> | null = null;
  const marker = markerOf(packed, tokenizer);
  const writer = { engine, tokenizer, options };
  return {
    async write({ prefix, temperature, topK, count, seed }, sink, signal) {
      const random = new Random(seed);
      const prompt = encodePrompt(writer, prefix, (message) => sink.warn(message));
      for (let index = 0; index < count; index++) {
        const pieces = new Pieces(tokenizer, prompt.ids, prompt.text);
        const drawn: number[] = [];
        const sampling = { temperature, topK, topP: null };
        for await (const { token } of generate(engine, prompt.ids, config.blockSize, random, sampling, prompt.open)) {
          signal.throwIfAborted();
          drawn.push(token);
          sink.add(index, pieces.add(token));
        }
        const mark = marker?.mark([...prompt.ids, ...drawn]) ?? null;
        sink.end(index, completionOf(tokenizer, prompt, drawn), mark);
      }
    },
    async nextTokens(prefix) {
      const prompt = encodePrompt(writer, prefix, () => {});
      return (await nextTokensOf(writer, prompt, { temperature: 1, topK: null, topP: null })).tokens;
    },
    async attention(text) {
      looking ??= engine instanceof TensorEngine ? Promise.resolve(engine) : open({ ...writing, engine: "wasm" });
      const seen = await looking;
      if (!(seen instanceof TensorEngine)) throw new TypeError("the wasm engine is a TensorEngine");
      const ids = [tokenizer.bos, ...tokenizer.encode(text).ids].slice(0, config.blockSize);
      const activations = await seen.activations(ids);
      const heads = (layer: number): ArrayLike<number>[] =>
        layerAttention(activations, layer, config.nHead).map(({ data }) => data);
      return {
        tokens: ids.map((id) => tokenizer.token(id)),
        attention: Array.from({ length: config.nLayer }, (_, layer) => heads(layer)),
      };
    },
  };
}

function markerOf(packed: PageMarks, tokenizer: Tokenizer): TextMarker | null {
  if (typeof packed === "string") return null;
  const { base64, ...filter } = packed.filter;
  return new TextMarker({ ...packed, filter: { ...filter, bytes: fromBase64(base64) } }, tokenizer);
}
