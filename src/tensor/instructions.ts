/**
 * The instruction set that every backend implements, and the buffers that instructions work on.
 *
 * A program is data: which kernel runs on which buffers, in which order. It has no loops and is independent of the
 * device. `ops.ts` says which instructions compute an operation of the model; `program.ts` puts them in order.
 * Dimension letters: T tokens of a pass, laid end to end without padding; C nEmbd; H nHead; V vocabSize.
 */

/** A matrix in the memory of a backend. */
export interface Buffer {
  /** Name for error messages. */
  readonly name: string;
  /**
   * Number of rows of a weight or a cache; "tokens": one row per token of the pass; "window": one per token of a window of
   * it.
   */
  readonly rows: "tokens" | "window" | number;
  /** Numbers per row, without padding. */
  readonly columns: number;
}

/** A range of columns of a buffer. */
export interface View {
  /** The buffer. */
  readonly buffer: Buffer;
  /** First column. */
  readonly column: number;
  /** Number of columns. */
  readonly columns: number;
}

/** A weight matrix with its gradient and Adam's means, all of the same shape. */
export interface Weight {
  /** The model's name, or `layerL.attn_wqkv` for a merged weight. */
  readonly name: string;
  /** Shape of all four buffers. */
  readonly shape: readonly [rows: number, columns: number];
  /** The weights. */
  readonly data: Buffer;
  /** The gradient of the last step. */
  readonly grad: Buffer;
  /** Adam's running mean of the gradient. */
  readonly adamMean: Buffer;
  /** Adam's running mean of its square. */
  readonly adamMeanSquare: Buffer;
  /** The model's matrices in it; several if they are merged into one product. */
  readonly slices: readonly WeightSlice[];
}

/**
 * Where a matrix of the model is in a weight: its entry [r, c] is the weight's entry
 * [row + spreadOffset(r, rowHeads), spreadOffset(c, columnHeads)].
 */
export interface WeightSlice {
  /** The model's name for the matrix. */
  readonly name: string;
  /** First row in the weight. */
  readonly row: number;
  /** [rows, columns] without padding. */
  readonly shape: readonly [rows: number, columns: number];
  /** How rows are padded so that each attention head starts at an aligned row; null: not padded. */
  readonly rowHeads: Heads | null;
  /** The same for columns. */
  readonly columnHeads: Heads | null;
}

/** How attention heads are laid out along a row or column; the padding between them is 0. */
export interface Heads {
  /** Number of heads. */
  readonly count: number;
  /** Numbers per head. */
  readonly size: number;
  /** Numbers from the start of one head to the next. */
  readonly stride: number;
}

/** The heads, and how many rows each text has in the caches: blockSize rounded up to 8. */
interface CacheShape {
  readonly heads: Heads;
  readonly cacheRows: number;
}

/** Where and how often a program drops numbers. */
export interface Dropout {
  /** Number of the place in the model; places with different numbers have different masks. */
  readonly site: number;
  /** Probability of being dropped. */
  readonly rate: number;
}

/** An instruction reads the views of `from` and writes those of `to`; they share no memory unless it says so. */
type InstructionShape<Name extends string, To extends string, From extends string, More = unknown> = {
  readonly kernel: Name;
  readonly to: Readonly<Record<To, View>>;
  readonly from: Readonly<Record<From, View>>;
} & Readonly<More>;

/** Views that are optional. */
type Optional<Name extends string> = { readonly from: Readonly<Partial<Record<Name, View>>> };

