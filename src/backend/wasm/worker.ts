/**
 * One worker: compiles programs into steps and runs its share of them. How threads are started and given commands is in
 * `threads.ts`; a session on one thread is a single worker.
 *
 * All workers run the same sections in the same order, with a barrier after each. Work is divided by the section's axis:
 *
 *   documents   chunks of rows, taken from a shared counter     [ chunk 0 ][ chunk 1 ][ chunk 2 ][ chunk 3 ] …
 *               by whichever worker is free                       worker 1   worker 0   worker 1   worker 2
 *   weights     fixed rows of every weight per worker           [   worker 0   ][   worker 1   ][   worker 2   ]
 *
 * Chunks and units of rows do not depend on the number of workers, and each number is computed by one of them: results
 * are the same bits for any number of workers and any order in which they take chunks.
 */
import { forwardFrom } from "../../tensor/backend.ts";
import type { RunOptions } from "../../tensor/backend.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import type { Program, Section } from "../../tensor/program.ts";
import { WasmCompiler } from "./compiler.ts";
import type { Chunk, ProgramRun, Share, Step } from "./compiler.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { compileStep } from "./steps.ts";
import { fusedMultiplyAdd, strictMultiplyAdd } from "./vector.ts";

/**
 * Rows of a chunk. A chunk passes through all instructions of a section before the next chunk starts, so that its
 * activations stay in the second-level cache.
 */
const CHUNK_ROWS = { min: 32, max: 256 };
/** Number of chunks of a pass, if that leaves them at least the minimum of rows. It keeps as many workers busy. */
const CHUNKS = 8;
/** Rows of a chunk of a window. */
const WINDOW_CHUNK_ROWS = 64;
/** Bytes of a page of WebAssembly memory. */
export const PAGE = 65_536;

interface CompiledSection {
  readonly axis: Section["axis"];
  readonly steps: readonly Step[];
}

interface CompiledPhase {
  readonly windowed: boolean;
  readonly sections: readonly CompiledSection[];
}

/** Synchronizes workers within and after a section. */
export interface Barrier {
  /** Takes the next chunk of the section that no worker has taken: 0, 1, 2, … */
  nextChunk(): number;
  /** Blocks until all workers have called it, then restarts `nextChunk` at 0. */
  wait(): void;
}

/** The barrier of a single worker; it never blocks. */
export function newSingleBarrier(): Barrier {
  let next = 0;
  return { nextChunk: () => next++, wait: () => void (next = 0) };
}

/** How a worker differs from others, and how it computes. */
export interface WorkerOptions {
  /** Which of the workers it is. */
  readonly share: Share;
  /** The barrier of all workers of the session. */
  readonly barrier: Barrier;
  /** Whether multiply-add is rounded twice: the same bits on every machine. */
  readonly strict: boolean;
  /** The module that another worker of the same session has compiled; null: compile it. */
  readonly module: WebAssembly.Module | null;
}

function memoryLimits({ buffer }: WebAssembly.Memory): { pages: number; maxPages: number; shared: boolean } {
  const pages = buffer.byteLength / PAGE;
  return { pages, maxPages: pages, shared: !(buffer instanceof ArrayBuffer) };
}

/** One worker of a session. It blocks while it runs: in `Barrier.wait`, or computing. */
export class WasmWorker {
  /** The compiled kernels, for the other workers. */
  readonly module: WebAssembly.Module;
  readonly #share: Share;
  readonly #barrier: Barrier;
  readonly #phases: ReadonlyMap<Program, readonly CompiledPhase[]>;
  readonly #updates: ReadonlyMap<Program, readonly Step[]>;
  readonly #packs: readonly (() => void)[];
  readonly #squares: readonly (() => void)[];
  readonly #positions: Int32Array;

