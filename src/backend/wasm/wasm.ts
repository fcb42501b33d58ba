/**
 * The backend that is fast on a CPU: programs in WebAssembly, kernels assembled for their shapes, SIMD, one memory.
 * This file is the session on one thread; `wasm-threads.ts` is the one on several.
 */
import type { AdamNumbers } from "../../training/adam.ts";
import type { Backend, PackedTokens, ProgramOutput, RunOptions, Session } from "../../tensor/backend.ts";
import type { StepResult, Update } from "../../training/engine.ts";
import type { Buffer } from "../../tensor/instructions.ts";
import type { Alignment, Layout, Slots } from "../../tensor/layout.ts";
import { stepInPasses } from "../../tensor/stepping.ts";
import type { UpdatableSession } from "../../tensor/stepping.ts";
import type { Program } from "../../tensor/program.ts";
import { hasRelaxedSimd } from "./assembler.ts";
import type { Multiply } from "./compiler.ts";
import { ALIGN, mapMemory } from "./memory.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { adamList } from "./weights.ts";
import { startWorkers } from "./threads.ts";
import type { WorkerPool, StartThread } from "./threads.ts";
import { F32 } from "./vector.ts";
import { PAGE } from "./worker.ts";

class WasmSession implements Session, UpdatableSession {
  readonly bytes: number;
  readonly #layout: Layout;
  readonly #slots: Slots;
  readonly #programs: readonly Program[];
  readonly #map: WasmMemoryMap;
  readonly #numbers: Float32Array;
  readonly #integers: Int32Array;
  readonly #pool: WorkerPool;

  constructor(
    layout: Layout,
    programs: readonly Program[],
    map: WasmMemoryMap,
    memory: WebAssembly.Memory,
    pool: WorkerPool,
  ) {
    this.#layout = layout;
    this.#slots = new Map([layout, ...programs].flatMap(({ slots }) => [...slots]));
    this.#programs = programs;
    this.#map = map;
    this.bytes = memory.buffer.byteLength;
    this.#numbers = new Float32Array(memory.buffer);
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
    const { first, stride } = this.#place(program.result.buffer);
    const data = this.#numbers.subarray(first + options.firstRow * stride, first + rows * stride);
    return { data, stride, gradientSquares: program.kind === "training" ? this.#sumSquares() : 0 };
  }

  step(program: Program, passes: Iterable<PackedTokens>, tokens: number, update: Update): Promise<StepResult> {
    return stepInPasses(this, program, passes, tokens, update);
  }

  /** In f64 and in order, whoever has computed them. */
  #sumSquares(): number {
    const start = Math.min(...this.#map.squares.values()) / F32;
    return this.#numbers.subarray(start, start + this.#map.squaresCount).reduce((sum, square) => sum + square, 0);
  }

  async update(program: Program, adam: AdamNumbers): Promise<void> {
    this.#numbers.set(adamList(adam), this.#map.adam / F32);
    this.#pool.update(this.#programs.indexOf(program));
  }

  async read(buffer: Buffer, rows: number = Number(buffer.rows)): Promise<Float32Array> {
    const { first, stride } = this.#place(buffer);
    const copy = new Float32Array(rows * buffer.columns);
    for (let r = 0; r < rows; r++) {
      const start = first + r * stride;
      copy.set(this.#numbers.subarray(start, start + buffer.columns), r * buffer.columns);
    }
    return copy;
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    const { first, stride } = this.#place(buffer);
    for (let i = 0; i < data.length; i++) {
      this.#numbers[first + Math.floor(i / buffer.columns) * stride + (i % buffer.columns)] = data[i];
    }
  }

  /** Of `#numbers`. */
  #place(buffer: Buffer): { readonly first: number; readonly stride: number } {
    const { start, stride } = this.#slots.get(buffer)!;
    const { numbers, activations } = this.#map;
    const behind = start - this.#layout.size;
    return { first: behind < 0 ? numbers / F32 + start : activations / F32 + behind, stride };
  }

  async weightsChanged(): Promise<void> {
    this.#pool.pack();
  }

  close(): void {
    this.#pool.close();
  }
}

/** Bytes that a session takes, by what they are for. */
export interface WasmMemory {
  readonly parameters: number;
  readonly gradients: number;
  readonly optimizer: number;
  /** The weights again, in the order in which the products read them. */
  readonly packed: number;
  /** What is in memory between forward and backward, at the largest batch. */
  readonly activations: number;
  /** Of all threads. */
  readonly scratch: number;
  readonly total: number;
}

/** The memory of a session, without making it. */
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

export interface WasmOptions {
  /** Multiply, then add, rounded each time: the same bits on every machine, slower by a third. */
  readonly strictMath: boolean;
  /** Workers, the calling thread included. More than one needs `startThread`, and shared memory. */
  readonly threads: number;
  /** Starts a thread; null: there is only the calling one. */
  readonly startThread: StartThread | null;
  /**
   * A library for products; default, and with `strictMath`: none. With threads, which look for theirs themselves, it must
   * be what they find: in Node `findBlas()`'s.
   */
  readonly blas?: Blas | null;
}

/** A system's BLAS (`node/blas.ts`). */
export interface Blas {
  readonly name: string;
  on(memory: WebAssembly.Memory): Multiply;
}

/** Whole panels; heads of whole vectors. */
export const WASM_ALIGNMENT: Alignment = { align: ALIGN, headAlign: 4 };

/** Throws RangeError, when opened, for memory that can't be had. */
export function wasmBackend({ strictMath, threads, startThread, blas: found = null }: WasmOptions): Backend {
  const strict = strictMath || !hasRelaxedSimd();
  const blas = strictMath ? null : found;
  const count = startThread === null ? 1 : threads;
  return {
    name: `wasm${count === 1 ? "" : `, ${count} threads`}${blas === null ? "" : `, ${blas.name}`}`,
    ...WASM_ALIGNMENT,
    async open(layout, programs) {
      const map = mapMemory(layout, programs, count);
      const pages = Math.ceil(map.bytes / PAGE);
      const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: count > 1 });
      const multiply = blas?.on(memory) ?? null;
      const task = { layout, programs, map, memory, strict, count, usesMultiply: multiply !== null };
      const pool = await startWorkers(task, startThread, multiply);
      return new WasmSession(layout, programs, map, memory, pool);
    },
  };
}
