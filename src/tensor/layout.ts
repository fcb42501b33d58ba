/** The memory layout of a model's weights: where each begins, and which matrices are merged. */
import { weightShapes } from "../training/engine.ts";
import { roundUp } from "./instructions.ts";
import type { Buffer, Heads, Weight, WeightSlice } from "./instructions.ts";
import type { Config } from "../microgpt.ts";

/** A backend's alignment, counted in numbers. */
export interface Alignment {
  /** Rows start at multiples of this. */
  readonly align: number;
  /** Attention heads within a row start at multiples of this. */
  readonly headAlign: number;
  /** Buffers start at multiples of this; default: 1. */
  readonly startAlign?: number;
  /** Memory for a pass comes in segments of this size, and no buffer crosses two; absent: one segment. */
  readonly segment?: number;
}

/** The weights of a model at the beginning of the memory, the same for all its programs. */
export interface Layout {
  /** The model. */
  readonly config: Config;
  /** How the heads are padded. */
  readonly heads: Heads;
  /** By the model's names; `layer0.attn_wqkv` is wq, wk and wv stacked. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** Where each weight buffer is. */
  readonly slots: Slots;
  /** Numbers in all: weights, gradients, Adam's means. */
  readonly size: number;
}

/** The slot of each buffer: its start and the distance of its rows, in numbers of the backend's precision. */
export type Slots = ReadonlyMap<Buffer, { readonly start: number; readonly stride: number }>;

/** Lays out the weights of a model. @param isTrained whether gradients and Adam's means have memory, too. */
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
