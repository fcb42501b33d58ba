/**
 * The interface to a device that runs programs. `backend/reference.ts` is the specification, in plain loops and f64;
 * `backend/wasm/` is fast on CPUs, `backend/webgpu/` on GPUs.
 *
 * A session owns the memory. Calls must not overlap (except `step`, see there): the next may begin when the promise of the
 * previous one has resolved. `TensorEngine` sees to that.
 */
import type { StepResult, Update } from "../training/engine.ts";
import type { Buffer } from "./instructions.ts";
import type { Alignment, Layout } from "./layout.ts";
import type { Program } from "./program.ts";

/** A device, before it has memory. */
export interface Backend extends Alignment {
  /** For the user, such as `wasm, 2 threads`. */
  readonly name: string;
  /** Allocates memory for the weights, all 0, and for the largest program, and compiles the programs. Throws RangeError if the memory is too large. */
  open(layout: Layout, programs: readonly Program[]): Promise<Session>;
}

/** Programs in the memory of a device. */
export interface Session {
  /**
   * Runs the phases of a program that the session was opened with. Rows before `options.firstRow` must have been computed
   * by earlier runs (generating only). Resolves to the program's result, rows from `firstRow` on: a view that the next run
   * overwrites.
   */
  run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput>;
  /**
   * A training step: all passes of its batch, then the update, unless the loss or a gradient is not finite.
   * @param passes read as the work goes; the packed tokens of one are overwritten when the next is taken.
   * @param tokens of all passes together; at most `maxInFlight` calls may begin before the first has ended, and they do
   * their work in the order of the calls.
   */
  step(program: Program, passes: Iterable<PackedTokens>, tokens: number, update: Update): Promise<StepResult>;
  /** A copy of the first `rows` of a buffer, [rows, columns] without padding; default: all rows of a weight. */
  read(buffer: Buffer, rows?: number): Promise<Float64Array | Float32Array>;
  /** Overwrites a buffer with [rows, columns] numbers without padding. */
  write(buffer: Buffer, data: ArrayLike<number>): Promise<void>;
  /** Must be called after weights were written, before the next run. */
  weightsChanged(): Promise<void>;
  /** Steps that may begin before the first has ended, besides it; absent: none. */
  readonly maxInFlight?: number;
  /** Bytes of memory that the session holds. */
  readonly bytes: number;
  /** Frees memory and threads; no call may follow. */
  close(): void;
}

/** Documents laid end to end without padding (`packing.ts`). T tokens in all; the lists of tokens may be longer. */
export interface PackedTokens {
  /** [T] */
  readonly tokens: Int32Array;
  /** [T], the token after each. */
  readonly targets: Int32Array;
  /** [T], the position of each in its document. */
  readonly positions: Int32Array;
  /** [D + 1], the row where each document begins, and T at the end. */
  readonly documents: Int32Array;
}

/** What changes from run to run. */
export interface RunOptions {
  /** The first row to compute; 0 except for generating. */
  readonly firstRow: number;
  /** The weight of each token in the loss that is differentiated: 1 / tokens of all batches of the step. */
  readonly lossScale: number;
  /** Whether gradients are added to those of earlier passes. */
  readonly accumulate: boolean;
}

/** The result of a run. */
export interface ProgramOutput {
  /** Rows from `firstRow` on, `stride` numbers apart. */
  readonly data: Float64Array | Float32Array;
  /** Numbers from row to row. */
  readonly stride: number;
  /** Sum of the squares of all gradients; 0 except for training. */
  readonly gradientSquares: number;
}
