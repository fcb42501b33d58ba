/** The buffers of a session on the GPU, and where everything lies in them. */
import type { Buffer } from "../../tensor/instructions.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Alignment, Layout } from "../../tensor/layout.ts";
import type { Lookup } from "./shader.ts";
import type { Program } from "../../tensor/program.ts";
import { PARTIALS, STATE_NUMBERS } from "./weights.ts";

/** Numbers of an f32, in bytes. */
export const F32 = 4;

/** Bindings begin at multiples of so many bytes in every adapter; of half as many, for numbers of half the size. */
const BINDING_ALIGN = 512;

/** What lies in one buffer of the GPU may have so many numbers, where the adapter takes them. */
const MAX_SEGMENT = 2 ** 28;

/** Rows and heads of whole vectors. @param limit bytes that may be bound at once. */
export function webgpuAlignment(limit: number): Required<Alignment> {
  const startAlign = BINDING_ALIGN / F32;
  const segment = Math.floor(Math.min(MAX_SEGMENT, limit / F32) / startAlign) * startAlign;
  return { align: 4, headAlign: 4, startAlign, segment };
}

/** A part of a buffer of the GPU, in bytes. */
export interface Spot {
  /** Index of the GPU's buffer. */
  readonly memory: number;
  readonly offset: number;
  readonly size: number;
  readonly stride: number;
  /** Whether its numbers have 16 bits. */
  readonly half: boolean;
}

/** Buffers that the kernels need beside the program's. */
export interface Scratch {
  /** Sums of a weight's gradient, part by part. */
  readonly parts: number;
  /** Numbers [T, H] of attention's backward. */
  readonly heads: number;
  readonly rows: number;
}

/** What of a weight lies in the GPU's buffer of that number. */
const KINDS = ["data", "grad", "adamMean", "adamMeanSquare"] as const;
type Kind = (typeof KINDS)[number];
const SCRATCH = KINDS.length;
/** The weights again, in 16 bits. */
const SHADOW = SCRATCH + 1;
/** The first buffer for what depends on the batch. */
const SEGMENTS = SHADOW + 1;

/** What is kept in 32 bits whatever the precision: statistics, and what is handed out. */
function keptWhole({ phases, result }: Program): ReadonlySet<Buffer> {
  const instructions = phases.flatMap(({ sections }) => sections.flatMap((section) => section.instructions));
  const statistics = instructions.flatMap(({ to }) => ("statistics" in to ? [to.statistics.buffer] : []));
  return new Set([result.buffer, ...statistics]);
}

export class GpuMemoryMap implements Lookup {
  /** Bytes of each buffer of the GPU. */
  readonly sizes: readonly number[];
  readonly along: Buffer;
  readonly partials: Buffer;
  readonly state: Buffer;
  /** All weights' numbers of a kind, as one row. */
  readonly flat: Readonly<Record<Kind, Buffer>>;
  /** The weights as products read them, as one row; the weights themselves, unless they are kept in 16 bits, too. */
  readonly flatFactors: Buffer;
  readonly #shadows = new Map<Buffer, Buffer>();
  readonly #parts: Buffer;
  readonly #spots = new Map<Buffer, Spot>();
  readonly #layout: Layout;

