/**
 * Causal attention in WASM, there and back, a document at a time: the [T, T] scores are never in memory, only a few
 * rows of them, in scratch that stays in the first cache.
 *
 * Memory map of the scratch (S = blockSize rounded up to 8, D = numbers a head, rounded up to 4; in f32):
 *   keys    [S / 8][D][8]   the keys of a head, so packed that a tile's 8 scores lie side by side
 *   values  [S / 8][D][8]   the values likewise; for the way back
 *   p       [16][S]         a block's attention; four rows of it on the way there
 *   ds      [16][S]         the gradient of its scores
 */
import { f32, f32x4, i32, loop, sequence, when } from "./assembler.ts";
import type { Code, Local, Locals, ModuleBuilder } from "./assembler.ts";
import { multiplyTile, newRegisterTile, storeTile, TILE_COLUMNS, TILE_ROWS } from "./matmul.ts";
import type { Steps, RegisterTile } from "./matmul.ts";
import { Exp2, F32, LANES, LOWEST, maxLanes, sumLanes, transpose4, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

export interface AttentionShape {
  readonly heads: number;
  /** Numbers of a head, and the distance from head to head, which is a multiple of 4. */
  readonly headSize: number;
  readonly headStride: number;
  readonly blockSize: number;
  /** Row distances in bytes: of queries, keys and values; of their gradients; of the result; of its gradient. */
  readonly qkvRow: number;
  readonly dQkvRow: number;
  readonly outRow: number;
  readonly dOutRow: number;
  /** Of two numbers a head: the row's largest query · key, and 1 / the sum of the powers. */
  readonly statisticsRow: number;
}

/** Queries whose gradients are worked on together. */
export const BLOCK_ROWS = 16;

/** Bytes of a row of scores, and of the packed keys of a head. */
const scoreRow = (blockSize: number): number => Math.ceil(blockSize / TILE_COLUMNS) * TILE_COLUMNS * F32;
const packedBytes = (headStride: number, blockSize: number): number => scoreRow(blockSize) * headStride;

/** Bytes of scratch that a worker needs. */
export const attentionScratchBytes = (headStride: number, blockSize: number): number =>
  2 * packedBytes(headStride, blockSize) + 2 * BLOCK_ROWS * scoreRow(blockSize);

/** Widths in vectors of the panels that a head is cut into: 8 numbers each, the last perhaps 4. */
const panelsOf = ({ headStride }: AttentionShape): { column: number; vectors: number }[] =>
  Array.from({ length: Math.ceil(headStride / TILE_COLUMNS) }, (_, i) => ({
    column: i * TILE_COLUMNS,
    vectors: Math.min(2, (headStride - i * TILE_COLUMNS) / 4),
  }));

/** What both directions share: variables, and the pieces of code over them. */
export class Attention {
  readonly shape: AttentionShape;
  readonly fma: MultiplyAdd;
  /** Bytes of a row of scores, of all the packed keys of a head, and of a panel of them. */
  readonly scoreRow: number;
  readonly packedBytes: number;
  readonly panelBytes: number;
  readonly tile: RegisterTile;
  readonly narrow: RegisterTile;
  readonly second: RegisterTile["sums"];
  readonly exp: Exp2;
  /** What scores are multiplied by for their powers of two to be e^(score / √headSize). */
  readonly scale: Local;
  readonly lines: Local[];
  readonly spare: Local[];
  /** The query at hand; the keys it may see; a key or column. */
  readonly i: Local;
  readonly keys: Local;
  readonly j: Local;
  readonly pointer: Local;
  readonly source: Local;
  readonly target: Local;

  constructor(shape: AttentionShape, locals: Locals, fma: MultiplyAdd) {
    this.shape = shape;
    this.fma = fma;
    this.scoreRow = scoreRow(shape.blockSize);
    this.packedBytes = packedBytes(shape.headStride, shape.blockSize);
    this.panelBytes = shape.headStride * TILE_COLUMNS * F32;
    this.tile = newRegisterTile(locals);
    // A tile of one vector a row shares the variables of the one of two.
    this.narrow = {
      ...this.tile,
      sums: [0, 1, 2, 3].map((r) => this.tile.sums[r]),
      panel: this.tile.panel.slice(0, 1),
    };
    this.second = locals.many("v128", 8);
    this.exp = new Exp2(locals, fma);
    this.scale = locals.new("v128");
    this.lines = locals.many("v128", 4);
    this.spare = locals.many("v128", 4);
    [this.i, this.keys, this.j, this.pointer, this.source, this.target] = locals.many("i32", 6);
  }

  /** At the start of the function. */
  begin(): Code {
    return sequence(this.exp.begin(), this.scale.set(f32x4.const(this.shape.headSize ** -0.5 * Math.LOG2E)));
  }

  /** x = e^((score − the row's largest) / √headSize): 1 at the largest, however large it is. */
  power(x: Local, score: Code, max: Local): Code {
    return sequence(x.set(f32x4.mul(f32x4.sub(score, max.get), this.scale.get)), this.exp.apply(x));
  }

  tileOf(vectors: number): RegisterTile {
    return vectors === 2 ? this.tile : this.narrow;
  }

  /** Keys or values of a head → panels. Rows beyond `count` are whatever lies there; their scores are masked. */
  pack(from: Local, to: Local, count: Local): Code {
    const { headStride, qkvRow } = this.shape;
    const { lines, spare, source, target, j } = this;
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
          // To the other half of the panel, or from there to the next panel.
          when(
            i32.and(j.get, i32.const(4)),
            target.increase(i32.const(this.panelBytes - V128)),
            target.increase(i32.const(V128)),
          ),
        ),
      ),
    );
  }

  /** tile.sums (or others) = four rows at `rows` · the panel at `panel`, over the numbers of a head. */
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
   * For each panel of a head: `before` it, the four rows at `a` times the `count` rows at `b`, and `store` of the result.
   */
  multiplyRows(
    { a, b, count, steps }: { a: Code; b: Local; count: Code; steps: Steps },
    store: (column: number, tile: RegisterTile) => Code,
    begin: (column: number, tile: RegisterTile) => Code = (_, tile) =>
      sequence(...tile.sums.map((sum) => sum.set(f32x4.zero))),
  ): Code {
    return sequence(
      ...panelsOf(this.shape).map(({ column, vectors }) => {
        const tile = this.tileOf(vectors);
        return sequence(
          begin(column, tile),
          tile.a.set(a),
          tile.b.set(i32.add(b.get, i32.const(column * F32))),
          tile.end.set(i32.add(tile.a.get, i32.mul(count, i32.const(steps.aStep)))),
          multiplyTile(tile, steps, this.fma),
          store(column, tile),
        );
      }),
    );
  }

  /** Lanes of the four keys from `j` on that query i + row may not see: those above i + row − j. */
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

