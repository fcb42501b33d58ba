/** The numbers of a CPU session's memory, found by buffer: weights, gradients, Adam's means and activations. */
import type { ProgramOutput } from "../tensor/backend.ts";
import type { Buffer } from "../tensor/instructions.ts";
import { gradientRange } from "../tensor/layout.ts";
import type { Layout, Slots } from "../tensor/layout.ts";
import type { Program } from "../tensor/program.ts";

/** Where in the memory the layout's and the activations' numbers begin. */
export interface NumberRanges {
  /** Index of number 0 of the layout. */
  readonly numbers: number;
  /** Index of the first activation. */
  readonly activations: number;
}

/** Where a buffer is. */
interface RowsAt {
  /** Index of its first number. */
  readonly first: number;
  /** Numbers from row to row: its columns and their padding. */
  readonly stride: number;
}

/** Reads and writes buffers without their padding. */
export class SessionNumbers {
  readonly #memory: Float32Array;
  readonly #layout: Layout;
  readonly #slots: Slots;
  readonly #ranges: NumberRanges;

  /** @param memory the session's, from its first number on. */
  constructor(memory: Float32Array, layout: Layout, programs: readonly Program[], ranges: NumberRanges) {
    this.#memory = memory;
    this.#layout = layout;
    this.#slots = new Map([layout, ...programs].flatMap(({ slots }) => [...slots]));
    this.#ranges = ranges;
  }

  /** All gradients, padding included, which is 0. */
  get gradients(): Float32Array {
    const [start, end] = gradientRange(this.#layout);
    return this.#memory.subarray(this.#ranges.numbers + start, this.#ranges.numbers + end);
  }

  /** The result of a pass from a row on, in place, and its numbers from row to row. */
  result({ result }: Program, firstRow: number, rows: number): ProgramOutput {
    const { first, stride } = this.#at(result.buffer);
    return { data: this.#memory.subarray(first + firstRow * stride, first + rows * stride), stride };
  }

  /** A copy of the first rows, [rows, columns]. */
  read(buffer: Buffer, rows: number): Float32Array {
    const { first, stride } = this.#at(buffer);
    const { columns } = buffer;
    const copy = new Float32Array(rows * columns);
    for (let r = 0; r < rows; r++) {
      const start = first + r * stride;
      copy.set(this.#memory.subarray(start, start + columns), r * columns);
    }
    return copy;
  }

  /** Overwrites the first rows with numbers [rows, columns]. */
  write(buffer: Buffer, data: ArrayLike<number>): void {
    const { first, stride } = this.#at(buffer);
    const { columns } = buffer;
    for (let i = 0; i < data.length; i++) {
      this.#memory[first + Math.floor(i / columns) * stride + (i % columns)] = data[i];
    }
  }

  #at(buffer: Buffer): RowsAt {
    const { start, stride } = this.#slots.get(buffer)!;
    const { numbers, activations } = this.#ranges;
    const activation = start - this.#layout.size; // negative: a weight's buffer
    return { first: activation < 0 ? numbers + start : activations + activation, stride };
  }
}
