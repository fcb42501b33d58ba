/**
 * Collects the kernels that programs need, one per kind and shape, and translates buffers and views into addresses of C.
 * Which kernel an instruction calls is decided in `instructions.ts`; `source.ts` puts all of it in order.
 */
import type { Buffer, Instruction, View, Weight } from "../../tensor/instructions.ts";
import { viewsRead, viewsWritten } from "../../tensor/instructions.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import { slicesOf } from "./memory.ts";
import type { NativeMemoryMap, WeightSlices } from "./memory.ts";

/** What an instruction is written with: the compiler, and the addresses of its program's buffers. */
export interface InstructionContext {
  /** Collects the kernels. */
  readonly compiler: NativeCompiler;
  /** Numbers from row to row of a view. */
  readonly row: (view: View) => number;
  /** The address, in C, of a row of a view. */
  readonly at: (view: View, row: string) => string;
}

/** Collects kernels, and translates buffers and views into addresses of C. */
export class NativeCompiler {
  /** Layout of the weights. */
  readonly layout: Layout;
  /** Memory map of the session. */
  readonly map: NativeMemoryMap;
  readonly #kernels = new Map<string, string>();

  /** A compiler without kernels. */
  constructor(layout: Layout, map: NativeMemoryMap) {
    this.layout = layout;
    this.map = map;
  }

  /** The name of a kernel; `write` writes it the first time. */
  kernel(name: string, write: () => string): string {
    if (!this.#kernels.has(name)) this.#kernels.set(name, write());
    return name;
  }

  /** A kernel that is an inline function with its last parameters constant. @param parameters those before, with types. */
  wrapper(inline: string, parameters: string, constants: readonly (number | string)[]): string {
    const name = [inline, ...constants.map((constant) => String(constant).replace(/\W/g, "_"))].join("_");
    const names = parameters.split(", ").map((parameter) => /\w+$/.exec(parameter)![0]);
    const call = `${inline}(${[...names, ...constants].join(", ")});`;
    return this.kernel(name, () => `KERNEL void ${name}(${parameters}) {\n  ${call}\n}\n`);
  }

  /** All kernels. */
  get text(): string {
    return [...this.#kernels.values()].join("");
  }

  /** The address of a row of the packed tokens. */
  integers(list: "tokens" | "targets" | "positions", row: string): string {
    return `(int *)m + ${this.map[list]} + ${row}`;
  }

  /** The address of a weight's buffer. */
  weightAt(buffer: Buffer): string {
    return `m + ${this.map.numbers + this.layout.slots.get(buffer)!.start}`;
  }

  /** Numbers from row to row of a weight's buffer. */
  weightRow(buffer: Buffer): number {
    return this.layout.slots.get(buffer)!.stride;
  }

  /** The slices of a weight. */
  slices(weight: Weight): WeightSlices {
    return slicesOf(weight, this.weightRow(weight.data));
  }

  /** What instructions of a program with these slots are written with. */
  context(slots: Slots): InstructionContext {
    const slotOf = (buffer: Buffer): { readonly start: number; readonly stride: number } => {
      const { start, stride } = slots.get(buffer)!;
      return { start: this.map.activations + start - this.layout.size, stride };
    };
    return {
      compiler: this,
      row: ({ buffer }) => slotOf(buffer).stride,
      at({ buffer, column }, row) {
        const { start, stride } = slotOf(buffer);
        const index = buffer.rows === "window" ? `(${row} - w->window)` : row;
        return `m + ${start + column} + ${index} * ${stride}`;
      },
    };
  }
}

/** What an instruction computes, in the model's names. */
export function comment(instruction: Instruction): string {
  const weights = weightsOf(instruction);
  const name = (view: View): string => view.buffer.name;
  const names = [viewsRead(instruction).map(name).join(", "), weights.map(({ name: weight }) => weight).join(", ")];
  const to = viewsWritten(instruction).map(name).join(", ");
  const from = names.filter((part) => part !== "").join("; ");
  return `  /* ${instruction.kernel}: ${from}${to === "" ? "" : ` → ${to}`} */`;
}

/** The weights that an instruction reads or writes; one that runs over weights has exactly one. */
export const weightsOf = (instruction: Instruction): readonly Weight[] => Object.values(instruction).filter(isWeight);

const isWeight = (field: unknown): field is Weight => typeof field === "object" && field !== null && "slices" in field;

/** A piece of work for each slice of some weights. */
export interface SliceWork {
  /** The weight. */
  readonly weight: Weight;
  /** Statements that see \`begin\`, \`end\` and \`slice\`. */
  readonly lines: readonly string[];
}

/** Statements that do the work of all slices, each by the worker that takes it. */
export function eachSlice(work: readonly SliceWork[], compiler: NativeCompiler): string {
  let count = 0;
  const cases = work.map(({ weight, lines }) => {
    const slices = compiler.slices(weight);
    const first = count;
    count += slices.count;
    return `    if (i < ${count}) {
      const long slice = i - ${first}, begin = slice * ${slices.rows}, end = least(${weight.shape[0]}, begin + ${slices.rows});
${lines.map((line) => `    ${line}`).join("\n")}
      continue;
    }`;
  });
  return `  for (long i = take(w); i < ${count}; i = take(w)) {
${cases.join("\n")}
  }`;
}