export const times = (index: Code, bytes: number): Code => i32.mul(index, i32.const(bytes));
export const offsetBy = (pointer: Local, index: Code, bytes: number): Code => i32.add(pointer.get, times(index, bytes));

/**
 * Adds the function (query, key, value, out, statistics, first, count, scratch): for the queries [first, count) of a
 * document of `count` tokens. All pointers are to the document's first row.
 */
export function addAttention(module: ModuleBuilder, name: string, shape: AttentionShape, fma: MultiplyAdd): void {
  const { heads, headStride, qkvRow, outRow, statisticsRow } = shape;
  module.function(name, new Array<"i32">(8).fill("i32"), (locals, ...parameters) => {
    const [query, key, value, out, statistics, first, count, scratch] = parameters;
    const attention = new Attention(shape, locals, fma);
    const { i, keys, j, pointer, tile } = attention;
    const [head, scores, left, outTile] = locals.many("i32", 4);
    const x = locals.new("v128");
    const [max, sum, inverse] = [0, 1, 2].map(() => locals.many("v128", TILE_ROWS));
    const rows = [0, 1, 2, 3];

    // Of tile.sums, vector v of a row.
    const score = (row: number, v: number): Local => tile.sums[2 * row + v];
    const mask = (row: number, v: number): Code =>
      score(row, v).set(f32x4.select(f32x4.const(LOWEST), score(row, v).get, attention.isMasked(row)));
    const keepScore = (row: number, v: number): Code =>
      sequence(
        max[row].set(f32x4.max(max[row].get, score(row, v).get)),
        f32x4.store(pointer.get, score(row, v).get, row * attention.scoreRow + v * V128),
      );
    const scoreTile = loop(
      j,
      i32.const(0),
      keys.get,
      TILE_COLUMNS,
      sequence(
        attention.multiplyHead(
          tile.sums,
          offsetBy(query, i.get, qkvRow),
          offsetBy(scratch, j.get, attention.panelBytes / TILE_COLUMNS),
          qkvRow,
        ),
        pointer.set(offsetBy(scores, j.get, F32)),
        when(
          i32.less(i32.add(j.get, i32.const(TILE_COLUMNS - 1)), i.get),
          sequence(...rows.flatMap((row) => [keepScore(row, 0), keepScore(row, 1)])),
          sequence(
            ...rows.map((row) => sequence(mask(row, 0), keepScore(row, 0))),
            j.increase(i32.const(4)),
            ...rows.map((row) => sequence(mask(row, 1), keepScore(row, 1))),
            j.set(i32.sub(j.get, i32.const(4))),
          ),
        ),
      ),
    );
    /** Scores → their powers, not yet divided by their sum. Of masked ones it is 0. */
    const softmax = sequence(
      ...rows.map((row) => sequence(maxLanes(max[row]), sum[row].set(f32x4.zero))),
      pointer.set(scores.get),
      loop(
        j,
        i32.const(0),
        keys.get,
        4,
        sequence(
          ...rows.map((row) =>
            sequence(
              attention.power(x, f32x4.load(pointer.get, row * attention.scoreRow), max[row]),
              f32x4.store(pointer.get, x.get, row * attention.scoreRow),
              sum[row].set(f32x4.add(sum[row].get, x.get)),
            ),
          ),
          pointer.increase(i32.const(V128)),
        ),
      ),
      ...rows.map((row) => sequence(sumLanes(sum[row]), inverse[row].set(f32x4.div(f32x4.const(1), sum[row].get)))),
      pointer.set(i32.add(offsetBy(statistics, i.get, statisticsRow), times(head.get, 2 * F32))),
      ...rows.map((row) =>
        when(
          i32.less(i32.const(row), left.get),
          sequence(
            f32.store(pointer.get, f32x4.lane(max[row].get, 0), row * statisticsRow),
            f32.store(pointer.get, f32x4.lane(inverse[row].get, 0), row * statisticsRow + F32),
          ),
        ),
      ),
    );
    const weighValues = attention.multiplyRows(
      {
        a: scores.get,
        b: value,
        count: keys.get,
        steps: {
          aRow: attention.scoreRow,
          aStep: F32,
          bStep: qkvRow,
        },
      },
      (column, used) =>
        storeTile(used, left.get, (row, v, result) =>
          f32x4.store(outTile.get, f32x4.mul(result.get, inverse[row].get), row * outRow + column * F32 + v * V128),
        ),
    );
    return sequence(
      attention.begin(),
      scores.set(i32.add(scratch.get, i32.const(2 * attention.packedBytes))),
      loop(
        head,
        i32.const(0),
        i32.const(heads),
        1,
        sequence(
          attention.pack(key, scratch, count),
          loop(
            i,
            first.get,
            count.get,
            TILE_ROWS,
            sequence(
              attention.setKeys(count),
              left.set(i32.sub(count.get, i.get)),
              outTile.set(offsetBy(out, i.get, outRow)),
              ...max.map((local) => local.set(f32x4.const(LOWEST))),
              scoreTile,
              softmax,
              weighValues,
              // The padding behind the last head; each head but the last overwrites it.
              padRows(shape, left, outTile),
            ),
          ),
          ...[query, key, value, out].map((pointerToHead) => pointerToHead.increase(i32.const(headStride * F32))),
        ),
      ),
    );
  });
}

/** Zeros behind this head, where that is the row's end and not yet a multiple of 8. */
function padRows({ heads, headStride, outRow }: AttentionShape, left: Local, outTile: Local): Code {
  if (heads * headStride * F32 === outRow) return [];
  return sequence(
    ...[0, 1, 2, 3].map((row) =>
      when(i32.less(i32.const(row), left.get), f32x4.store(outTile.get, f32x4.zero, row * outRow + headStride * F32)),
    ),
  );
}
