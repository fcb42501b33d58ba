/**
 * Forward kernel of causal attention, one document at a time. Per head, for four queries at a time:
 *
 *   scores [4, T] = query · keyᵀ, masked            `scoreTiles`
 *   powers [4, T] = e^((scores − max) / √headSize)  `softmax`; the statistics keep max and 1 / Σ powers
 *   out    [4, C / H] = powers · value / Σ powers   `weightedValues`
 *
 * The backward kernel, `attention-grad.ts`, recomputes the attention from the statistics. The tiles and the scratch
 * memory are described in `attention-tiles.ts`.
 */
import { f32, f32x4, i32, loop, sequence, when } from "./assembler.ts";
import type { Code, Local, ModuleBuilder } from "./assembler.ts";
import { AttentionTiles } from "./attention-tiles.ts";
import type { AttentionShape, Named, PerQuery } from "./attention-tiles.ts";
import { storeTile, TILE_COLUMNS, TILE_ROWS } from "./matmul.ts";
import { F32, indexed, LOWEST, maxLanes, sumLanes, times, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** The queries of a tile. */
const QUERIES = [0, 1, 2, 3];

/**
 * Adds the function (query, key, value, out, statistics, first, count, scratch): the output of queries [first, count)
 * of a document of `count` tokens. All pointers are to the document's first row.
 */
export function addAttention(module: ModuleBuilder, name: string, shape: AttentionShape, fma: MultiplyAdd): void {
  const { heads, headStride, outRow } = shape;
  module.function(name, new Array<"i32">(8).fill("i32"), (locals, ...parameters) => {
    const [query, key, value, out, statistics, first, count, scratch] = parameters;
    const attention = new AttentionTiles(shape, locals, fma);
    const { i } = attention;
    const [head, scores, left, outTile] = locals.many("i32", 4);
    const x = locals.new("v128");
    const [max, sum, inverse] = [0, 1, 2].map(() => locals.many("v128", TILE_ROWS));
    const fourQueries = sequence(
      attention.setKeys(count),
      left.set(i32.sub(count.get, i.get)),
      outTile.set(indexed(out, i.get, outRow)),
      ...max.map((local) => local.set(f32x4.const(LOWEST))),
      scoreTiles(attention, { query, scratch, scores, max }),
      softmax(attention, { scores, statistics, head, left, x, max, sum, inverse }),
      weightedValues(attention, { scores, value, outTile, left, inverse }),
      // The padding after the last head. Earlier heads write it too; the next head overwrites it.
      padRows(shape, left, outTile),
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
          loop(i, first.get, count.get, TILE_ROWS, fourQueries),
          ...[query, key, value, out].map((pointerToHead) => pointerToHead.increase(i32.const(headStride * F32))),
        ),
      ),
    );
  });
}

/** scores [4, T] = query · keyᵀ, `LOWEST` where masked; max [4] = the largest of each row, still one per lane. */
function scoreTiles(
  attention: AttentionTiles,
  { query, scratch, scores, max }: Named<"query" | "scratch" | "scores"> & PerQuery<"max">,
): Code {
  const { i, keys, j, pointer, tile } = attention;
  const { qkvRow } = attention.shape;
  const score = (row: number, v: number): Local => tile.sums[2 * row + v];
  const mask = (row: number, v: number): Code =>
    score(row, v).set(f32x4.select(f32x4.const(LOWEST), score(row, v).get, attention.isMasked(row)));
  const keepScore = (row: number, v: number): Code =>
    sequence(
      max[row].set(f32x4.max(max[row].get, score(row, v).get)),
      f32x4.store(pointer.get, score(row, v).get, row * attention.scoreRow + v * V128),
    );
  const eightKeys = sequence(
    attention.multiplyHead(
      tile.sums,
      indexed(query, i.get, qkvRow),
      indexed(scratch, j.get, attention.panelBytes / TILE_COLUMNS),
      qkvRow,
    ),
    pointer.set(indexed(scores, j.get, F32)),
    when(
      i32.less(i32.add(j.get, i32.const(TILE_COLUMNS - 1)), i.get),
      sequence(...QUERIES.flatMap((row) => [keepScore(row, 0), keepScore(row, 1)])),
      sequence(
        ...QUERIES.map((row) => sequence(mask(row, 0), keepScore(row, 0))),
        j.increase(i32.const(4)), // the mask is relative to j
        ...QUERIES.map((row) => sequence(mask(row, 1), keepScore(row, 1))),
        j.set(i32.sub(j.get, i32.const(4))),
      ),
    ),
  );
  return loop(j, i32.const(0), keys.get, TILE_COLUMNS, eightKeys);
}

