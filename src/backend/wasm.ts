/**
 * Programs in WebAssembly: kernels assembled for the shapes of the program, SIMD, one memory.
 *
 * Memory map, from byte 0: control words and Adam's numbers; the batch (tokens, targets, positions); the layout's
 * weights, gradients and means; the weights packed for the forward products; the sums of squares; the activations;
 * scratch for each worker.
 *
 * A session is one thread's. `wasm-threads.ts` makes several of them over one shared memory.
 */
import type { Backend, Batch, Result, RunOptions, Session, UpdateOptions } from "../backend.ts";
import type { Buffer, Heads, Instruction, View, Weight } from "../kernels.ts";
import type { Layout, Places, Program, Section } from "../program.ts";
import { hasRelaxedSimd, ModuleBuilder } from "./wasm-assembler.ts";
import { addAttention, addAttentionGrad, attentionScratchBytes } from "./wasm-attention.ts";
import type { AttentionShape } from "./wasm-attention.ts";
import { addPack, addRowsByWeight, addWeightGrad, TILE_COLUMNS } from "./wasm-matmul.ts";
import {
  addAdam,
  addCrossEntropy,
  adamNumbers,
  addEmbed,
  addEmbedGrad,
  addRmsnorm,
  addRmsnormGrad,
  addSquares,
  addSum,
} from "./wasm-rows.ts";
import { F32, fusedMultiplyAdd, strictMultiplyAdd } from "./wasm-vector.ts";
import type { MultiplyAdd } from "./wasm-vector.ts";

const ALIGN = TILE_COLUMNS;
const PAGE = 65_536;
/** Rows of a weight that are one unit of work: whole panels. */
const UNIT_ROWS = TILE_COLUMNS;
/** Rows that go through all of a section before the next do, so that their activations stay in the second cache. */
const CHUNK_ROWS = 256;

type Kernel = (...numbers: number[]) => void;

/** Which part of the work is ours: worker `index` of `count`. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

/** What of a run is the same for all of its instructions. */
interface Run {
  readonly tokens: number;
  readonly documents: Int32Array;
  readonly options: RunOptions;
  /** Rows of the window at hand, where the phase is windowed. */
  window: number;
}

/** Rows [from, to) and the documents [first, last) that they are; for a windowed section the rows alone. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

type Step = (run: Run, part: Part) => void;

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Where everything lies, in bytes. The same for every worker. */
export interface MemoryMap {
  readonly adam: number;
  readonly tokens: number;
  readonly targets: number;
  readonly positions: number;
  /** Byte of the layout's number 0, and of the programs' activations. */
  readonly numbers: number;
  readonly activations: number;
  readonly packed: ReadonlyMap<Weight, number>;
  /** First entry of each weight's sums of squares, one a unit. */
  readonly squares: ReadonlyMap<Weight, number>;
  readonly squaresCount: number;
  readonly scratch: number;
  readonly scratchBytes: number;
  readonly bytes: number;
}

/** Weights that linear layers multiply with; the embedding's tables are only looked up. */
const isMultiplied = ({ name }: Weight): boolean => name !== "wte" && name !== "wpe";

export function mapMemory(layout: Layout, programs: readonly Program[], workers: number): MemoryMap {
  let end = 4096;
  const reserve = (bytes: number): number => {
    const start = end;
    end = roundUp(end + bytes, 64);
    return start;
  };
  const maxTokens = Math.max(...programs.map((program) => program.maxTokens));
  const [tokens, targets, positions] = [0, 1, 2].map(() => reserve((maxTokens + 1) * F32));
  const numbers = reserve(layout.size * F32);
  const weights = [...layout.weights.values()];
  const strideOf = (weight: Weight): number => layout.places.get(weight.data)!.stride;
  const packed = new Map(
    weights
      .filter(isMultiplied)
      .map((weight) => [weight, reserve(roundUp(weight.shape[0], UNIT_ROWS) * strideOf(weight) * F32)]),
  );
  const squaresStart = reserve(weights.reduce((sum, { shape }) => sum + Math.ceil(shape[0] / UNIT_ROWS), 0) * F32);
  let squaresCount = 0;
  const squares = new Map(
    weights.map((weight) => {
      const start = squaresStart + squaresCount * F32;
      squaresCount += Math.ceil(weight.shape[0] / UNIT_ROWS);
      return [weight, start];
    }),
  );
  const activations = reserve(Math.max(0, ...programs.map(({ size }) => size)) * F32);
  const { config, heads } = layout;
  const scratchBytes = roundUp(
    attentionScratchBytes({ ...attentionRows(), ...headShape(heads), blockSize: config.blockSize }) + 4096,
    64,
  );
  const scratch = reserve(scratchBytes * workers);
  return {
    ...{ adam: 2048, tokens, targets, positions, numbers, activations, packed, squares, squaresCount },
    ...{ scratch, scratchBytes, bytes: end + 4096 },
  };
}

