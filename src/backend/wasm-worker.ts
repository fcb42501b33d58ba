/**
 * A worker's part of programs in WebAssembly: the steps it takes, over a memory that it may share with others.
 *
 * Every worker runs the same programs in the same order and takes its share of the rows of each section: whole
 * documents, or whole rows of a weight. After a section all meet. No number depends on how many they are.
 */
import type { RunOptions } from "../backend.ts";
import type { Layout, Places, Program, Section } from "../program.ts";
import { Compiler } from "./wasm-compiler.ts";
import type { Multiply, Share } from "./wasm-compiler.ts";
import type { MemoryMap } from "./wasm-memory.ts";
import { compileStep } from "./wasm-steps.ts";
import type { Part, Run, Step } from "./wasm-steps.ts";
import { fusedMultiplyAdd, strictMultiplyAdd } from "./wasm-vector.ts";

/**
 * Rows that go through all of a section before the next do, so that their activations stay in the second cache. A chunk
 * is whole documents, and the work of one worker; chunks do not depend on how many workers there are.
 */
const CHUNK_ROWS = { least: 64, most: 256 };
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

/** Waits until all workers have come as far. */
export type Meeting = () => void;

export interface WorkerOptions {
  readonly share: Share;
  readonly meet: Meeting;
  /** Whether multiply-add is rounded twice. */
  readonly strict: boolean;
  /** What does large products, where it is not our kernels. */
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
  readonly #meet: Meeting;
  readonly #phases: ReadonlyMap<Program, readonly CompiledPhase[]>;
  readonly #updates: ReadonlyMap<Program, readonly Step[]>;
  readonly #packs: readonly (() => void)[];
  readonly #squares: readonly (() => void)[];

  constructor(
    layout: Layout,
    programs: readonly Program[],
    map: MemoryMap,
    memory: WebAssembly.Memory,
    { share, meet, strict, multiply, module }: WorkerOptions,
  ) {
    this.#share = share;
    this.#meet = meet;
    const compiler = new Compiler(layout, map, share, strict ? strictMultiplyAdd : fusedMultiplyAdd, multiply);
    const compile = (section: Section, places: Places): readonly Step[] =>
      section.instructions.map((instruction) => compileStep(instruction, places, compiler));
    this.#phases = new Map(
      programs.map((program) => [
        program,
        program.phases.map(({ windowed, sections }) => ({
          windowed,
          sections: sections.map((section) => ({ axis: section.axis, steps: compile(section, program.places) })),
        })),
      ]),
    );
    this.#updates = new Map(programs.map((program) => [program, compile(program.update, program.places)]));
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
    const run: Run = { documents, options, window: 0 };
    for (const { windowed, sections } of this.#phases.get(program)!) {
      const step = windowed ? program.windowRows : Math.max(tokens, 1);
      for (let from = options.firstRow; from < tokens; from += step) {
        run.window = from;
        const to = Math.min(tokens, from + step);
        for (const section of sections) {
          this.#section(section, run, windowed, from, to);
          this.#meet();
        }
      }
    }
    if (program.kind !== "training") return;
    for (const squares of this.#squares) squares();
    this.#meet();
  }

  #section({ axis, steps }: CompiledSection, run: Run, windowed: boolean, from: number, to: number): void {
    if (axis === "weights") {
      for (const step of steps) step(run, { from, to, first: 0, last: run.documents.length - 1 });
      return;
    }
    for (const part of windowed ? this.#rowParts(from, to) : this.#documentParts(run, from)) {
      for (const step of steps) step(run, part);
    }
  }

  /** Our rows of a window. */
  #rowParts(from: number, to: number): Part[] {
    const parts: Part[] = [];
    for (let first = from; first < to; first += WINDOW_ROWS) {
      parts.push({ from: first, to: Math.min(to, first + WINDOW_ROWS), first: 0, last: 0 });
    }
    return this.#ours(parts);
  }

  /** Our documents, in chunks. */
  #documentParts({ documents }: Run, firstRow: number): Part[] {
    const tokens = documents[documents.length - 1];
    if (documents.length === 2) {
      // One document, as when a text is written: nothing to cut, and every microsecond counts.
      return this.#share.index === 0 ? [{ from: firstRow, to: tokens, first: 0, last: 1 }] : [];
    }
    const rows = Math.max(CHUNK_ROWS.least, Math.min(CHUNK_ROWS.most, Math.ceil(tokens / CHUNKS)));
    const parts: Part[] = [];
    for (let first = 0, last = 0; first + 1 < documents.length; first = last) {
      do last++;
      while (last + 1 < documents.length && documents[last + 1] - documents[first] <= rows);
      parts.push({ from: Math.max(documents[first], firstRow), to: documents[last], first, last });
    }
    return this.#ours(parts);
  }

  #ours(parts: Part[]): Part[] {
    const { index, count } = this.#share;
    const bound = (i: number): number => Math.floor((parts.length * i) / count);
    return parts.slice(bound(index), bound(index + 1));
  }

  update(program: Program): void {
    const run = { documents: new Int32Array(1), options: NO_OPTIONS, window: 0 };
    for (const step of this.#updates.get(program)!) step(run, { from: 0, to: 0, first: 0, last: 0 });
    this.#meet();
  }

  pack(): void {
    for (const pack of this.#packs) pack();
    this.#meet();
  }
}

const NO_OPTIONS: RunOptions = { firstRow: 0, lossScale: 0, accumulate: false };
