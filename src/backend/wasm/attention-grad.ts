/**
 * The way back through attention: gradients of queries, keys and values. The scratch's map is in `wasm-attention.ts`.
 */
import { f32x4, i32, loop, repeatWhile, sequence, when } from "./assembler.ts";
import type { Code, Local, ModuleBuilder } from "./assembler.ts";
import { Attention, BLOCK_ROWS, offsetBy, times } from "./attention.ts";
import type { AttentionShape } from "./attention.ts";
import { storeTile, TILE_COLUMNS, TILE_ROWS } from "./matmul.ts";
import { F32, sumLanes, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/**
 * Adds the function (query, key, value, out, dOut, statistics, dQuery, dKey, dValue, count, scratch): the gradients of
 * a document of `count` tokens. With p the attention, dp = dOut · value, ds = p · (dp − dOut · out) / √headSize:
 * dQuery = ds · key, dKey = dsᵀ · query, dValue = pᵀ · dOut. p is computed again from the statistics.
 */
export function addAttentionGrad(module: ModuleBuilder, name: string, shape: AttentionShape, fma: MultiplyAdd): void {
  const { heads, headSize, headStride, qkvRow, dQkvRow, outRow, dOutRow, statisticsRow } = shape;
  module.function(name, new Array<"i32">(11).fill("i32"), (locals, ...parameters) => {
    const [query, key, value, out, dOut, statistics, dQuery, dKey, dValue, count, scratch] = parameters;
    const attention = new Attention(shape, locals, fma);
    const { i, keys, j, pointer, tile } = attention;
    const [head, block, blockEnd, p, ds, left, values, pRow, target] = locals.many("i32", 9);
    const [x, y] = locals.many("v128", 2);
    const [max, inverse, minusAlong] = [0, 1, 2].map(() => locals.many("v128", TILE_ROWS));
    const scale = locals.new("v128");

    // The padding behind the last head's values is cleared with them; of the other heads, the next does what is right.
    const hasPadding = 3 * heads * headStride * F32 !== dQkvRow;
    const clear = (rows: Local, vectors: number = headStride / 4): Code =>
      sequence(
        pointer.set(rows.get),
        loop(
          j,
          i32.const(0),
          count.get,
          1,
          sequence(
            ...Array.from({ length: vectors }, (_, v) => f32x4.store(pointer.get, f32x4.zero, v * V128)),
            pointer.increase(i32.const(dQkvRow)),
          ),
        ),
      );
    const readRow = (row: number): Code => {
      const [o, d] = [offsetBy(out, i.get, outRow), offsetBy(dOut, i.get, dOutRow)];
      const terms = Array.from({ length: headStride / 4 }, (_, v) =>
        minusAlong[row].set(
          fma(f32x4.load(o, row * outRow + v * V128), f32x4.load(d, row * dOutRow + v * V128), minusAlong[row].get),
        ),
      );
      return sequence(
        pointer.set(i32.add(offsetBy(statistics, i.get, statisticsRow), times(head.get, 2 * F32))),
        max[row].set(f32x4.loadSplat(pointer.get, row * statisticsRow)),
        inverse[row].set(f32x4.loadSplat(pointer.get, row * statisticsRow + F32)),
        minusAlong[row].set(f32x4.zero),
        ...terms,
        sumLanes(minusAlong[row]),
        minusAlong[row].set(f32x4.mul(minusAlong[row].get, f32x4.sub(f32x4.zero, scale.get))),
      );
    };
    /** p and ds of a query and four keys from j on; tile.sums hold the scores, attention.second dp. */
    const scoreGrad = (n: number, mask: (lanes: Code, row: number) => Code): Code => {
      const [row, v] = [Math.floor(n / 2), n % 2];
      const offset = row * attention.scoreRow + v * V128;
      return sequence(
        attention.power(x, tile.sums[n].get, max[row]),
        x.set(mask(f32x4.mul(x.get, inverse[row].get), row)),
        y.set(fma(attention.second[n].get, scale.get, minusAlong[row].get)),
        f32x4.store(pointer.get, x.get, offset),
        f32x4.store(target.get, mask(f32x4.mul(x.get, y.get), row), offset),
      );
    };
    const half = (v: number, mask: (lanes: Code, row: number) => Code): Code =>
      sequence(
        ...[0, 1, 2, 3].map((row) => scoreGrad(2 * row + v, mask)),
        j.increase(i32.const(4)), // the mask's place moves on
      );
    const visible = (lanes: Code): Code => lanes;
    // Masked lanes may hold anything, NaN too: 0 · NaN would not be 0.
    const masked = (lanes: Code, row: number): Code => f32x4.select(f32x4.zero, lanes, attention.isMasked(row));
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
        attention.multiplyHead(
          attention.second,
          offsetBy(dOut, i.get, dOutRow),
          offsetBy(values, j.get, attention.panelBytes / TILE_COLUMNS),
          dOutRow,
        ),
        pointer.set(offsetBy(pRow, j.get, F32)),
        target.set(i32.add(pointer.get, i32.sub(ds.get, p.get))),
        when(
          i32.less(i32.add(j.get, i32.const(TILE_COLUMNS - 1)), i.get),
          sequence(half(0, visible), half(1, visible)),
          sequence(half(0, masked), half(1, masked)),
        ),
        j.set(i32.sub(j.get, i32.const(TILE_COLUMNS))),
      ),
    );
    /** Keys that only later queries of the block see: 0 for these four. */
    const clearRest = sequence(
      j.set(i32.and(i32.add(keys.get, i32.const(TILE_COLUMNS - 1)), i32.const(-TILE_COLUMNS))),
      when(
        i32.less(j.get, blockEnd.get),
        repeatWhile(
          i32.less(j.get, blockEnd.get),
          sequence(
            pointer.set(offsetBy(pRow, j.get, F32)),
            target.set(i32.add(pointer.get, i32.sub(ds.get, p.get))),
            ...[0, 1, 2, 3].flatMap((row) => [
              f32x4.store(pointer.get, f32x4.zero, row * attention.scoreRow),
              f32x4.store(target.get, f32x4.zero, row * attention.scoreRow),
            ]),
            j.increase(i32.const(4)),
          ),
        ),
      ),
    );
    const queryGrad = attention.multiplyRows(
      {
        a: i32.add(pRow.get, i32.sub(ds.get, p.get)),
        b: key,
        count: keys.get,
        steps: {
          aRow: attention.scoreRow,
          aStep: F32,
          bStep: qkvRow,
        },
      },
      (column, used) =>
        storeTile(used, left.get, (row, v, result) =>
          f32x4.store(target.get, result.get, row * dQkvRow + column * F32 + v * V128),
        ),
    );
    /** gradient[j … j + 3] += weightsᵀ · rows, over the queries of the block. */
    const outer = (weights: Local, rows: Local, rowBytes: number, gradient: Local): Code =>
      sequence(
        pointer.set(offsetBy(rows, block.get, rowBytes)),
        target.set(offsetBy(gradient, j.get, dQkvRow)),
        attention.multiplyRows(
          {
            a: offsetBy(weights, j.get, F32),
            b: pointer,
            count: i32.sub(blockEnd.get, block.get),
            steps: {
              aRow: F32,
              aStep: attention.scoreRow,
              bStep: rowBytes,
            },
          },
          (column, used) =>
            storeTile(used, left.get, (row, v, result) =>
              f32x4.store(target.get, result.get, row * dQkvRow + column * F32 + v * V128),
            ),
          (column, used) =>
            sequence(
              ...used.sums.map((sum, n) => {
                const vectors = used.panel.length;
                const offset = Math.floor(n / vectors) * dQkvRow + (column + 4 * (n % vectors)) * F32;
                return sum.set(f32x4.load(target.get, offset));
              }),
            ),
        ),
      );
    return sequence(
      attention.begin(),
      scale.set(f32x4.const(headSize ** -0.5)),
      values.set(i32.add(scratch.get, i32.const(attention.packedBytes))),
      p.set(i32.add(scratch.get, i32.const(2 * attention.packedBytes))),
      ds.set(i32.add(p.get, i32.const(BLOCK_ROWS * attention.scoreRow))),
      loop(
        head,
        i32.const(0),
        i32.const(heads),
        1,
        sequence(
          attention.pack(key, scratch, count),
          attention.pack(value, values, count),
          clear(dKey),
          clear(dValue, headStride / 4 + (hasPadding ? 1 : 0)),
          loop(
            block,
            i32.const(0),
            count.get,
            BLOCK_ROWS,
            sequence(
              blockEnd.set(i32.add(block.get, i32.const(BLOCK_ROWS))),
              when(i32.less(count.get, blockEnd.get), blockEnd.set(count.get)),
              loop(
                i,
                block.get,
                blockEnd.get,
                TILE_ROWS,
                sequence(
                  attention.setKeys(count),
                  left.set(i32.sub(count.get, i.get)),
                  pRow.set(offsetBy(p, i32.sub(i.get, block.get), attention.scoreRow)),
                  ...[0, 1, 2, 3].map(readRow),
                  scoreTile,
                  clearRest,
                  target.set(offsetBy(dQuery, i.get, dQkvRow)),
                  queryGrad,
                ),
              ),
              loop(
                j,
                i32.const(0),
                blockEnd.get,
                TILE_ROWS,
                sequence(
                  left.set(i32.sub(count.get, j.get)),
                  outer(ds, query, qkvRow, dKey),
                  outer(p, dOut, dOutRow, dValue),
                ),
              ),
            ),
          ),
          ...[query, key, value, out, dOut, dQuery, dKey, dValue].map((pointerToHead) =>
            pointerToHead.increase(i32.const(headStride * F32)),
          ),
        ),
      ),
    );
  });
}
