/**
 * The operations of the tensor model, one row of a table each: the shape of the result, the instructions that compute
 * it, and those that carry its gradient back. `program.ts` joins the rows into a program; backends compute the numbers.
 */
import type { Heads, Instruction, View, Weight } from "./instructions.ts";

/** A tensor of the model as a node of its graph, without memory yet. It has a row per token of the pass. */
export interface TensorNode {
  /** What computes it. */
  readonly op: OpName;
  /** The tensors that it is computed from. */
  readonly inputs: readonly TensorNode[];
  /** The weights that it is computed from. */
  readonly weights: readonly Weight[];
  /** Numbers per row. */
  readonly columns: number;
  /** Attention only. */
  readonly heads: Heads | null;
  /** `columns` only: the first column. */
  readonly from: number;
}

/** The name of an operation. */
export type OpName = "embed" | "rmsnorm" | "linear" | "relu" | "add" | "attention" | "crossEntropy" | "columns";

/** The memory of a tensor and of its inputs. */
export interface NodeMemory {
  /** The tensor. */
  readonly tensor: TensorNode;
  /** Its own memory. */
  readonly out: View;
  /** The memory of its inputs, in order. */
  readonly inputs: readonly View[];
  /** For attention and cross-entropy: what the forward pass leaves for the backward pass. */
  readonly statistics: View;
}

/** An operation. */
export interface Op {
  /** Numbers per row that the forward pass leaves in `statistics`; 0: none. */
  readonly statistics: (tensor: TensorNode) => number;
  /** Instructions that compute the result. */
  readonly forward: (place: NodeMemory) => Instruction[];
  /** Instructions of the gradients. @param dOut the gradient of the result. @param gradients memory for those of the inputs. */
  readonly backward: (place: NodeMemory, dOut: View, gradients: readonly View[]) => Instruction[];
}

const none = (): number => 0;

/** All operations. */
export const OPS: Readonly<Record<OpName, Op>> = {
  /** tokens [T] → tokenTable[token] + positionTable[position] [T, C] */
  embed: {
    statistics: none,
    forward: ({ tensor, out }) => {
      const [tokenTable, positionTable] = tensor.weights;
      return [{ kernel: "embed", to: { out }, from: {}, tokenTable, positionTable }];
    },
    backward: ({ tensor }, dOut) => {
      const [tokenTable, positionTable] = tensor.weights;
      return [
        { kernel: "embedGrad", to: {}, from: { dOut }, weight: tokenTable, by: "token" },
        { kernel: "embedGrad", to: {}, from: { dOut }, weight: positionTable, by: "position" },
      ];
    },
  },

  /** x [T, C] → x / root mean square of its row [T, C] */
  rmsnorm: {
    statistics: none,
    forward: ({ out, inputs: [x] }) => [{ kernel: "rmsnorm", to: { out }, from: { x } }],
    backward: ({ inputs: [x] }, dOut, [out]) => [{ kernel: "rmsnormGrad", to: { out }, from: { x, dOut } }],
  },

  /** x [T, in] → x · weightᵀ [T, out] */
  linear: {
    statistics: none,
    forward: ({ tensor, out, inputs: [x] }) => [
      { kernel: "linear", to: { out }, from: { x }, weight: tensor.weights[0], relu: false },
    ],
    backward: ({ tensor, inputs: [x] }, dOut, [out]) => [
      { kernel: "linearInputGrad", to: { out }, from: { dOut }, weight: tensor.weights[0] },
      { kernel: "linearWeightGrad", to: {}, from: { dOut, x }, weight: tensor.weights[0] },
    ],
  },

  /** x [T, n] → max(0, x) [T, n] */
  relu: {
    statistics: none,
    forward: ({ out, inputs: [x] }) => [{ kernel: "relu", to: { out }, from: { x } }],
    backward: ({ out: y }, dOut, [out]) => [{ kernel: "reluGrad", to: { out }, from: { dOut, y } }],
  },

  /** a [T, n], b [T, n] → a + b [T, n]; both have the result's own gradient, so nothing is computed */
  add: {
    statistics: none,
    forward: ({ out, inputs: [a, b] }) => [{ kernel: "add", to: { out }, from: { a, b } }],
    backward: () => [],
  },

  /** query, key, value [T, heads] → for each head, the values whose keys fit the query, averaged [T, heads] */
  attention: {
    statistics: ({ heads }) => 2 * heads!.count,
    forward: ({ tensor, out, statistics, inputs: [query, key, value] }) => [
      { kernel: "attention", to: { out, statistics }, from: { query, key, value }, heads: tensor.heads! },
    ],
    backward: ({ tensor, out, statistics, inputs: [query, key, value] }, dOut, [dQuery, dKey, dValue]) => [
      {
        kernel: "attentionGrad",
        to: { dQuery, dKey, dValue },
        from: { dOut, out, statistics, query, key, value },
        heads: tensor.heads!,
      },
    ],
  },

  /** logits [T, V] → for each token, what its loss is made of [T, 2]. The gradient takes the logits' place. */
  crossEntropy: {
    statistics: none,
    forward: ({ out, inputs: [logits] }) => [{ kernel: "crossEntropy", to: { statistics: out }, from: { logits } }],
    backward: ({ out, inputs: [logits] }, _dOut, [dLogits]) => [
      { kernel: "crossEntropyGrad", to: { statistics: out, dLogits }, from: { logits } },
    ],
  },

  /** x [T, n] → some of its columns [T, m]; a view, so nothing is computed */
  columns: { statistics: none, forward: () => [], backward: () => [] },
};
