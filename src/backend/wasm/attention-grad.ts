/**
 * Backward kernel of causal attention: the gradients of the queries, keys and values of one document. The forward
 * kernel is in `attention.ts`; tiles and scratch memory are described in `attention-tiles.ts`.
 *
 * The attention p is recomputed from the forward statistics (max and 1 / Σ), as in FlashAttention (Dao et al. 2022,
 * Dao 2023), a block of 16 queries at a time. Per head:
 *
 *   delta  [16]       = Σ dOut · out over the head                   `readQueries`
 *   p      [16, T]    = e^((query · keyᵀ − max) / √headSize) / Σ     `scoreGrads`
 *   ds     [16, T]    = p · (dOut · valueᵀ − delta) / √headSize      `scoreGrads`
 *   dQuery [16, C / H] = ds · key                                    `queryGrad`
 *   dKey   [T, C / H] += dsᵀ · query                                 `addBlock`
 *   dValue [T, C / H] += pᵀ · dOut                                   `addBlock`
 *
 *   block of       keys   0–15   16–31   32–47
 *   queries  0–15         p, ds                    1. p, ds and dQuery, four queries at a time;
 *           16–31         p, ds  p, ds             2. the block's terms of dKey and dValue, four keys at a time.
 *           32–47         p, ds  p, ds   p, ds     Scratch memory holds p and ds of one block.
 */
