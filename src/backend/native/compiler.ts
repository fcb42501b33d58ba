/**
 * Writes the C source of a session: all programs of a model, for their exact shapes, as one file without dependencies.
 * Which kernel an instruction calls is decided in `instructions.ts`; how threads share sections, in `threads.ts`.
 *
 *   vectors, tiles, kernels      once per kind and shape
 *   section_0, section_1, …      one function per section; a line or two per instruction, and its name in the model
 *   program_0, program_1, …      the sections in order, a barrier after each
 *   update, pack, run_call       Adam and the packed weights, slice by slice
 */
import type { Buffer, Instruction, View, Weight } from "../../tensor/instructions.ts";
import { viewsRead, viewsWritten } from "../../tensor/instructions.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import type { Program, Section } from "../../tensor/program.ts";
import { ATTENTION, HEAD_VECTORS } from "./attention.ts";
import { statementOf } from "./instructions.ts";
import type { InstructionContext } from "./instructions.ts";
import { slicesOf } from "./memory.ts";
import type { NativeMemoryMap, WeightSlices } from "./memory.ts";
import { LAST_TILES, packText, panelText, TRANSPOSE } from "./products.ts";
import { ROWS } from "./rows.ts";
import { SESSION, THREADS } from "./threads.ts";
import { VECTORS, WIDEST } from "./vectors.ts";
import { WEIGHTS } from "./weights.ts";

/** Values of `Call.command`. */
export const COMMANDS = { run: 0, pack: 1 } as const;

/** Collects kernels, and translates buffers and views into addresses of C. */
export class NativeCompiler {
  /** Layout of the weights. */
  readonly layout: Layout;
  /** Memory map of the session. */
  readonly map: NativeMemoryMap;
  readonly #kernels = new Map<string, string>();
  readonly #panels = new Set<number | "transposed">();

  /** A compiler without kernels. */
  constructor(layout: Layout, map: NativeMemoryMap) {
    this.layout = layout;
    this.map = map;
  }

