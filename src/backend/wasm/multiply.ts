/**
 * Products that a library does in place of our kernels: a system's BLAS, whose vectors are wider than WebAssembly's.
 *
 * It gets them in blocks. OpenBLAS has kernels for products of up to 10⁶ multiplications that pack nothing; on our
 * shapes they are faster than the whole product by a tenth to a half, if no operand but A is transposed (measured with
 * 0.3.21 on AVX-512: 160 GFLOP/s of a core for 112). What other libraries make of them was not measured.
 */
import { roundUp } from "../../tensor/instructions.ts";
import type { View, Weight } from "../../tensor/instructions.ts";
import type { StepContext, Multiply, Operands, ProductCall, Step } from "./compiler.ts";
import { ALIGN } from "./memory.ts";
import { addFinish } from "./rows.ts";
import { F32 } from "./vector.ts";

/** Multiplications of a block. */
const MAX_PRODUCT = 1e6;
/** Columns and k of a block of rows by a weight. */
const [ROWS_COLUMNS, ROWS_K] = [64, 128];
/** The same of a weight's gradient, whose k are tokens, a row of memory each; and k where a unit has so few rows. */
const [GRAD_COLUMNS, GRAD_K, NARROW_GRAD_K, NARROW_ROWS] = [128, 60, 240, 32];
/** Numbers of a weight from which on whole products are the faster ones, if k is not small. */
const WHOLE = 2 ** 18;

/** The size of parts of about equal size, at most `most`, which is a multiple of 16 as they are: whole vectors. */
const evenly = (size: number, most: number): number => Math.min(size, roundUp(size / Math.ceil(size / most), 16));

interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
}

/** Block by block; k outermost, so that what is far apart in memory is read once. */
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

/** out = a · B, k rows of B `bStep` bytes apart; what a kernel's epilogue does is a kernel of its own then. */
export function multiplied(
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
  const isWhole = columns * k >= WHOLE && k > ROWS_K;
  const size = { columns: evenly(columns, ROWS_COLUMNS), k: evenly(k, ROWS_K) };
  const mostRows = 16 * Math.floor(MAX_PRODUCT / (size.columns * size.k) / 16);
  const operands = { aRow: row(a) / F32, aTransposed: false, b, bRow: bStep / F32, cRow: shape.outRow / F32 };
  return (run, { from, to }) => {
    const places = { a: aAt(run, from), c: outAt(run, from) };
    const product = { rows: to - from, columns, k, ...places, ...operands, accumulate: false };
    multiplyInBlocks(multiply, isWhole ? product : { rows: evenly(to - from, mostRows), ...size }, product);
    finish?.call(outAt(run, from), plusAt(run, from), gateAt(run, from), to - from);
  };
}

/** Our rows of a weight's gradient: [grad +] dOutᵀ · x. */
export function multipliedGrad(dOut: View, x: View, weight: Weight, { compiler, row, at }: StepContext): Step {
  const multiply = compiler.multiply!;
  const { start, row: gradRow } = compiler.weightBytes(weight.grad);
  const [dOutAt, xAt] = [dOut, x].map(at);
  const [begin, end] = compiler.ownRows(weight);
  const columns = roundUp(x.columns, ALIGN);
  // Units are blocks: the shapes of products must not depend on how many workers there are.
  const rows = compiler.unitRows(weight);
  const block = { rows, columns: evenly(columns, GRAD_COLUMNS), k: rows > NARROW_ROWS ? GRAD_K : NARROW_GRAD_K };
  const operands = { aRow: row(dOut) / F32, aTransposed: true, bRow: row(x) / F32, cRow: gradRow / F32 };
  return (run, { from, to }) => {
    const accumulate = run.options.accumulate || from > run.options.firstRow;
    const places = { a: dOutAt(run, from) + begin * F32, b: xAt(run, from), c: start + begin * gradRow };
    multiplyInBlocks(multiply, block, { rows: end - begin, columns, k: to - from, ...places, ...operands, accumulate });
  };
}
