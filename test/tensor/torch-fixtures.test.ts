import { describe, expect, test } from "vitest";
import { AtomicEngine, atomicWeights } from "../../src/training/atomic.ts";
import type { Update } from "../../src/training/engine.ts";
import type { Tokens } from "../../src/text/token-sequences.ts";
import { weightShapes } from "../../src/training/engine.ts";
import type { Config, Value, Weights } from "../../src/microgpt.ts";
import { add, documentLoss, scale } from "../../src/microgpt.ts";
import { referenceBackend } from "../../src/backend/reference.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { norm, relativeError } from "../setup/models.ts";
import { NATIVE } from "../setup/native-backend.ts";
import { strictWasm, update, wasm } from "../setup/tensor-models.ts";
import type { TorchFixture } from "../setup/torch-fixtures.ts";
import {
  describeConfig,
  fixtureLearningRate,
  fixtureState,
  fixtureWeights,
  torchFixtures,
} from "../setup/torch-fixtures.ts";

/** The loss of a batch as `AtomicEngine.step` has it, kept as a Value so that gradients can be asked for. */
function batchLoss(weights: Weights, config: Config, batch: readonly Tokens[]): Value {
  const positions = batch.map((tokens) => Math.min(config.blockSize, tokens.length - 1));
  const total = positions.reduce((sum, count) => sum + count, 0);
  return batch
    .map((tokens, i) => scale(documentLoss(weights, config, Array.from(tokens)), positions[i] / total))
    .reduce(add);
}

/** For each matrix, how far the gradients that `backward` left are from the expected. */
const gradientErrors = (weights: Weights, expected: TorchFixture["gradients"]): number[] =>
  Object.entries(expected).map(([name, list]) => relativeError(list, grads(weights[name])));
const grads = (matrix: readonly (readonly Value[])[]): number[] => matrix.flat().map(({ grad }) => grad);

const fixtureUpdate = (step: number): Update => update(step, { learningRate: fixtureLearningRate(step) });

const newEngine = (config: Config): AtomicEngine =>
  new AtomicEngine(config, atomicWeights(config, fixtureWeights(config)));

/** The core against PyTorch, f64 both: some 1e-15 apart. The bounds are those that we promise. */
describe.each(torchFixtures.fixtures.map((fixture) => [describeConfig(fixture.config), fixture] as const))(
  "PyTorch in f64: %s",
  (_, { config, batches, logits, loss, gradients, losses, finalWeights }) => {
    test("the fixture has ragged batches, a document beyond the block, and something to learn everywhere", () => {
      expect(batches[0].map(({ length }) => length)).toContain(2);
      expect(Math.max(...batches[0].map(({ length }) => length))).toBeGreaterThan(config.blockSize + 1);
      expect(Object.keys(gradients)).toEqual([...weightShapes(config).keys()]);
      for (const [name, [rows, columns]] of weightShapes(config)) {
        expect(gradients[name]).toHaveLength(rows * columns);
        expect(norm(gradients[name])).toBeGreaterThan(1e-3);
      }
      expect(losses).toHaveLength(10);
      expect(losses[0]).toBe(loss);
    });

    test("logits agree within 1e-10 at every position", async () => {
      const engine = newEngine(config);
      for (const [d, tokens] of batches[0].entries()) {
        const reader = engine.reader();
        expect(logits[d]).toHaveLength(Math.min(config.blockSize, tokens.length - 1));
        for (const [position, expected] of logits[d].entries()) {
          const actual = await reader.read(tokens[position]);
          expect(relativeError(expected, [...actual])).toBeLessThanOrEqual(1e-10);
        }
      }
    });

    test("the loss of a batch agrees within 1e-10", async () => {
      expect(Math.abs((await newEngine(config).evaluate(batches[0])) - loss) / loss).toBeLessThanOrEqual(1e-10);
    });

    test("the gradients of all weights agree within 1e-10", () => {
      const weights = atomicWeights(config, fixtureWeights(config));
      const value = batchLoss(weights, config, batches[0]);
      value.backward();
      expect(Math.abs(value.data - loss) / loss).toBeLessThanOrEqual(1e-10);
      for (const error of gradientErrors(weights, gradients)) expect(error).toBeLessThanOrEqual(1e-10);
    });

    test("ten steps' losses agree within 1e-9, the weights after them within 1e-10", async () => {
      const engine = newEngine(config);
      await engine.load(fixtureState(config));
      for (const [step, expected] of losses.entries()) {
        const { loss: actual } = await engine.step([batches[step % batches.length]], fixtureUpdate(step));
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9);
      }
      const { weights } = await engine.save();
      for (const [name, expected] of Object.entries(finalWeights)) {
        expect(relativeError(expected, [...weights.get(name)!.data])).toBeLessThanOrEqual(1e-10);
      }
    });
  },
);

describe.each([
  ["reference", referenceBackend, 1e-10, 1e-9],
  ["wasm", wasm, 1e-5, 1e-5],
  ["wasm, strict", strictWasm, 1e-5, 1e-5],
  ...NATIVE.map(([name, backend]) => [name, backend, 1e-5, 1e-5] as const),
] as const)("the tensor model on %s against PyTorch in f64", (_, backend, gradientBound, lossBound) => {
  test.each(torchFixtures.fixtures.map((fixture) => [describeConfig(fixture.config), fixture] as const))(
    `%s: logits and gradients within ${gradientBound}, ten losses within ${lossBound}`,
    async (__, { config, batches, logits, gradients, losses }) => {
      const engine = await TensorEngine.create(backend, config, { maxTokens: 64 });
      await engine.load(fixtureState(config));
      for (const [d, tokens] of batches[0].entries()) {
        const actual = await engine.logits(Array.from(tokens).slice(0, logits[d].length));
        for (const [t, expected] of logits[d].entries()) {
          expect(relativeError(expected, [...actual[t]])).toBeLessThanOrEqual(gradientBound);
        }
      }
      for (const [step, expected] of losses.entries()) {
        const { loss } = await engine.step([batches[step % batches.length]], fixtureUpdate(step));
        expect(Math.abs(loss - expected)).toBeLessThanOrEqual(lossBound);
        if (step > 0) continue;
        const found = await engine.gradients();
        for (const [name, list] of Object.entries(gradients)) {
          expect(relativeError(list, [...found.get(name)!.data])).toBeLessThanOrEqual(gradientBound);
        }
      }
    },
  );
});

test("the fixtures' own two sources, PyTorch and numpy, agreed within 1e-11", () => {
  const differences = Object.values(torchFixtures["torch against numpy"]);
  expect(differences).toHaveLength(5);
  expect(Math.max(...differences)).toBeLessThanOrEqual(1e-11);
});

test("the bound sees small things: one weight in any matrix 1e-7 off", () => {
  const { config, batches, gradients } = torchFixtures.fixtures[0];
  for (const name of weightShapes(config).keys()) {
    const weights = atomicWeights(config, fixtureWeights(config));
    weights[name][0][0].data += 1e-7;
    batchLoss(weights, config, batches[0]).backward();
    expect(Math.max(...gradientErrors(weights, gradients))).toBeGreaterThan(1e-9);
  }
});