/**
 * scores [4, T] → their powers e^((score − max) / √headSize), 0 where masked; sum [4], inverse = 1 / sum.
 * statistics [4, 2] = (max, inverse), for the `left` queries that exist.
 */
function softmax(
  attention: AttentionTiles,
  variables: Named<"scores" | "statistics" | "head" | "left" | "x"> & PerQuery<"max" | "sum" | "inverse">,
): Code {
  const { i, keys, j, pointer, scoreRow } = attention;
  const { statisticsRow } = attention.shape;
  const { scores, statistics, head, left, x, max, sum, inverse } = variables;
  const fourKeys = sequence(
    ...QUERIES.map((row) =>
      sequence(
        attention.power(x, f32x4.load(pointer.get, row * scoreRow), max[row]),
        f32x4.store(pointer.get, x.get, row * scoreRow),
        sum[row].set(f32x4.add(sum[row].get, x.get)),
      ),
    ),
    pointer.increase(i32.const(V128)),
  );
  const storeStatistics = QUERIES.map((row) =>
    when(
      i32.less(i32.const(row), left.get),
      sequence(
        f32.store(pointer.get, f32x4.lane(max[row].get, 0), row * statisticsRow),
        f32.store(pointer.get, f32x4.lane(inverse[row].get, 0), row * statisticsRow + F32),
      ),
    ),
  );
  return sequence(
    ...QUERIES.map((row) => sequence(maxLanes(max[row]), sum[row].set(f32x4.zero))),
    pointer.set(scores.get),
    loop(j, i32.const(0), keys.get, 4, fourKeys),
    ...QUERIES.map((row) => sequence(sumLanes(sum[row]), inverse[row].set(f32x4.div(f32x4.const(1), sum[row].get)))),
    pointer.set(i32.add(indexed(statistics, i.get, statisticsRow), times(head.get, 2 * F32))),
    ...storeStatistics,
  );
}

/** out [4, C / H] = powers [4, T] · value [T, C / H] · inverse, for the `left` queries that exist. */
function weightedValues(
  attention: AttentionTiles,
  { scores, value, outTile, left, inverse }: Named<"scores" | "value" | "outTile" | "left"> & PerQuery<"inverse">,
): Code {
  const { qkvRow, outRow } = attention.shape;
  const strides = { aRow: attention.scoreRow, aStep: F32, bStep: qkvRow };
  return attention.multiplyRows({ a: scores.get, b: value, count: attention.keys.get, strides }, (column, tile) =>
    storeTile(tile, left.get, (row, v, result) =>
      f32x4.store(outTile.get, f32x4.mul(result.get, inverse[row].get), row * outRow + column * F32 + v * V128),
    ),
  );
}

/** Zeros after this head, where the last head does not end at a multiple of 8 numbers, the end of the row. */
function padRows({ heads, headStride, outRow }: AttentionShape, left: Local, outTile: Local): Code {
  if (heads * headStride * F32 === outRow) return [];
  return sequence(
    ...QUERIES.map((row) =>
      when(i32.less(i32.const(row), left.get), f32x4.store(outTile.get, f32x4.zero, row * outRow + headStride * F32)),
    ),
  );
}
