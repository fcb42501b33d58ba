/**
 * Copies between the engine's memory, where matrices are merged and heads padded (`layout.ts`), and the model's own
 * matrices.
 *
 *   attn_wqkv in memory, 2 heads of 3, stride 4:     q₀ q₀ q₀ ·  q₁ q₁ q₁ ·  k₀ k₀ k₀ ·  …
 *   layer0.attn_wq as the model names it:            q₀ q₀ q₀ q₁ q₁ q₁
 */
import type { Tensor } from "../training/engine.ts";
import { spreadOffset } from "./instructions.ts";
import type { Heads, View, Weight, WeightSlice } from "./instructions.ts";

/**
 * Copies the columns of a view into a tensor; with `heads`, without the padding between heads. `data` is the whole
 * buffer.
 */
export function columnsOf(
  data: Float64Array | Float32Array,
  { buffer, column, columns }: View,
  heads: Heads | null,
): Tensor {
  const rows = data.length / buffer.columns;
  const count = heads === null ? columns : heads.count * heads.size;
  const numbers = new Float64Array(rows * count);
  for (let r = 0; r < rows; r++) {
    const start = r * buffer.columns + column;
    for (let c = 0; c < count; c++) numbers[r * count + c] = data[start + spreadOffset(c, heads)];
  }
  return { shape: [rows, count], data: numbers };
}

/** Copies a matrix of the model out of the weight that contains it. `data` is the whole weight, without row padding. */
export function cutSlice(data: Float64Array | Float32Array, weight: Weight, slice: WeightSlice): Tensor {
  const size = slice.shape[0] * slice.shape[1];
  const matrix = data instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  forEntries(weight, slice, (i, j) => (matrix[i] = data[j]));
  return { shape: slice.shape, data: matrix };
}

/** Calls `visit` for each entry of a matrix, with its index i in the matrix and its index j in the weight. */
export function forEntries({ shape }: Weight, slice: WeightSlice, visit: (i: number, j: number) => void): void {
  const [rows, columns] = slice.shape;
  for (let r = 0; r < rows; r++) {
    const start = (slice.row + spreadOffset(r, slice.rowHeads)) * shape[1];
    for (let c = 0; c < columns; c++) visit(r * columns + c, start + spreadOffset(c, slice.columnHeads));
  }
}
