import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import { emptyCache, gpt } from "../../src/microgpt.ts";
import type { Config } from "../../src/microgpt.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { logitContributions, withoutMlps } from "../../src/tensor/contributions.ts";
import type { ForwardPass, LogitSource } from "../../src/tensor/contributions.ts";
import { withoutHeads } from "../../src/tensor/attention-weights.ts";
import { atomicWeights } from "../../src/training/atomic.ts";
import type { Tensors } from "../../src/training/engine.ts";
import { NATIVE } from "../setup/native-backend.ts";
import { newTensorEngine, wasm } from "../setup/tensor-models.ts";

const BACKENDS: readonly (readonly [string, Backend])[] = [["reference", referenceBackend], ["wasm", wasm], ...NATIVE];
/** Heads of 3, which the wasm backend pads to 4. */
const CONFIG = { vocabSize: 9, nEmbd: 6, nHead: 2, nLayer: 2, blockSize: 8 };
const TEXT = [8, 1, 4, 2, 7, 7];

/** A forward pass of the engine, whose weights are large enough that every part counts. */
async function newPass(backend: Backend): Promise<ForwardPass> {
  const engine = await newTensorEngine(backend, CONFIG, 11);
  const weights = new Map(
    [...(await engine.weights())].map(([name, { shape, data }]) => [name, { shape, data: data.map((w) => 5 * w) }]),
  );
  await engine.loadWeights(weights);
  return { config: CONFIG, weights, tokens: TEXT, activations: await engine.activations(TEXT) };
}

/** The logits after the last token of a text, computed by the atomic core: [vocabSize]. */
function atomicLogits(config: Config, weights: Tensors, tokens: readonly number[]): number[] {
  const cache = emptyCache(config.nLayer);
  const values = atomicWeights(config, weights);
  return tokens
    .map((token, position) => gpt(values, config, token, position, cache))
    .at(-1)!
    .map(({ data }) => data);
}

/** The logit of a model that ends after some part of a layer: an atomic core without what follows it. */
function logitUpTo({ weights }: ForwardPass, { source, position, target }: Asked): number {
  const text = TEXT.slice(0, position + 1);
  if (source.kind !== "head" && source.kind !== "mlp") {
    return atomicLogits({ ...CONFIG, nLayer: 0 }, weights, text)[target];
  }
  const { layer } = source;
  const config = { ...CONFIG, nLayer: layer + 1 };
  if (source.kind === "mlp") return atomicLogits(config, weights, text)[target];
  const later = Array.from({ length: CONFIG.nHead - source.head - 1 }, (_, i) => ({
    layer,
    head: source.head + 1 + i,
  }));
  return atomicLogits(config, withoutMlps(withoutHeads(weights, config, later), [layer]), text)[target];
}

interface Asked {
  readonly source: LogitSource;
  readonly position: number;
  readonly target: number;
}

describe.each(BACKENDS)("what adds to a logit, on %s", (_, backend) => {
  test("the sum up to each part is the logit of an atomic core that ends there, to 1e-4", async () => {
    const pass = await newPass(backend);
    let largest = 0;
    for (const position of TEXT.keys()) {
      for (let target = 0; target < CONFIG.vocabSize; target++) {
        let sum = 0;
        for (const { source, logit } of logitContributions(pass, position, target)) {
          sum += logit;
          largest = Math.max(largest, Math.abs(logit));
          // Token and position are one sum in the atomic core.
          if (source.kind !== "token") {
            expect(Math.abs(sum - logitUpTo(pass, { source, position, target }))).toBeLessThan(1e-4);
          }
        }
      }
    }
    expect(largest).toBeGreaterThan(1);
  });

  test("token and position: with a position of 0 all is the token's, and the other way round", async () => {
    const pass = await newPass(backend);
    const without = (name: string): ForwardPass => {
      const { shape, data } = pass.weights.get(name)!;
      const weights = new Map(pass.weights).set(name, { shape, data: data.slice().fill(0) });
      return { ...pass, weights };
    };
    const model = { ...CONFIG, nLayer: 0 };
    for (const [name, own, other] of [["wpe", 0, 1] as const, ["wte", 1, 0] as const]) {
      const changed = without(name);
      const parts = logitContributions(changed, 2, 3);
      expect(parts[other].logit).toBe(0);
      expect(parts[own].logit).toBeCloseTo(atomicLogits(model, changed.weights, TEXT.slice(0, 3))[3], 5);
    }
  });

  test("they come in the order of computation", async () => {
    const pass = await newPass(backend);
    expect(logitContributions(pass, 0, 0).map(({ source }) => source)).toEqual([
      { kind: "token" },
      { kind: "position" },
      { kind: "head", layer: 0, head: 0 },
      { kind: "head", layer: 0, head: 1 },
      { kind: "mlp", layer: 0 },
      { kind: "head", layer: 1, head: 0 },
      { kind: "head", layer: 1, head: 1 },
      { kind: "mlp", layer: 1 },
    ]);
  });
});

test("a model without its MLPs passes on what attention added", async () => {
  const engine = await newTensorEngine(referenceBackend, CONFIG, 12);
  const weights = await engine.weights();
  await engine.loadWeights(withoutMlps(weights, [1]));
  const found = await engine.activations(TEXT);
  expect(found.get("layer1.afterMlp")).toEqual(found.get("layer1.afterAttention"));
  expect(found.get("layer0.afterMlp")).not.toEqual(found.get("layer0.afterAttention"));
  expect(weights.get("layer1.mlp_fc2")!.data.some((w) => w !== 0)).toBe(true);
  expect(() => withoutMlps(weights, [2])).toThrow("withoutMlps: the model has no layer 2");
});