/** An instruction of a program. The comment at each is its definition; `[…]` marks what is optional. */
export type Instruction =
  /** out[t] = tokenTable[token t] + positionTable[position of t in its document] */
  | InstructionShape<"embed", "out", never, { tokenTable: Weight; positionTable: Weight }>
  /** out = x · (mean of x² over the row + 1e-5)^-½ */
  | InstructionShape<"rmsnorm", "out", "x">
  /** out = the gradient of x, where dOut is the gradient of rmsnorm(x) [+ plus] */
  | (InstructionShape<"rmsnormGrad", "out", "x" | "dOut"> & Optional<"plus">)
  /** out = x · weightᵀ [, relu of it] [+ plus] */
  | (InstructionShape<"linear", "out", "x", { weight: Weight; relu: boolean }> & Optional<"plus">)
  /** out = dOut · weight [, 0 where `gate` ≤ 0] [+ plus] */
  | (InstructionShape<"linearInputGrad", "out", "dOut", { weight: Weight }> & Optional<"plus" | "gate">)
  /** weight.grad = dOutᵀ · x; added to it from the second pass of a step on */
  | InstructionShape<"linearWeightGrad", never, "dOut" | "x", { weight: Weight }>
  /** out = max(0, x) */
  | InstructionShape<"relu", "out", "x">
  /** out = dOut where y > 0, else 0; y is relu's result */
  | InstructionShape<"reluGrad", "out", "dOut" | "y">
  /** out = a + b */
  | InstructionShape<"add", "out", "a" | "b">
  /** out = x / (1 − rate) where kept, 0 where dropped [+ plus]; `training/dropout.ts` says what is kept */
  | (InstructionShape<"dropout", "out", "x", { dropout: Dropout }> & Optional<"plus">)
  /**
   * Causal attention within each document. statistics [T, 2·H]: for each head, the row's largest query · key and
   * 1 / Σ exp((query · key − largest) / √size). The [T, T] scores are never in memory as a whole.
   */
  | InstructionShape<"attention", "out" | "statistics", "query" | "key" | "value", { heads: Heads }>
  /**
   * The same for texts that come in pieces: document d has the new tokens of text d, or none. The caches have `cacheRows`
   * rows per text, in an order that is the backend's own. Key and value of row t, at position p of text d, become row p of
   * the text's caches; then its query attends to the text's keys and values up to p.
   */
  | InstructionShape<"cachedAttention", "out" | "keys" | "values", "query" | "key" | "value", CacheShape>
  /** The gradients of query, key and value, given dOut, the result and the statistics of attention */
  | InstructionShape<
      "attentionGrad",
      "dQuery" | "dKey" | "dValue",
      "dOut" | "out" | "statistics" | "query" | "key" | "value",
      { heads: Heads }
    >
  /** statistics [T, 2]: Σ exp(logit − largest), and largest − logit of the target; loss = log(first) + second */
  | InstructionShape<"crossEntropy", "statistics", "logits">
  /** The same, and dLogits = lossScale · (softmax − one-hot of the target); dLogits may share the memory of logits */
  | InstructionShape<"crossEntropyGrad", "statistics" | "dLogits", "logits">
  /**
   * weight.grad[row] = Σ dOut[t] over tokens t whose id (or position) is the row; accumulated as in linearWeightGrad
   */
  | InstructionShape<"embedGrad", never, "dOut", { weight: Weight; by: "token" | "position" }>
  /** Adam's step with the weight's gradient */
  | InstructionShape<"adam", never, never, { weight: Weight }>;

/** The name of an instruction. */
export type KernelName = Instruction["kernel"];
/** The instruction with a given name. */
export type InstructionOf<Name extends KernelName> = Extract<Instruction, { kernel: Name }>;

/**
 * How an instruction divides into independent chunks: by whole documents, or by rows of a weight, which need all
 * tokens.
 */
export type Axis = "documents" | "weights";

/** The axis of an instruction. */
export function axisOf({ kernel }: Instruction): Axis {
  return kernel === "linearWeightGrad" || kernel === "embedGrad" || kernel === "adam" ? "weights" : "documents";
}

/** The views that an instruction writes. */
export const viewsWritten = (instruction: Instruction): readonly View[] => Object.values<View>(instruction.to);
/** The views that an instruction reads. */
export const viewsRead = (instruction: Instruction): readonly View[] => Object.values<View>(instruction.from);

/** Offset of entry `index` among padded rows or columns. Heads of size 3, stride 4: 0 1 2 3 4 5 … → 0 1 2 4 5 6 … */
export function spreadOffset(index: number, heads: Heads | null): number {
  return heads === null ? index : Math.floor(index / heads.size) * heads.stride + (index % heads.size);
}

/** Whether linear layers multiply by it: all weights but the embedding tables, which are only looked up. */
export const isMultiplied = ({ name }: Weight): boolean => name !== "wte" && name !== "wpe";

/** The smallest multiple that is at least the value: (9, 8) → 16. */
export const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
