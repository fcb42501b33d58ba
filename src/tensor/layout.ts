/**
 * The memory layout of a model's weights: where each starts, and which matrices are merged. The same for all programs
 * of a model; the activations behind them differ per program (`program.ts`).
 *
 *   memory   wte wpe lm_head layer0.attn_wqkv … │ the same, .grad │ .mean │ .meanSquare │ activations
 */
import { weightShapes } from "../training/engine.ts";
import { roundUp } from "./instructions.ts";
import type { Buffer, Heads, Weight, WeightSlice } from "./instructions.ts";
import type { Config } from "../microgpt.ts";

/** A backend's alignment, in numbers (not bytes). */
export interface Alignment {
  /** Rows start at multiples of this. */
  readonly align: number;
  /** Attention heads within a row start at multiples of this. */
  readonly headAlign: number;
  /** Buffers start at multiples of this. Default: 1. */
  readonly startAlign?: number;
  /**
   * Memory for activations is divided into segments of this size, and no buffer crosses a boundary. Absent: one
   * segment.
   */
  readonly segment?: number;
}

/** The layout of a model's weights, at the start of the memory. */
export interface Layout {
  /** The model's dimensions. */
  readonly config: Config;
  /** How the heads are padded. */
  readonly heads: Heads;
  /** Name → weight; `layer0.attn_wqkv` is wq, wk and wv stacked. */
  readonly weights: ReadonlyMap<string, Weight>;
  /** The slot of each weight buffer. */
  readonly slots: Slots;
  /** Size of the weights, gradients and Adam's means together, in numbers. */
  readonly size: number;
}

/** The slot of each buffer: its start, and the stride from row to row, both in numbers. */
export type Slots = ReadonlyMap<Buffer, { readonly start: number; readonly stride: number }>;

/** Where all gradients are, padding included, which is 0: numbers [start, end). The layout must be of a training. */
export const gradientRange = ({ size }: Layout): readonly [start: number, end: number] => [size / 4, size / 2];

/** Lays out the weights of a model; if `isTrained`, with gradients and Adam's means. */
export function layoutWeights(config: Config, alignment: Alignment, isTrained: boolean): Layout {
  const { align, headAlign, startAlign = 1 } = alignment;
  const size = config.nEmbd / config.nHead;
  const heads = { count: config.nHead, size, stride: roundUp(size, headAlign) };
  const weights = makeWeights(config, heads);
  const slots = new Map<Buffer, { start: number; stride: number }>();
  let end = 0;
  // All weights, then all gradients, …: what is used together is adjacent.
  for (const kind of isTrained ? (["data", "grad", "adamMean", "adamMeanSquare"] as const) : (["data"] as const)) {
    for (const { shape, [kind]: buffer } of weights.values()) {
      const stride = roundUp(shape[1], align);
      slots.set(buffer, { start: end, stride });
      end += roundUp(roundUp(shape[0], align) * stride, startAlign);
    }
  }
  return { config, heads, weights, slots, size: end };
}

/** The weights in the model's order, with wq, wk and wv stacked: one product instead of three. */
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
    const slice = { name, row: 0, shape, rowHeads: null, columnHeads: null };
    if (/attn_w[kv]$/.test(name)) continue; // with wq
    if (name.endsWith("attn_wq")) {
      const stacked = ["wq", "wk", "wv"].map((short, i) => {
        return { ...slice, name: name.replace("wq", short), row: i * width, rowHeads: heads };
      });
      addWeight(`${name}kv`, [3 * width, shape[1]], stacked);
    } else if (name.endsWith("attn_wo")) {
      addWeight(name, [shape[0], width], [{ ...slice, columnHeads: heads }]);
    } else {
      addWeight(name, shape, [slice]);
    }
  }
  return weights;
}