import { f32x4, i32, loop, repeatWhile, sequence, when } from "./assembler.ts";
import type { Code, Local, ModuleBuilder } from "./assembler.ts";
import { AttentionTiles, BLOCK_QUERIES } from "./attention-tiles.ts";
import type { AttentionShape, Named, PerQuery } from "./attention-tiles.ts";
import { storeTile, TILE_COLUMNS, TILE_ROWS } from "./matmul.ts";
import { F32, indexed, sumLanes, times, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/**
 * Adds the function (query, key, value, out, dOut, statistics, dQuery, dKey, dValue, count, scratch): the gradients of
 * a document of `count` tokens. All pointers are to the document's first row.
 */
export function addAttentionGrad(module: ModuleBuilder, name: string, shape: AttentionShape, fma: MultiplyAdd): void {
  const { heads, headSize, headStride, dQkvRow } = shape;
  module.function(name, new Array<"i32">(11).fill("i32"), (locals, ...parameters) => {
    const [query, key, value, out, dOut, statistics, dQuery, dKey, dValue, count, scratch] = parameters;
    const attention = new AttentionTiles(shape, locals, fma);
    const { i, j } = attention;
    const [head, block, blockEnd, p, ds, left, values, pRow, target] = locals.many("i32", 9);
    const [x, y] = locals.many("v128", 2);
    const [max, inverse, minusDelta] = [0, 1, 2].map(() => locals.many("v128", TILE_ROWS));
    const scale = locals.new("v128");
    const perQuery = { max, inverse, minusDelta };

    const fourQueries = sequence(
      attention.setKeys(count),
      left.set(i32.sub(count.get, i.get)),
      pRow.set(indexed(p, i32.sub(i.get, block.get), attention.scoreRow)),
      readQueries(attention, { out, dOut, statistics, head, scale, ...perQuery }),
      scoreGrads(attention, { query, dOut, scratch, values, p, ds, pRow, target, x, y, scale, ...perQuery }),
      clearUnseen(attention, { p, ds, pRow, target, blockEnd }),
      target.set(indexed(dQuery, i.get, dQkvRow)),
      queryGrad(attention, { key, p, ds, pRow, target, left }),
    );
    const fourKeys = sequence(
      left.set(i32.sub(count.get, j.get)),
      addBlock(attention, ds, query, shape.qkvRow, dKey, { block, blockEnd, target, left }),
      addBlock(attention, p, dOut, shape.dOutRow, dValue, { block, blockEnd, target, left }),
    );
    const sixteenQueries = sequence(
      blockEnd.set(i32.add(block.get, i32.const(BLOCK_QUERIES))),
      when(i32.less(count.get, blockEnd.get), blockEnd.set(count.get)),
      loop(i, block.get, blockEnd.get, TILE_ROWS, fourQueries),
      loop(j, i32.const(0), blockEnd.get, TILE_ROWS, fourKeys),
    );
    // The last head's dValue also clears the row's padding. Those of the other heads clear columns of the next head,
    // which it sets later.
    const padding = 3 * heads * headStride * F32 === dQkvRow ? 0 : 1;
    return sequence(
      attention.begin(),
      scale.set(f32x4.const(headSize ** -0.5)),
      values.set(i32.add(scratch.get, i32.const(attention.packedBytes))),
      p.set(i32.add(scratch.get, i32.const(2 * attention.packedBytes))),
      ds.set(i32.add(p.get, i32.const(BLOCK_QUERIES * attention.scoreRow))),
      loop(
        head,
        i32.const(0),
        i32.const(heads),
        1,
        sequence(
          attention.pack(key, scratch, count),
          attention.pack(value, values, count),
          clear(attention, dKey, count, headStride / 4),
          clear(attention, dValue, count, headStride / 4 + padding),
          loop(block, i32.const(0), count.get, BLOCK_QUERIES, sixteenQueries),
          ...[query, key, value, out, dOut, dQuery, dKey, dValue].map((pointerToHead) =>
            pointerToHead.increase(i32.const(headStride * F32)),
          ),
        ),
      ),
    );
  });
}

/** rows [count, 4 · vectors] = 0 */
function clear({ j, pointer, shape }: AttentionTiles, rows: Local, count: Local, vectors: number): Code {
  const oneRow = sequence(
    ...Array.from({ length: vectors }, (_, v) => f32x4.store(pointer.get, f32x4.zero, v * V128)),
    pointer.increase(i32.const(shape.dQkvRow)),
  );
  return sequence(pointer.set(rows.get), loop(j, i32.const(0), count.get, 1, oneRow));
}

/** Of four queries: max and inverse, from the statistics; minusDelta = −(dOut · out) / √headSize. */
function readQueries(
  { i, pointer, shape, fma }: AttentionTiles,
  variables: Named<"out" | "dOut" | "statistics" | "head" | "scale"> & PerQuery<"max" | "inverse" | "minusDelta">,
): Code {
  const { headStride, outRow, dOutRow, statisticsRow } = shape;
  const { out, dOut, statistics, head, scale, max, inverse, minusDelta } = variables;
  const [o, d] = [indexed(out, i.get, outRow), indexed(dOut, i.get, dOutRow)];
  const readQuery = (row: number): Code => {
    const terms = Array.from({ length: headStride / 4 }, (_, v) =>
      minusDelta[row].set(
        fma(f32x4.load(o, row * outRow + v * V128), f32x4.load(d, row * dOutRow + v * V128), minusDelta[row].get),
      ),
    );
    return sequence(
      pointer.set(i32.add(indexed(statistics, i.get, statisticsRow), times(head.get, 2 * F32))),
      max[row].set(f32x4.loadSplat(pointer.get, row * statisticsRow)),
      inverse[row].set(f32x4.loadSplat(pointer.get, row * statisticsRow + F32)),
      minusDelta[row].set(f32x4.zero),
      ...terms,
      sumLanes(minusDelta[row]),
      minusDelta[row].set(f32x4.mul(minusDelta[row].get, f32x4.sub(f32x4.zero, scale.get))),
    );
  };
  return sequence(...[0, 1, 2, 3].map(readQuery));
}

/**
 * Of four queries and all keys they see, 0 where masked:
 * p [4, T] = e^((query · keyᵀ − max) / √headSize) · inverse; ds [4, T] = p · (dOut · valueᵀ − delta) / √headSize.
 */
function scoreGrads(
  attention: AttentionTiles,
  variables: Named<"query" | "dOut" | "scratch" | "values" | "p" | "ds" | "pRow" | "target" | "x" | "y" | "scale"> &
    PerQuery<"max" | "inverse" | "minusDelta">,
): Code {
  const { i, keys, j, pointer, tile, shape, fma } = attention;
  const { query, dOut, scratch, values, p, ds, pRow, target, x, y, scale, max, inverse, minusDelta } = variables;
  type Mask = (lanes: Code, row: number) => Code;
  const visible: Mask = (lanes) => lanes;
  // Masked lanes may hold anything, NaN included, so they are replaced: 0 · NaN is not 0.
  const masked: Mask = (lanes, row) => f32x4.select(f32x4.zero, lanes, attention.isMasked(row));
  /** Sum n of the two tiles: tile.sums holds query · key, attention.second holds dOut · value. */
  const scoreGrad = (n: number, mask: Mask): Code => {
    const [row, v] = [Math.floor(n / 2), n % 2];
    const offset = row * attention.scoreRow + v * V128;
    return sequence(
      attention.power(x, tile.sums[n].get, max[row]),
      x.set(mask(f32x4.mul(x.get, inverse[row].get), row)),
      y.set(fma(attention.second[n].get, scale.get, minusDelta[row].get)),
      f32x4.store(pointer.get, x.get, offset),
      f32x4.store(target.get, mask(f32x4.mul(x.get, y.get), row), offset),
    );
  };
  const half = (v: number, mask: Mask): Code =>
    sequence(
      ...[0, 1, 2, 3].map((row) => scoreGrad(2 * row + v, mask)),
      j.increase(i32.const(4)), // the mask is relative to j
    );
  const panel = (panels: Local): Code => indexed(panels, j.get, attention.panelBytes / TILE_COLUMNS);
  const eightKeys = sequence(
    attention.multiplyHead(tile.sums, indexed(query, i.get, shape.qkvRow), panel(scratch), shape.qkvRow),
    attention.multiplyHead(attention.second, indexed(dOut, i.get, shape.dOutRow), panel(values), shape.dOutRow),
    pointer.set(indexed(pRow, j.get, F32)),
    target.set(i32.add(pointer.get, i32.sub(ds.get, p.get))),
    when(
      i32.less(i32.add(j.get, i32.const(TILE_COLUMNS - 1)), i.get),
      sequence(half(0, visible), half(1, visible)),
      sequence(half(0, masked), half(1, masked)),
    ),
    j.set(i32.sub(j.get, i32.const(TILE_COLUMNS))),
  );
  return loop(j, i32.const(0), keys.get, TILE_COLUMNS, eightKeys);
}

/** p = ds = 0 of four queries and the keys that only later queries of the block see. */
function clearUnseen(
  { keys, j, pointer, scoreRow }: AttentionTiles,
  { p, ds, pRow, target, blockEnd }: Named<"p" | "ds" | "pRow" | "target" | "blockEnd">,
): Code {
  const fourKeys = sequence(
    pointer.set(indexed(pRow, j.get, F32)),
    target.set(i32.add(pointer.get, i32.sub(ds.get, p.get))),
    ...[0, 1, 2, 3].flatMap((row) => [
      f32x4.store(pointer.get, f32x4.zero, row * scoreRow),
      f32x4.store(target.get, f32x4.zero, row * scoreRow),
    ]),
    j.increase(i32.const(4)),
  );
  const isLeft = i32.less(j.get, blockEnd.get);
  return sequence(
    j.set(i32.and(i32.add(keys.get, i32.const(TILE_COLUMNS - 1)), i32.const(-TILE_COLUMNS))),
    when(isLeft, repeatWhile(isLeft, fourKeys)),
  );
}

/** dQuery [4, C / H] = ds [4, T] · key [T, C / H] */
function queryGrad(
  attention: AttentionTiles,
  { key, p, ds, pRow, target, left }: Named<"key" | "p" | "ds" | "pRow" | "target" | "left">,
): Code {
  const { qkvRow, dQkvRow } = attention.shape;
  const strides = { aRow: attention.scoreRow, aStep: F32, bStep: qkvRow };
  const dsRow = i32.add(pRow.get, i32.sub(ds.get, p.get));
  return attention.multiplyRows({ a: dsRow, b: key, count: attention.keys.get, strides }, (column, tile) =>
    storeTile(tile, left.get, (row, v, result) =>
      f32x4.store(target.get, result.get, row * dQkvRow + column * F32 + v * V128),
    ),
  );
}

/**
 * The block's share in the gradient of four keys or values, j … j + 3:
 * dKey [4, C / H] += dsᵀ [4, 16] · query [16, C / H]; dValue [4, C / H] += pᵀ [4, 16] · dOut [16, C / H].
 */
function addBlock(
  attention: AttentionTiles,
  weights: Local,
  rows: Local,
  rowBytes: number,
  gradient: Local,
  { block, blockEnd, target, left }: Named<"block" | "blockEnd" | "target" | "left">,
): Code {
  const { j, pointer, scoreRow } = attention;
  const { dQkvRow } = attention.shape;
  const operands = {
    a: indexed(weights, j.get, F32),
    b: pointer,
    count: i32.sub(blockEnd.get, block.get),
    strides: { aRow: F32, aStep: scoreRow, bStep: rowBytes },
  };
  return sequence(
    pointer.set(indexed(rows, block.get, rowBytes)),
    target.set(indexed(gradient, j.get, dQkvRow)),
    attention.multiplyRows(
      operands,
      (column, tile) =>
        storeTile(tile, left.get, (row, v, result) =>
          f32x4.store(target.get, result.get, row * dQkvRow + column * F32 + v * V128),
        ),
      (column, { sums, panel }) =>
        sequence(
          ...sums.map((sum, n) => {
            const [row, v] = [Math.floor(n / panel.length), n % panel.length];
            return sum.set(f32x4.load(target.get, row * dQkvRow + (column + 4 * v) * F32));
          }),
        ),
    ),
  );
}
