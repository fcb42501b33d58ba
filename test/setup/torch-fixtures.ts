/**
 * What PyTorch and numpy compute for three small models, in f64: test/fixtures/torch.json, made and described by
 * scripts/torch-fixtures.py. Every engine is held to these numbers, each within the bound of its own precision.
 */
import { readFileSync } from "node:fs";
import type { Tensor, Tensors, TrainingState } from "../../src/training/engine.ts";
import type { Tokens } from "../../src/text/token-sequences.ts";
import { weightShapes } from "../../src/training/engine.ts";
import type { Config } from "../../src/microgpt.ts";

export interface TorchFixture {
  readonly config: Config;
  /** Three batches of documents of unequal length, some longer than blockSize + 1: their further tokens don't count. */
  readonly batches: readonly (readonly Tokens[])[];
  /** Of the start weights, for each document of the first batch: [positions][vocabSize]. */
  readonly logits: readonly (readonly (readonly number[])[])[];
  /** Of the start weights: the mean of −log p over all positions of the first batch. */
  readonly loss: number;
  /** d(loss)/d(weight), the numbers of each matrix row after row. */
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  /** Before each of ten steps, the s-th on batch s mod 3 with `fixtureLearningRate(s)`. */
  readonly losses: readonly number[];
  /** After the ten steps. */
  readonly finalWeights: Readonly<Record<string, readonly number[]>>;
}

export interface TorchFixtures {
  /** The versions that made the numbers. */
  readonly torch: string;
  readonly numpy: string;
  /** How far the two were apart when the file was made, relative. */
  readonly "torch against numpy": Readonly<Record<string, number>>;
  readonly fixtures: readonly TorchFixture[];
}

export const torchFixtures: TorchFixtures = JSON.parse(
  readFileSync(new URL("../fixtures/torch.json", import.meta.url), "utf8"),
) as TorchFixtures;

/** Of step 0, 1, …, 9. Betas and epsilon are Adam's defaults in microgpt.ts. */
export const fixtureLearningRate = (step: number): number => 0.01 * (1 - step / 10);

/**
 * The weights that a fixture starts from: 16 bits of a linear congruential generator each, −0.5 ≤ w < 0.5. f32 has
 * them exactly, so engines of every precision start from the same numbers. scripts/torch-fixtures.py has this formula.
 */
export function fixtureWeights(config: Config): Tensors {
  let state = config.vocabSize;
  const draw = (): number => {
    state = (1664525 * state + 1013904223) % 2 ** 32; // below 2^53: exact
    return (Math.floor(state / 2 ** 16) - 2 ** 15) / 2 ** 16;
  };
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(config)) {
    tensors.set(name, { shape, data: Float64Array.from({ length: shape[0] * shape[1] }, draw) });
  }
  return tensors;
}

/** The same as a state that an engine can load: Adam remembers nothing yet. */
export function fixtureState(config: Config): TrainingState {
  const weights = fixtureWeights(config);
  const zeros = (): Tensors =>
    new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: new Float64Array(data.length) }]));
  return { weights, adamMean: zeros(), adamMeanSquare: zeros() };
}

/** `vocab 11, width 8, 2 heads, 2 layers, block 6`, for the names of tests. */
export const describeConfig = ({ vocabSize, nEmbd, nHead, nLayer, blockSize }: Config): string =>
  `vocab ${vocabSize}, width ${nEmbd}, ${nHead} heads, ${nLayer} layers, block ${blockSize}`;
