/** Where the weights of a model lie in the memory of a backend. */
import { weightShapes } from "../training/engine.ts";
import { roundUp } from "./instructions.ts";
import type { Buffer, Heads, Weight, WeightSlice } from "./instructions.ts";
import type { Config } from "../microgpt.ts";

/** What a backend wants of the layout: rows, and heads within a row, begin at multiples of so many numbers. */
export interface Alignment {
  readonly align: number;
  readonly headAlign: number;
  /** And so do buffers; where it says nothing, anywhere. */
  readonly startAlign?: number;
  /** Memory for a batch comes in pieces of so many numbers, and no buffer lies in two; absent: it is one piece. */
  readonly segment?: number;
}

/** The weights of a model and where they lie: at the beginning of the memory, the same for all its programs. */
export interface Layout {
  readonly config: Config;
  readonly heads: Heads;
  /** By the model's own names; `layer0.attn_wqkv` is wq, wk and wv, one on the other. */
  readonly weights: ReadonlyMap<string, Weight>;
  readonly slots: Slots;
  /** Numbers that all of it takes: weights, gradients, Adam's means. */
  readonly size: number;
}

/** Where a buffer begins, counted in numbers (of the backend's own precision), and how far apart its rows are. */
export type Slots = ReadonlyMap<Buffer, { readonly start: number; readonly stride: number }>;

/** `isTrained`: with room for gradients and Adam's means. */
export function layoutWeights(config: Config, alignment: Alignment, isTrained: boolean): Layout {
  const { align, headAlign, startAlign = 1 } = alignment;
  const size = config.nEmbd / config.nHead;
  const heads = { count: config.nHead, size, stride: roundUp(size, headAlign) };
  const weights = makeWeights(config, heads);
  const slots = new Map<Buffer, { start: number; stride: number }>();
  let end = 0;
  // All weights, then all gradients, …: what is used together lies together.
  for (const kind of isTrained ? (["data", "grad", "adamMean", "adamMeanSquare"] as const) : (["data"] as const)) {
    for (const { shape, [kind]: buffer } of weights.values()) {
      const stride = roundUp(shape[1], align);
      slots.set(buffer, { start: end, stride });
      end += roundUp(roundUp(shape[0], align) * stride, startAlign);
    }
  }
  return { config, heads, weights, slots, size: end };
}

/** The projections to query, key and value are one matrix: one product instead of three. */
function makeWeights(config: Config, heads: Heads): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  const width = heads.count * heads.stride;
  const addWeight = (name: string, shape: readonly [number, number], slices: readonly WeightSlice[]): void => {
    const buffer = (suffix: string): Buffer => ({ name: name + suffix, rows: shape[0], columns: shape[1] });
    weights.set(name, {
      name,
      shape,
      slices,
      data: buffer(""),
      grad: buffer(".grad"),
      adamMean: buffer(".mean"),
      adamMeanSquare: buffer(".meanSquare"),
    });
  };
  for (const [name, shape] of weightShapes(config)) {
    const part = { name, row: 0, shape, rowHeads: null, columnHeads: null };
    if (/attn_w[kv]$/.test(name)) continue; // with wq
    if (name.endsWith("attn_wq")) {
      const stacked = ["wq", "wk", "wv"].map((short, i) => {
        return { ...part, name: name.replace("wq", short), row: i * width, rowHeads: heads };
      });
      addWeight(`${name}kv`, [3 * width, shape[1]], stacked);
    } else if (name.endsWith("attn_wo")) {
      addWeight(name, [shape[0], width], [{ ...part, columnHeads: heads }]);
    } else {
      addWeight(name, shape, [part]);
    }
  }
  return weights;
}