const attentionRows = (): {
  qkvRow: number;
  dQkvRow: number;
  outRow: number;
  dOutRow: number;
  statisticsRow: number;
} => ({
  ...{ qkvRow: 0, dQkvRow: 0, outRow: 0, dOutRow: 0, statisticsRow: 0 },
});
const headShape = ({ count, size, stride }: Heads): { heads: number; headSize: number; headStride: number } => ({
  ...{ heads: count, headSize: size, headStride: stride },
});

/** Assembles the kernels of programs, each once, and turns instructions into steps that call them. */
class Compiler {
  readonly module = new ModuleBuilder();
  readonly #names = new Set<string>();
  /** Filled when the module is instantiated: the steps are made before that. */
  readonly kernels: Record<string, Kernel> = {};
  readonly #layout: Layout;
  readonly #map: MemoryMap;
  readonly #share: Share;
  readonly #fma: MultiplyAdd;

  constructor(layout: Layout, map: MemoryMap, share: Share, fma: MultiplyAdd) {
    this.#layout = layout;
    this.#map = map;
    this.#share = share;
    this.#fma = fma;
  }

  /** The kernel of a name that says all of its shape; `add` writes it, once. */
  #kernel(name: string, add: (name: string) => void): Kernel {
    if (!this.#names.has(name)) add(name);
    this.#names.add(name);
    return (...numbers) => this.kernels[name](...numbers);
  }

