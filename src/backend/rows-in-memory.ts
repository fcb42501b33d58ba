/** Rows of buffers in a session's memory, where each is as long as its stride, without their padding. */

/** Where a buffer is: its first number, and numbers from row to row. */
export interface RowsAt {
  /** Index of the first number in the memory. */
  readonly first: number;
  /** Numbers from row to row. */
  readonly stride: number;
}

/** A copy of the first rows, [rows, columns]. */
export function readRows(memory: Float32Array, { first, stride }: RowsAt, columns: number, rows: number): Float32Array {
  const copy = new Float32Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    const start = first + r * stride;
    copy.set(memory.subarray(start, start + columns), r * columns);
  }
  return copy;
}

/** Overwrites the first rows with numbers [rows, columns]. */
export function writeRows(
  memory: Float32Array,
  { first, stride }: RowsAt,
  columns: number,
  data: ArrayLike<number>,
): void {
  for (let i = 0; i < data.length; i++) memory[first + Math.floor(i / columns) * stride + (i % columns)] = data[i];
}
