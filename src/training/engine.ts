/**
 * What every engine can do, whatever it runs on: the door between the training loop and the arithmetic.
 *
 * An engine holds one model and its optimizer. It knows tokens, not text; it draws no random numbers and touches
 * no disk. `atomic` is the specification that every other engine is tested against.
 */
import type { Config } from "../microgpt.ts";
import type { Random } from "../random.ts";
import type { Tokens } from "../text/token-sequences.ts";

/** A matrix as bytes can carry it: `data` holds `shape[0]` rows of `shape[1]` numbers, row after row. */
export interface Tensor {
  readonly shape: readonly [rows: number, columns: number];
  /** The precision that the engine works in: what is saved is what it computed with, to the last bit. */
  readonly data: Float64Array | Float32Array;
}

export type Tensors = ReadonlyMap<string, Tensor>;

/** Everything an engine must remember to go on exactly where it stopped. The maps have the same names and shapes. */
export interface TrainingState {
  readonly weights: Tensors;
  /** Adam's running mean of the gradients, and of their squares. */
  readonly adamMean: Tensors;
  readonly adamMeanSquare: Tensors;
}

/** How the weights move after the gradients are known. Steps count from 0. */
export interface Update {
  readonly step: number;
  readonly learningRate: number;
  /** Decoupled (AdamW, Loshchilov & Hutter 2019): weights shrink by learningRate · weightDecay before Adam's step; 0: off. */
  readonly weightDecay: number;
  /** Gradients longer than this, as one vector, are scaled down to it; null: off. */
  readonly clipNorm: number | null;
}

export interface StepResult {
  /** The loss before the update, the mean of −log p over all tokens of all batches (at most blockSize a document). */
  readonly loss: number;
  /** Whether the weights moved. Not, if the loss or a gradient was no finite number: nothing has changed then. */
  readonly applied: boolean;
}

export interface Engine {
  readonly name: string;
  readonly config: Config;
  /** Steps that may be begun before the first of them has ended; their results come in order. Absent: 0, one at a time. */
  readonly maxInFlight?: number;
  /** Learns from batches of documents: one update from the sum of their gradients, every token with the same weight. */
  step(batches: readonly (readonly Tokens[])[], update: Update): Promise<StepResult>;
  /** The same loss over documents that are not learnt from. */
  evaluate(documents: readonly Tokens[]): Promise<number>;
  /** Starts a text: a reader with an empty memory. */
  reader(): Reader;
  /** Copies of the weights and the optimizer's memory. */
  save(): Promise<TrainingState>;
  /** Takes over a state of the same configuration; the engine makes its own copies. */
  load(state: TrainingState): Promise<void>;
}

/** The device that an engine ran on is gone, or not to be trusted, with all that was in its memory: see `message`. */
export class EngineLost extends Error {}

/** Reads a text token by token and says, after each, what may come next. */
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

/** New weights: the same numbers as `initWeights` in microgpt.ts draws, in the engine's precision. */
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

/** How many weights a model of this configuration has. Multiplied out: nothing is allocated. */
export function countParameters({ vocabSize, nEmbd, nLayer, blockSize }: Config): number {
  return (2 * vocabSize + blockSize) * nEmbd + nLayer * 12 * nEmbd ** 2;
}
