/**
 * The interface between the training loop and the arithmetic.
 *
 * An engine holds one model and its optimizer. It knows tokens, not text; it draws no random numbers and uses no disk.
 * `atomic.ts` is the specification that every other engine is tested against.
 */
import type { Config } from "../microgpt.ts";
import type { Random } from "../random.ts";
import type { Tokens } from "../text/token-sequences.ts";

/** A matrix in row-major order. */
export interface Tensor {
  /** [rows, columns]. */
  readonly shape: readonly [rows: number, columns: number];
  /** [rows · columns], in the engine's own precision, so that saving is exact. */
  readonly data: Float64Array | Float32Array;
}

/** Name → matrix, with the names of `weightShapes`. */
export type Tensors = ReadonlyMap<string, Tensor>;

/** Everything that an engine needs to resume bit for bit. The three maps have the same names and shapes. */
export interface TrainingState {
  /** The weights. */
  readonly weights: Tensors;
  /** Adam's running means of the gradients. */
  readonly adamMean: Tensors;
  /** Adam's running means of the squared gradients. */
  readonly adamMeanSquare: Tensors;
}

/** How the weights are updated from the gradients. */
export interface Update {
  /** Number of steps applied before this one. */
  readonly step: number;
  /** The learning rate of this step. */
  readonly learningRate: number;
  /** Decoupled weight decay (AdamW, Loshchilov & Hutter 2019): w ← (1 − learningRate · weightDecay) · w. 0: off. */
  readonly weightDecay: number;
  /** Maximum norm of all gradients as one vector; larger gradients are scaled down to it. null: off. */
  readonly clipNorm: number | null;
  /** What the step's random bits of dropout are made from, [0, 2³²): another in each step. Default: 0. */
  readonly dropoutSeed?: number;
}

/** The result of a step. */
export interface StepResult {
  /**
   * The loss before the update, in nats: the mean of −log p over the tokens of all batches (at most blockSize per
   * document).
   */
  readonly loss: number;
  /** Whether the weights were updated. False if the loss or a gradient is not finite: then nothing changes. */
  readonly applied: boolean;
}

/** What an engine computes with: the atomic core's scalars, or a backend. */
export type EngineKind = "atomic" | "reference" | "wasm" | "native" | "webgpu";

/** A model with its optimizer. Documents are tokens with BOS at both ends. */
export interface Engine {
  /** What it computes with. */
  readonly kind: EngineKind;
  /** Name for display, such as `wasm, 2 threads`. */
  readonly name: string;
  /** The model's dimensions. */
  readonly config: Config;
  /** How many further steps may start before the oldest has resolved; results come in order. Absent: 0. */
  readonly maxInFlight?: number;
  /** One training step: one update from the gradients of all batches, with the same weight for every token. */
  step(batches: readonly (readonly Tokens[])[], update: Update): Promise<StepResult>;
  /** The same loss over documents, without an update. Reads at most blockSize tokens of each. */
  evaluate(documents: readonly Tokens[]): Promise<number>;
  /** Starts a text: a reader with an empty context. */
  reader(): Reader;
  /** Copies of the weights and the optimizer's state. */
  save(): Promise<TrainingState>;
  /** Restores a state, by copying; it must be of the same configuration. */
  load(state: TrainingState): Promise<void>;
}

/** The engine's device was lost or is faulty, so everything in its memory is lost; `message` says why. */
export class EngineLost extends Error {}

/** Whether the engine's device can be lost: one that works ahead of the host. */
export const canBeLost = ({ maxInFlight = 0 }: Engine): boolean => maxInFlight > 0;

/** An engine's name in a heading: `wasm, 2 threads` → `wasm engine, 2 threads`. */
export const engineTitle = (name: string): string => name.replace(/^[^,]+/, "$& engine");

/** Reads a text and returns the logits of its next token. */
export interface Reader {
  /** Number of tokens read so far; at most blockSize. */
  readonly position: number;
  /**
   * Reads at least one token and resolves to the logits [vocabSize] after the last. Rejects with RangeError past blockSize
   * tokens.
   */
  read(...tokens: number[]): Promise<number[]>;
  /** Empties the context: the next token is the first of a text. */
  restart(): void;
  /** Frees what the context takes; no call may follow. */
  close(): void;
}

/** Throws RangeError if a text of `tokens` tokens is longer than the model can read. */
export function mustFit(tokens: number, { blockSize }: Config): void {
  if (tokens > blockSize) throw new RangeError(`reader: the model reads at most ${blockSize} tokens; restart it`);
}

/** Name → shape of every weight matrix, in the order in which `initWeights` in microgpt.ts draws them. */
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

/**
 * Initial weights, normal with mean 0 and deviation 0.08: the numbers of `initWeights` in microgpt.ts, in the given
 * precision.
 */
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

/** The state of a training before its first step: Adam's means are 0. */
export function initialState(weights: Tensors): TrainingState {
  const zeros = (): Tensors =>
    new Map(Array.from(weights, ([name, { shape, data }]) => [name, { shape, data: new Float32Array(data.length) }]));
  return { weights, adamMean: zeros(), adamMeanSquare: zeros() };
}

/** Number of weights of a model, computed without allocating them. */
export function countParameters({ vocabSize, nEmbd, nLayer, blockSize }: Config): number {
  return (2 * vocabSize + blockSize) * nEmbd + nLayer * 12 * nEmbd ** 2;
}