  step(instruction: Instruction, places: Places): Step {
    const strideOf = (view: View): number => places.get(view.buffer)!.stride * F32;
    /** The byte of a view's row 0, and then that of a row. */
    const base = (view: View): number =>
      this.#map.activations + (places.get(view.buffer)!.start - this.#layout.size + view.column) * F32;
    const rowOf = (view: View): ((run: Run, row: number) => number) => {
      const [start, stride] = [base(view), strideOf(view)];
      return view.buffer.rows === "window"
        ? (run, row) => start + (row - run.window) * stride
        : (_, row) => start + row * stride;
    };
    const weightByte = (buffer: Buffer): number => this.#map.numbers + this.#layout.places.get(buffer)!.start * F32;
    const weightStride = (buffer: Buffer): number => this.#layout.places.get(buffer)!.stride * F32;
    const { module } = this;
    const fma = this.#fma;
    const map = this.#map;
    switch (instruction.kernel) {
      case "embed": {
        const { to, tokenTable, positionTable } = instruction;
        const rowBytes = strideOf(to.out);
        const kernel = this.#kernel(`embed ${rowBytes}`, (name) => addEmbed(module, name, rowBytes));
        const out = rowOf(to.out);
        const [table, positions] = [weightByte(tokenTable.data), weightByte(positionTable.data)];
        return (run, { from, to: end }) =>
          kernel(out(run, from), map.tokens + from * F32, map.positions + from * F32, table, positions, end - from);
      }
      case "rmsnorm": {
        const { out, x } = { ...instruction.to, ...instruction.from };
        const shape = { columns: x.columns, outRow: strideOf(out), xRow: strideOf(x) };
        const kernel = this.#kernel(`rmsnorm ${JSON.stringify(shape)}`, (name) => addRmsnorm(module, name, shape, fma));
        const [outAt, xAt] = [rowOf(out), rowOf(x)];
        return (run, { from, to }) => kernel(outAt(run, from), xAt(run, from), to - from);
      }
      case "rmsnormGrad": {
        const { x, dOut, plus = null } = instruction.from;
        const { out } = instruction.to;
        const plusRow = plus === null ? null : strideOf(plus);
        const shape = {
          columns: x.columns,
          outRow: strideOf(out),
          xRow: strideOf(x),
          dOutRow: strideOf(dOut),
          plusRow,
        };
        const kernel = this.#kernel(`rmsnormGrad ${JSON.stringify(shape)}`, (name) =>
          addRmsnormGrad(module, name, shape, fma),
        );
        const [outAt, xAt, dOutAt, plusAt] = [out, x, dOut, plus ?? x].map(rowOf);
        return (run, { from, to }) =>
          kernel(outAt(run, from), xAt(run, from), dOutAt(run, from), plusAt(run, from), to - from);
      }
      case "linear":
      case "linearInputGrad": {
        const isForward = instruction.kernel === "linear";
        const a = isForward ? instruction.from.x : instruction.from.dOut;
        const { out } = instruction.to;
        const plus = instruction.from.plus ?? null;
        const gate = isForward ? null : (instruction.from.gate ?? null);
        const { weight } = instruction;
        const wRow = weightStride(weight.data);
        const shape = {
          ...{ k: a.columns, columns: roundUp(out.columns, ALIGN), aRow: strideOf(a), cRow: strideOf(out) },
          ...(isForward
            ? { bStep: TILE_COLUMNS * F32, bPanel: TILE_COLUMNS * wRow }
            : { bStep: wRow, bPanel: TILE_COLUMNS * F32 }),
          relu: isForward && instruction.relu,
          plusRow: plus === null ? null : strideOf(plus),
          gateRow: gate === null ? null : strideOf(gate),
        };
        const kernel = this.#kernel(`rowsByWeight ${JSON.stringify(shape)}`, (name) =>
          addRowsByWeight(module, { ...shape, name }, fma),
        );
        const b = isForward ? map.packed.get(weight)! : weightByte(weight.data);
        const [aAt, outAt, plusAt, gateAt] = [a, out, plus ?? a, gate ?? a].map(rowOf);
        return (run, { from, to }) =>
          kernel(aAt(run, from), b, outAt(run, from), to - from, plusAt(run, from), gateAt(run, from));
      }
      case "add":
      case "relu":
      case "reluGrad": {
        if (instruction.kernel !== "add") throw new Error(`wasm: ${instruction.kernel} alone is never in a program`);
        const { a, b } = instruction.from;
        const rowBytes = strideOf(instruction.to.out);
        const kernel = this.#kernel(`add ${rowBytes}`, (name) => addSum(module, name, rowBytes));
        const [outAt, aAt, bAt] = [instruction.to.out, a, b].map(rowOf);
        return (run, { from, to }) => kernel(outAt(run, from), aAt(run, from), bAt(run, from), to - from);
      }
      case "attention": {
        const { out, statistics } = instruction.to;
        const { query, key, value } = instruction.from;
        const shape: AttentionShape = {
          ...headShape(instruction.heads),
          blockSize: this.#layout.config.blockSize,
          ...{ qkvRow: strideOf(query), dQkvRow: 0, outRow: strideOf(out), dOutRow: 0 },
          statisticsRow: strideOf(statistics),
        };
        const kernel = this.#kernel(`attention ${JSON.stringify(shape)}`, (name) =>
          addAttention(module, name, shape, fma),
        );
        const at = [query, key, value, out, statistics].map(rowOf);
        const scratch = map.scratch + this.#share.index * map.scratchBytes;
        return (run, { first, last }) => {
          for (let d = first; d < last; d++) {
            const start = run.documents[d];
            const [q, k, v, o, s] = at.map((row) => row(run, start));
            const firstQuery = Math.max(0, run.options.firstRow - start);
            kernel(q, k, v, o, s, firstQuery, run.documents[d + 1] - start, scratch);
          }
        };
      }
      case "attentionGrad": {
        const { query, key, value, out, dOut, statistics } = instruction.from;
        const { dQuery, dKey, dValue } = instruction.to;
        const shape: AttentionShape = {
          ...headShape(instruction.heads),
          blockSize: this.#layout.config.blockSize,
          ...{ qkvRow: strideOf(query), dQkvRow: strideOf(dQuery), outRow: strideOf(out), dOutRow: strideOf(dOut) },
          statisticsRow: strideOf(statistics),
        };
        const kernel = this.#kernel(`attentionGrad ${JSON.stringify(shape)}`, (name) =>
          addAttentionGrad(module, name, shape, fma),
        );
        const at = [query, key, value, out, dOut, statistics, dQuery, dKey, dValue].map(rowOf);
        const scratch = map.scratch + this.#share.index * map.scratchBytes;
        return (run, { first, last }) => {
          for (let d = first; d < last; d++) {
            const start = run.documents[d];
            const [q, k, v, o, dO, s, dQ, dK, dV] = at.map((row) => row(run, start));
            kernel(q, k, v, o, dO, s, dQ, dK, dV, run.documents[d + 1] - start, scratch);
          }
        };
      }
      case "crossEntropy":
      case "crossEntropyGrad": {
        const { statistics } = instruction.to;
        const { logits } = instruction.from;
        const grad = instruction.kernel === "crossEntropyGrad";
        const shape = {
          ...{ columns: logits.columns, logitsRow: strideOf(logits), statisticsRow: strideOf(statistics), grad },
        };
        const kernel = this.#kernel(`crossEntropy ${JSON.stringify(shape)}`, (name) =>
          addCrossEntropy(module, name, shape, fma),
        );
        const [statisticsAt, logitsAt] = [statistics, logits].map(rowOf);
        return (run, { from, to }) =>
          kernel(
            statisticsAt(run, from),
            logitsAt(run, from),
            map.targets + from * F32,
            to - from,
            run.options.lossScale,
          );
      }
      case "linearWeightGrad": {
        const { dOut, x } = instruction.from;
        const { weight } = instruction;
        const gradRow = weightStride(weight.grad);
        const shape = { columns: roundUp(x.columns, ALIGN), dOutRow: strideOf(dOut), xRow: strideOf(x), gradRow };
        const kernel = this.#kernel(`weightGrad ${JSON.stringify(shape)}`, (name) =>
          addWeightGrad(module, { ...shape, name }, fma),
        );
        const [dOutAt, xAt] = [dOut, x].map(rowOf);
        const grad = weightByte(weight.grad);
        const [begin, end] = this.#rowsOf(weight);
        if (begin === end) return () => {};
        return (run, { from, to }) =>
          kernel(
            ...[dOutAt(run, from) + begin * F32, xAt(run, from), grad + begin * gradRow, end - begin, to - from],
            run.options.accumulate || from > run.options.firstRow ? 1 : 0,
          );
      }
      case "embedGrad": {
        const { weight, by } = instruction;
        const { dOut } = instruction.from;
        const rowBytes = weightStride(weight.grad);
        const kernel = this.#kernel(`embedGrad ${rowBytes}`, (name) => addEmbedGrad(module, name, rowBytes));
        const ids = by === "token" ? map.tokens : map.positions;
        const dOutAt = rowOf(dOut);
        const grad = weightByte(weight.grad);
        const [begin, end] = this.#rowsOf(weight);
        return (run, { from, to }) =>
          kernel(...[grad, dOutAt(run, from), ids + from * F32, to - from, begin, end], run.options.accumulate ? 1 : 0);
      }
      case "adam": {
        const { weight } = instruction;
        const rowBytes = weightStride(weight.data);
        const kernel = this.#kernel("adam", (name) => addAdam(module, name, fma));
        const pack = this.pack(weight);
        const [begin, end] = this.#rowsOf(weight);
        const at = [weight.data, weight.grad, weight.adamMean, weight.adamMeanSquare].map(
          (buffer) => weightByte(buffer) + begin * rowBytes,
        );
        return () => {
          kernel(...at, (end - begin) * rowBytes, map.adam);
          pack();
        };
      }
      default:
        return instruction satisfies never;
    }
  }

  /** Packs our rows of a weight for the forward products. */
  pack(weight: Weight): () => void {
    const start = this.#map.packed.get(weight);
    if (start === undefined) return () => {};
    const { start: first, stride } = this.#layout.places.get(weight.data)!;
    const rowBytes = stride * F32;
    const kernel = this.#kernel(`pack ${stride}`, (name) => addPack(this.module, name, stride, rowBytes));
    const [begin, end] = this.#rowsOf(weight);
    const source = this.#map.numbers + first * F32 + begin * rowBytes;
    return () => kernel(source, start + begin * rowBytes, end - begin);
  }

  /** The sums of squares of our rows of a weight's gradient. */
  squares(weight: Weight): () => void {
    const kernel = this.#kernel("squares", (name) => addSquares(this.module, name, this.#fma));
    const { start, stride } = this.#layout.places.get(weight.grad)!;
    const [begin, end] = this.#rowsOf(weight);
    const source = this.#map.numbers + (start + begin * stride) * F32;
    const target = this.#map.squares.get(weight)! + (begin / UNIT_ROWS) * F32;
    return () => kernel(source, target, UNIT_ROWS * stride * F32, (end - begin) / UNIT_ROWS);
  }

  /** Our rows of a weight, whole units. */
  #rowsOf({ shape }: Weight): readonly [begin: number, end: number] {
    const units = Math.ceil(shape[0] / UNIT_ROWS);
    const { index, count } = this.#share;
    const bound = (i: number): number => UNIT_ROWS * Math.floor((units * i) / count);
    return [bound(index), bound(index + 1)];
  }
}

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

