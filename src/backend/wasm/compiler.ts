/**
 * The assembling of WASM kernels for the shapes that programs have, each once, and the bytes that they work on.
 * What each instruction needs of it is in `wasm-steps.ts`.
 */
import type { RunOptions } from "../../tensor/backend.ts";
import type { Buffer, View, Weight } from "../../tensor/instructions.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import { ModuleBuilder } from "./assembler.ts";
import { addPack } from "./matmul.ts";
import type { Packing } from "./matmul.ts";
import { UNIT_ROWS } from "./memory.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { addSquares } from "./weights.ts";
import { F32 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** A function of the module: pointers in bytes, counts. */
export type KernelFunction = (...numbers: number[]) => void;

/** A kernel that can be called once the module is there. No wrapper stands between: it would cost more than some. */
export interface LinkedKernel {
  readonly call: KernelFunction;
}

function notLinked(): never {
  throw new Error("wasm: a kernel was called before its module was there");
}

/** A product: C[rows, columns] = A · B [+ C]. Bytes for places, numbers for rows. */
export interface ProductCall {
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
  readonly a: number;
  readonly aRow: number;
  readonly aTransposed: boolean;
  readonly b: number;
  readonly bRow: number;
  readonly c: number;
  readonly cRow: number;
  readonly accumulate: boolean;
}

/** Who does products in place of our kernels: a system's BLAS, say. It must sum in the same order for the same shape. */
export type Multiply = (product: ProductCall) => void;

/** Numbers in a weight from which on products with it are `Multiply`'s: below, the call costs more than it saves. */
const MIN_MULTIPLIED = 256;
/** Fewest and most rows of a weight's gradient that are then one worker's. */
const [MIN_UNIT, MAX_UNIT] = [32, 128];

/** What of a run is the same for all of its instructions. */
export interface ProgramRun {
  readonly documents: Int32Array;
  readonly options: RunOptions;
  /** The first row of the window at hand, where the phase is windowed. */
  window: number;
}

/** Rows [from, to) and the documents [first, last) that they are; for a window's rows, no documents. */
export interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

export type Step = (run: ProgramRun, part: Chunk) => void;

/** The compiler, for one program. */
export interface StepContext {
  readonly compiler: WasmCompiler;
  /** Bytes from row to row. */
  readonly row: (view: View) => number;
  /** The byte of a row. */
  readonly at: (view: View) => (run: ProgramRun, row: number) => number;
}

/** What a product writes and reads, and what is done to its result on the way. */
export interface Operands {
  readonly out: View;
  readonly a: View;
  readonly relu: boolean;
  readonly plus?: View | undefined;
  readonly gate?: View | undefined;
}

/** Which part of the work is ours: worker `index` of `count`. */
export interface Share {
  readonly index: number;
  readonly count: number;
}

export class WasmCompiler {
  readonly module: ModuleBuilder = new ModuleBuilder();
  readonly layout: Layout;
  readonly map: WasmMemoryMap;
  readonly fma: MultiplyAdd;
  readonly multiply: Multiply | null;
  readonly #share: Share;
  readonly #kernels = new Map<string, { call: KernelFunction }>();

  constructor(layout: Layout, map: WasmMemoryMap, share: Share, fma: MultiplyAdd, multiply: Multiply | null) {
    this.layout = layout;
    this.map = map;
    this.fma = fma;
    this.multiply = multiply;
    this.#share = share;
  }

  /** The instance of the module; kernels can be called from then on. */
  link(exports: WebAssembly.Exports): void {
    for (const [name, kernel] of this.#kernels) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the module has a function of that name
      kernel.call = exports[name] as KernelFunction;
    }
  }

  /** The kernel of that kind and shape; `add` writes it where it is new. */
  kernel<Shape>(
    kind: string,
    shape: Shape,
    add: (module: ModuleBuilder, name: string, shape: Shape) => void,
  ): LinkedKernel {
    const name = `${kind} ${JSON.stringify(shape)}`;
    if (!this.#kernels.has(name)) add(this.module, name, shape);
    const kernel = this.#kernels.get(name) ?? { call: notLinked };
    this.#kernels.set(name, kernel);
    return kernel;
  }

  /** Our worker's scratch. */
  get scratch(): number {
    return this.map.scratch + this.#share.index * this.map.scratchBytes;
  }

  /** The byte of a buffer of a weight, and the bytes from row to row. */
  weightBytes(buffer: Buffer): { readonly start: number; readonly row: number } {
    const { start, stride } = this.layout.slots.get(buffer)!;
    return { start: this.map.numbers + start * F32, row: stride * F32 };
  }

  /** The same of a view of a program's buffer. */
  viewBytes({ buffer, column }: View, places: Slots): { readonly start: number; readonly row: number } {
    const { start, stride } = places.get(buffer)!;
    return { start: this.map.activations + (start - this.layout.size + column) * F32, row: stride * F32 };
  }

  /** Whether products with it, if there are any, are `multiply`'s. */
  usesMultiply(weight: Weight): boolean {
    const [rows, columns] = weight.shape;
    return this.multiply !== null && this.map.packed.has(weight) && rows * columns >= MIN_MULTIPLIED;
  }

  /** Rows of a weight that one worker has alone: whole panels; for `multiply`, to which larger is faster, an eighth. */
  unitRows(weight: Weight): number {
    if (!this.usesMultiply(weight)) return UNIT_ROWS;
    return Math.min(MAX_UNIT, Math.max(MIN_UNIT, UNIT_ROWS * Math.ceil(weight.shape[0] / UNIT_ROWS / 8)));
  }

  /** How a weight is packed for the forward products: bytes from column to column, and from 8 rows to the next. */
  packing(weight: Weight): Packing {
    const { row } = this.weightBytes(weight.data);
    if (this.usesMultiply(weight)) return { step: this.#packedRows(weight) * F32, panel: UNIT_ROWS * F32 };
    return { step: UNIT_ROWS * F32, panel: UNIT_ROWS * row };
  }

  #packedRows({ shape }: Weight): number {
    return UNIT_ROWS * Math.ceil(shape[0] / UNIT_ROWS);
  }

  /** Our rows of a weight, whole units. */
  ownRows(weight: Weight): readonly [begin: number, end: number] {
    const rows = this.#packedRows(weight);
    const unit = this.unitRows(weight);
    const { index, count } = this.#share;
    const bound = (i: number): number => Math.min(rows, unit * Math.floor((Math.ceil(rows / unit) * i) / count));
    return [bound(index), bound(index + 1)];
  }

  /** Packs our rows of a weight for the forward products. */
  pack(weight: Weight): () => void {
    const packed = this.map.packed.get(weight);
    if (packed === undefined) return () => {};
    const { start, row } = this.weightBytes(weight.data);
    const shape = { columns: row / F32, rowBytes: row, ...this.packing(weight) };
    const kernel = this.kernel("pack", shape, addPack);
    const [begin, end] = this.ownRows(weight);
    const target = packed + (begin / UNIT_ROWS) * shape.panel;
    return () => kernel.call(start + begin * row, target, end - begin);
  }

  /** The sums of squares of our rows of a weight's gradient. */
  squares(weight: Weight): () => void {
    const kernel = this.kernel("squares", {}, (module, name) => addSquares(module, name, this.fma));
    const { start, row } = this.weightBytes(weight.grad);
    const [begin, end] = this.ownRows(weight);
    const target = this.map.squares.get(weight)! + (begin / UNIT_ROWS) * F32;
    return () => kernel.call(start + begin * row, target, UNIT_ROWS * row, (end - begin) / UNIT_ROWS);
  }
}
