/**
 * Matrix products by a system's BLAS, whose vectors are wider than WebAssembly's 128 bits. It replaces the kernels of
 * `matmul.ts` for large weights; the library itself is found by `node/blas.ts`.
 *
 * Products are passed in blocks. For products of up to 10⁶ multiplications OpenBLAS has kernels that do not pack their
 * operands; for the shapes here they are 10 to 50 % faster than one call for the whole product, provided that only A is
 * transposed (measured with OpenBLAS 0.3.21 on AVX-512: 160 GFLOP/s per core instead of 112). Other libraries were not
 * measured.
 */
import { roundUp } from "../../tensor/instructions.ts";
import type { View, Weight } from "../../tensor/instructions.ts";
import type { StepContext, Multiply, Operands, ProductCall, Step } from "./compiler.ts";
import { ALIGN } from "./memory.ts";
import { addFinish } from "./rows.ts";
import { F32 } from "./vector.ts";

/** Most multiplications of a block. */
const MAX_PRODUCT = 1e6;
/** Most columns and k of a block, for rows times a weight. */
const [ROWS_COLUMNS, ROWS_K] = [64, 128];
/**
 * Most columns and k of a block, for a weight's gradient. Its k are tokens, each a row of memory, so fewer are better;
 * blocks of at most `NARROW_ROWS` rows take `NARROW_GRAD_K`.
 */
const [GRAD_COLUMNS, GRAD_K, NARROW_GRAD_K, NARROW_ROWS] = [128, 60, 240, 32];
/** Numbers of a weight from which one call for the whole product is faster than blocks, if k > ROWS_K. */
const MIN_WHOLE = 2 ** 18;

/** Size of blocks that divide `size` about evenly: at most `max`, a multiple of 16. 100 by at most 64 → 64; 130 → 48. */
const evenly = (size: number, max: number): number => Math.min(size, roundUp(size / Math.ceil(size / max), 16));

interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
}

/** Multiplies block by block. k is the outermost loop, so that distant rows of memory are read once. */
function multiplyInBlocks(multiply: Multiply, block: Block, product: ProductCall): void {
  const { rows, columns, k, a, aRow, aTransposed, b, bRow, c, cRow, accumulate } = product;
  for (let i = 0; i < k; i += block.k) {
    for (let column = 0; column < columns; column += block.columns) {
      for (let row = 0; row < rows; row += block.rows) {
        multiply({
          rows: Math.min(block.rows, rows - row),
          columns: Math.min(block.columns, columns - column),
          k: Math.min(block.k, k - i),
          a: a + (aTransposed ? i * aRow + row : row * aRow + i) * F32,
          aRow,
          aTransposed,
          b: b + (i * bRow + column) * F32,
          bRow,
          c: c + (row * cRow + column) * F32,
          cRow,
          accumulate: accumulate || i > 0,
        });
      }
    }
  }
}

/**
 * out [rows, columns] = a [rows, k] · B [k, columns], with B at byte `b` and its rows `bStep` bytes apart. Gate, relu
 * and `plus` follow in a kernel of their own.
 */
export function libraryProduct(
  { out, a, relu, plus, gate }: Operands,
  { b, bStep }: { readonly b: number; readonly bStep: number },
  { compiler, row, at }: StepContext,
): Step {
  const multiply = compiler.multiply!;
  const shape = {
    outRow: row(out),
    relu,
    plusRow: plus === undefined ? null : row(plus),
    gateRow: gate === undefined ? null : row(gate),
  };
  const isPlain = !relu && plus === undefined && gate === undefined;
  const finish = isPlain ? null : compiler.kernel("finish", shape, addFinish);
  const [aAt, outAt, plusAt, gateAt] = [a, out, plus ?? a, gate ?? a].map(at);
  const columns = roundUp(out.columns, ALIGN);
  const k = a.columns;
  const isWhole = columns * k >= MIN_WHOLE && k > ROWS_K;
  const size = { columns: evenly(columns, ROWS_COLUMNS), k: evenly(k, ROWS_K) };
  const maxRows = 16 * Math.floor(MAX_PRODUCT / (size.columns * size.k) / 16);
  const operands = { aRow: row(a) / F32, aTransposed: false, b, bRow: bStep / F32, cRow: shape.outRow / F32 };
  return (run, { from, to }) => {
    const addresses = { a: aAt(run, from), c: outAt(run, from) };
    const product = { rows: to - from, columns, k, ...addresses, ...operands, accumulate: false };
    multiplyInBlocks(multiply, isWhole ? product : { rows: evenly(to - from, maxRows), ...size }, product);
    finish?.call(outAt(run, from), plusAt(run, from), gateAt(run, from), to - from);
  };
}

/** This worker's rows of a weight's gradient: grad = [grad +] dOutᵀ · x. */
export function libraryWeightGrad(dOut: View, x: View, weight: Weight, { compiler, row, at }: StepContext): Step {
  const multiply = compiler.multiply!;
  const { start, row: gradRow } = compiler.weightBytes(weight.grad);
  const [dOutAt, xAt] = [dOut, x].map(at);
  const [begin, end] = compiler.ownRows(weight);
  const columns = roundUp(x.columns, ALIGN);
  // A block has the rows of a unit: the shapes of products must not depend on the number of workers.
  const rows = compiler.unitRows(weight);
  const block = { rows, columns: evenly(columns, GRAD_COLUMNS), k: rows > NARROW_ROWS ? GRAD_K : NARROW_GRAD_K };
  const operands = { aRow: row(dOut) / F32, aTransposed: true, bRow: row(x) / F32, cRow: gradRow / F32 };
  return (run, { from, to }) => {
    const accumulate = run.options.accumulate || from > run.options.firstRow;
    const addresses = { a: dOutAt(run, from) + begin * F32, b: xAt(run, from), c: start + begin * gradRow };
    const product = { rows: end - begin, columns, k: to - from, ...addresses, ...operands, accumulate };
    multiplyInBlocks(multiply, block, product);
  };
}
