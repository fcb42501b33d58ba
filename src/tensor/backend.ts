/**
 * The interface to a device that runs programs. `backend/reference.ts` is the specification, in plain loops and f64;
 * `backend/wasm/` is fast on CPUs, `backend/webgpu/` on GPUs.
 *
 * A session owns the memory. Except for `step`, calls must not overlap: start the next one when the promise of the
 * previous one has resolved. `TensorEngine` ensures that.
 */
import type { EngineKind, StepResult, Update } from "../training/engine.ts";
import type { StepShare } from "../training/ranks.ts";
import type { Buffer } from "./instructions.ts";
import type { Alignment, Layout } from "./layout.ts";
import type { Program } from "./program.ts";

/** A device on which sessions can be opened. */
export interface Backend extends Alignment {
  /** Which one it is. */
  readonly kind: Exclude<EngineKind, "atomic">;
  /** Name for display, such as `wasm, 2 threads`. */
  readonly name: string;
  /**
   * Compiles the programs, and allocates memory for the weights, all 0, and for the largest program. Throws RangeError
   * if the memory exceeds what the device offers.
   */
  open(layout: Layout, programs: readonly Program[]): Promise<Session>;
}

/** Compiled programs and their memory on a device. */
export interface Session {
  /** What is known once it is open, for display: `native, gcc 12.2.0, 512 bits`. Absent: the backend's name. */
  readonly name?: string;
  /**
   * Runs the phases of a program that the session was opened with. Rows before `options.firstRow` must have been
   * computed by earlier runs (generating only). Resolves to the rows of the program's result from `firstRow` on, as a
   * view that the next run overwrites.
   */
  run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput>;
  /**
   * A training step: all passes, then the update, unless the loss or a gradient is not finite. At most `maxInFlight`
   * further calls may start before the oldest has resolved; they run in the order of the calls.
   * @param passes read lazily: taking the next one overwrites the packed tokens of the previous one.
   * @param tokens number of tokens of the whole step.
   * @param share null: the passes are the whole step. Else they are a share of it, which may be empty, and before the update
   *   gradients and losses are summed over all ranks. WebGPU computes whole steps only.
   */
  step(
    program: Program,
    passes: Iterable<PackedTokens>,
    tokens: number,
    update: Update,
    share: StepShare | null,
  ): Promise<StepResult>;
  /** A copy of the first `rows` rows of a buffer, [rows, columns] without padding. Default: all rows of a weight. */
  read(buffer: Buffer, rows?: number): Promise<Float64Array | Float32Array>;
  /** Overwrites a buffer with numbers [rows, columns] without padding. */
  write(buffer: Buffer, data: ArrayLike<number>): Promise<void>;
  /** Updates derived copies of the weights. Call it after writing weights, before the next run. */
  weightsChanged(): Promise<void>;
  /** How many further steps may start before the oldest has resolved. Absent: 0. */
  readonly maxInFlight?: number;
  /** Bytes of device memory that the session holds. */
  readonly bytes: number;
  /** Frees memory and threads; no call may follow. */
  close(): void;
}

/** T tokens of documents, end to end without padding (drawn in `packing.ts`). The arrays of tokens may be longer. */
export interface PackedTokens {
  /** [T], token ids. */
  readonly tokens: Int32Array;
  /** [T], the token after each: what the loss is computed for. */
  readonly targets: Int32Array;
  /** [T], the position of each in its document. */
  readonly positions: Int32Array;
  /** [D + 1], the first row of each document, then T. */
  readonly documents: Int32Array;
}

/** Parameters of one run. */
export interface RunOptions {
  /** The first row to compute; 0 except for generating. */
  readonly firstRow: number;
  /** Weight of each token in the differentiated loss: 1 / tokens of all passes of the step. */
  readonly lossScale: number;
  /** Whether gradients are added to those of earlier passes instead of replacing them. */
  readonly accumulate: boolean;
  /** `dropoutSeedAt` of the step; training with dropout only. */
  readonly dropoutSeed: number;
  /** Number of the step's tokens in earlier passes; training with dropout only. */
  readonly firstToken: number;
  /** Called by backends on a CPU when all workers have finished a phase. */
  readonly afterPhase?: ((phase: number) => void) | undefined;
}

/** The options of a run that trains nothing; `firstRow` as in `RunOptions`. */
export const forwardFrom = (firstRow: number): RunOptions => ({
  firstRow,
  lossScale: 0,
  accumulate: false,
  dropoutSeed: 0,
  firstToken: 0,
});

/** The result of a run. */
export interface ProgramOutput {
  /** Rows from `firstRow` on, `stride` numbers apart. */
  readonly data: Float64Array | Float32Array;
  /** Numbers from the start of one row to the next. */
  readonly stride: number;
}
