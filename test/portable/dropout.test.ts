import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import { WASM_ALIGNMENT } from "../../src/backend/wasm/wasm.ts";
import { Random } from "../../src/random.ts";
import type { Instruction } from "../../src/tensor/instructions.ts";
import { planEngine } from "../../src/tensor/engine-plan.ts";
import type { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { dropoutSeedAt } from "../../src/training/dropout.ts";
import type { Tensors, Update } from "../../src/training/engine.ts";
import { newProgress, trainSteps } from "../../src/training/train.ts";
import { NATIVE } from "../setup/native-backend.ts";
import { farthest, newTensorEngine, strictWasm, update, wasm, weightsOf } from "../setup/tensor-models.ts";

const CONFIG = { vocabSize: 19, nEmbd: 12, nHead: 3, nLayer: 2, blockSize: 9 };
const RATE = 0.3;
const random = new Random(8);
const newDocuments = (count: number): number[][] =>
  Array.from({ length: count }, () =>
    Array.from({ length: 2 + random.randbelow(10) }, () => random.randbelow(CONFIG.vocabSize)),
  );
const documents = newDocuments(12);

/** The update of a step that changes no weight. */
const still = (dropoutSeed: number): Update => update(0, { learningRate: 0, dropoutSeed });

describe("the programs", () => {
  const plan = (dropout: number) => planEngine(WASM_ALIGNMENT, CONFIG, { maxTokens: 64, dropout }).programs;
  const instructionsOf = (dropout: number): Instruction[] =>
    plan(dropout).training.phases.flatMap(({ sections }) => sections.flatMap(({ instructions }) => instructions));
  const kernelsOf = (instructions: readonly Instruction[]): string[] => instructions.map(({ kernel }) => kernel);

  test("at rate 0 they are those without dropout", () => {
    expect(plan(0)).toEqual(planEngine(WASM_ALIGNMENT, CONFIG, { maxTokens: 64 }).programs);
    expect(kernelsOf(instructionsOf(0))).not.toContain("dropout");
  });

  test("of training drop after the embeddings and before each residual sum, each place as often forward as backward", () => {
    const all = instructionsOf(RATE);
    const sites = all.flatMap((one) => (one.kernel === "dropout" ? [one.dropout.site] : []));
    expect(sites).toEqual([0, 1, 2, 3, 4, 4, 3, 2, 1, 0]); // two layers
    // The sum is part of the kernel, as it is part of the product without dropout.
    expect(kernelsOf(all).filter((kernel) => kernel !== "dropout")).toEqual(kernelsOf(instructionsOf(0)));
  });

  test("of evaluating and generating are those without dropout", () => {
    for (const kind of ["evaluating", "generating"] as const) expect(plan(RATE)[kind]).toEqual(plan(0)[kind]);
  });
});

/** The weights moved by `distance` along a direction, which is drawn from a seed. */
function moved(weights: Tensors, seed: number, distance: number): Tensors {
  const direction = new Random(seed);
  return new Map(
    [...weights].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float64Array.from(data, (value) => value + distance * direction.gauss(0, 1)) },
    ]),
  );
}

test("the gradient is that of the loss with this mask: finite differences in 10 directions, within 1e-8 of its norm", async () => {
  const engine = await newTensorEngine(referenceBackend, CONFIG, 3, { dropout: RATE });
  const seed = dropoutSeedAt(42, 7); // with this mask no ReLU is so near its kink that the steps cross it
  const weights = await engine.weights();
  const lossAt = async (direction: number, distance: number): Promise<number> => {
    await engine.loadWeights(moved(weights, direction, distance));
    return (await engine.step([documents], still(seed))).loss;
  };
  await engine.step([documents], still(seed));
  const gradients = [...(await engine.gradients()).values()].flatMap(({ data }) => [...data]);
  const norm = Math.hypot(...gradients);
  for (let direction = 0; direction < 10; direction++) {
    const expected = ((await lossAt(direction, 1e-6)) - (await lossAt(direction, -1e-6))) / 2e-6;
    const axis = new Random(direction);
    const actual = gradients.reduce((sum, gradient) => sum + gradient * axis.gauss(0, 1), 0);
    expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-8 * norm);
  }
});

