import { describe, expect, test } from "vitest";
import { wasmBackend } from "../../src/backend/wasm/wasm.ts";
import { dropoutSeedAt } from "../../src/training/dropout.ts";
import { Random } from "../../src/random.ts";
import { byExtent } from "../setup/place.ts";
import { startThread } from "../setup/threads.ts";
import { hashOf, newTensorEngine, update } from "../setup/tensor-models.ts";

const CONFIG = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 2, blockSize: 16 };
const WORKERS = byExtent([1, 2, 3, 4], [1, 2, 3, 4, 7, 8, 16]);
const STEPS = byExtent(20, 100);

/**
 * Trains on documents of various lengths; with `maxLogits` 1 the logits are computed in windows. Resolves to the hash of
 * the weights and Adam's means. With dropout a step has two batches, so that the second has its own mask.
 */
async function hashAfterTraining(
  steps: number,
  workers: number,
  strictMath: boolean,
  maxLogits: number,
  dropout = 0,
): Promise<string> {
  const backend = wasmBackend({ strictMath, threads: workers, startThread });
  const engine = await newTensorEngine(backend, CONFIG, 42, { maxTokens: 300, maxLogits, dropout });
  const random = new Random(7);
  for (let step = 0; step < steps; step++) {
    const batch = Array.from({ length: 1 + random.randbelow(20) }, () =>
      Array.from({ length: 2 + random.randbelow(20) }, () => random.randbelow(CONFIG.vocabSize)),
    );
    const settings = { learningRate: 0.01 * (1 - step / steps), dropoutSeed: dropoutSeedAt(1, step) };
    const result = await engine.step(dropout === 0 ? [batch] : [batch, batch], update(step, settings));
    expect(result.applied).toBe(true);
  }
  const hash = await hashOf(engine);
  engine.close();
  return hash;
}

describe.each([
  ["logits at once", 2 ** 20, 0],
  ["logits window by window", 1, 0],
  ["with dropout", 2 ** 20, 0.2],
])("%s", (_, maxLogits, dropout) => {
  test(`${STEPS} steps give the same bits for ${WORKERS.join(", ")} workers`, { tags: ["cases"] }, async () => {
    const hashes: string[] = [];
    for (const workers of WORKERS) hashes.push(await hashAfterTraining(STEPS, workers, false, maxLogits, dropout));
    expect(new Set(hashes).size).toBe(1);
  });
});

test("--strict-math gives the same bits on every machine: the golden hash", async () => {
  // Changes only with the arithmetic. Then CHANGELOG.md must say so: older checkpoints no longer resume bit for bit.
  const golden = "9ac145c9f5a71543139c8506fe13d339dbdc8aa7000faa03113d31ed7996baaa";
  for (const workers of [1, 4]) expect(await hashAfterTraining(100, workers, true, 2 ** 20)).toBe(golden);
});
