import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { dropoutSeedAt } from "../../src/training/dropout.ts";
import { TILES } from "../../src/backend/webgpu/tiles.ts";
import { webgpuBackend } from "../../src/backend/webgpu/webgpu.ts";
import type { OpName } from "../../src/tensor/ops.ts";
import { Random } from "../../src/random.ts";
import { expectAgreement, expectMask } from "../setup/agreement.ts";
import type { Bounds } from "../setup/agreement.ts";
import { PLACE, runs } from "../setup/place.ts";
import { anyShape } from "../setup/scenes.ts";
import { anyBatch, newAtomic, newTensorEngine, update, wasm, weightsOf } from "../setup/tensor-models.ts";
import type { Drawn } from "../setup/tensor-models.ts";
import { gpu, gpuName } from "../setup/webgpu.ts";

const BOUND: readonly [number, number] = [1e-9, 1e-7];
const BOUNDS: Bounds = {
  embed: BOUND,
  rmsnorm: BOUND,
  linear: BOUND,
  dropout: BOUND,
  add: BOUND,
  attention: BOUND,
  crossEntropy: BOUND,
};

const GPU = { tags: ["gpu"] };

/** To be called only where a GPU was found. */
const backend = (): Backend => webgpuBackend(gpu!);

/** Few, because the driver takes a second or two to compile each; a fixed seed makes them the same in every run. */
const models: readonly Drawn[] = fc.sample(anyBatch, { numRuns: runs(4), seed: 7 });

afterAll(() => gpu?.device.destroy());

describe.skipIf(gpu === null)(`webgpu agrees with the reference: ${gpuName}`, () => {
  for (const name of Object.keys(BOUNDS) as OpName[]) {
    const tags = [["add", "dropout", "rmsnorm"].includes(name) ? "cases" : "gpu"]; // those compile fast
    test(`${name}: NMSE at most ${BOUND[0]} forward, ${BOUND[1]} backward`, { tags }, async () => {
      await fc.assert(
        fc.asyncProperty(anyShape, (shape) => expectAgreement(backend(), BOUNDS, name, shape)),
        { numRuns: runs(10) },
      );
    });
  }

  test("dropout drops the numbers that the definition drops, bit for bit", { tags: ["cases"] }, async () => {
    await fc.assert(
      fc.asyncProperty(anyShape, (shape) => expectMask(backend(), shape)),
      { numRuns: runs(10) },
    );
  });

  // The depth is split into three chunks for weight gradients.
  const tiles = PLACE === "node" ? TILES : TILES.slice(-2);
  test.each(tiles)("products in tiles of $rows × $columns × $depth, $ownRows × $ownColumns", GPU, async (tile) => {
    const shape = { lengths: [150], columns: 133, outputs: 70, heads: 1, headSize: 1, seed: 1 };
    const product = webgpuBackend(gpu!, {
      choose: ({ form }) => ({ tile, chunks: form === "weightGrad" ? 3 : 1 }),
    });
    await expectAgreement(product, BOUNDS, "linear", shape);
  });
});

const noHalf = gpu?.target.half !== true;

/** Reliability number 5: results have 11 significant bits. */
const HALF_BOUNDS: Bounds = {
  embed: [1e-6, 1e-6],
  rmsnorm: [1e-6, 5e-4],
  linear: [5e-4, 5e-4],
  dropout: [1e-6, 1e-6],
  add: [1e-6, 1e-6],
  attention: [5e-4, 5e-4],
  crossEntropy: [1e-6, 1e-6],
};

describe.skipIf(noHalf)(`webgpu in 16 bits: ${noHalf ? "no shader-f16 in " : ""}${gpuName}`, GPU, () => {
  for (const [name, [forward, backward]] of Object.entries(HALF_BOUNDS)) {
    test(`${name}: NMSE at most ${forward} forward, ${backward} backward`, async () => {
      const half = webgpuBackend(gpu!, { precision: "f16" });
      await fc.assert(
        fc.asyncProperty(anyShape, (shape) => expectAgreement(half, HALF_BOUNDS, name as OpName, shape)),
        { numRuns: runs(10) },
      );
    });
  }

  test.each(models.slice(0, 3))("losses over ten steps within 2e-2 of the atomic core's: $config", async (model) => {
    const { config, documents, seed } = model;
    const half = webgpuBackend(gpu!, { precision: "f16" });
    const [atomic, engine] = [newAtomic(config, seed), await newTensorEngine(half, config, seed, { maxTokens: 64 })];
    for (let step = 0; step < 10; step++) {
      const settings = update(step, { weightDecay: 0.1, clipNorm: 0.5 });
      const [expected, actual] = [await atomic.step([documents], settings), await engine.step([documents], settings)];
      expect(actual.applied).toBe(true);
      expect(Math.abs(actual.loss - expected.loss)).toBeLessThanOrEqual(2e-2);
    }
    engine.close();
  });

  test("gradients that are too large for 16 bits cost a step or two, which lower the scale; the next ones count", async () => {
    const config = { vocabSize: 9, nEmbd: 8, nHead: 2, nLayer: 1, blockSize: 6 };
    const half = webgpuBackend(gpu!, { precision: "f16" });
    const engine = await newTensorEngine(half, config, 3);
    const state = await engine.save();
    // RMSNorm multiplies gradients by up to 316 where its input is close to 0: here that overflows f16.
    for (const table of ["wte", "wpe"]) state.weights.get(table)!.data.forEach((_, i, data) => (data[i] *= 1e-5));
    state.weights.get("lm_head")!.data.forEach((_, i, data) => (data[i] *= 1e3));
    await engine.load(state);
    const applied: boolean[] = [];
    const settings = update(0, { learningRate: 0 });
    for (let step = 0; step < 6; step++) applied.push((await engine.step([[[8, 1, 2, 3, 8]]], settings)).applied);
    expect(applied).toContain(false);
    expect(applied.at(-1)).toBe(true);
    engine.close();
  });
});

