import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import type { Reader } from "../../src/training/engine.ts";
import type { Config } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { Streams } from "../../src/tensor/streams.ts";
import { generate, generateTokens } from "../../src/training/sample.ts";
import type { TextModel } from "../../src/training/sample.ts";
import { NATIVE, runsOn } from "../setup/native-backend.ts";
import { anyBatch, differences, newTensorEngine, strictWasm, wasm } from "../setup/tensor-models.ts";

const BACKENDS = [["wasm", wasm], ["wasm, strict", strictWasm], ["reference", referenceBackend], ...NATIVE] as const;

const CONFIG: Config = { vocabSize: 23, nEmbd: 20, nHead: 4, nLayer: 2, blockSize: 9 };
const SAMPLING = { temperature: 1, topK: null, topP: null };

describe.each(BACKENDS)("%s: several texts at once", (_, backend) => {
  test("each piece has the logits of its text alone, bit for bit, however texts are cut and mixed", async () => {
    await fc.assert(
      fc.asyncProperty(anyBatch, async ({ config, documents, seed }) => {
        const streams = documents.length;
        const engine = await newTensorEngine(backend, config, seed, { streams });
        const alone = await newTensorEngine(backend, config, seed);
        const texts = documents.map((document) => document.slice(0, config.blockSize));
        const readers = texts.map(() => alone.reader());
        const random = new Random(seed);
        const positions = texts.map(() => 0);
        while (positions.some((position, d) => position < texts[d].length)) {
          const pieces = texts.flatMap((text, stream) => {
            const position = positions[stream];
            const tokens = text.slice(position, position + random.randbelow(4));
            positions[stream] += tokens.length;
            return tokens.length === 0 ? [] : [{ stream, position, tokens }];
          });
          random.shuffle(pieces);
          const together = await engine.advance(pieces);
          for (const [i, { stream, tokens }] of pieces.entries()) {
            expect(differences(together[i], await readers[stream].read(...tokens))).toBe(0);
          }
          await engine.evaluate(documents); // must leave the caches alone
        }
      }),
      { numRuns: runsOn(backend, 30) },
    );
  });

  test("twenty generations on four streams write what each writes alone, also past the block", async () => {
    const engine = await newTensorEngine(backend, CONFIG, 5, { streams: 4 });
    const streams = new Streams(engine);
    const texts = (model: TextModel): Promise<number[][]> =>
      Promise.all(
        Array.from({ length: 20 }, (_value, i) =>
          generateTokens(model, [i, 3, i].slice(0, i % 4), 1 + ((7 * i) % 25), new Random(i), SAMPLING),
        ),
      );
    const together = await texts(streams);
    expect(together).toEqual(await texts(await newTensorEngine(backend, CONFIG, 5)));
    expect(Math.max(...together.map(({ length }) => length))).toBeGreaterThan(CONFIG.blockSize);
  });
});

describe("readers of streams", () => {
  test("all that is asked for in one turn goes through the model together", async () => {
    const engine = await newTensorEngine(wasm, CONFIG, 5, { streams: 8 });
    const passes: number[] = [];
    const streams = new Streams({
      config: CONFIG,
      streams: 8,
      streamRows: 8,
      advance: (pieces) => {
        passes.push(pieces.length);
        return engine.advance(pieces);
      },
    });
    const write = (seed: number): Promise<number[]> => generateTokens(streams, [], 9, new Random(seed), SAMPLING);
    const lengths = (await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(write))).map(({ length }) => length);
    expect(passes[0]).toBe(8);
    // A text of n tokens, BOS not counted, takes n passes, and one more for the BOS that ends it before the ninth.
    const needed = lengths.map((length) => Math.min(9, length + 1));
    expect(passes).toEqual(
      Array.from({ length: Math.max(...needed) }, (_, i) => needed.filter((count) => count > i).length),
    );
  });

  test("a long prompt takes several passes, in which the others go on", async () => {
    const engine = await newTensorEngine(wasm, CONFIG, 5, { streams: 2 });
    const passes: [stream: number, position: number, tokens: number][][] = [];
    const streams = new Streams({
      config: CONFIG,
      streams: 2,
      streamRows: 4,
      advance: (pieces) => {
        passes.push(pieces.map(({ stream, position, tokens }) => [stream, position, tokens.length]));
        return engine.advance(pieces);
      },
    });
    const [long, short] = [streams.reader(), streams.reader()];
    const text = [22, 1, 2, 3, 4, 5, 6, 7, 8];
    const logits = await Promise.all([long.read(...text), short.read(22).then(() => short.read(3))]);
    expect(passes).toEqual([
      [
        [0, 0, 2],
        [1, 0, 1],
      ],
      [
        [0, 2, 2],
        [1, 1, 1],
      ],
      [[0, 4, 4]],
      [[0, 8, 1]],
    ]);
    const alone = await newTensorEngine(wasm, CONFIG, 5);
    expect(logits).toEqual([await alone.reader().read(...text), await alone.reader().read(22, 3)]);
  });

  test("a generation that is left early frees its stream for the next", async () => {
    const streams = new Streams(await newTensorEngine(wasm, CONFIG, 5, { streams: 1 }));
    const first = generate(streams, [1], 9, new Random(1), SAMPLING);
    await first.next();
    const second = generateTokens(streams, [2], 9, new Random(2), SAMPLING);
    await first.return("bos");
    const alone = await newTensorEngine(wasm, CONFIG, 5);
    expect(await second).toEqual(await generateTokens(alone, [2], 9, new Random(2), SAMPLING));
  });

  test("a reader refuses a text past the block, and starts again after restart", async () => {
    const streams = new Streams(await newTensorEngine(wasm, CONFIG, 5, { streams: 2 }));
    const alone = await newTensorEngine(wasm, CONFIG, 5);
    const read = async (reader: Reader): Promise<number[]> => {
      await reader.read(22, 1, 2, 3, 4, 5, 6, 7, 8);
      await expect(reader.read(9)).rejects.toThrow(RangeError);
      reader.restart();
      expect(reader.position).toBe(0);
      return await reader.read(22, 9);
    };
    expect(await read(streams.reader())).toEqual(await read(alone.reader()));
  });

  test("a pass that fails rejects its readers and no later one", async () => {
    let calls = 0;
    const streams = new Streams({
      config: CONFIG,
      streams: 2,
      streamRows: 2,
      advance: async (pieces) => {
        if (calls++ === 0) throw new Error("lost");
        return pieces.map(() => [1]);
      },
    });
    const [a, b] = [streams.reader(), streams.reader()];
    const results = await Promise.allSettled([a.read(1), b.read(2)]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await a.read(3)).toEqual([1]);
  });
});
