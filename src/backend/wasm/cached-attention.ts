/**
 * Attention of one new token to the tokens of its text, whose keys and values are cached. `attention.ts` does whole
 * documents; this kernel sums in the same order, so that a text has the same bits either way.
 *
 * A cache has R = blockSize rounded up to 8 rows per text, and the new token appends to it. Values are rows as the model
 * has them. Keys of a head are in panels: the 8 keys of a panel side by side, as `AttentionTiles.pack` would put them,
 * here once per token instead of once per pass:
 *
 *   keys of a text     [heads][R / 8][headStride][8]
 *   values of a text   [R][heads · headStride]
 *
 * Scores of up to 32 keys are summed at once: one chain of multiply-adds per vector of keys leaves the units waiting, eight
 * do not.
 */
import { f32, f32x4, i32, loop, repeatWhile, sequence, when } from "./assembler.ts";
import type { Code, Local, Locals, ModuleBuilder } from "./assembler.ts";
import { TILE_COLUMNS } from "./matmul.ts";
import { Exp2, F32, LANES, LOWEST, maxLanes, sumLanes, times, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** The shape of the kernel. */
export interface CachedAttentionShape {
  /** Number of heads, H. */
  readonly heads: number;
  /** Numbers per head, C / H. */
  readonly headSize: number;
  /** Numbers from one head to the next: `headSize` rounded up to 4. */
  readonly headStride: number;
  /** Rows of a text in the caches, a multiple of 8. */
  readonly cacheRows: number;
  /** Bytes from row to row of the cached values. */
  readonly valueRow: number;
}

/** Panels of keys whose scores are summed at once. */
const PANELS = 4;

/**
 * Adds the function (query, key, value, out, keys, values, position, scores): appends the key and the value of the token
 * at `position`, then out = its attention. All but `scores`, memory for cacheRows numbers, point to the first head.
 */
export function addCachedAttention(
  module: ModuleBuilder,
  name: string,
  shape: CachedAttentionShape,
  fma: MultiplyAdd,
): void {
  const { heads, headStride, cacheRows } = shape;
  module.function(name, new Array<"i32">(8).fill("i32"), (locals, ...parameters) => {
    const [query, key, value, out, keys, values, position, scores] = parameters;
    const kernel = new Kernel(shape, locals, fma, position, scores);
    const head = locals.new("i32");
    return sequence(
      kernel.begin(),
      loop(
        head,
        i32.const(0),
        i32.const(heads),
        1,
        sequence(
          kernel.append(key, keys, value, values),
          kernel.scores(query, keys),
          kernel.softmax(),
          kernel.weightedValues(values, out),
          ...[query, key, value, out, values].map((pointer) => pointer.increase(i32.const(headStride * F32))),
          keys.increase(i32.const(cacheRows * headStride * F32)),
        ),
      ),
    );
  });
}

/** The pieces of the kernel, for one head. */
class Kernel {
  readonly #shape: CachedAttentionShape;
  readonly #fma: MultiplyAdd;
  readonly #exp: Exp2;
  readonly #position: Local;
  readonly #scores: Local;
  /** log₂e / √headSize: 2^(score · scale) = e^(score / √headSize). */
  readonly #scale: Local;
  readonly #sums: readonly Local[];
  readonly #x: Local;
  readonly #max: Local;
  readonly #total: Local;
  /** i32: index of a key. */
  readonly #j: Local;
  /** i32: addresses, for short use. */
  readonly #from: Local;
  readonly #to: Local;
  readonly #end: Local;

  constructor(shape: CachedAttentionShape, locals: Locals, fma: MultiplyAdd, position: Local, scores: Local) {
    this.#shape = shape;
    this.#fma = fma;
    this.#exp = new Exp2(locals, fma);
    [this.#position, this.#scores] = [position, scores];
    this.#sums = locals.many("v128", 2 * PANELS);
    [this.#scale, this.#x, this.#max, this.#total] = locals.many("v128", 4);
    [this.#j, this.#from, this.#to, this.#end] = locals.many("i32", 4);
  }

  /** Sets the constants; goes at the start of the function. */
  begin(): Code {
    return sequence(this.#exp.begin(), this.#scale.set(f32x4.const(this.#shape.headSize ** -0.5 * Math.LOG2E)));
  }

  /** Bytes of a panel of a head's keys. */
  get #panelBytes(): number {
    return this.#shape.headStride * TILE_COLUMNS * F32;
  }

  /** Copies the head's key into its column of a panel, and its value into its row. */
  append(key: Local, keys: Local, value: Local, values: Local): Code {
    const { headStride, valueRow } = this.#shape;
    const lane = i32.and(this.#position.get, i32.const(TILE_COLUMNS - 1));
    const panel = i32.mul(i32.sub(this.#position.get, lane), i32.const(headStride * F32));
    return sequence(
      this.#to.set(i32.add(keys.get, i32.add(panel, times(lane, F32)))),
      ...Array.from({ length: headStride }, (_, c) =>
        f32.store(this.#to.get, f32.load(key.get, c * F32), c * TILE_COLUMNS * F32),
      ),
      this.#to.set(i32.add(values.get, times(this.#position.get, valueRow))),
      ...vectorsOf(headStride).map((offset) => f32x4.store(this.#to.get, f32x4.load(value.get, offset), offset)),
    );
  }

  /** scores [position + 1] = query · each key; those after it in its panel are `LOWEST`. */
  scores(query: Local, keys: Local): Code {
    const count = i32.add(this.#position.get, i32.const(1));
    const lastPanel = i32.and(this.#position.get, i32.const(-TILE_COLUMNS));
    const inPanel = i32.sub(this.#position.get, lastPanel);
    const mask = (v: number): Code => {
      const last = f32x4.splat(f32.fromI32(i32.sub(inPanel, i32.const(4 * v))));
      const score = f32x4.load(this.#to.get, v * V128);
      return f32x4.store(this.#to.get, f32x4.select(f32x4.const(LOWEST), score, f32x4.greater(LANES, last)), v * V128);
    };
    const several = PANELS * TILE_COLUMNS;
    return sequence(
      this.#j.set(i32.const(0)),
      when(
        i32.atMost(i32.const(several), count),
        repeatWhile(i32.atMost(i32.add(this.#j.get, i32.const(several)), count), this.#scoresOf(query, keys, PANELS)),
      ),
      when(i32.less(this.#j.get, count), repeatWhile(i32.less(this.#j.get, count), this.#scoresOf(query, keys, 1))),
      this.#to.set(i32.add(this.#scores.get, times(lastPanel, F32))),
      mask(0),
      mask(1),
    );
  }

  /** The scores of `panels` · 8 keys from j on; then j is behind them. */
  #scoresOf(query: Local, keys: Local, panels: number): Code {
    const { headSize, headStride } = this.#shape;
    const sums = this.#sums.slice(0, 2 * panels);
    const offset = (i: number): number => Math.floor(i / 2) * this.#panelBytes + (i % 2) * V128;
    return sequence(
      this.#from.set(query.get),
      this.#end.set(i32.add(query.get, i32.const(headSize * F32))),
      this.#to.set(i32.add(keys.get, i32.mul(this.#j.get, i32.const(headStride * F32)))),
      ...sums.map((sum) => sum.set(f32x4.zero)),
      repeatWhile(
        i32.less(this.#from.get, this.#end.get),
        sequence(
          this.#x.set(f32x4.loadSplat(this.#from.get)),
          ...sums.map((sum, i) => sum.set(this.#fma(this.#x.get, f32x4.load(this.#to.get, offset(i)), sum.get))),
          this.#from.increase(i32.const(F32)),
          this.#to.increase(i32.const(TILE_COLUMNS * F32)),
        ),
      ),
      this.#to.set(i32.add(this.#scores.get, times(this.#j.get, F32))),
      ...sums.map((sum, i) => f32x4.store(this.#to.get, sum.get, i * V128)),
      this.#j.increase(i32.const(panels * TILE_COLUMNS)),
    );
  }

  /** scores → e^((score − max) / √headSize); total = their sum. */
  softmax(): Code {
    const count = i32.add(this.#position.get, i32.const(1));
    const fourKeys = (body: Code): Code =>
      sequence(
        this.#to.set(this.#scores.get),
        loop(this.#j, i32.const(0), count, 4, sequence(body, this.#to.increase(i32.const(V128)))),
      );
    const power = sequence(
      this.#x.set(f32x4.mul(f32x4.sub(f32x4.load(this.#to.get), this.#max.get), this.#scale.get)),
      this.#exp.apply(this.#x),
      f32x4.store(this.#to.get, this.#x.get),
      this.#total.set(f32x4.add(this.#total.get, this.#x.get)),
    );
    return sequence(
      this.#max.set(f32x4.const(LOWEST)),
      fourKeys(this.#max.set(f32x4.max(this.#max.get, f32x4.load(this.#to.get)))),
      maxLanes(this.#max),
      this.#total.set(f32x4.zero),
      fourKeys(power),
      sumLanes(this.#total),
    );
  }

  /** out [headStride] = Σ score · value / total, up to 8 vectors at a time. */
  weightedValues(values: Local, out: Local): Code {
    const { headStride, valueRow } = this.#shape;
    const offsets = vectorsOf(headStride);
    const groups = Array.from({ length: Math.ceil(offsets.length / this.#sums.length) }, (_, i) =>
      offsets.slice(i * this.#sums.length, (i + 1) * this.#sums.length),
    );
    const count = i32.add(this.#position.get, i32.const(1));
    return sequence(
      this.#total.set(f32x4.div(f32x4.const(1), this.#total.get)),
      ...groups.map((group) =>
        sequence(
          ...group.map((_, i) => this.#sums[i].set(f32x4.zero)),
          this.#from.set(this.#scores.get),
          this.#end.set(i32.add(this.#scores.get, times(count, F32))),
          this.#to.set(values.get),
          repeatWhile(
            i32.less(this.#from.get, this.#end.get),
            sequence(
              this.#x.set(f32x4.loadSplat(this.#from.get)),
              ...group.map((offset, i) =>
                this.#sums[i].set(this.#fma(this.#x.get, f32x4.load(this.#to.get, offset), this.#sums[i].get)),
              ),
              this.#from.increase(i32.const(F32)),
              this.#to.increase(i32.const(valueRow)),
            ),
          ),
          ...group.map((offset, i) => f32x4.store(out.get, f32x4.mul(this.#sums[i].get, this.#total.get), offset)),
        ),
      ),
    );
  }
}

/** Byte offsets of the vectors of a head. */
const vectorsOf = (headStride: number): number[] => Array.from({ length: headStride / 4 }, (_, i) => i * V128);