describe.skipIf(gpu === null)(`the tensor model on webgpu: ${gpuName}`, GPU, () => {
  test.each(models)("has the atomic core's logits within 1e-5: $config", async ({ config, documents, seed }) => {
    const [atomic, engine] = [newAtomic(config, seed), await newTensorEngine(backend(), config, seed)];
    const [expected, actual] = [atomic.reader(), engine.reader()];
    for (const token of documents[0].slice(0, config.blockSize)) {
      const [a, b] = [await expected.read(token), await actual.read(token)];
      a.forEach((logit, i) => expect(Math.abs(logit - b[i])).toBeLessThanOrEqual(1e-5));
    }
    engine.close();
  });

  test.each(
    models.flatMap((model) => [
      { ...model, logits: "at once", maxLogits: 2 ** 20 },
      { ...model, logits: "window by window", maxLogits: 1 },
    ]),
  )(
    "has its losses over ten steps within 1e-4: $config, logits $logits",
    async ({ config, documents, seed, maxLogits }) => {
      const atomic = newAtomic(config, seed);
      const engine = await newTensorEngine(backend(), config, seed, { maxTokens: 64, maxLogits });
      for (let step = 0; step < 10; step++) {
        const settings = update(step, { learningRate: 0.01 * (1 - step / 10), weightDecay: 0.1, clipNorm: 0.5 });
        const [expected, actual] = [await atomic.step([documents], settings), await engine.step([documents], settings)];
        expect(actual.applied).toBe(true);
        expect(Math.abs(actual.loss - expected.loss)).toBeLessThanOrEqual(1e-4);
      }
      expect(Math.abs((await engine.evaluate(documents)) - (await atomic.evaluate(documents)))).toBeLessThan(1e-4);
      engine.close();
    },
  );
});

