/**
 * The reference backend, the specification of the others: f64, one thread, one instruction after another, no attempt at
 * speed. This file has its memory, the order of execution and Adam; all other kernels are in `reference-kernels.ts`.
 */
import type { AdamNumbers } from "../training/adam.ts";
import type { Backend, PackedTokens, ProgramOutput, RunOptions, Session } from "../tensor/backend.ts";
import type { StepResult } from "../training/engine.ts";
import type { Buffer, Weight } from "../tensor/instructions.ts";
import { gradientRange } from "../tensor/layout.ts";
import type { Layout, Slots } from "../tensor/layout.ts";
import { stepInPasses } from "../tensor/stepping.ts";
import type { UpdatableSession } from "../tensor/stepping.ts";
import type { Program, Section } from "../tensor/program.ts";
import { execute } from "./reference-kernels.ts";
import type { KernelContext } from "./reference-kernels.ts";

class ReferenceSession implements Session, UpdatableSession {
  readonly bytes: number;
  readonly #numbers: Float64Array;
  readonly #layout: Layout;
  readonly #slots: Slots;

  constructor(layout: Layout, programs: readonly Program[]) {
    this.#layout = layout;
    this.#slots = new Map([layout, ...programs].flatMap(({ slots }) => [...slots]));
    this.#numbers = new Float64Array(layout.size + Math.max(0, ...programs.map(({ size }) => size)));
    this.bytes = this.#numbers.byteLength;
  }

  async run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput> {
    const rows = batch.documents[batch.documents.length - 1];
    for (const [phase, { windowed, sections }] of program.phases.entries()) {
      const step = windowed ? program.windowRows : Math.max(rows, 1);
      for (let from = options.firstRow; from < rows; from += step) {
        const accumulate = options.accumulate || from > options.firstRow;
        const context = this.#context(program, batch, { ...options, accumulate }, from, Math.min(rows, from + step));
        for (const section of sections) runSection(section, context);
      }
      options.afterPhase?.(phase);
    }
    const { start, stride } = program.slots.get(program.result.buffer)!;
    const data = this.#numbers.subarray(start + options.firstRow * stride, start + rows * stride);
    return { data, stride };
  }

  step(...parameters: Parameters<Session["step"]>): Promise<StepResult> {
    return stepInPasses(this, ...parameters);
  }

  get gradients(): Float64Array {
    return this.#numbers.subarray(...gradientRange(this.#layout));
  }

  async sumSquares(): Promise<number> {
    let sum = 0;
    for (const { grad } of this.#layout.weights.values()) for (const x of await this.read(grad)) sum += x ** 2;
    return sum;
  }

  async update({ update }: Program, adam: AdamNumbers): Promise<void> {
    for (const instruction of update.instructions) {
      if (instruction.kernel === "adam") this.#adam(instruction.weight, adam);
    }
  }

  /** Adam's step for one weight, as in `Adam.update` of `microgpt.ts`, with decoupled weight decay (AdamW). */
  #adam({ shape, data, grad, adamMean, adamMeanSquare }: Weight, adam: AdamNumbers): void {
    const { beta1, beta2, epsilon, stepSize, squareScale, shrink, gradientScale } = adam;
    const numbers = this.#numbers;
    const start = (buffer: Buffer): number => this.#layout.slots.get(buffer)!.start;
    const [w, g, m, v] = [data, grad, adamMean, adamMeanSquare].map(start);
    const { stride } = this.#layout.slots.get(data)!;
    for (let i = 0; i < shape[0] * stride; i++) {
      const gradient = numbers[g + i] * gradientScale;
      numbers[m + i] = beta1 * numbers[m + i] + (1 - beta1) * gradient;
      numbers[v + i] = beta2 * numbers[v + i] + (1 - beta2) * gradient ** 2;
      const step = (stepSize * numbers[m + i]) / (Math.sqrt(numbers[v + i] * squareScale) + epsilon);
      numbers[w + i] = numbers[w + i] * shrink - step;
    }
  }

  async read(buffer: Buffer, rows: number = Number(buffer.rows)): Promise<Float64Array> {
    const { start, stride } = this.#slots.get(buffer)!;
    const copy = new Float64Array(rows * buffer.columns);
    for (let r = 0; r < rows; r++) {
      const row = this.#numbers.subarray(start + r * stride, start + r * stride + buffer.columns);
      copy.set(row, r * buffer.columns);
    }
    return copy;
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    const { start, stride } = this.#slots.get(buffer)!;
    for (let i = 0; i < data.length; i++) {
      this.#numbers[start + Math.floor(i / buffer.columns) * stride + (i % buffer.columns)] = data[i];
    }
  }

  async weightsChanged(): Promise<void> {}

  close(): void {}

  /** Rows [from, to) of a run, for the kernels. */
  #context(program: Program, batch: PackedTokens, options: RunOptions, from: number, to: number): KernelContext {
    return {
      numbers: this.#numbers,
      batch,
      options,
      from,
      to,
      matrix({ buffer, column, columns }) {
        const { start, stride } = program.slots.get(buffer)!;
        const firstRow = buffer.rows === "window" ? from : 0;
        return {
          columns,
          at: (row, c) => start + (row - firstRow) * stride + column + c,
        };
      },
      weightMatrix: (buffer) => {
        const { start, stride } = program.layout.slots.get(buffer)!;
        return {
          columns: buffer.columns,
          at: (row, c) => start + row * stride + c,
        };
      },
    };
  }
}

function runSection({ instructions }: Section, context: KernelContext): void {
  for (const instruction of instructions) execute(instruction, context);
}

/** The reference backend. It needs no padding: rows and heads are stored without gaps. */
export const referenceBackend: Backend = {
  kind: "reference",
  name: "reference",
  align: 1,
  headAlign: 1,
  open: async (layout, programs) => new ReferenceSession(layout, programs),
};
