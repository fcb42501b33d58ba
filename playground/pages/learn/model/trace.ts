/** What an optimizer did to a few weights, step by step: the numbers behind the chapter on Adam. */
import type { Value } from "../../../../src/microgpt.ts";
import type { Network } from "./networks.ts";

/** Rates of Adam's means in the core: `update`'s defaults. */
const BETA1 = 0.85;
const BETA2 = 0.99;

/** One weight through a training; arrays have an entry per step. */
export interface WeightTrace {
  /** Such as `lm_head[4][0]`. */
  readonly label: string;
  /** The gradient of the step. */
  readonly gradients: readonly number[];
  /** m after the step: the running mean of the gradients. */
  readonly means: readonly number[];
  /** v after the step: the running mean of their squares. */
  readonly meanSquares: readonly number[];
  /** The weight before the step. */
  readonly values: readonly number[];
}

/** The weights that are traced: matrix, row, column. Two of frequent letters, one of a rare one, two of the block. */
const WATCHED: readonly (readonly [string, number, number])[] = [
  ["lm_head", 0, 0],
  ["lm_head", 16, 0],
  ["wte", 4, 0],
  ["layer0.attn_wv", 0, 0],
  ["layer0.mlp_fc1", 0, 0],
];

interface Watched {
  readonly label: string;
  readonly weight: Value;
  readonly gradients: number[];
  readonly means: number[];
  readonly meanSquares: number[];
  readonly values: number[];
}

/** Records a training of the core. Call `record` when the gradients of a step are known and the weights have not moved. */
export class Tracer {
  readonly #watched: readonly Watched[];

  constructor({ weights }: Network) {
    this.#watched = WATCHED.filter(([matrix]) => matrix in weights).map(([matrix, row, column]) => ({
      label: `${matrix}[${row}][${column}]`,
      weight: weights[matrix][row][column],
      gradients: [],
      means: [],
      meanSquares: [],
      values: [],
    }));
  }

  /** Adds a step. */
  record(): void {
    for (const { weight, gradients, means, meanSquares, values } of this.#watched) {
      const { grad, data } = weight;
      gradients.push(grad);
      means.push(BETA1 * (means.at(-1) ?? 0) + (1 - BETA1) * grad);
      meanSquares.push(BETA2 * (meanSquares.at(-1) ?? 0) + (1 - BETA2) * grad ** 2);
      values.push(data);
    }
  }

  /** What was recorded so far. */
  get traces(): readonly WeightTrace[] {
    return this.#watched.map(({ label, gradients, means, meanSquares, values }) => ({
      label,
      gradients,
      means,
      meanSquares,
      values,
    }));
  }
}
