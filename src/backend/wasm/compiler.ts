/**
 * Collects the kernels that programs need, one per kind and shape, and translates buffers and views into byte addresses.
 * Which kernel an instruction uses is decided in `steps.ts`; the order in which steps run, in `worker.ts`.
 */
import type { RunOptions } from "../../tensor/backend.ts";
import type { Buffer, View, Weight } from "../../tensor/instructions.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import { ModuleBuilder } from "./assembler.ts";
import { addPack } from "./matmul.ts";
import { UNIT_ROWS } from "./memory.ts";
import type { WasmMemoryMap } from "./memory.ts";
import { addSquares } from "./weights.ts";
import { F32 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** An exported function of the module. Its arguments are byte addresses and counts. */
export type KernelFunction = (...numbers: number[]) => void;

/**
 * A kernel that can be called once the module is instantiated. `call` is the exported function itself: a wrapper would
 * cost more than some kernels do.
 */
export interface LinkedKernel {
  /** The exported function; before `link` it throws. */
  readonly call: KernelFunction;
}

function notLinked(): never {
  throw new Error("wasm: a kernel was called before its module was instantiated");
}

/** What all steps of one run of a program share. */
export interface ProgramRun {
  /** First row of each document, then the number of rows. */
  readonly documents: Int32Array;
  /** The position of each row in its document. */
  readonly positions: Int32Array;
  /** Options of the run. */
  readonly options: RunOptions;
  /** First row of the current window, in a windowed phase. */
  window: number;
}

/** Rows that one worker takes at a time: whole documents, or rows of a window. */
export interface Chunk {
  /** First row. */
  readonly from: number;
  /** Row after the last. */
  readonly to: number;
  /** First document; unused in a window, whose rows are not whole documents. */
  readonly first: number;
  /** Document after the last; unused in a window. */
  readonly last: number;
}

/** A compiled instruction: calls its kernel for the rows of a chunk. */
export type Step = (run: ProgramRun, chunk: Chunk) => void;

/** What an instruction is compiled with: the compiler, and the addresses of its program's buffers. */
export interface StepContext {
  /** Compiler of this worker. */
  readonly compiler: WasmCompiler;
  /** Bytes from row to row of a view. */
  readonly row: (view: View) => number;
  /** Byte address of a row of a view, at run time. */
  readonly at: (view: View) => (run: ProgramRun, row: number) => number;
}

/** Operands of rows times a weight, and what is done to the product: gate, then relu, then plus. */
export interface Operands {
  /** Output. */
  readonly out: View;
  /** Input. */
  readonly a: View;
  /** Whether the product becomes max(0, product). */
  readonly relu: boolean;
  /** Added to the product. */
  readonly plus?: View | undefined;
  /** The product becomes 0 where it is not above 0. */
  readonly gate?: View | undefined;
}

/** Which of the workers this is; it decides which rows of weights it owns. */
export interface Share {
  /** 0 is the calling thread. */
  readonly index: number;
  /** Number of workers. */
  readonly count: number;
}

/** The compiler of one worker. */
export class WasmCompiler {
  /** Module that the kernels are added to. */
  readonly module: ModuleBuilder = new ModuleBuilder();
  /** Layout of the weights. */
  readonly layout: Layout;
  /** Memory map of the session. */
  readonly map: WasmMemoryMap;
  /** How multiply-add is rounded. */
  readonly fma: MultiplyAdd;
  readonly #share: Share;
  readonly #kernels = new Map<string, { call: KernelFunction }>();

  /** Workers that differ in `share` only produce the same module. */
  constructor(layout: Layout, map: WasmMemoryMap, share: Share, fma: MultiplyAdd) {
    this.layout = layout;
    this.map = map;
    this.fma = fma;
    this.#share = share;
  }

  /** Connects kernels with the exports of the module's instance; from then on they can be called. */
  link(exports: WebAssembly.Exports): void {
    for (const [name, kernel] of this.#kernels) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the module has a function of that name
      kernel.call = exports[name] as KernelFunction;
    }
  }

  /** The kernel of a kind and shape; `add` adds it to the module the first time. */
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

  /** Byte address of this worker's scratch memory. */
  get scratch(): number {
    return this.map.scratch + this.#share.index * this.map.scratchBytes;
  }

  /** Byte address of a weight's buffer, and bytes from row to row. */
  weightBytes(buffer: Buffer): { readonly start: number; readonly row: number } {
    const { start, stride } = this.layout.slots.get(buffer)!;
    return { start: this.map.numbers + start * F32, row: stride * F32 };
  }

  /** The same for a view of a program's buffer. */
  viewBytes({ buffer, column }: View, slots: Slots): { readonly start: number; readonly row: number } {
    const { start, stride } = slots.get(buffer)!;
    return { start: this.map.activations + (start - this.layout.size + column) * F32, row: stride * F32 };
  }

  /** Rows of a weight that this worker owns: whole units, spread evenly over the workers. */
  ownRows(weight: Weight): readonly [begin: number, end: number] {
    const units = Math.ceil(weight.shape[0] / UNIT_ROWS);
    const { index, count } = this.#share;
    const bound = (i: number): number => UNIT_ROWS * Math.floor((units * i) / count);
    return [bound(index), bound(index + 1)];
  }

  /** Packs this worker's rows of a weight for the forward products. */
  pack(weight: Weight): () => void {
    const packed = this.map.packed.get(weight);
    if (packed === undefined) return () => {};
    const { start, row } = this.weightBytes(weight.data);
    const shape = { columns: row / F32, rowBytes: row };
    const kernel = this.kernel("pack", shape, addPack);
    const [begin, end] = this.ownRows(weight);
    const target = packed + begin * row;
    return () => kernel.call(start + begin * row, target, end - begin);
  }

  /** Computes the sums of squares of this worker's rows of a weight's gradient. */
  squares(weight: Weight): () => void {
    const kernel = this.kernel("squares", {}, (module, name) => addSquares(module, name, this.fma));
    const { start, row } = this.weightBytes(weight.grad);
    const [begin, end] = this.ownRows(weight);
    const target = this.map.squares.get(weight)! + (begin / UNIT_ROWS) * F32;
    return () => kernel.call(start + begin * row, target, UNIT_ROWS * row, (end - begin) / UNIT_ROWS);
  }
}
