/**
 * The door to a device: what runs programs. `backend/reference` is the specification, in plain loops and f64;
 * `backend/wasm` is fast.
 *
 * A session owns the memory. Calls must not overlap: the next may begin when the promise of the last has resolved.
 */
import type { StepResult, Update } from "../training/engine.ts";
import type { Buffer } from "./instructions.ts";
import type { Alignment, Layout } from "./layout.ts";
import type { Program } from "./program.ts";

export interface Backend extends Alignment {
  readonly name: string;
  /** Makes memory for the weights, all 0, and for the largest of the programs, and the programs ready to run. */
  open(layout: Layout, programs: readonly Program[]): Promise<Session>;
}

export interface Session {
  /**
   * Runs the phases of a program, one of those it was opened with, over a batch. Rows before `options.firstRow` are
   * taken as computed by earlier runs (generating only). Resolves to the program's result, rows from `firstRow` on,
   * `stride` numbers apart: a view that the next run overwrites.
   */
  run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput>;
  /**
   * A training step: all passes of its batch, then the update, unless the loss or a gradient is not finite.
   * @param passes read as the work goes; the packed tokens of one are overwritten when the next is taken.
   * @param tokens of all passes together; at most `maxInFlight` calls may begin before the first has ended, and they do
   * their work in the order of the calls.
   */
  step(program: Program, passes: Iterable<PackedTokens>, tokens: number, update: Update): Promise<StepResult>;
  /** A copy of the first `rows` of a buffer, [rows, columns] without gaps; of a weight's, all. */
  read(buffer: Buffer, rows?: number): Promise<Float64Array | Float32Array>;
  write(buffer: Buffer, data: ArrayLike<number>): Promise<void>;
  /** After writing weights, before the next run. */
  weightsChanged(): Promise<void>;
  readonly maxInFlight?: number;
  /** Bytes of memory that it holds. */
  readonly bytes: number;
  close(): void;
}

/** Documents, one after another without a gap. T tokens in all; the lists of tokens may be longer. */
export interface PackedTokens {
  /** [T] */
  readonly tokens: Int32Array;
  /** [T], the token that follows each. */
  readonly targets: Int32Array;
  /** [T], the place of each in its document. */
  readonly positions: Int32Array;
  /** [D + 1], the row where each document begins; T at the end. */
  readonly documents: Int32Array;
}

export interface RunOptions {
  readonly firstRow: number;
  /** Every token's part in the loss whose gradient is computed: 1 / the tokens of all batches of the step. */
  readonly lossScale: number;
  /** Whether gradients are added to those that are there. */
  readonly accumulate: boolean;
}

export interface ProgramOutput {
  readonly data: Float64Array | Float32Array;
  readonly stride: number;
  /** The sum of the squares of all gradients; 0 but for training. */
  readonly gradientSquares: number;
}
