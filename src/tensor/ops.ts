/**
 * The operations of the tensor model as a table: for each, the instructions that compute its result and those that
 * compute its gradients. `program.ts` joins them into a program; backends compute the numbers.
 */
import type { Dropout, Heads, Instruction, View, Weight } from "./instructions.ts";

/** A tensor as a node of the model's graph, before it has memory. It has one row per token of the pass. */
export interface TensorNode {
  /** The operation that computes it. */
  readonly op: OpName;
  /** The operation's tensor arguments. */
  readonly inputs: readonly TensorNode[];
  /** The operation's weight arguments. */
  readonly weights: readonly Weight[];
  /** Numbers per row. */
  readonly columns: number;
  /** `attention` only: its heads. */
  readonly heads: Heads | null;
  /** `dropout` only: where and how often. */
  readonly dropout: Dropout | null;
  /** `columns` only: the first column. */
  readonly from: number;
}

/** The name of an operation. */
export type OpName =
  | "embed"
  | "rmsnorm"
  | "linear"
  | "relu"
  | "dropout"
  | "add"
  | "attention"
  | "crossEntropy"
  | "columns";

/** The memory of a tensor and of its inputs. */
export interface NodeMemory {
  /** The node. */
  readonly tensor: TensorNode;
  /** Memory of its result. */
  readonly out: View;
  /** Memory of its inputs, in order. */
  readonly inputs: readonly View[];
  /** `attention` only: what its forward pass leaves for its backward pass. Otherwise the same as `out`. */
  readonly statistics: View;
}

/** An operation. */
export interface Op {
  /** Numbers per row of `statistics`; 0: none. */
  readonly statistics: (tensor: TensorNode) => number;
  /** The instructions that compute the result. */
  readonly forward: (memory: NodeMemory) => Instruction[];
  /**
   * The instructions that compute the gradients of inputs and weights. `dOut` is the result's gradient; `gradients` is
   * memory for those of the inputs, in order.
   */
  readonly backward: (memory: NodeMemory, dOut: View, gradients: readonly View[]) => Instruction[];
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

  /** x [T, n] → x with some numbers dropped, the others scaled up [T, n]; in training only */
  dropout: {
    statistics: none,
    forward: ({ tensor, out, inputs: [x] }) => [
      { kernel: "dropout", to: { out }, from: { x }, dropout: tensor.dropout! },
    ],
    // The same numbers are dropped and scaled.
    backward: ({ tensor }, dOut, [out]) => [
      { kernel: "dropout", to: { out }, from: { x: dOut }, dropout: tensor.dropout! },
    ],
  },

  /** a [T, n], b [T, n] → a + b [T, n]; the gradient of both is dOut, so nothing is computed */
  add: {
    statistics: none,
    forward: ({ out, inputs: [a, b] }) => [{ kernel: "add", to: { out }, from: { a, b } }],
    backward: () => [],
  },

  /** query, key, value [T, C] → for each head, softmax(query · keyᵀ / √size) · value over the document so far [T, C] */
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

  /** logits [T, V] → two statistics per token that give its loss [T, 2]. The gradient overwrites the logits. */
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
