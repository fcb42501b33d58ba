/**
 * The interface between the training loop and the arithmetic.
 *
 * An engine holds one model and its optimizer. It knows tokens, not text; it draws no random numbers and uses no disk.
 * `atomic.ts` is the specification that every other engine is tested against.
 */
import type { Config } from "../microgpt.ts";
import type { Random } from "../random.ts";
import type { Tokens } from "../text/token-sequences.ts";

/** A matrix, row after row. */
export interface Tensor {
  /** [rows, columns] */
  readonly shape: readonly [rows: number, columns: number];
  /** [rows · columns], in the engine's own precision, so that what is saved is what it computed with, bit for bit. */
  readonly data: Float64Array | Float32Array;
}

/** Name → matrix, with the names of `weightShapes`. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** Everything that an engine needs to continue exactly where it stopped. The maps have the same names and shapes. */
export interface TrainingState {
  /** The weights. */
  readonly weights: Tensors;
  /** Adam's running means of the gradients. */
  readonly adamMean: Tensors;
  /** Adam's running means of their squares. */
  readonly adamMeanSquare: Tensors;
}

/** How the weights are updated from the gradients. */
export interface Update {
  /** Steps that were applied before, from 0. */
  readonly step: number;
  /** The learning rate of this step. */
  readonly learningRate: number;
  /** Decoupled (AdamW, Loshchilov & Hutter 2019): weights shrink by the fraction learningRate · weightDecay before Adam's step; 0: off. */
  readonly weightDecay: number;
  /** The largest norm of all gradients as one vector; longer ones are scaled down; null: off. */
  readonly clipNorm: number | null;
}

/** The result of a step. */
export interface StepResult {
  /** The loss before the update: the mean of −log p over all tokens of all batches (at most blockSize per document). */
  readonly loss: number;
  /** Whether the weights were updated. False if the loss or a gradient was not finite: then nothing has changed. */
  readonly applied: boolean;
}

/** A model with its optimizer. */
export interface Engine {
  /** For the user, such as `wasm, 2 threads`. */
  readonly name: string;
  /** The model. */
  readonly config: Config;
  /** Steps that may begin before the first has ended, besides it; results come in order. Absent: none, one at a time. */
  readonly maxInFlight?: number;
  /** Learns from batches of documents: one update from the sum of their gradients, every token with the same weight. */
  step(batches: readonly (readonly Tokens[])[], update: Update): Promise<StepResult>;
  /** The same loss over documents, without learning from them. Reads at most blockSize tokens of each. */
  evaluate(documents: readonly Tokens[]): Promise<number>;
  /** Starts a text: a reader with an empty context. */
  reader(): Reader;
  /** Copies of the weights and the optimizer's state. */
  save(): Promise<TrainingState>;
  /** Copies in a state of the same configuration. */
  load(state: TrainingState): Promise<void>;
}

/** The device of an engine was lost, or is not to be trusted, with everything in its memory; `message` says why. */
export class EngineLost extends Error {}

/** Reads a text token by token and gives, after each, the logits of the next. */
export interface Reader {
  /** How many tokens it has read; at most blockSize. */
  readonly position: number;
  /** Reads a token and resolves to the logits [vocabSize] of the next. Throws RangeError past blockSize tokens. */
  read(token: number): Promise<number[]>;
}

/** Name → shape of every weight matrix, in the reference's order (`initWeights` in microgpt.ts draws them so). */
export function weightShapes({ vocabSize, nEmbd, nLayer, blockSize }: Config): Map<string, readonly [number, number]> {
  const shapes = new Map<string, readonly [number, number]>([
    ["wte", [vocabSize, nEmbd]],
    ["wpe", [blockSize, nEmbd]],
    ["lm_head", [vocabSize, nEmbd]],
  ]);
  for (let layer = 0; layer < nLayer; layer++) {
    for (const name of ["wq", "wk", "wv", "wo"]) shapes.set(`layer${layer}.attn_${name}`, [nEmbd, nEmbd]);
    shapes.set(`layer${layer}.mlp_fc1`, [4 * nEmbd, nEmbd]);
    shapes.set(`layer${layer}.mlp_fc2`, [nEmbd, 4 * nEmbd]);
  }
  return shapes;
}

/** Initial weights, N(0, 0.08): the same numbers as `initWeights` in microgpt.ts draws, in the engine's precision. */
export function initTensors(
  config: Config,
  random: Random,
  precision: typeof Float64Array | typeof Float32Array,
): Tensors {
  const tensors = new Map<string, Tensor>();
  for (const [name, shape] of weightShapes(config)) {
    const data = new precision(shape[0] * shape[1]);
    for (let i = 0; i < data.length; i++) data[i] = random.gauss(0, 0.08);
    tensors.set(name, { shape, data });
  }
  return tensors;
}

/** The number of weights of a model, computed without allocating them. */
export function countParameters({ vocabSize, nEmbd, nLayer, blockSize }: Config): number {
  return (2 * vocabSize + blockSize) * nEmbd + nLayer * 12 * nEmbd ** 2;
}
