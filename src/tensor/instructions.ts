/**
 * The instruction set that every backend implements, and the memory that instructions work on.
 *
 * A program is data: which kernel runs on which buffers, in which order. It has no loops and knows no device.
 * Dimension letters: T tokens of a pass, laid end to end without padding; C nEmbd; H nHead; V vocabSize.
 */

/** A matrix in the memory of a backend. */
export interface Buffer {
  /** For error messages and drawings. */
  readonly name: string;
  /** A number for weights; "tokens": a row per token of the pass; "window": a row per token of a window of it. */
  readonly rows: "tokens" | "window" | number;
  /** Numbers per row, without padding. */
  readonly columns: number;
}

/** Some columns of a buffer. */
export interface View {
  /** The matrix. */
  readonly buffer: Buffer;
  /** The first of the columns. */
  readonly column: number;
  /** How many. */
  readonly columns: number;
}

/** A weight matrix with its gradient and Adam's means, all of one shape. */
export interface Weight {
  /** The model's name for it, or that of a merged weight. */
  readonly name: string;
  /** Of all five buffers. */
  readonly shape: readonly [rows: number, columns: number];
  /** The weights. */
  readonly data: Buffer;
  /** The gradient of the last step. */
  readonly grad: Buffer;
  /** Adam's running mean of the gradient. */
  readonly adamMean: Buffer;
  /** Adam's running mean of its square. */
  readonly adamMeanSquare: Buffer;
  /** The model's matrices in it; several where they were merged to be one product. */
  readonly slices: readonly WeightSlice[];
}

/** Where a matrix of the model is in a weight: entry [r, c] of it at [row + place(r, rowHeads), place(c, columnHeads)]. */
export interface WeightSlice {
  /** The model's name for the matrix. */
  readonly name: string;
  /** Its first row in the weight. */
  readonly row: number;
  /** [rows, columns] without padding. */
  readonly shape: readonly [rows: number, columns: number];
  /** How rows are spread so that each attention head starts at an aligned row; null: not spread. */
  readonly rowHeads: Heads | null;
  /** The same for columns. */
  readonly columnHeads: Heads | null;
}

/** Attention heads with padding between them, which is 0. */
export interface Heads {
  /** Heads. */
  readonly count: number;
  /** Numbers per head. */
  readonly size: number;
  /** Numbers from head to head. */
  readonly stride: number;
}

/** An instruction reads the views of `from` and writes those of `to`; they share no memory unless it says so. */
type InstructionShape<Name extends string, To extends string, From extends string, More = unknown> = {
  readonly kernel: Name;
  readonly to: Readonly<Record<To, View>>;
  readonly from: Readonly<Record<From, View>>;
} & Readonly<More>;

/** Views that an instruction may lack. */
type Optional<Name extends string> = { readonly from: Readonly<Partial<Record<Name, View>>> };

/** One step of a program; the comment at each is its definition. */
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

/** The name of an instruction. */
export type KernelName = Instruction["kernel"];
/** The instruction of a name. */
export type InstructionOf<Name extends KernelName> = Extract<Instruction, { kernel: Name }>;

/** How the work of an instruction divides into independent chunks: by whole documents, or by rows of a weight, each of which needs all tokens. */
export type Axis = "documents" | "weights";

/** The axis of an instruction. */
export function axisOf({ kernel }: Instruction): Axis {
  return kernel === "linearWeightGrad" || kernel === "embedGrad" || kernel === "adam" ? "weights" : "documents";
}

/** The views that an instruction writes. */
export const viewsWritten = (instruction: Instruction): readonly View[] => Object.values<View>(instruction.to);
/** The views that an instruction reads. */
export const viewsRead = (instruction: Instruction): readonly View[] => Object.values<View>(instruction.from);

/** The offset of entry `index` among spread rows or columns: with heads of 3, 4 apart, 0 1 2 3 4 5 … → 0 1 2 4 5 6 … */
export function spreadOffset(index: number, heads: Heads | null): number {
  return heads === null ? index : Math.floor(index / heads.size) * heads.stride + (index % heads.size);
}

/** The smallest multiple that is not below the value: (9, 8) → 16. */
export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