  /** The name of a kernel; `write` writes it the first time. @param panels the ways of storing A that it multiplies. */
  kernel(name: string, write: () => string, panels: readonly (number | "transposed")[] = []): string {
    if (!this.#kernels.has(name)) this.#kernels.set(name, write());
    for (const panel of panels) this.#panels.add(panel);
    return name;
  }

  /** A kernel that is an inline function with its last parameters constant. @param parameters those before, with types. */
  wrapper(inline: string, parameters: string, constants: readonly (number | string)[]): string {
    const name = [inline, ...constants.map((constant) => String(constant).replace(/\W/g, "_"))].join("_");
    const names = parameters.split(", ").map((parameter) => /\w+$/.exec(parameter)![0]);
    const call = `${inline}(${[...names, ...constants].join(", ")});`;
    return this.kernel(name, () => `KERNEL void ${name}(${parameters}) {\n  ${call}\n}\n`);
  }

  /** All kernels, after the tiles that they use. */
  get text(): string {
    const tiles = this.#panels.size === 0 ? "" : LAST_TILES;
    return [tiles, ...[...this.#panels].map(panelText), ...this.#kernels.values()].join("");
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
function comment(instruction: Instruction): string {
  const weights = Object.values(instruction).filter(isWeight);
  const name = (view: View): string => view.buffer.name;
  const names = [viewsRead(instruction).map(name).join(", "), weights.map(({ name: weight }) => weight).join(", ")];
  const to = viewsWritten(instruction).map(name).join(", ");
  const from = names.filter((part) => part !== "").join("; ");
  return `  /* ${instruction.kernel}: ${from}${to === "" ? "" : ` → ${to}`} */`;
}

const isWeight = (field: unknown): field is Weight => typeof field === "object" && field !== null && "slices" in field;

const OPEN_SECTION = `  float *m = w->memory;
  const Call *call = w->call;
  (void)m;
  (void)call;`;

/** A section over documents: a function that runs it for a chunk. */
function documentsText(name: string, { instructions }: Section, context: InstructionContext): string {
  const lines = instructions.flatMap((one) => [comment(one), `  ${statementOf(one, context)}`]);
  return `static void ${name}(Worker *w, long from, long to, long first, long last) {
${OPEN_SECTION}
${lines.join("\n")}
}
`;
}

/** A piece of work for each slice of some weights. */
interface SliceWork {
  readonly weight: Weight;
  /** Statements that see \`begin\`, \`end\` and \`slice\`. */
  readonly lines: readonly string[];
}

/** Statements that do the work of all slices, each by the worker that takes it. */
function eachSlice(work: readonly SliceWork[], compiler: NativeCompiler): string {
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

/** A section over weights: a function that all workers call with the rows of the pass, or of a window. */
function weightsText(name: string, { instructions }: Section, context: InstructionContext): string {
  const work = instructions.map((one) => ({
    weight: Object.values(one).find(isWeight)!,
    lines: [comment(one), `  ${statementOf(one, context)}`],
  }));
  return `static void ${name}(Worker *w, long from, long to) {
${OPEN_SECTION}
  const int add = call->accumulate || from > call->firstRow; /* to the gradients of earlier passes or windows */
${eachSlice(work, context.compiler)}
  barrier(w);
}
`;
}

/** The sections of a program, and the function that runs them. */
function programText(program: Program, index: number, compiler: NativeCompiler): string {
  const context = compiler.context(program.slots);
  const sections: string[] = [];
  const lines: string[] = [];
  for (const { windowed, sections: some } of program.phases) {
    if (windowed) lines.push(`  for (long from = first; from < rows; from += ${program.windowRows}) {`);
    if (windowed) lines.push(`    const long to = least(rows, from + ${program.windowRows});`, "    w->window = from;");
    const indent = windowed ? "    " : "  ";
    for (const section of some) {
      const name = `section_${index}_${sections.length}`;
      const write = section.axis === "documents" ? documentsText : weightsText;
      sections.push(write(name, section, context));
      const [from, to] = windowed ? ["from", "to"] : ["first", "rows"];
      if (section.axis === "weights") lines.push(`${indent}${name}(w, ${from}, ${to});`);
      else lines.push(`${indent}${windowed ? `each_row(w, ${name}, from, to)` : `each_document(w, ${name})`};`);
    }
    if (windowed) lines.push("  }");
  }
  if (program.kind === "training") lines.push("  finish(w);");
  return `${sections.join("")}/* ${program.kind} */
static void program_${index}(Worker *w) {
  const long first = w->call->firstRow, rows = w->rows;
  (void)first;
  (void)rows;
${lines.join("\n")}
}
`;
}

/** update, pack_weights and finish: what follows the last pass of a step. */
function updateText(layout: Layout, programs: readonly Program[], compiler: NativeCompiler): string {
  const { map } = compiler;
  const weights = [...layout.weights.values()];
  const pack = (weight: Weight): string[] => {
    const packed = map.packed.get(weight);
    if (packed === undefined) return [];
    const columns = compiler.weightRow(weight.data);
    const kernel = compiler.kernel(`pack_${columns}`, () => packText(`pack_${columns}`, columns));
    const [from, to] = [compiler.weightAt(weight.data), `m + ${packed}`];
    const rows = `(end - begin + ${WIDEST - 1}) / ${WIDEST} * ${WIDEST}`;
    return [`  ${kernel}(${from} + begin * ${columns}, ${to} + begin * ${columns}, ${rows});`];
  };
  const packing = weights.map((weight) => ({ weight, lines: pack(weight) })).filter(({ lines }) => lines.length > 0);
  const training = programs.find(({ kind }) => kind === "training");
  const packText_ = `static void pack_weights(Worker *w) {
  float *m = w->memory;
  (void)m;
${eachSlice(packing, compiler)}
  barrier(w);
}
`;
  if (training === undefined) return packText_;
  const context = compiler.context(training.slots);
  const updating = training.update.instructions.map((one) => {
    const weight = Object.values(one).find(isWeight)!;
    return { weight, lines: [comment(one), `  ${statementOf(one, context)}`, ...pack(weight)] };
  });
  const squaring = weights.map((weight) => {
    const row = compiler.weightRow(weight.grad);
    const from = `${compiler.weightAt(weight.grad)} + begin * ${row}`;
    return { weight, lines: [`  m[${map.squares.get(weight)!} + slice] = squares(${from}, (end - begin) * ${row});`] };
  });
  const { buffer } = training.result;
  const { start, stride } = training.slots.get(buffer)!;
  return `${packText_}/* Adam's step, and packing, of every weight. */
static void update(Worker *w, const Adam *a) {
  float *m = w->memory;
${eachSlice(updating, compiler)}
  barrier(w);
}
/* The loss of all rows, in f64 and in order. */
static double sum_losses(Worker *w) {
  const float *statistics = w->memory + ${map.activations + start - layout.size};
  double sum = 0;
  for (long t = 0; t < w->rows; t++) sum += log(statistics[t * ${stride}]) + statistics[t * ${stride} + 1];
  return sum;
}
/* After the last section: the loss, the gradients' squares and, if all is finite, the update. */
static void finish(Worker *w) {
  float *m = w->memory;
  Call *call = w->call;
  if (w->index == 0) call->lossSum = sum_losses(w);
${eachSlice(squaring, compiler)}
  barrier(w);
  double sum = 0;
  for (long i = 0; i < ${map.squaresCount}; i++) sum += m[${map.squaresStart} + i];
  const int isFinite = isfinite((call->lossBefore + call->lossSum) / call->tokens) && isfinite(sum);
  if (w->index == 0) {
    call->gradientSquares = sum;
    call->applied = isFinite;
  }
  if (!call->updates || !isFinite) {
    barrier(w);
    return;
  }
  const double norm = sqrt(sum);
  const Adam a = {
    call->stepSize, call->squareScale, call->shrink, norm <= call->clipNorm ? 1 : call->clipNorm / norm,
    call->beta1, call->beta2, call->epsilon, 1 - call->beta1, 1 - call->beta2,
  };
  update(w, &a);
}
`;
}

/** The source of a session over memory that is laid out by `map`. */
export function renderSource(layout: Layout, programs: readonly Program[], map: NativeMemoryMap): string {
  const compiler = new NativeCompiler(layout, map);
  const update = updateText(layout, programs, compiler);
  const texts = programs.map((program, i) => programText(program, i, compiler));
  const cases = programs.map((_, i) => `    case ${i}: program_${i}(w); break;`);
  const { chunks, documents, scratch, scratchSize } = map;
  return `/* Generated by microgpt (src/backend/native/compiler.ts) for one model; edits are lost. */
${VECTORS}
#define CHUNKS ${chunks}
#define DOCUMENTS ${documents}
#define SCRATCH ${scratch}L
#define SCRATCH_SIZE ${scratchSize}L
enum { RUN = ${COMMANDS.run}, PACK = ${COMMANDS.pack} };
${HEAD_VECTORS}${TRANSPOSE}${ROWS}${WEIGHTS}${ATTENTION}${compiler.text}${THREADS}${update}${texts.join("")}
static void run_call(Worker *w) {
  if (w->call->command == PACK) {
    pack_weights(w);
    return;
  }
  w->rows = w->documents[w->call->documents];
  switch (w->call->program) {
${cases.join("\n")}
  }
}
${SESSION}`;
}
