/**
 * From instructions to calls of WASM kernels: which kernel, on which bytes. Kernels are assembled for the shapes that
 * the programs have, each once.
 *
 * Memory map, from byte 0: control words and Adam's numbers; the batch (tokens, targets, positions, documents); the
 * layout's weights, gradients and means; the weights packed for the forward products; the sums of squares of the
 * gradients; the activations; scratch for each worker.
 */
import type { RunOptions } from "../backend.ts";
import type { Buffer, Heads, Instruction, View, Weight } from "../kernels.ts";
import type { Layout, Places, Program } from "../program.ts";
import { ModuleBuilder } from "./wasm-assembler.ts";
import { addAttention, addAttentionGrad, attentionScratchBytes } from "./wasm-attention.ts";
import type { AttentionShape } from "./wasm-attention.ts";
import { addPack, addRowsByWeight, addWeightGrad, TILE_COLUMNS } from "./wasm-matmul.ts";
import {
  addAdam,
  addCrossEntropy,
  addEmbed,
  addEmbedGrad,
  addRmsnorm,
  addRmsnormGrad,
  addSquares,
  addSum,
} from "./wasm-rows.ts";
import { F32 } from "./wasm-vector.ts";
import type { MultiplyAdd } from "./wasm-vector.ts";

export const ALIGN = 8;
/** Rows of a weight that are one unit of work: whole panels. */
const UNIT_ROWS = TILE_COLUMNS;

export type Kernel = (...numbers: number[]) => void;

/** Which part of the work is ours: worker `index` of `count`. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

/** What of a run is the same for all of its instructions. */
export interface Run {
  readonly tokens: number;
  readonly documents: Int32Array;
  readonly options: RunOptions;
  /** Rows of the window at hand, where the phase is windowed. */
  window: number;
}

/** Rows [from, to) and the documents [first, last) that they are; for a windowed section the rows alone. */
export interface Part {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

export type Step = (run: Run, part: Part) => void;

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

/** Where everything lies, in bytes. The same for every worker. */
export interface MemoryMap {
  /** What workers tell each other, and what a run is (`wasm-threads.ts`). */
  readonly control: number;
  readonly adam: number;
  readonly tokens: number;
  readonly targets: number;
  readonly positions: number;
  readonly documents: number;
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
  const [tokens, targets, positions, documents] = [0, 1, 2, 3].map(() => reserve((maxTokens + 1) * F32));
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
    ...{
      control: 1024,
      adam: 2048,
      tokens,
      targets,
      positions,
      documents,
      numbers,
      activations,
      packed,
      squares,
      squaresCount,
    },
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
export class Compiler {
  readonly module: ModuleBuilder = new ModuleBuilder();
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
