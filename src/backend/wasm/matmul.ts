/**
 * Matrix products in WASM: C[M, N] = A[M, K] · B[K, N], all of a GPT's linear layers, there and back.
 *
 * A tile of 4 rows × 8 columns of C stays in eight vector registers while k runs; each round loads 8 numbers of B
 * and broadcasts 4 of A. More live vectors than 15 would spill in V8, and unrolling k would hoist loads until they do
 * (measured: 4×8 43 GFLOP/s of 49 here, 4×12 33). Every entry of C is summed in the order of k, in one chain,
 * wherever its tile lies: results do not depend on how rows are cut into parts.
 */
import { f32x4, i32, loop, repeatWhile, sequence, when } from "./assembler.ts";
import type { Code, Local, Locals, ModuleBuilder } from "./assembler.ts";
import { F32, transpose4, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

export const TILE_ROWS = 4;
export const TILE_COLUMNS = 8;
/** Rows that are multiplied with a panel of B while it is in the first cache. */
const BLOCK_ROWS = 64;
/** Rounds of k after which the tile goes back to memory: so much of A and B fits the first two caches. */
const BLOCK_K = 256;

/** The variables of a tile: `rows × vectors` sums, what a round loads, and the pointers into A and B. */
export interface RegisterTile {
  readonly sums: readonly Local[];
  readonly splats: readonly Local[];
  readonly panel: readonly Local[];
  readonly a: Local;
  readonly b: Local;
  readonly end: Local;
}

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

/** Byte distances between a tile's rows in A, and from one k to the next in A and B. */
export interface Steps {
  readonly aRow: number;
  readonly aStep: number;
  readonly bStep: number;
}

/** sums += A's rows · B's columns, from `tile.a` and `tile.b` on until `tile.a` reaches `tile.end`; at least once. */
export function multiplyTile({ sums, splats, panel, a, b, end }: RegisterTile, steps: Steps, fma: MultiplyAdd): Code {
  const vectors = panel.length;
  return repeatWhile(
    i32.less(a.get, end.get),
    sequence(
      ...panel.map((vector, v) => vector.set(f32x4.load(b.get, v * V128))),
      ...splats.map((splat, r) => splat.set(f32x4.loadSplat(a.get, r * steps.aRow))),
      ...sums.map((sum, i) => sum.set(fma(splats[Math.floor(i / vectors)].get, panel[i % vectors].get, sum.get))),
      a.increase(i32.const(steps.aStep)),
      b.increase(i32.const(steps.bStep)),
    ),
  );
}

/** The sums of the tile's rows, those below `rows`, one by one to `store(row, vector, value)`. */
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

// ── x · wᵀ and dy · w: rows of tokens times a whole weight ───────────────────────────────────────────────────

/** All in bytes but k and columns. */
export interface RowsByWeight {
  readonly k: number;
  readonly columns: number;
  readonly aRow: number;
  readonly cRow: number;
  /** Distance of two k in B, and of two panels of 8 columns. */
  readonly bStep: number;
  readonly bPanel: number;
  readonly relu: boolean;
  /** Row distances of what is added, and of what gates; null: nothing. */
  readonly plusRow: number | null;
  readonly gateRow: number | null;
}

/** Adds the function (a, b, c, rows, plus, gate): C = A · B, [gated, relu'd,] [+ plus]. */
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

// ── dyᵀ · x: rows of a weight's gradient, over all tokens ────────────────────────────────────────────────────

export interface WeightGradShape {
  /** Columns of the weight, rounded up to whole panels. */
  readonly columns: number;
  readonly dOutRow: number;
  readonly xRow: number;
  readonly gradRow: number;
}

/**
 * Adds the function (dOut, x, grad, rows, tokens, accumulate): grad[rows, columns] = [grad +] dOutᵀ · x.
 * `rows` is a multiple of 4; `dOut` and `grad` point to the first of them. k runs over the tokens, in blocks.
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

/** Where a weight's numbers go, in bytes: from column to column, and from 8 rows to the next 8. */
export interface Packing {
  readonly step: number;
  readonly panel: number;
}

/**
 * Adds the function (weight, packed, rows): rows of a weight, a multiple of 8, → columns of 8 rows, in which the 8
 * outputs that a tile computes lie side by side: panels [rows / 8][columns][8], or the transposed weight
 * [columns][rows]. `columns` is a multiple of 4.
 */
export function addPack(
  module: ModuleBuilder,
  name: string,
  { columns, rowBytes, step, panel }: Packing & { readonly columns: number; readonly rowBytes: number },
): void {
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
        target.set(i32.add(packed.get, i32.mul(row.get, i32.const(panel / TILE_COLUMNS)))),
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
