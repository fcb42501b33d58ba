import { describe, expect, test } from "vitest";
import { attentionWeights, withoutHeads } from "../../src/tensor/attention-weights.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { referenceBackend } from "../../src/backend/reference.ts";
import { generateTokens } from "../../src/training/sample.ts";
import { trainSteps, newProgress } from "../../src/training/train.ts";
import { Random } from "../../src/random.ts";
import { NATIVE } from "../setup/native-backend.ts";
import { newAtomic, newTensorEngine, wasm } from "../setup/tensor-models.ts";

const BACKENDS: readonly (readonly [string, Backend])[] = [["reference", referenceBackend], ["wasm", wasm], ...NATIVE];
/** Heads of 3, which the wasm backend pads to 4. */
const CONFIG = { vocabSize: 9, nEmbd: 6, nHead: 2, nLayer: 2, blockSize: 8 };
const TEXT = [8, 1, 4, 2, 7, 7];
const OPTIONS = { temperature: 1, topK: null, topP: null };

describe.each(BACKENDS)("inside the model, on %s", (_, backend) => {
  test("activations lead to the logits: attention from its weights and values, the head from the last sum", async () => {
    const engine = await newTensorEngine(backend, CONFIG, 5);
    const { weights } = await engine.save();
    const found = await engine.activations(TEXT);
    expect([...found.keys()]).toEqual(
      expect.arrayContaining([
        "x0",
        "layer0.query",
        "layer1.attended",
        "layer1.attention",
        "layer1.afterMlp",
        "logits",
      ]),
    );
    const [value, attended] = ["layer1.value", "layer1.attended"].map((name) => found.get(name)!);
    const heads = attentionWeights(
      found.get("layer1.query")!,
      found.get("layer1.key")!,
      found.get("layer1.attention")!,
      2,
    );
    for (const [h, { data }] of heads.entries()) {
      for (let q = 0; q < TEXT.length; q++) {
        const row = Array.from(data.slice(q * TEXT.length, (q + 1) * TEXT.length));
        expect(row.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
        expect(row.slice(q + 1).every((p) => p === 0)).toBe(true);
        for (let c = h * 3; c < h * 3 + 3; c++) {
          const mean = row.reduce((sum, p, k) => sum + p * value.data[k * 6 + c], 0);
          expect(attended.data[q * 6 + c]).toBeCloseTo(mean, 5);
        }
      }
    }
    const [last, head, logits] = [found.get("layer1.afterMlp")!, weights.get("lm_head")!, found.get("logits")!];
    const dot = (t: number, v: number): number =>
      Array.from({ length: 6 }, (_value, c) => last.data[t * 6 + c] * head.data[v * 6 + c]).reduce((a, b) => a + b, 0);
    for (let t = 0; t < TEXT.length; t++) {
      for (let v = 0; v < 9; v++) expect(logits.data[t * 9 + v]).toBeCloseTo(dot(t, v), 5);
    }
    expect(await engine.logits(TEXT)).toEqual(
      TEXT.map((_token, t) => Array.from(logits.data.slice(t * 9, (t + 1) * 9))),
    );
  });

  test("the losses of tokens: their mean is what evaluate and the atomic core give", async () => {
    const engine = await newTensorEngine(backend, CONFIG, 6);
    const documents = [[8, 1, 2, 8], TEXT, [8, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 8]];
    const losses = await engine.tokenLosses(documents);
    expect(losses.map(({ length }) => length)).toEqual([3, 5, 8]);
    const all = losses.flat();
    const mean = all.reduce((sum, loss) => sum + loss, 0) / all.length;
    expect(mean).toBeCloseTo(await engine.evaluate(documents), 12);
    expect(mean).toBeCloseTo(await newAtomic(CONFIG, 6).evaluate(documents), 5);
  });

  test("a head without weights in attn_wo adds nothing; without all heads only the MLP is left", async () => {
    const engine = await newTensorEngine(backend, CONFIG, 7);
    const weights = await engine.weights();
    const before = await engine.logits(TEXT);
    await engine.loadWeights(withoutHeads(weights, CONFIG, [{ layer: 0, head: 1 }]));
    expect(await engine.logits(TEXT)).not.toEqual(before);
    const none = [0, 1].flatMap((layer) => [0, 1].map((head) => ({ layer, head })));
    await engine.loadWeights(withoutHeads(weights, CONFIG, none));
    const found = await engine.activations(TEXT);
    expect(found.get("layer0.afterAttention")).toEqual(found.get("x0"));
    await engine.loadWeights(weights);
    expect(await engine.logits(TEXT)).toEqual(before);
    const message = "got layer 2, head 0; the model has 2 layers of 2 heads";
    expect(() => withoutHeads(weights, CONFIG, [{ layer: 2, head: 0 }])).toThrow(message);
  });

  test("calls that overlap take turns: three texts at once, a step and a save among them, are the texts one by one", async () => {
    const engine = await newTensorEngine(backend, CONFIG, 8);
    const write = (seed: number): Promise<number[]> => generateTokens(engine, [], 20, new Random(seed), OPTIONS);
    const alone = [await write(1), await write(2), await write(3)];
    expect(await Promise.all([write(1), write(2), write(3)])).toEqual(alone);
    const update = { step: 0, learningRate: 0, weightDecay: 0, clipNorm: null };
    const [first, , state, second] = await Promise.all([
      write(1),
      engine.step([[TEXT]], update),
      engine.save(),
      write(2),
    ]);
    expect([first, second]).toEqual(alone.slice(0, 2));
    expect(state.weights).toEqual(await engine.weights());
  });
});

/** Turns of the event loop: a timer that starts itself again. */
function countTurns(): { turns: number; stop: () => void } {
  const counter = { turns: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => counter.turns++, 1);
  return counter;
}

test("the event loop runs while a model learns, is evaluated and writes", async () => {
  const config = { ...CONFIG, nEmbd: 32, blockSize: 64 };
  const engine = await newTensorEngine(wasm, config, 9);
  const counter = countTurns();
  const settings = { numSteps: 1e9, learningRate: 0.001, evalInterval: 1e9, batchSize: 4 };
  // The timer ends the training: without turns it would not end before the test's limit.
  for await (const _ of trainSteps(engine, [TEXT], [TEXT], settings, newProgress())) {
    if (counter.turns >= 3) break;
  }
  counter.turns = 0;
  while (counter.turns < 3) await generateTokens(engine, [], 2000, new Random(1), OPTIONS);
  counter.stop();
  expect(counter.turns).toBeGreaterThanOrEqual(3);
});
