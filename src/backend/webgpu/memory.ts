/**
 * The memory map of a WebGPU session: which buffer of the GPU, and which bytes of it, each buffer of the programs has.
 * It holds no data and needs no device. Per-run data (tokens, step numbers) is in a further buffer, see `batch.ts`.
 *
 *   GPU buffer
 *    0  data             all weights, f32, each at a multiple of 512 bytes
 *    1  grad             ┐
 *    2  adamMean         │ the same offsets
 *    3  adamMeanSquare   ┘
 *    4  scratch          state │ partials │ outDots [T, H] │ chunkSums │ sites of dropout
 *    5  factors          the weights in f16, at half their offsets; empty in f32
 *    6… segments         activations, cut every `segment` numbers because the size of a GPU buffer is limited
 *
 *   offsets of `Layout` and `Program`, in numbers
 *    0                        layout.size       + segment       + 2 · segment
 *    │ weights, gradients, …  │ activations                                       all programs use the same ones
 *    └── buffers 0 to 3 ──────┴── buffer 6 ─────┴── buffer 7 ───┴── …
 *
 * No buffer of a program crosses a segment's end. An f16 activation takes the first half of its space.
 */
import type { Buffer } from "../../tensor/instructions.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Alignment, Layout } from "../../tensor/layout.ts";
import type { Lookup } from "./shader.ts";
import type { Program } from "../../tensor/program.ts";
import { PARTIALS, STATE_NUMBERS } from "./weights.ts";

/** Bytes of an f32. */
export const F32 = 4;

/**
 * Alignment of a buffer's offset, in bytes. Every adapter can bind at multiples of 256; twice that, because the f16
 * copy of a weight is at half its offset.
 */
const BINDING_ALIGN = 512;

/** Upper bound of a segment, in numbers: 1 GiB of f32, even where the adapter allows more. */
const MAX_SEGMENT = 2 ** 28;

/** The alignment that layouts need: rows and heads of whole vec4. @param limit bytes of the largest binding. */
export function webgpuAlignment(limit: number): Required<Alignment> {
  const startAlign = BINDING_ALIGN / F32;
  const segment = Math.floor(Math.min(MAX_SEGMENT, limit / F32) / startAlign) * startAlign;
  return { align: 4, headAlign: 4, startAlign, segment };
}

/** Where a buffer of a program is on the GPU. */
export interface BufferLocation {
  /** Index of the GPU buffer. */
  readonly index: number;
  /** Bytes from the start of the GPU buffer. */
  readonly offset: number;
  /** Bytes to bind, at least 16. */
  readonly size: number;
  /** Numbers from the start of one row to the next. */
  readonly stride: number;
  /** Whether the numbers are f16. */
  readonly half: boolean;
}

/** Sizes of the scratch buffers that the kernels need. */
export interface ScratchSizes {
  /** Numbers of the largest weight gradient's chunks, all together (`linearWeightGrad`); 0: no depth is split. */
  readonly chunkSums: number;
  /** Columns of `outDots`: heads, or 0 without training. */
  readonly heads: number;
  /** Rows of `outDots`: tokens of the largest batch. */
  readonly rows: number;
  /** Number of the sites of dropout; 0: there is no dropout. */
  readonly sites: number;
}

/** Kinds of numbers that every weight has; each has the GPU buffer of its index here. */
const KINDS = ["data", "grad", "adamMean", "adamMeanSquare"] as const;
type Kind = (typeof KINDS)[number];
/** GPU buffer of the kernels' scratch memory. */
const SCRATCH = KINDS.length;
/** GPU buffer of the weights' f16 copies. */
const FACTORS = SCRATCH + 1;
/** GPU buffer of the first segment of activations. */
const SEGMENTS = FACTORS + 1;

/** Buffers that stay f32 in either precision: statistics, and the result, which the host reads. */
function alwaysF32({ phases, result }: Program): ReadonlySet<Buffer> {
  const instructions = phases.flatMap(({ sections }) => sections.flatMap((section) => section.instructions));
  const statistics = instructions.flatMap(({ to }) => ("statistics" in to ? [to.statistics.buffer] : []));
  return new Set([result.buffer, ...statistics]);
}

/** The memory map: the drawing at the head of this file, for one model and precision. */
export class GpuMemoryMap implements Lookup {
  /** Bytes of each GPU buffer, at least 16. */
  readonly sizes: readonly number[];
  /** [T, H] f32: dOut · out of each query and head, between the two kernels of attention's backward pass. */
  readonly outDots: Buffer;
  /** [1, PARTIALS] f32: partial sums of the gradients' squares. */
  readonly partials: Buffer;
  /** [1, STATE_NUMBERS] f32: what stays from step to step, see `STATE`. */
  readonly state: Buffer;
  /** For each site of dropout, [1, 1] f32: its number. It is bound, not in the text, so that layers share one text. */
  readonly sites: readonly Buffer[];
  /** All weights' numbers of a kind, including padding, as one row. */
  readonly flat: Readonly<Record<Kind, Buffer>>;
  /** The weights as products read them, as one row: the f16 copies, or in f32 the weights themselves. */
  readonly flatFactors: Buffer;
  readonly #factors = new Map<Buffer, Buffer>();
  readonly #chunkSums: Buffer;
  readonly #locations = new Map<Buffer, BufferLocation>();
  readonly #layout: Layout;

