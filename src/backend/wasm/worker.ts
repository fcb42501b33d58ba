/**
 * A worker's part of programs in WebAssembly: the steps it takes, over a memory that it may share with others.
 *
 * Every worker runs the same programs in the same order and takes part in each section: of documents, a chunk whenever
 * it is free; of a weight, its share of the rows. After a section all meet. No number depends on how many they are, nor
 * on who has computed what.
 */
import type { RunOptions } from "../../tensor/backend.ts";
import type { Layout, Places } from "../../tensor/layout.ts";
import type { Program, Section } from "../../tensor/program.ts";
import { Compiler } from "./compiler.ts";
import type { Multiply, Part, Run, Share, Step } from "./compiler.ts";
import type { MemoryMap } from "./memory.ts";
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
export interface Team {
  /** The next part of the section that nobody has taken: 0, 1, 2, … */
  claim(): number;
  /** Waits until all workers have come as far; then parts count from 0 again. */
  meet(): void;
}

/** One worker alone. */
export function newTeamOfOne(): Team {
  let next = 0;
  return { claim: () => next++, meet: () => void (next = 0) };
}

export interface WorkerOptions {
  readonly share: Share;
  readonly team: Team;
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
  readonly #team: Team;
  readonly #phases: ReadonlyMap<Program, readonly CompiledPhase[]>;
  readonly #updates: ReadonlyMap<Program, readonly Step[]>;
  readonly #packs: readonly (() => void)[];
  readonly #squares: readonly (() => void)[];

  constructor(
    layout: Layout,
    programs: readonly Program[],
    map: MemoryMap,
    memory: WebAssembly.Memory,
    { share, team, strict, multiply, module }: WorkerOptions,
  ) {
    this.#share = share;
    this.#team = team;
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
          this.#team.meet();
        }
      }
    }
    // The next order must not come before all have seen this one, also where it was nothing to do.
    if (tokens <= options.firstRow) this.#team.meet();
    if (program.kind !== "training") return;
    for (const squares of this.#squares) squares();
    this.#team.meet();
  }

  #section({ axis, steps }: CompiledSection, run: Run, windowed: boolean, from: number, to: number): void {
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
    const parts = windowed ? windowParts(from, to) : documentParts(run.documents, from);
    for (let next = this.#team.claim(); next < parts.length; next = this.#team.claim()) {
      for (const step of steps) step(run, parts[next]);
    }
  }

  update(program: Program): void {
    const run = { documents: new Int32Array(1), options: NO_OPTIONS, window: 0 };
    for (const step of this.#updates.get(program)!) step(run, { from: 0, to: 0, first: 0, last: 0 });
    this.#team.meet();
  }

  pack(): void {
    for (const pack of this.#packs) pack();
    this.#team.meet();
  }
}

const NO_OPTIONS: RunOptions = { firstRow: 0, lossScale: 0, accumulate: false };

/** The rows of a window, in parts. */
function windowParts(from: number, to: number): Part[] {
  const parts: Part[] = [];
  for (let first = from; first < to; first += WINDOW_ROWS) {
    parts.push({ from: first, to: Math.min(to, first + WINDOW_ROWS), first: 0, last: 0 });
  }
  return parts;
}

/** The documents in chunks of about the same number of rows. */
function documentParts(documents: Int32Array, firstRow: number): Part[] {
  const tokens = documents[documents.length - 1];
  const rows = Math.max(CHUNK_ROWS.least, Math.min(CHUNK_ROWS.most, tokens / CHUNKS));
  const count = Math.max(1, Math.round(tokens / rows));
  const parts: Part[] = [];
  for (let first = 0, last = 0; first + 1 < documents.length; first = last) {
    const end = Math.round((tokens * (parts.length + 1)) / count);
    do last++;
    while (last + 1 < documents.length && documents[last + 1] <= end);
    parts.push({ from: Math.max(documents[first], firstRow), to: documents[last], first, last });
  }
  return parts;
}