describe.skipIf(gpu === null)(`laws of the model on webgpu: ${gpuName}`, GPU, () => {
  const config = { vocabSize: 23, nEmbd: 20, nHead: 4, nLayer: 2, blockSize: 9 };
  const random = new Random(4);
  const newDocuments = (count: number): number[][] =>
    Array.from({ length: count }, () =>
      Array.from({ length: 2 + random.randbelow(12) }, () => random.randbelow(config.vocabSize)),
    );

  test("what follows changes nothing before it, nor do other documents, nor the way it is read: to the last bit", async () => {
    const engine = await newTensorEngine(backend(), config, 3);
    const tokens = [22, 1, 2, 3, 4, 5, 6, 7];
    const whole = await engine.logits(tokens);
    for (const place of [0, 3, 6]) {
      const changed = await engine.logits(tokens.map((token, i) => (i > place ? token + 1 : token)));
      expect(changed.slice(0, place + 1)).toEqual(whole.slice(0, place + 1));
    }
    const reader = engine.reader();
    for (const [t, token] of tokens.entries()) expect(await reader.read(token)).toEqual(whole[t]);
    const documents = newDocuments(7);
    const together = await engine.losses(documents);
    expect((await engine.losses(documents.toReversed())).toReversed()).toEqual(together);
    expect(await engine.losses([documents[5]])).toEqual([together[5]]);
    engine.close();
  });

  test("the same steps give the same weights, to the last bit", async () => {
    const batches = Array.from({ length: 4 }, () => newDocuments(9));
    const weights: number[][] = [];
    for (let i = 0; i < 2; i++) {
      const engine = await newTensorEngine(backend(), config, 3);
      for (const [step, batch] of batches.entries()) await engine.step([batch], update(step));
      weights.push(await weightsOf(engine));
      engine.close();
    }
    expect(weights[1]).toEqual(weights[0]);
  });

  test("batches that are accumulated, or cut for want of memory, learn as one", async () => {
    const batch = newDocuments(24);
    const whole = await newTensorEngine(backend(), config, 3);
    const small = await newTensorEngine(backend(), config, 3, { maxTokens: 40 });
    const a = await whole.step([batch], update(0));
    const b = await small.step([batch.slice(0, 9), batch.slice(9)], update(0));
    expect(Math.abs(a.loss - b.loss)).toBeLessThan(1e-6 * a.loss);
    const [expected, actual] = [await whole.gradients(), await small.gradients()];
    for (const [name, { data }] of expected) {
      const other = actual.get(name)!.data;
      data.forEach((value, i) => expect(Math.abs(value - other[i])).toBeLessThanOrEqual(1e-6));
    }
    for (const engine of [whole, small]) engine.close();
  });

  test("with dropout, steps and accumulated batches learn what they learn on the reference: losses within 1e-4", async () => {
    const batches = Array.from({ length: 4 }, () => newDocuments(8));
    const expected = await newTensorEngine(referenceBackend, config, 3, { dropout: 0.3 });
    const actual = await newTensorEngine(backend(), config, 3, { dropout: 0.3, maxTokens: 40 });
    for (const [step, batch] of batches.entries()) {
      const settings = update(step, { dropoutSeed: dropoutSeedAt(5, step) });
      const a = await expected.step([batch], settings);
      const b = await actual.step([batch.slice(0, 3), batch.slice(3)], settings);
      expect(Math.abs(a.loss - b.loss)).toBeLessThanOrEqual(1e-4);
    }
    expect(Math.abs((await expected.evaluate(batches[0])) - (await actual.evaluate(batches[0])))).toBeLessThan(1e-4);
    actual.close();
  });

  test("steps that are begun before the last has ended are the same steps, also when one of them does not count", async () => {
    const batches = Array.from({ length: 6 }, () => newDocuments(5));
    const [one, other] = [await newTensorEngine(backend(), config, 3), await newTensorEngine(backend(), config, 3)];
    // A huge learning rate makes the third step's weights so large that no later step is applied.
    const poison = (step: number): number => (step === 2 ? 1e38 : 0.01);
    const inTurn: { loss: number; applied: boolean }[] = [];
    let skipped = 0;
    for (const [step, batch] of batches.entries()) {
      const result = await one.step([batch], update(step - skipped, { learningRate: poison(step) }));
      if (!result.applied) skipped++;
      inTurn.push(result);
    }
    const begun = batches.map((batch, step) => other.step([batch], update(step, { learningRate: poison(step) })));
    expect(await Promise.all(begun)).toEqual(inTurn);
    expect(inTurn.map(({ applied }) => applied)).toEqual([true, true, true, false, false, false]);
    for (const engine of [one, other]) engine.close();
  });

  test("a training moves freely between atomic, wasm and webgpu: nothing is lost on the way, and each goes on alike", async () => {
    const batches = Array.from({ length: 4 }, () => newDocuments(6));
    const engines = [
      await newTensorEngine(backend(), config, 3),
      await newTensorEngine(wasm, config, 5),
      newAtomic(config, 6),
      await newTensorEngine(backend(), config, 7),
    ];
    const stays = newAtomic(config, 3);
    for (const [step, engine] of engines.entries()) {
      const settings = update(step);
      const [expected, actual] = [
        await stays.step([batches[step]], settings),
        await engine.step([batches[step]], settings),
      ];
      expect(Math.abs(actual.loss - expected.loss)).toBeLessThanOrEqual(1e-4);
      const state = await engine.save();
      const next = engines[step + 1];
      if (next === undefined) break;
      await next.load(state);
      const taken = await next.save();
      for (const kind of ["weights", "adamMean", "adamMeanSquare"] as const) {
        for (const [key, { data }] of state[kind]) {
          expect(Float32Array.from(taken[kind].get(key)!.data)).toEqual(Float32Array.from(data));
        }
      }
    }
  });

  test.each([
    ["a weight of the head", "lm_head", Number.NaN],
    ["a weight of attention", "layer1.attn_wk", Number.NaN],
    ["an infinite weight", "layer0.mlp_fc1", Infinity],
    ["a weight whose square is too large", "lm_head", 1e30],
  ])("%s is seen in the same step, which changes nothing", async (_, name, value) => {
    const [engine, fresh] = [await newTensorEngine(backend(), config, 3), await newTensorEngine(backend(), config, 3)];
    const [good, bad] = [await engine.save(), await engine.save()];
    bad.weights.get(name)!.data[3] = value;
    await engine.load(bad);
    const before = await engine.save();
    expect(await engine.step([newDocuments(5)], update(0))).toMatchObject({ applied: false });
    expect(await engine.save()).toEqual(before);
    // Later steps, shorter and with ragged lengths, read nothing that the failed step left in memory.
    await engine.load(good);
    for (const [step, batch] of [newDocuments(3), newDocuments(1)].entries()) {
      expect(await engine.step([batch], update(step))).toEqual(await fresh.step([batch], update(step)));
    }
    expect(await weightsOf(engine)).toEqual(await weightsOf(fresh));
    for (const one of [engine, fresh]) one.close();
  });
});