  constructor(
    layout: Layout,
    programs: readonly Program[],
    scratch: Scratch,
    { segment }: Required<Alignment>,
    half: boolean,
  ) {
    this.#layout = layout;
    const spans = KINDS.map((kind) => this.#placeKind(kind));
    this.flat = {
      data: this.#placeFlat("data", spans[0]),
      grad: this.#placeFlat("grad", spans[1]),
      adamMean: this.#placeFlat("adamMean", spans[2]),
      adamMeanSquare: this.#placeFlat("adamMeanSquare", spans[3]),
    };
    let end = 0;
    const place = (name: string, rows: number, columns: number): Buffer => {
      const buffer = { name, rows, columns };
      const stride = roundUp(columns, 4);
      this.#spots.set(buffer, {
        memory: SCRATCH,
        offset: end,
        size: Math.max(16, rows * stride * F32),
        stride,
        half: false,
      });
      end += roundUp(Math.max(16, rows * stride * F32), BINDING_ALIGN);
      return buffer;
    };
    this.state = place("state", 1, STATE_NUMBERS);
    this.partials = place("partials", 1, PARTIALS);
    this.along = place("along", scratch.rows, scratch.heads);
    this.#parts = place("parts", 1, scratch.parts);
    const segments: number[] = [];
    for (const program of programs) {
      const whole = keptWhole(program);
      for (const [buffer, { start, stride }] of program.slots) {
        const behind = start - layout.size;
        const index = Math.floor(behind / segment);
        const rows = buffer.rows === "window" ? program.windowRows : program.maxTokens;
        const isHalf = half && !whole.has(buffer);
        const [offset, size] = [
          (behind - index * segment) * F32,
          (Math.max(1, rows) * stride * F32) / (isHalf ? 2 : 1),
        ];
        this.#spots.set(buffer, { memory: SEGMENTS + index, offset, size: Math.max(16, size), stride, half: isHalf });
        segments[index] = Math.max(segments[index] ?? 0, offset + size);
      }
    }
    this.flatFactors = half ? this.#placeShadows(spans[0]) : this.flat.data;
    const shadow = half ? spans[0] / 2 : 0;
    this.sizes = [...spans, end, shadow, ...Array.from(segments, (size) => size ?? 0)].map((size) =>
      roundUp(Math.max(size, 16), 16),
    );
  }

  /** Room for the parts of a weight's gradient: the same for all weights. */
  partsOf(name: string, columns: number): Buffer {
    const buffer = { name: `${name}.parts`, rows: 1, columns };
    this.#spots.set(buffer, { ...this.spot(this.#parts), stride: roundUp(columns, 4) });
    return buffer;
  }

  stride(buffer: Buffer): number {
    return this.spot(buffer).stride;
  }

  isHalf(buffer: Buffer): boolean {
    return this.spot(buffer).half;
  }

  factorOf(buffer: Buffer): Buffer {
    return this.#shadows.get(buffer) ?? buffer;
  }

  spot(buffer: Buffer): Spot {
    return this.#spots.get(buffer)!;
  }

  get bytes(): number {
    return this.sizes.reduce((sum, size) => sum + size, 0);
  }

  /** The largest of the GPU's buffers, in bytes. */
  get largest(): number {
    return Math.max(...this.sizes);
  }

  /** Bytes of all weights' numbers of a kind, in a buffer of their own. */
  #placeKind(kind: Kind): number {
    const memory = KINDS.indexOf(kind);
    const buffers = [...this.#layout.weights.values()].map((weight) => weight[kind]);
    const placed = buffers.flatMap((buffer) => {
      const spot = this.#layout.slots.get(buffer);
      return spot === undefined ? [] : [{ buffer, ...spot }];
    });
    const first = Math.min(...placed.map(({ start }) => start));
    let end = 0;
    for (const { buffer, start, stride } of placed) {
      const [offset, size] = [(start - first) * F32, roundUp(Number(buffer.rows), 4) * stride * F32];
      this.#spots.set(buffer, { memory, offset, size, stride, half: false });
      end = Math.max(end, offset + size);
    }
    return end;
  }

  #placeFlat(kind: Kind, size: number): Buffer {
    const columns = size / F32;
    const buffer = { name: `all ${kind}`, rows: 1, columns };
    this.#spots.set(buffer, {
      memory: KINDS.indexOf(kind),
      offset: 0,
      size: Math.max(16, size),
      stride: columns,
      half: false,
    });
    return buffer;
  }

  #placeShadows(size: number): Buffer {
    for (const { data } of this.#layout.weights.values()) {
      const { offset, size: bytes, stride } = this.spot(data);
      const shadow = { ...data, name: `${data.name}.half` };
      this.#shadows.set(data, shadow);
      this.#spots.set(shadow, { memory: SHADOW, offset: offset / 2, size: bytes / 2, stride, half: true });
    }
    const columns = size / F32;
    const all = { name: "all data.half", rows: 1, columns };
    this.#spots.set(all, { memory: SHADOW, offset: 0, size: size / 2, stride: columns, half: true });
    return all;
  }
}