  /**
   * @param programs share the memory of their activations.
   * @param alignment as given by `webgpuAlignment`.
   * @param half whether activations, and the weights that products read, are f16.
   */
  constructor(
    layout: Layout,
    programs: readonly Program[],
    scratch: ScratchSizes,
    { segment }: Required<Alignment>,
    half: boolean,
  ) {
    this.#layout = layout;
    const kindSizes = KINDS.map((kind) => this.#addWeights(kind));
    this.flat = {
      data: this.#addFlat("data", kindSizes[0]),
      grad: this.#addFlat("grad", kindSizes[1]),
      adamMean: this.#addFlat("adamMean", kindSizes[2]),
      adamMeanSquare: this.#addFlat("adamMeanSquare", kindSizes[3]),
    };
    let end = 0;
    const addScratch = (name: string, rows: number, columns: number): Buffer => {
      const buffer = { name, rows, columns };
      const stride = roundUp(columns, 4);
      const size = Math.max(16, rows * stride * F32);
      this.#locations.set(buffer, { index: SCRATCH, offset: end, size, stride, half: false });
      end += roundUp(size, BINDING_ALIGN);
      return buffer;
    };
    this.state = addScratch("state", 1, STATE_NUMBERS);
    this.partials = addScratch("partials", 1, PARTIALS);
    this.outDots = addScratch("outDots", scratch.rows, scratch.heads);
    this.#chunkSums = addScratch("chunkSums", 1, scratch.chunkSums);
    this.sites = Array.from({ length: scratch.sites }, (_, site) => addScratch(`site ${site}`, 1, 1));
    const segments = this.#addActivations(programs, segment, half);
    this.flatFactors = half ? this.#addFactors(kindSizes[0]) : this.flat.data;
    const factorsSize = half ? kindSizes[0] / 2 : 0;
    this.sizes = [...kindSizes, end, factorsSize, ...segments].map((size) => roundUp(Math.max(size, 16), 16));
  }

  /** A buffer for the chunks of a weight's gradient; all weights use the same memory. @param columns of the weight. */
  chunkSumsOf(name: string, columns: number): Buffer {
    const buffer = { name: `${name}.chunkSums`, rows: 1, columns };
    this.#locations.set(buffer, { ...this.locationOf(this.#chunkSums), stride: roundUp(columns, 4) });
    return buffer;
  }

  stride(buffer: Buffer): number {
    return this.locationOf(buffer).stride;
  }

  isHalf(buffer: Buffer): boolean {
    return this.locationOf(buffer).half;
  }

  factorOf(buffer: Buffer): Buffer {
    return this.#factors.get(buffer) ?? buffer;
  }

  /** Where a buffer is. It must belong to the layout, to one of the programs, or to this map. */
  locationOf(buffer: Buffer): BufferLocation {
    return this.#locations.get(buffer)!;
  }

  /** Bytes of all GPU buffers together. */
  get bytes(): number {
    return this.sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Bytes of the largest GPU buffer. */
  get largest(): number {
    return Math.max(...this.sizes);
  }

  /** Adds the weights' numbers of a kind, in a GPU buffer of their own. Returns its bytes. */
  #addWeights(kind: Kind): number {
    const index = KINDS.indexOf(kind);
    const slots = [...this.#layout.weights.values()].flatMap((weight) => {
      const slot = this.#layout.slots.get(weight[kind]);
      return slot === undefined ? [] : [{ buffer: weight[kind], ...slot }];
    });
    const first = Math.min(...slots.map(({ start }) => start));
    let end = 0;
    for (const { buffer, start, stride } of slots) {
      const [offset, size] = [(start - first) * F32, roundUp(Number(buffer.rows), 4) * stride * F32];
      this.#locations.set(buffer, { index, offset, size, stride, half: false });
      end = Math.max(end, offset + size);
    }
    return end;
  }

  /** Adds a whole GPU buffer of weights as one row. @param size its bytes. */
  #addFlat(kind: Kind, size: number): Buffer {
    const columns = size / F32;
    const buffer = { name: `all ${kind}`, rows: 1, columns };
    const index = KINDS.indexOf(kind);
    this.#locations.set(buffer, { index, offset: 0, size: Math.max(16, size), stride: columns, half: false });
    return buffer;
  }

  /** Adds the activations of the programs. Returns the bytes of each segment. */
  #addActivations(programs: readonly Program[], segment: number, half: boolean): number[] {
    const segments: number[] = [];
    for (const program of programs) {
      const f32 = alwaysF32(program);
      for (const [buffer, { start, stride }] of program.slots) {
        const relative = start - this.#layout.size;
        const index = Math.floor(relative / segment);
        const rows = buffer.rows === "window" ? program.windowRows : program.maxTokens;
        const isHalf = half && !f32.has(buffer);
        const offset = (relative - index * segment) * F32;
        const size = (Math.max(1, rows) * stride * F32) / (isHalf ? 2 : 1);
        const location = { index: SEGMENTS + index, offset, size: Math.max(16, size), stride, half: isHalf };
        this.#locations.set(buffer, location);
        segments[index] = Math.max(segments[index] ?? 0, offset + size);
      }
    }
    return Array.from(segments, (size) => size ?? 0);
  }

  /** Adds the f16 copies of the weights, and all of them as one row. @param size bytes of the weights in f32. */
  #addFactors(size: number): Buffer {
    for (const { data } of this.#layout.weights.values()) {
      const { offset, size: bytes, stride } = this.locationOf(data);
      const factor = { ...data, name: `${data.name}.half` };
      this.#factors.set(data, factor);
      this.#locations.set(factor, { index: FACTORS, offset: offset / 2, size: bytes / 2, stride, half: true });
    }
    const columns = size / F32;
    const all = { name: "all data.half", rows: 1, columns };
    this.#locations.set(all, { index: FACTORS, offset: 0, size: size / 2, stride: columns, half: true });
    return all;
  }
}
