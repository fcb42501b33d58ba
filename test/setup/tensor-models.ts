/**
 * Tensor engines of small models with the atomic core's weights, and documents for them.
 */
import * as fc from "fast-check";
import { AtomicEngine } from "../../src/training/atomic.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { wasmBackend } from "../../src/backend/wasm/wasm.ts";
import { sha256 } from "../../src/training/checkpoint.ts";
import type { Update } from "../../src/training/engine.ts";
import { initWeights } from "../../src/microgpt.ts";
import type { Config } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import type { EngineLimits } from "../../src/tensor/engine-plan.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";

export const wasm: Backend = wasmBackend({ strictMath: false, threads: 1, startThread: null });
export const strictWasm: Backend = wasmBackend({ strictMath: true, threads: 1, startThread: null });

export const update = (step: number, more: Partial<Update> = {}): Update => ({
  step,
  learningRate: 0.01,
  weightDecay: 0,
  clipNorm: null,
  ...more,
});

export interface Drawn {
  readonly config: Config;
  readonly documents: readonly (readonly number[])[];
  readonly seed: number;
}

/** Models of every proportion, heads of odd sizes among them, and documents shorter and longer than the block. */
export const anyBatch: fc.Arbitrary<Drawn> = fc
  .record({
    vocabSize: fc.integer({ min: 2, max: 30 }),
    nHead: fc.integer({ min: 1, max: 4 }),
    headDim: fc.integer({ min: 1, max: 9 }),
    nLayer: fc.integer({ min: 1, max: 3 }),
    blockSize: fc.integer({ min: 1, max: 20 }),
    lengths: fc.array(fc.integer({ min: 2, max: 25 }), { minLength: 1, maxLength: 6 }),
    seed: fc.nat(1_000_000),
  })
  .map(({ headDim, lengths, seed, ...shape }) => {
    const random = new Random(seed + 1);
    const documents = lengths.map((length) => Array.from({ length }, () => random.randbelow(shape.vocabSize)));
    return {
      config: {
        ...shape,
        nEmbd: Math.max(2, headDim * shape.nHead) - (Math.max(2, headDim * shape.nHead) % shape.nHead),
      },
      documents,
      seed,
    };
  });

export const newAtomic = (config: Config, seed: number): AtomicEngine =>
  new AtomicEngine(config, initWeights(config, new Random(seed)));

/** An engine with the weights that the atomic core draws from the seed. */
export async function newTensorEngine(
  backend: Backend,
  config: Config,
  seed: number,
  limits: Partial<EngineLimits> = {},
): Promise<TensorEngine> {
  const engine = await TensorEngine.create(backend, config, { maxTokens: 256, ...limits });
  await engine.load(await newAtomic(config, seed).save());
  return engine;
}

/** All weights one after another. */
export async function weightsOf(engine: TensorEngine): Promise<number[]> {
  const { weights } = await engine.save();
  return [...weights.values()].flatMap(({ data }) => [...data]);
}

/** SHA-256 of all weights and of Adam's means, in f32. */
export async function hashOf(engine: TensorEngine): Promise<string> {
  const { weights, adamMean, adamMeanSquare } = await engine.save();
  const tensors = [weights, adamMean, adamMeanSquare].flatMap((map) => [...map.values()]);
  const numbers = Float32Array.from(tensors.flatMap(({ data }) => [...data]));
  return await sha256(new Uint8Array(numbers.buffer));
}

/** How many numbers of two lists are not the same to the last bit. (`toEqual` takes milliseconds for a thousand.) */
export function differences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let count = Math.abs(a.length - b.length);
  for (let i = 0; i < Math.min(a.length, b.length); i++) count += Number(!Object.is(a[i], b[i]));
  return count;
}

/** The largest distance of two numbers in the same place; NaN if there is one, or a list is longer. */
export function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let distance = a.length === b.length ? 0 : Number.NaN;
  for (let i = 0; i < a.length; i++) distance = Math.max(distance, Math.abs(a[i] - b[i]));
  return distance;
}
