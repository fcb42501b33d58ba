/**
 * Matrix products of a GPT's linear layers, forward and backward: C [M, N] = A [M, K] · B [K, N].
 *
 * A tile of 4 rows × 8 columns of C stays in eight vector registers while k runs. Each k loads one row of the panel of B
 * (8 numbers) and broadcasts 4 numbers of A:
 *
 *                       B: panel of 8 columns
 *                             ┌────────────────┐
 *                           k │ b0..3   b4..7  │  2 loads
 *                             └────────────────┘
 *            k
 *       ┌─────────┐           ┌────────────────┐
 *       │ a0      │           │ c00     c01    │
 *   A   │ a1      │    C +=   │ c10     c11    │  8 sums of four lanes,
 *       │ a2      │           │ c20     c21    │  c[r][v] += a[r] · b[v]
 *       │ a3      │           │ c30     c31    │
 *       └─────────┘           └────────────────┘
 *     4 loads, each to all lanes
 *
 * 8 sums + 4 of A + 2 of B are 14 live vectors; more than 15 would spill in V8, and unrolling k would hoist loads until
 * they do (measured: 43 GFLOP/s of a peak of 49 with 4×8, 33 with 4×12). Each entry of C is summed in the order of k, in
 * one chain, whatever its tile: results do not depend on how rows are divided into chunks.
 */
