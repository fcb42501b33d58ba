/**
 * What the two attention kernels share: variables, and pieces of code over them. It adds no function to a module;
 * `attention.ts` does for the forward pass, `attention-grad.ts` for the backward pass.
 *
 * Scores are computed in tiles of 4 queries × 8 keys, and never stored as a [T, T] matrix:
 *
 *              keys  0–7    8–15   16–23
 *   queries   0–3   masked    ·      ·        ·       above the diagonal: not computed
 *             4–7   masked    ·      ·        masked  the diagonal crosses the tile: keys after the query are masked
 *             8–11   full   masked   ·        full    all keys are visible
 *            12–15   full   masked   ·
 *            16–19   full    full  masked
 *
 * Scratch memory of a worker, in f32, reused for every head. T = blockSize rounded up to 8; C / H = numbers per head
 * rounded up to 4:
 *
 *   keys    [T / 8][C / H][8]   keys of one head in panels: the 8 keys of a tile lie side by side
 *   values  [T / 8][C / H][8]   values in panels; backward only
 *   p       [16][T]             attention of a block of 16 queries; forward uses 4 rows, not yet normalized
 *   ds      [16][T]             gradient of the block's scores; backward only
 */
import { f32, f32x4, i32, loop, sequence, when } from "./assembler.ts";
import type { Code, Local, Locals } from "./assembler.ts";
import { multiplyTile, newRegisterTile, TILE_COLUMNS, TILE_ROWS } from "./matmul.ts";
import type { RegisterTile, TileStrides } from "./matmul.ts";
import { Exp2, F32, LANES, transpose4, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** The shape of an attention kernel; one kernel is generated per shape. */
export interface AttentionShape {
  /** Number of heads, H. */
  readonly heads: number;
  /** Numbers per head, C / H. */
  readonly headSize: number;
  /** Numbers from one head to the next: `headSize` rounded up to 4. */
  readonly headStride: number;
  /** Maximum number of tokens per document. */
  readonly blockSize: number;
  /** Bytes from row to row of queries, keys and values. */
  readonly qkvRow: number;
  /** Bytes from row to row of the gradients of queries, keys and values. */
  readonly dQkvRow: number;
  /** Bytes from row to row of the output. */
  readonly outRow: number;
  /** Bytes from row to row of the output's gradient. */
  readonly dOutRow: number;
  /** Bytes from row to row of the statistics: per head the largest query · key, and 1 / the sum of the powers. */
  readonly statisticsRow: number;
}

/** Variables of a kernel that a piece of code reads or writes, by name. */
export type Named<Name extends string> = Readonly<Record<Name, Local>>;
/** Variables of which there is one for each query of a tile. */
export type PerQuery<Name extends string> = Readonly<Record<Name, readonly Local[]>>;

/** Queries of a block of the backward kernel: rows of `p` and `ds`. */
export const BLOCK_QUERIES = 16;

/** Bytes of a row of scores. */
const scoreRow = (blockSize: number): number => Math.ceil(blockSize / TILE_COLUMNS) * TILE_COLUMNS * F32;
/** Bytes of the packed keys of a head. */
const packedBytes = (headStride: number, blockSize: number): number => scoreRow(blockSize) * headStride;

/** Bytes of scratch memory that each worker needs. */
export const attentionScratchBytes = (headStride: number, blockSize: number): number =>
  2 * packedBytes(headStride, blockSize) + 2 * BLOCK_QUERIES * scoreRow(blockSize);

/** A head's columns in steps of 8, and the vectors of each step: two, or one for a last step of 4 columns. */
const columnSteps = ({ headStride }: AttentionShape): { column: number; vectors: number }[] =>
  Array.from({ length: Math.ceil(headStride / TILE_COLUMNS) }, (_, i) => ({
    column: i * TILE_COLUMNS,
    vectors: Math.min(2, (headStride - i * TILE_COLUMNS) / 4),
  }));

/** The variables of an attention kernel, and the code that both directions are made of. */
export class AttentionTiles {
  /** Shape the kernel is generated for. */
  readonly shape: AttentionShape;
  /** How multiply-add is rounded. */
  readonly fma: MultiplyAdd;
  /** Bytes of a row of scores. */
  readonly scoreRow: number;
  /** Bytes of the packed keys, or values, of a head. */
  readonly packedBytes: number;
  /** Bytes of one panel of them: 8 keys. */
  readonly panelBytes: number;
  /** Registers of a tile of 4 × 8. */
  readonly tile: RegisterTile;
  /** Sums of a second tile: dp in the backward kernel. */
  readonly second: RegisterTile["sums"];
  /** i32: the first query of the tile. */
  readonly i: Local;
  /** i32: number of keys that the tile's queries may see. */
  readonly keys: Local;
  /** i32: the first key of the tile. */
  readonly j: Local;
  /** i32: an address, for short use. */
  readonly pointer: Local;
  /** Registers of a tile of 4 × 4, shared with `tile`. */
  readonly #narrow: RegisterTile;
  readonly #exp: Exp2;
  /** log₂e / √headSize: 2^(score · scale) = e^(score / √headSize). */
  readonly #scale: Local;
  readonly #lines: Local[];
  readonly #spare: Local[];
  readonly #source: Local;
  readonly #target: Local;

  /** Allocates the variables in `locals`, those of the function that is being written. */
  constructor(shape: AttentionShape, locals: Locals, fma: MultiplyAdd) {
    this.shape = shape;
    this.fma = fma;
    this.scoreRow = scoreRow(shape.blockSize);
    this.packedBytes = packedBytes(shape.headStride, shape.blockSize);
    this.panelBytes = shape.headStride * TILE_COLUMNS * F32;
    this.tile = newRegisterTile(locals);
    this.#narrow = {
      ...this.tile,
      sums: [0, 1, 2, 3].map((r) => this.tile.sums[r]),
      panel: this.tile.panel.slice(0, 1),
    };
    this.second = locals.many("v128", 8);
    this.#exp = new Exp2(locals, fma);
    this.#scale = locals.new("v128");
    this.#lines = locals.many("v128", 4);
    this.#spare = locals.many("v128", 4);
    [this.i, this.keys, this.j, this.pointer, this.#source, this.#target] = locals.many("i32", 6);
  }

  /** Sets the constants; goes at the start of the function. */
  begin(): Code {
    return sequence(this.#exp.begin(), this.#scale.set(f32x4.const(this.shape.headSize ** -0.5 * Math.LOG2E)));
  }

  /** x = e^((score − max) / √headSize). With the row's largest score as `max` it can't overflow. */
  power(x: Local, score: Code, max: Local): Code {
    return sequence(x.set(f32x4.mul(f32x4.sub(score, max.get), this.#scale.get)), this.#exp.apply(x));
  }

  /** Copies the keys or values of a head, [count, C / H], into panels. Reads up to 3 rows more; they are masked later. */
  pack(from: Local, to: Local, count: Local): Code {
    const { headStride, qkvRow } = this.shape;
    const { j } = this;
    const [lines, spare, source, target] = [this.#lines, this.#spare, this.#source, this.#target];
    const column = (c: number): Code =>
      sequence(
        ...lines.map((line, r) => line.set(f32x4.load(source.get, r * qkvRow + c * F32))),
        transpose4(lines, spare),
        ...lines.map((line, k) => f32x4.store(target.get, line.get, (c + k) * TILE_COLUMNS * F32)),
      );
    const columns = Array.from({ length: headStride / 4 }, (_, i) => column(4 * i));
    return sequence(
      source.set(from.get),
      target.set(to.get),
      loop(
        j,
        i32.const(0),
        count.get,
        4,
        sequence(
          ...columns,
          source.increase(i32.const(4 * qkvRow)),
          // From the second half of a panel to the next panel, or from the first half to the second.
          when(
            i32.and(j.get, i32.const(4)),
            target.increase(i32.const(this.panelBytes - V128)),
            target.increase(i32.const(V128)),
          ),
        ),
      ),
    );
  }

  /** sums [4, 8] = four rows at `rows`, [4, C / H] and `rowBytes` apart, · the panel at `panel`, [C / H, 8]. */
  multiplyHead(sums: RegisterTile["sums"], rows: Code, panel: Code, rowBytes: number): Code {
    const tile = { ...this.tile, sums };
    return sequence(
      tile.a.set(rows),
      tile.b.set(panel),
      tile.end.set(i32.add(tile.a.get, i32.const(this.shape.headSize * F32))),
      ...sums.map((sum) => sum.set(f32x4.zero)),
      multiplyTile(tile, { aRow: rowBytes, aStep: F32, bStep: TILE_COLUMNS * F32 }, this.fma),
    );
  }

  /**
   * result [4, C / H] = a [4, count] · b [count, C / H], 8 columns at a time. `store` handles the result of each tile;
   * `begin` sets its sums first, by default to 0.
   */
  multiplyRows(
    { a, b, count, strides }: { a: Code; b: Local; count: Code; strides: TileStrides },
    store: (column: number, tile: RegisterTile) => Code,
    begin: (column: number, tile: RegisterTile) => Code = (_, tile) =>
      sequence(...tile.sums.map((sum) => sum.set(f32x4.zero))),
  ): Code {
    return sequence(
      ...columnSteps(this.shape).map(({ column, vectors }) => {
        const tile = vectors === 2 ? this.tile : this.#narrow;
        return sequence(
          begin(column, tile),
          tile.a.set(a),
          tile.b.set(i32.add(b.get, i32.const(column * F32))),
          tile.end.set(i32.add(tile.a.get, i32.mul(count, i32.const(strides.aStep)))),
          multiplyTile(tile, strides, this.fma),
          store(column, tile),
        );
      }),
    );
  }

  /** Mask of the four keys from `j` on that query i + row must not see: those with index > i + row. */
  isMasked(row: number): Code {
    return f32x4.greater(LANES, f32x4.splat(f32.fromI32(i32.sub(i32.add(this.i.get, i32.const(row)), this.j.get))));
  }

  /** keys = min(i + 4, count) */
  setKeys(count: Local): Code {
    return sequence(
      this.keys.set(i32.add(this.i.get, i32.const(TILE_ROWS))),
      when(i32.less(count.get, this.keys.get), this.keys.set(count.get)),
    );
  }
}