/** One worker's part of programs over a memory. Everybody runs the same; `Share` says which rows are whose. */
export class WasmWorker {
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
    { share, meet, strict }: { share: Share; meet: Meeting; strict: boolean },
  ) {
    this.#share = share;
    this.#meet = meet;
    const compiler = new Compiler(layout, map, share, strict ? strictMultiplyAdd : fusedMultiplyAdd);
    const compile = (section: Section, places: Places): readonly Step[] =>
      section.instructions.map((instruction) => compiler.step(instruction, places));
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
    const pages = memory.buffer.byteLength / PAGE;
    const shared = typeof SharedArrayBuffer !== "undefined" && memory.buffer instanceof SharedArrayBuffer;
    const module = new WebAssembly.Module(compiler.module.build({ pages, maxPages: pages, shared }));
    const { exports } = new WebAssembly.Instance(module, { env: { memory } });
    Object.assign(compiler.kernels, exports);
  }

  /** Our part of a run; at its end all have met. */
  run(program: Program, tokens: number, documents: Int32Array, options: RunOptions): void {
    const run: Run = { tokens, documents, options, window: 0 };
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

  /** Our rows of a window, whole tiles. */
  #rowParts(from: number, to: number): Part[] {
    const { index, count } = this.#share;
    const tiles = Math.ceil((to - from) / 4);
    const bound = (i: number): number => Math.min(to, from + 4 * Math.floor((tiles * i) / count));
    const [begin, end] = [bound(index), bound(index + 1)];
    return begin === end ? [] : [{ from: begin, to: end, first: 0, last: 0 }];
  }

  /** Our documents, those that begin in our share of the rows, in chunks. */
  #documentParts({ documents, tokens }: Run, firstRow: number): Part[] {
    const { index, count } = this.#share;
    const parts: Part[] = [];
    let first = 0;
    const isBefore = (d: number, i: number): boolean => documents[d] * count < tokens * i;
    while (first + 1 < documents.length && isBefore(first, index)) first++;
    while (first + 1 < documents.length && (index + 1 === count || isBefore(first, index + 1))) {
      let last = first + 1;
      while (
        last + 1 < documents.length &&
        documents[last + 1] - documents[first] <= CHUNK_ROWS &&
        (index + 1 === count || isBefore(last, index + 1))
      ) {
        last++;
      }
      parts.push({ from: Math.max(documents[first], firstRow), to: documents[last], first, last });
      first = last;
    }
    return parts;
  }

  update(program: Program): void {
    const run = { tokens: 0, documents: new Int32Array(1), options: NO_OPTIONS, window: 0 };
    for (const step of this.#updates.get(program)!) step(run, { from: 0, to: 0, first: 0, last: 0 });
    this.#meet();
  }

  pack(): void {
    for (const pack of this.#packs) pack();
    this.#meet();
  }
}

const NO_OPTIONS: RunOptions = { firstRow: 0, lossScale: 0, accumulate: false };

class WasmSession implements Session {
  readonly bytes: number;
  readonly #layout: Layout;
  readonly #map: MemoryMap;
  readonly #memory: WebAssembly.Memory;
  readonly #numbers: Float32Array;
  readonly #integers: Int32Array;
  readonly #worker: WasmWorker;

  constructor(layout: Layout, programs: readonly Program[], strict: boolean) {
    this.#layout = layout;
    this.#map = mapMemory(layout, programs, 1);
    const pages = Math.ceil(this.#map.bytes / PAGE);
    this.#memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = this.#memory.buffer.byteLength;
    this.#numbers = new Float32Array(this.#memory.buffer);
    this.#integers = new Int32Array(this.#memory.buffer);
    const share = { index: 0, count: 1 };
    this.#worker = new WasmWorker(layout, programs, this.#map, this.#memory, { share, meet: () => {}, strict });
  }

  async run(program: Program, batch: Batch, options: RunOptions): Promise<Result> {
    const { tokens, targets, positions } = this.#map;
    this.#integers.set(batch.tokens, tokens / F32);
    this.#integers.set(batch.targets, targets / F32);
    this.#integers.set(batch.positions, positions / F32);
    const rows = batch.tokens.length;
    this.#worker.run(program, rows, batch.documents, options);
    const { start, stride } = program.places.get(program.result.buffer)!;
    const first = this.#map.activations / F32 + start - this.#layout.size;
    const data = this.#numbers.subarray(first + options.firstRow * stride, first + rows * stride);
    return { data, stride, gradientSquares: program.kind === "training" ? this.#sumSquares() : 0 };
  }

  #sumSquares(): number {
    const start = Math.min(...this.#map.squares.values()) / F32;
    return this.#numbers.subarray(start, start + this.#map.squaresCount).reduce((sum, square) => sum + square, 0);
  }

  async update(program: Program, options: UpdateOptions): Promise<void> {
    this.#numbers.set(adamNumbers(options), this.#map.adam / F32);
    this.#worker.update(program);
  }

  async read(buffer: Buffer): Promise<Float32Array> {
    const { start, stride } = this.#layout.places.get(buffer)!;
    const rows = Number(buffer.rows);
    const copy = new Float32Array(rows * buffer.columns);
    for (let r = 0; r < rows; r++) {
      const first = this.#map.numbers / F32 + start + r * stride;
      copy.set(this.#numbers.subarray(first, first + buffer.columns), r * buffer.columns);
    }
    return copy;
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    const { start, stride } = this.#layout.places.get(buffer)!;
    const first = this.#map.numbers / F32 + start;
    for (let i = 0; i < data.length; i++) {
      this.#numbers[first + Math.floor(i / buffer.columns) * stride + (i % buffer.columns)] = data[i];
    }
  }

  async weightsChanged(): Promise<void> {
    this.#worker.pack();
  }

  close(): void {}
}

export interface WasmOptions {
  /** Multiply, then add, rounded each time: the same bits on every machine, slower by a third. */
  readonly strictMath: boolean;
}

export function wasmBackend({ strictMath }: WasmOptions): Backend {
  const strict = strictMath || !hasRelaxedSimd();
  return {
    name: "wasm",
    align: ALIGN,
    headAlign: 4,
    open: async (layout, programs) => new WasmSession(layout, programs, strict),
  };
}
