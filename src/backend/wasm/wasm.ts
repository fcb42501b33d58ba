/**
 * The fast backend on a CPU: WebAssembly kernels with SIMD, generated for the exact shapes of the programs, in f32. This
 * file copies data in and out of the memory; the work is done by the workers of `threads.ts`, of which there may be one.
 */
import type { AdamNumbers } from "../../training/adam.ts";
import type { Backend, PackedTokens, ProgramOutput, RunOptions, Session } from "../../tensor/backend.ts";
import type { StepResult } from "../../training/engine.ts";
import type { Buffer } from "../../tensor/instructions.ts";
import type { Alignment, Layout } from "../../tensor/layout.ts";
import { SessionNumbers } from "../session-numbers.ts";
import { stepInPasses } from "../../tensor/stepping.ts";
import type { UpdatableSession } from "../../tensor/stepping.ts";
import type { Program } from "../../tensor/program.ts";
import { hasRelaxedSimd } from "./assembler.ts";
import { ALIGN, mapMemory } from "./memory.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { adamList } from "./weights.ts";
import { startWorkers } from "./threads.ts";
import type { WorkerPool, StartThread } from "./threads.ts";
import { F32 } from "./vector.ts";
import { PAGE } from "./worker.ts";

class WasmSession implements Session, UpdatableSession {
  readonly bytes: number;
  readonly #programs: readonly Program[];
  readonly #map: WasmMemoryMap;
  readonly #numbers: Float32Array;
  readonly #buffers: SessionNumbers;
  readonly #integers: Int32Array;
  readonly #pool: WorkerPool;

  constructor(
    layout: Layout,
    programs: readonly Program[],
    map: WasmMemoryMap,
    memory: WebAssembly.Memory,
    pool: WorkerPool,
  ) {
    this.#programs = programs;
    this.#map = map;
    this.bytes = memory.buffer.byteLength;
    this.#numbers = new Float32Array(memory.buffer);
    const ranges = { numbers: map.numbers / F32, activations: map.activations / F32 };
    this.#buffers = new SessionNumbers(this.#numbers, layout, programs, ranges);
    this.#integers = new Int32Array(memory.buffer);
    this.#pool = pool;
  }

  async run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput> {
    const { tokens, targets, positions, documents } = this.#map;
    this.#integers.set(batch.tokens, tokens / F32);
    this.#integers.set(batch.targets, targets / F32);
    this.#integers.set(batch.positions, positions / F32);
    this.#integers.set(batch.documents, documents / F32);
    const rows = batch.documents[batch.documents.length - 1];
    this.#pool.run(this.#programs.indexOf(program), batch.documents, options);
    return this.#buffers.result(program, options.firstRow, rows);
  }

  step(...parameters: Parameters<Session["step"]>): Promise<StepResult> {
    return stepInPasses(this, ...parameters);
  }

  get gradients(): Float32Array {
    return this.#buffers.gradients;
  }

  async sumSquares(): Promise<number> {
    this.#pool.square();
    // Summed in f64 and in order, so that the sum does not depend on the number of workers.
    const start = Math.min(...this.#map.squares.values()) / F32;
    return this.#numbers.subarray(start, start + this.#map.squaresCount).reduce((sum, square) => sum + square, 0);
  }

  async update(program: Program, adam: AdamNumbers): Promise<void> {
    this.#numbers.set(adamList(adam), this.#map.adam / F32);
    this.#pool.update(this.#programs.indexOf(program));
  }

  async read(buffer: Buffer, rows: number = Number(buffer.rows)): Promise<Float32Array> {
    return this.#buffers.read(buffer, rows);
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    this.#buffers.write(buffer, data);
  }

  async weightsChanged(): Promise<void> {
    this.#pool.pack();
  }

  close(): void {
    this.#pool.close();
  }
}

/** Memory of a session in bytes, by purpose. */
export interface WasmMemory {
  /** Weights. */
  readonly parameters: number;
  /** Gradients of the weights. */
  readonly gradients: number;
  /** Adam's means. */
  readonly optimizer: number;
  /** The packed copy of the weights, and the sums of squares. */
  readonly packed: number;
  /** Activations and their gradients, for the largest pass. */
  readonly activations: number;
  /** Scratch memory of all threads. */
  readonly scratch: number;
  /** All of it, in whole pages. */
  readonly total: number;
}

/** The memory that a session for training would take, without opening it. */
export function wasmMemory(layout: Layout, programs: readonly Program[], threads: number): WasmMemory {
  const map = mapMemory(layout, programs, threads);
  const parameters = (layout.size / 4) * F32;
  return {
    parameters,
    gradients: parameters,
    optimizer: 2 * parameters,
    packed: map.activations - map.numbers - layout.size * F32,
    activations: map.scratch - map.activations,
    scratch: map.scratchBytes * threads,
    total: Math.ceil(map.bytes / PAGE) * PAGE,
  };
}

/** Options of the backend. */
export interface WasmOptions {
  /** Rounds after each multiplication and each addition: the same bits on every machine, but a third slower. */
  readonly strictMath: boolean;
  /** Number of threads, the calling one included. More than one needs `startThread` and shared memory. */
  readonly threads: number;
  /** Starts a thread; null: only the calling thread is used. */
  readonly startThread: StartThread | null;
}

/** Rows are padded to whole panels, heads to whole vectors. */
export const WASM_ALIGNMENT: Alignment = { align: ALIGN, headAlign: 4 };

/**
 * The WebAssembly backend. `open` throws a RangeError if the memory can't be allocated, and rejects if a thread can't be
 * started.
 *
 * @example
 * const backend = wasmBackend({ strictMath: false, threads: 1, startThread: null });
 * const engine = await TensorEngine.create(backend, config, { maxTokens: 1024 });
 */
export function wasmBackend({ strictMath, threads, startThread }: WasmOptions): Backend {
  const strict = strictMath || !hasRelaxedSimd();
  const count = startThread === null ? 1 : threads;
  return {
    kind: "wasm",
    name: `wasm${count === 1 ? "" : `, ${count} threads`}`,
    ...WASM_ALIGNMENT,
    async open(layout, programs) {
      const map = mapMemory(layout, programs, count);
      const pages = Math.ceil(map.bytes / PAGE);
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: count > 1 });
      const task = { layout, programs, map, memory, strict, count };
      const pool = await startWorkers(task, startThread);
      return new WasmSession(layout, programs, map, memory, pool);
    },
  };
}