import { f32x4, i32, loop, repeatWhile, sequence, when } from "./assembler.ts";
import type { Code, Local, Locals, ModuleBuilder } from "./assembler.ts";
import { F32, transpose4, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** Rows of C in a tile. */
export const TILE_ROWS = 4;
/** Columns of C in a tile, and of a panel of B. */
export const TILE_COLUMNS = 8;
/** Rows of A that are multiplied with a panel of B while the panel is in the first-level cache. */
const BLOCK_ROWS = 64;
/** Number of k after which a tile is written back, so that A and B fit the first two caches. */
const BLOCK_K = 256;

/** The variables of a tile of 4 rows × `vectors` · 4 columns. */
export interface RegisterTile {
  /** The tile of C, row by row: sum [row · vectors + vector]. */
  readonly sums: readonly Local[];
  /** The numbers of A for one k, one per row, in all lanes. */
  readonly splats: readonly Local[];
  /** The row of the panel of B for one k. */
  readonly panel: readonly Local[];
  /** i32: pointer into A. */
  readonly a: Local;
  /** i32: pointer into B. */
  readonly b: Local;
  /** i32: value of `a` after the last k. */
  readonly end: Local;
}

/** Allocates a tile in `locals`, 8 columns wide by default. */
export function newRegisterTile(locals: Locals, vectors: number = 2): RegisterTile {
  return {
    sums: locals.many("v128", TILE_ROWS * vectors),
    splats: locals.many("v128", TILE_ROWS),
    panel: locals.many("v128", vectors),
    a: locals.new("i32"),
    b: locals.new("i32"),
    end: locals.new("i32"),
  };
}

/** Distances in bytes within the operands of a tile. */
export interface TileStrides {
  /** From row to row of A. */
  readonly aRow: number;
  /** From one k to the next in A. */
  readonly aStep: number;
  /** From one k to the next in B. */
  readonly bStep: number;
}

/** sums += A · B, advancing `tile.a` and `tile.b` until `tile.a` reaches `tile.end`; at least one k. */
export function multiplyTile(
  { sums, splats, panel, a, b, end }: RegisterTile,
  strides: TileStrides,
  fma: MultiplyAdd,
): Code {
  const vectors = panel.length;
  return repeatWhile(
    i32.less(a.get, end.get),
    sequence(
      ...panel.map((vector, v) => vector.set(f32x4.load(b.get, v * V128))),
      ...splats.map((splat, r) => splat.set(f32x4.loadSplat(a.get, r * strides.aRow))),
      ...sums.map((sum, i) => sum.set(fma(splats[Math.floor(i / vectors)].get, panel[i % vectors].get, sum.get))),
      a.increase(i32.const(strides.aStep)),
      b.increase(i32.const(strides.bStep)),
    ),
  );
}

/** Calls `store(row, vector, value)` for the sums of the tile; at run time only rows below `rows` are stored. */
export function storeTile(
  { sums, panel }: RegisterTile,
  rows: Code,
  store: (row: number, vector: number, value: Local) => Code,
): Code {
  const vectors = panel.length;
  const storeRow = (row: number): Code => sequence(...panel.map((_, v) => store(row, v, sums[row * vectors + v])));
  const [first, ...others] = Array.from({ length: TILE_ROWS }, (_, row) => storeRow(row));
  const oneByOne = others.map((code, i) => when(i32.less(i32.const(i + 1), rows), code));
  return when(
    i32.less(i32.const(TILE_ROWS - 1), rows),
    sequence(first, ...others),
    sequence(first, ...oneByOne.slice(0, -1)),
  );
}

// ── x · wᵀ and dOut · w: rows of tokens times a whole weight ─────────────────────────────────────────────────

/** The shape of a product of rows with a weight, and what is done to its result. */
export interface RowsByWeight {
  /** Length of the sums. */
  readonly k: number;
  /** Columns of the result, a multiple of 8. */
  readonly columns: number;
  /** Bytes from row to row of A. */
  readonly aRow: number;
  /** Bytes from row to row of C. */
  readonly cRow: number;
  /** Bytes from one k to the next in B. */
  readonly bStep: number;
  /** Bytes from one panel of 8 columns of B to the next. */
  readonly bPanel: number;
  /** Whether the product becomes max(0, product). */
  readonly relu: boolean;
  /** Bytes from row to row of `plus`, which is added to the result; null: nothing is added. */
  readonly plusRow: number | null;
  /** Bytes from row to row of `gate`: the product becomes 0 where `gate` ≤ 0; null: no gate. */
  readonly gateRow: number | null;
}

/** Adds the function (a, b, c, rows, plus, gate): c [rows, columns] = a [rows, k] · b, then gate, relu, + plus. */
export function addRowsByWeight(module: ModuleBuilder, name: string, shape: RowsByWeight, fma: MultiplyAdd): void {
  const { k, columns, aRow, cRow, bStep, bPanel, relu, plusRow, gateRow } = shape;
  module.function(name, ["i32", "i32", "i32", "i32", "i32", "i32"], (locals, a, b, c, rows, plus, gate) => {
    const [block, blockEnd, row, column] = locals.many("i32", 4);
    const [panel, aTile, cTile, plusTile, gateTile, left] = locals.many("i32", 6);
    const tile = newRegisterTile(locals);
    const at = (base: Local, stride: number): Code =>
      i32.add(i32.add(base.get, i32.mul(row.get, i32.const(stride))), i32.mul(column.get, i32.const(F32)));
    const store = (r: number, v: number, value: Local): Code => {
      const offset = (stride: number): number => r * stride + v * V128;
      const zero = f32x4.const(0);
      const gated =
        gateRow === null
          ? value.get
          : f32x4.select(value.get, zero, f32x4.greater(f32x4.load(gateTile.get, offset(gateRow)), zero));
      const open = relu ? f32x4.max(gated, zero) : gated;
      const sum = plusRow === null ? open : f32x4.add(open, f32x4.load(plusTile.get, offset(plusRow)));
      return f32x4.store(cTile.get, sum, offset(cRow));
    };
    const multiply = sequence(
      aTile.set(i32.add(a.get, i32.mul(row.get, i32.const(aRow)))),
      tile.a.set(aTile.get),
      tile.b.set(panel.get),
      tile.end.set(i32.add(aTile.get, i32.const(k * F32))),
      ...tile.sums.map((sum) => sum.set(f32x4.zero)),
      multiplyTile(tile, { aRow, aStep: F32, bStep }, fma),
      cTile.set(at(c, cRow)),
      plusRow === null ? [] : plusTile.set(at(plus, plusRow)),
      gateRow === null ? [] : gateTile.set(at(gate, gateRow)),
      left.set(i32.sub(rows.get, row.get)),
      storeTile(tile, left.get, store),
    );
    return loop(
      block,
      i32.const(0),
      rows.get,
      BLOCK_ROWS,
      sequence(
        blockEnd.set(i32.add(block.get, i32.const(BLOCK_ROWS))),
        when(i32.less(rows.get, blockEnd.get), blockEnd.set(rows.get)),
        panel.set(b.get),
        loop(
          column,
          i32.const(0),
          i32.const(columns),
          TILE_COLUMNS,
          sequence(loop(row, block.get, blockEnd.get, TILE_ROWS, multiply), panel.increase(i32.const(bPanel))),
        ),
      ),
    );
  });
}

// ── dOutᵀ · x: rows of a weight's gradient, over all tokens ──────────────────────────────────────────────────

/** The shape of a weight's gradient. */
export interface WeightGradShape {
  /** Columns of the weight, rounded up to whole panels. */
  readonly columns: number;
  /** Bytes from row to row of the output's gradient. */
  readonly dOutRow: number;
  /** Bytes from row to row of the layer's input. */
  readonly xRow: number;
  /** Bytes from row to row of the weight's gradient. */
  readonly gradRow: number;
}

/**
 * Adds the function (dOut, x, grad, rows, tokens, accumulate): grad [rows, columns] = [grad +] dOutᵀ · x.
 * `rows` is a multiple of 4. `dOut` points to the first of these columns, `grad` to the first of these rows; k runs
 * over the tokens.
 */
export function addWeightGrad(module: ModuleBuilder, name: string, shape: WeightGradShape, fma: MultiplyAdd): void {
  const { columns, dOutRow, xRow, gradRow } = shape;
  module.function(
    name,
    ["i32", "i32", "i32", "i32", "i32", "i32"],
    (locals, dOut, x, grad, rows, tokens, accumulate) => {
      const [block, blockEnd, row, column, cTile] = locals.many("i32", 5);
      const tile = newRegisterTile(locals);
      const eachSum = (body: (sum: Local, offset: number) => Code): Code =>
        sequence(...tile.sums.map((sum, i) => body(sum, Math.floor(i / 2) * gradRow + (i % 2) * V128)));
      const multiply = sequence(
        cTile.set(
          i32.add(i32.add(grad.get, i32.mul(row.get, i32.const(gradRow))), i32.mul(column.get, i32.const(F32))),
        ),
        when(
          accumulate.get,
          eachSum((sum, offset) => sum.set(f32x4.load(cTile.get, offset))),
          eachSum((sum) => sum.set(f32x4.zero)),
        ),
        tile.a.set(
          i32.add(i32.add(dOut.get, i32.mul(row.get, i32.const(F32))), i32.mul(block.get, i32.const(dOutRow))),
        ),
        tile.end.set(i32.add(tile.a.get, i32.mul(i32.sub(blockEnd.get, block.get), i32.const(dOutRow)))),
        tile.b.set(i32.add(i32.add(x.get, i32.mul(column.get, i32.const(F32))), i32.mul(block.get, i32.const(xRow)))),
        multiplyTile(tile, { aRow: F32, aStep: dOutRow, bStep: xRow }, fma),
        eachSum((sum, offset) => f32x4.store(cTile.get, sum.get, offset)),
      );
      return loop(
        block,
        i32.const(0),
        tokens.get,
        BLOCK_K,
        sequence(
          blockEnd.set(i32.add(block.get, i32.const(BLOCK_K))),
          when(i32.less(tokens.get, blockEnd.get), blockEnd.set(tokens.get)),
          loop(
            column,
            i32.const(0),
            i32.const(columns),
            TILE_COLUMNS,
            loop(row, i32.const(0), rows.get, TILE_ROWS, multiply),
          ),
          accumulate.set(i32.const(1)),
        ),
      );
    },
  );
}

// ── Packing ──────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Adds the function (weight, packed, rows): copies rows of a weight so that the 8 outputs of a tile lie side by side.
 * `rows` is a multiple of 8, `columns` of 4:
 *
 *   weight [rows, columns]  →  panels [rows / 8][columns][8]    for `addRowsByWeight`
 */
export function addPack(
  module: ModuleBuilder,
  name: string,
  { columns, rowBytes }: { readonly columns: number; readonly rowBytes: number },
): void {
  const step = TILE_COLUMNS * F32;
  module.function(name, ["i32", "i32", "i32"], (locals, weight, packed, rows) => {
    const [row, column, source, target] = locals.many("i32", 4);
    const lines = locals.many("v128", 4);
    const spare = locals.many("v128", 4);
    const half = (h: number): Code =>
      sequence(
        ...lines.map((line, r) => line.set(f32x4.load(source.get, (4 * h + r) * rowBytes))),
        transpose4(lines, spare),
        ...lines.map((line, k) => f32x4.store(target.get, line.get, k * step + h * V128)),
      );
    return loop(
      row,
      i32.const(0),
      rows.get,
      TILE_COLUMNS,
      sequence(
        source.set(i32.add(weight.get, i32.mul(row.get, i32.const(rowBytes)))),
        target.set(i32.add(packed.get, i32.mul(row.get, i32.const(rowBytes)))),
        loop(
          column,
          i32.const(0),
          i32.const(columns),
          4,
          sequence(half(0), half(1), source.increase(i32.const(V128)), target.increase(i32.const(4 * step))),
        ),
      ),
    );
  });
}