  /** Compiles all programs. `memory` is the session's, laid out by `map`. */
  constructor(
    layout: Layout,
    programs: readonly Program[],
    map: WasmMemoryMap,
    memory: WebAssembly.Memory,
    { share, barrier, strict, module }: WorkerOptions,
  ) {
    this.#share = share;
    this.#barrier = barrier;
    this.#positions = new Int32Array(memory.buffer, map.positions);
    const compiler = new WasmCompiler(layout, map, share, strict ? strictMultiplyAdd : fusedMultiplyAdd);
    const compile = (section: Section, slots: Slots): readonly Step[] =>
      section.instructions.map((instruction) => compileStep(instruction, slots, compiler));
    this.#phases = new Map(
      programs.map((program) => [
        program,
        program.phases.map(({ windowed, sections }) => ({
          windowed,
          sections: sections.map((section) => ({ axis: section.axis, steps: compile(section, program.slots) })),
        })),
      ]),
    );
    this.#updates = new Map(programs.map((program) => [program, compile(program.update, program.slots)]));
    const weights = [...layout.weights.values()];
    this.#packs = weights.map((weight) => compiler.pack(weight));
    const isTrained = programs.some(({ kind }) => kind === "training");
    this.#squares = isTrained ? weights.map((weight) => compiler.squares(weight)) : [];
    this.module = module ?? new WebAssembly.Module(compiler.module.build(memoryLimits(memory)));
    const { exports } = new WebAssembly.Instance(this.module, { env: { memory } });
    compiler.link(exports);
  }

  /** This worker's share of a run. Ends with a barrier: all workers have finished then. */
  run(program: Program, documents: Int32Array, options: RunOptions): void {
    const tokens = documents[documents.length - 1];
    const run: ProgramRun = { documents, positions: this.#positions, options, window: 0 };
    for (const [phase, { windowed, sections }] of this.#phases.get(program)!.entries()) {
      const step = windowed ? program.windowRows : Math.max(tokens, 1);
      for (let from = options.firstRow; from < tokens; from += step) {
        run.window = from;
        const to = Math.min(tokens, from + step);
        for (const section of sections) {
          this.#section(section, run, windowed, from, to);
          this.#barrier.wait();
        }
      }
      options.afterPhase?.(phase);
    }
    // Without any row there was no barrier yet, but the next command must wait until all workers have read this one.
    if (tokens <= options.firstRow) this.#barrier.wait();
  }

  /** Sums the squares of this worker's rows of every gradient. Ends with a barrier. */
  square(): void {
    for (const squares of this.#squares) squares();
    this.#barrier.wait();
  }

  #section({ axis, steps }: CompiledSection, run: ProgramRun, windowed: boolean, from: number, to: number): void {
    if (axis === "weights") {
      for (const step of steps) step(run, { from, to, first: 0, last: run.documents.length - 1 });
      return;
    }
    if (!windowed && run.documents.length === 2) {
      // A single document, as in generating: there is nothing to share, so skip the chunks; microseconds count here.
      const chunk = { from, to, first: 0, last: 1 };
      if (this.#share.index === 0) for (const step of steps) step(run, chunk);
      return;
    }
    const chunks = windowed ? windowChunks(from, to) : documentChunks(run.documents, from);
    for (let next = this.#barrier.nextChunk(); next < chunks.length; next = this.#barrier.nextChunk()) {
      for (const step of steps) step(run, chunks[next]);
    }
  }

  /** Adam's step, and packing, for this worker's rows of every weight. Ends with a barrier. */
  update(program: Program): void {
    const run = { documents: new Int32Array(1), positions: this.#positions, options: forwardFrom(0), window: 0 };
    for (const step of this.#updates.get(program)!) step(run, { from: 0, to: 0, first: 0, last: 0 });
    this.#barrier.wait();
  }

  /** Packs this worker's rows of every weight for the forward products. Ends with a barrier. */
  pack(): void {
    for (const pack of this.#packs) pack();
    this.#barrier.wait();
  }
}

/** Rows [from, to) of a window in chunks of equal size; the last may be smaller. */
function windowChunks(from: number, to: number): Chunk[] {
  const chunks: Chunk[] = [];
  for (let first = from; first < to; first += WINDOW_CHUNK_ROWS) {
    chunks.push({ from: first, to: Math.min(to, first + WINDOW_CHUNK_ROWS), first: 0, last: 0 });
  }
  return chunks;
}

/** Whole documents in chunks of about the same number of rows; rows before `firstRow` are skipped. */
function documentChunks(documents: Int32Array, firstRow: number): Chunk[] {
  const tokens = documents[documents.length - 1];
  const rows = Math.max(CHUNK_ROWS.min, Math.min(CHUNK_ROWS.max, tokens / CHUNKS));
  const count = Math.max(1, Math.round(tokens / rows));
  const chunks: Chunk[] = [];
  for (let first = 0, last = 0; first + 1 < documents.length; first = last) {
    const end = Math.round((tokens * (chunks.length + 1)) / count);
    do last++;
    while (last + 1 < documents.length && documents[last + 1] <= end);
    chunks.push({ from: Math.max(documents[first], firstRow), to: documents[last], first, last });
  }
  return chunks;
}