test.each([["wasm", wasm], ["wasm, strict", strictWasm], ...NATIVE] as const)(
  "%s has the reference's losses over ten steps within 1e-5",
  async (_, backend) => {
    for (const maxLogits of [2 ** 20, 1]) {
      const limits = { maxTokens: 64, maxLogits, dropout: RATE };
      const [expected, actual] = [
        await newTensorEngine(referenceBackend, CONFIG, 3, limits),
        await newTensorEngine(backend, CONFIG, 3, limits),
      ];
      for (let step = 0; step < 10; step++) {
        const settings = update(step, { dropoutSeed: dropoutSeedAt(1, step) });
        const [a, b] = [await expected.step([documents], settings), await actual.step([documents], settings)];
        expect(Math.abs(a.loss - b.loss)).toBeLessThanOrEqual(1e-5);
      }
    }
  },
);

test("the mask belongs to the step's tokens: accumulated batches and small passes learn as one batch", async () => {
  const limits = [{ maxTokens: 256 }, { maxTokens: 256 }, { maxTokens: 20 }];
  const engines = await Promise.all(
    limits.map((limit) => newTensorEngine(wasm, CONFIG, 3, { ...limit, dropout: RATE })),
  );
  const cuts = [[documents], [documents.slice(0, 5), documents.slice(5)], [documents]];
  const settings = still(dropoutSeedAt(1, 2));
  const losses = [];
  for (const [i, engine] of engines.entries()) losses.push((await engine.step(cuts[i], settings)).loss);
  const [expected, ...others] = await Promise.all(engines.map((engine) => engine.gradients()));
  for (const [i, gradients] of others.entries()) {
    expect(Math.abs(losses[i + 1] - losses[0])).toBeLessThanOrEqual(1e-6);
    for (const [name, { data }] of expected) {
      expect(farthest(data, gradients.get(name)!.data)).toBeLessThanOrEqual(1e-6);
    }
  }
});

test("the same seed drops the same numbers, another seed others", async () => {
  const engine = await newTensorEngine(wasm, CONFIG, 3, { dropout: RATE });
  const lossOf = async (seed: number): Promise<number> => (await engine.step([documents], still(seed))).loss;
  const [first, again, other] = [await lossOf(1), await lossOf(1), await lossOf(2)];
  expect(again).toBe(first);
  expect(other).not.toBe(first);
});

test("evaluation, logits and sampling have no dropout: the same bits as without, for the same weights", async () => {
  const [without, dropping] = [
    await newTensorEngine(wasm, CONFIG, 3),
    await newTensorEngine(wasm, CONFIG, 3, { dropout: RATE }),
  ];
  await dropping.step([documents], update(0));
  await without.load(await dropping.save());
  expect(await dropping.evaluate(documents)).toBe(await without.evaluate(documents));
  expect(await dropping.logits([18, 1, 2, 3])).toEqual(await without.logits([18, 1, 2, 3]));
  const [one, other] = [dropping.reader(), without.reader()];
  for (const token of [18, 5, 0]) expect(await one.read(token)).toEqual(await other.read(token));
  expect((await dropping.step([documents], still(1))).loss).not.toBe((await without.step([documents], still(1))).loss);
});

test("stopped after any step and resumed, a training with dropout ends with the same weights", async () => {
  const settings = { numSteps: 8, learningRate: 0.01, evalInterval: 4, batchSize: 3, accumulate: 2, seed: 9 };
  const newEngine = (seed: number): Promise<TensorEngine> => newTensorEngine(wasm, CONFIG, seed, { dropout: RATE });
  const train = async (engine: TensorEngine, progress = newProgress(), until = 8): Promise<TensorEngine> => {
    for await (const event of trainSteps(engine, documents, [], settings, progress)) {
      if (event.step === until) break;
    }
    return engine;
  };
  const expected = await weightsOf(await train(await newEngine(3)));
  for (let step = 1; step < 8; step++) {
    const progress = newProgress();
    const stopped = await train(await newEngine(3), progress, step);
    const resumed = await newEngine(4);
    await resumed.load(await stopped.save());
    expect(await weightsOf(await train(resumed, progress))).toEqual(expected);
  }
});
