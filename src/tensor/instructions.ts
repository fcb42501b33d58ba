/**
 * What a backend must be able to do: the instructions that a program is made of, and the memory they work on.
 *
 * A program is data. It says which kernel runs on which buffers, in which order; it knows no loop and no device.
 * Dimension letters: T tokens of a batch, laid one after another without padding; C nEmbd; H nHead; V vocabSize.
 */

/**
 * A matrix in the memory of a backend. `rows` is a number for weights; "tokens": a row for every token of the batch;
 * "window": a row for every token of the part of the batch at hand, where the whole would be too large (`Section`).
 */
export interface Buffer {
  readonly name: string;
  readonly rows: "tokens" | "window" | number;
  readonly columns: number;
}

/** Some columns of a buffer, from `column` on. */
export interface View {
  readonly buffer: Buffer;
  readonly column: number;
  readonly columns: number;
}

/** A weight matrix [rows, columns] and what belongs to it, all of that shape. */
export interface Weight {
  readonly name: string;
  readonly shape: readonly [rows: number, columns: number];
  readonly data: Buffer;
  readonly grad: Buffer;
  readonly adamMean: Buffer;
  readonly adamMeanSquare: Buffer;
  /** The matrices of the model that lie in it; one, but where several were merged to be multiplied at once. */
  readonly slices: readonly WeightSlice[];
}

/** Where a matrix of the model lies in a weight: entry [r, c] of it at [row + place(r, rowHeads), place(c, columnHeads)]. */
export interface WeightSlice {
  readonly name: string;
  readonly row: number;
  readonly shape: readonly [rows: number, columns: number];
  /** How the rows, or columns, are spread so that every attention head begins at a round number; null: not at all. */
  readonly rowHeads: Heads | null;
  readonly columnHeads: Heads | null;
}

/** `count` heads of `size` numbers each, `stride` apart; what is between is 0. */
export interface Heads {
  readonly count: number;
  readonly size: number;
  readonly stride: number;
}

/**
 * One instruction: it reads the views of `from` and writes those of `to`, which are never the same memory but where it
 * says so.
 */
type InstructionShape<Name extends string, To extends string, From extends string, More = unknown> = {
  readonly kernel: Name;
  readonly to: Readonly<Record<To, View>>;
  readonly from: Readonly<Record<From, View>>;
} & Readonly<More>;

/** Views that are not always there. */
type Optional<Name extends string> = { readonly from: Readonly<Partial<Record<Name, View>>> };

export type Instruction =
  /** out[t] = tokenTable[token t] + positionTable[position of t in its document] */
  | InstructionShape<"embed", "out", never, { tokenTable: Weight; positionTable: Weight }>
  /** out = x · (mean of x² over the row + 1e-5)^-½ */
  | InstructionShape<"rmsnorm", "out", "x">
  /** out = the gradient of x, given dOut, that of rmsnorm(x) [+ plus] */
  | (InstructionShape<"rmsnormGrad", "out", "x" | "dOut"> & Optional<"plus">)
  /** out = x · weightᵀ [, relu of it] [+ plus] */
  | (InstructionShape<"linear", "out", "x", { weight: Weight; relu: boolean }> & Optional<"plus">)
  /** out = dOut · weight [, 0 where `gate` is not above 0] [+ plus] */
  | (InstructionShape<"linearInputGrad", "out", "dOut", { weight: Weight }> & Optional<"plus" | "gate">)
  /** weight.grad = dOutᵀ · x; added to it from the second batch of a step on */
  | InstructionShape<"linearWeightGrad", never, "dOut" | "x", { weight: Weight }>
  /** out = max(0, x) */
  | InstructionShape<"relu", "out", "x">
  /** out = dOut where y > 0, else 0; y is what relu gave */
  | InstructionShape<"reluGrad", "out", "dOut" | "y">
  /** out = a + b */
  | InstructionShape<"add", "out", "a" | "b">
  /**
   * Causal attention within each document. statistics [T, 2·H]: for each head the row's largest query · key, and
   * 1 / the sum of exp((query · key − largest) / √size); the [T, T] scores themselves are never in memory as a whole.
   */
  | InstructionShape<"attention", "out" | "statistics", "query" | "key" | "value", { heads: Heads }>
  | InstructionShape<
      "attentionGrad",
      "dQuery" | "dKey" | "dValue",
      "dOut" | "out" | "statistics" | "query" | "key" | "value",
      { heads: Heads }
    >
  /** statistics [T, 2]: the sum of exp(logit − largest), and largest − logit of the target: loss = log(first) + second */
  | InstructionShape<"crossEntropy", "statistics", "logits">
  /** The same, and the gradient: dLogits, which may lie where logits do, = (softmax − one-hot of the target) / tokens */
  | InstructionShape<"crossEntropyGrad", "statistics" | "dLogits", "logits">
  /** weight.grad[row] = the sum of dOut[t] over the tokens t whose id (or position) is the row; or is increased by it */
  | InstructionShape<"embedGrad", never, "dOut", { weight: Weight; by: "token" | "position" }>
  /** Adam's step with the weight's gradient */
  | InstructionShape<"adam", never, never, { weight: Weight }>;

export type KernelName = Instruction["kernel"];
export type InstructionOf<Name extends KernelName> = Extract<Instruction, { kernel: Name }>;

/**
 * How an instruction's work may be cut into parts that need nothing of each other: by whole `documents`, or by rows of
 * the `weights`, each of which needs all the tokens.
 */
export type Axis = "documents" | "weights";

export function axisOf({ kernel }: Instruction): Axis {
  return kernel === "linearWeightGrad" || kernel === "embedGrad" || kernel === "adam" ? "weights" : "documents";
}

/** The views that an instruction writes. */
export const viewsWritten = (instruction: Instruction): readonly View[] => Object.values<View>(instruction.to);
/** The views that it reads. */
export const viewsRead = (instruction: Instruction): readonly View[] => Object.values<View>(instruction.from);

/** Entry `index` of spread rows or columns: with heads of 3, 4 apart, 0 1 2 3 4 5 … → 0 1 2 4 5 6 … */
export function spreadOffset(index: number, heads: Heads | null): number {
  return heads === null ? index : Math.floor(index / heads.size) * heads.stride + (index % heads.size);
}

/** The least multiple that is not below the value: (9, 8) → 16. */
export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
