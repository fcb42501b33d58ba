import { describe, expect, test } from "vitest";
import { dropoutSeedAt } from "../../src/training/dropout.ts";
import { Random } from "../../src/random.ts";
import { compile, newNative } from "../setup/native-backend.ts";
import { hashOf, newTensorEngine, update } from "../setup/tensor-models.ts";

/** Wide enough that weights have several slices. */
const CONFIG = { vocabSize: 200, nEmbd: 96, nHead: 4, nLayer: 1, blockSize: 16 };
const THREADS = [1, 2, 3, 4];
const STEPS = 10;

/** Trains on documents of various lengths; with `maxLogits` 1 the logits are computed in windows. */
async function hashAfterTraining(threads: number, maxLogits: number, dropout: number): Promise<string> {
  const engine = await newTensorEngine(newNative(threads), CONFIG, 42, { maxTokens: 300, maxLogits, dropout });
  const random = new Random(7);
  for (let step = 0; step < STEPS; step++) {
    const batch = Array.from({ length: 1 + random.randbelow(20) }, () =>
      Array.from({ length: 2 + random.randbelow(20) }, () => random.randbelow(CONFIG.vocabSize)),
    );
    const settings = { learningRate: 0.01 * (1 - step / STEPS), clipNorm: 1, dropoutSeed: dropoutSeedAt(1, step) };
    const result = await engine.step(dropout === 0 ? [batch] : [batch, batch], update(step, settings));
    expect(result.applied).toBe(true);
  }
  const hash = await hashOf(engine);
  engine.close();
  return hash;
}

describe.skipIf(compile === null)("native (skipped where there is no C compiler, or no koffi)", () => {
  test.each([
    ["logits at once", 2 ** 20, 0],
    ["logits window by window", 1, 0],
    ["with dropout, in two batches", 2 ** 20, 0.2],
  ])("%s: the same bits for 1, 2, 3 and 4 threads", async (_, maxLogits, dropout) => {
    const hashes: string[] = [];
    for (const threads of THREADS) hashes.push(await hashAfterTraining(threads, maxLogits, dropout));
    expect(new Set(hashes).size).toBe(1);
  });

  test("a session that is closed gives its threads back, and others go on", async () => {
    const [one, two] = [
      await newTensorEngine(newNative(3), CONFIG, 1, { maxTokens: 64 }),
      await newTensorEngine(newNative(3), CONFIG, 1, { maxTokens: 64 }),
    ];
    const batch = [[1, 2, 3, 4]];
    const first = await one.step([batch], update(0));
    one.close();
    expect(await two.step([batch], update(0))).toEqual(first);
    two.close();
  });
});
