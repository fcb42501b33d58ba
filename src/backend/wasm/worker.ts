/**
 * A worker's part of programs in WebAssembly: the steps it takes, over a memory that it may share with others.
 *
 * Every worker runs the same programs in the same order and takes part in each section: of documents, a chunk whenever
 * it is free; of a weight, its share of the rows. After a section all meet. No number depends on how many they are, nor
 * on who has computed what.
 */
import type { RunOptions } from "../../tensor/backend.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import type { Program, Section } from "../../tensor/program.ts";
import { WasmCompiler } from "./compiler.ts";
import type { Multiply, Chunk, ProgramRun, Share, Step } from "./compiler.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { compileStep } from "./steps.ts";
import { fusedMultiplyAdd, strictMultiplyAdd } from "./vector.ts";

/**
 * Rows that go through all of a section before the next do, so that their activations stay in the second cache. A chunk
 * is whole documents, and the work of one worker; chunks do not depend on how many workers there are.
 */
const CHUNK_ROWS = { least: 32, most: 256 };
/** Chunks of a batch, if they are large enough: so many workers have something to do. */
const CHUNKS = 8;
/** Rows of a window that are a worker's part. */
const WINDOW_ROWS = 64;
/** Bytes of a page of WebAssembly's memory. */
export const PAGE = 65_536;

interface CompiledSection {
  readonly axis: Section["axis"];
  readonly steps: readonly Step[];
}

interface CompiledPhase {
  readonly windowed: boolean;
  readonly sections: readonly CompiledSection[];
}

/** How workers share a section. */
export interface Barrier {
  /** The next part of the section that nobody has taken: 0, 1, 2, … */
  nextChunk(): number;
  /** Waits until all workers have come as far; then parts count from 0 again. */
  wait(): void;
}

/** One worker alone. */
export function newSingleBarrier(): Barrier {
  let next = 0;
  return { nextChunk: () => next++, wait: () => void (next = 0) };
}

export interface WorkerOptions {
  readonly share: Share;
  readonly barrier: Barrier;
  /** Whether multiply-add is rounded twice. */
  readonly strict: boolean;
  /** What does products, where it is not our kernels. */
  readonly multiply: Multiply | null;
  /** Kernels that another worker of the same programs has assembled. */
  readonly module: WebAssembly.Module | null;
}

function memoryLimits({ buffer }: WebAssembly.Memory): { pages: number; maxPages: number; shared: boolean } {
  const pages = buffer.byteLength / PAGE;
  return { pages, maxPages: pages, shared: !(buffer instanceof ArrayBuffer) };
}

/** One worker's part of programs over a memory. Everybody runs the same; `Share` says which rows are whose. */
export class WasmWorker {
  readonly module: WebAssembly.Module;
  readonly #share: Share;
  readonly #barrier: Barrier;
  readonly #phases: ReadonlyMap<Program, readonly CompiledPhase[]>;
  readonly #updates: ReadonlyMap<Program, readonly Step[]>;
  readonly #packs: readonly (() => void)[];
  readonly #squares: readonly (() => void)[];

  constructor(
    layout: Layout,
    programs: readonly Program[],
    map: WasmMemoryMap,
    memory: WebAssembly.Memory,
    { share, barrier, strict, multiply, module }: WorkerOptions,
  ) {
    this.#share = share;
    this.#barrier = barrier;
    const compiler = new WasmCompiler(layout, map, share, strict ? strictMultiplyAdd : fusedMultiplyAdd, multiply);
    const compile = (section: Section, places: Slots): readonly Step[] =>
      section.instructions.map((instruction) => compileStep(instruction, places, compiler));
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

  /** Our part of a run; at its end all have met. */
  run(program: Program, documents: Int32Array, options: RunOptions): void {
    const tokens = documents[documents.length - 1];
    const run: ProgramRun = { documents, options, window: 0 };
    for (const { windowed, sections } of this.#phases.get(program)!) {
      const step = windowed ? program.windowRows : Math.max(tokens, 1);
      for (let from = options.firstRow; from < tokens; from += step) {
        run.window = from;
        const to = Math.min(tokens, from + step);
        for (const section of sections) {
          this.#section(section, run, windowed, from, to);
          this.#barrier.wait();
        }
      }
    }
    // The next order must not come before all have seen this one, also where it was nothing to do.
    if (tokens <= options.firstRow) this.#barrier.wait();
    if (program.kind !== "training") return;
    for (const squares of this.#squares) squares();
    this.#barrier.wait();
  }

  #section({ axis, steps }: CompiledSection, run: ProgramRun, windowed: boolean, from: number, to: number): void {
    if (axis === "weights") {
      for (const step of steps) step(run, { from, to, first: 0, last: run.documents.length - 1 });
      return;
    }
    if (!windowed && run.documents.length === 2) {
      // One document, as when a text is written: nothing to share, and every microsecond counts.
      const part = { from, to, first: 0, last: 1 };
      if (this.#share.index === 0) for (const step of steps) step(run, part);
      return;
    }
    const parts = windowed ? windowChunks(from, to) : documentChunks(run.documents, from);
    for (let next = this.#barrier.nextChunk(); next < parts.length; next = this.#barrier.nextChunk()) {
      for (const step of steps) step(run, parts[next]);
    }
  }

  update(program: Program): void {
    const run = { documents: new Int32Array(1), options: NO_OPTIONS, window: 0 };
    for (const step of this.#updates.get(program)!) step(run, { from: 0, to: 0, first: 0, last: 0 });
    this.#barrier.wait();
  }

  pack(): void {
    for (const pack of this.#packs) pack();
    this.#barrier.wait();
  }
}

const NO_OPTIONS: RunOptions = { firstRow: 0, lossScale: 0, accumulate: false };

/** The rows of a window, in parts. */
function windowChunks(from: number, to: number): Chunk[] {
  const parts: Chunk[] = [];
  for (let first = from; first < to; first += WINDOW_ROWS) {
    parts.push({ from: first, to: Math.min(to, first + WINDOW_ROWS), first: 0, last: 0 });
  }
  return parts;
}

/** The documents in chunks of about the same number of rows. */
function documentChunks(documents: Int32Array, firstRow: number): Chunk[] {
  const tokens = documents[documents.length - 1];
  const rows = Math.max(CHUNK_ROWS.least, Math.min(CHUNK_ROWS.most, tokens / CHUNKS));
  const count = Math.max(1, Math.round(tokens / rows));
  const parts: Chunk[] = [];
  for (let first = 0, last = 0; first + 1 < documents.length; first = last) {
    const end = Math.round((tokens * (parts.length + 1)) / count);
    do last++;
    while (last + 1 < documents.length && documents[last + 1] <= end);
    parts.push({ from: Math.max(documents[first], firstRow), to: documents[last], first, last });
  }
  return parts;
}
