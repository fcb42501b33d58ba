/**
 * From the model to a program: a flat list of instructions and a memory slot for every buffer, made once per
 * configuration. Differentiation, fusion and the memory plan happen here, ahead of time; a step only runs the list.
 *
 *   training   phase    section "documents"        barrier   section "weights"              barrier
 *              ───────  ─────────────────────────  │         ────────────────────────────  │
 *              1        embed … attention … loss   │         gradients of 5 weights         │
 *              2        backward of layer 1 …      │         gradients of 5 weights         │   …   update: Adam
 *
 *   Chunks of a "documents" section are whole documents; those of a "weights" section are rows of a weight, which need all
 *   tokens. A windowed phase repeats its sections for some rows at a time, where a head's logits are too large.
 *
 *   memory     weights │ slot 0: x0, later dAttention │ slot 1: query, later hidden │ …   buffers with disjoint lifetimes
 *                                                                                       and equal strides share a slot
 */
import { fuse } from "./fusion.ts";
import { axisOf, viewsRead, viewsWritten, roundUp } from "./instructions.ts";
import type { Axis, Buffer, Heads, Instruction, View } from "./instructions.ts";
import type { Alignment, Layout, Slots } from "./layout.ts";
import type { Config } from "../microgpt.ts";
import { gpt, loss } from "./model.ts";
import { OPS } from "./ops.ts";
import type { NodeMemory, TensorNode } from "./ops.ts";

/** Instructions of one axis: a worker that runs a chunk of it waits for no other within the section. */
export interface Section {
  /** How the work divides into chunks. */
  readonly axis: Axis;
  /** In order. */
  readonly instructions: readonly Instruction[];
}

/** Sections that run one after another, with a barrier after each. */
export interface Phase {
  /** Whether the sections run for each window of rows in turn. */
  readonly windowed: boolean;
  /** In order. */
  readonly sections: readonly Section[];
}

/** A program, ready for a backend. */
export interface Program {
  /** What it is for. */
  readonly kind: ProgramKind;
  /** The weights that it reads. */
  readonly layout: Layout;
  /** In order. */
  readonly phases: readonly Phase[];
  /** The update after the last pass of a step: Adam for every weight. Empty except for training. */
  readonly update: Section;
  /** The result: statistics of the loss [T, 2], or for generating logits [T, V]. */
  readonly result: View;
  /** Tokens of the largest pass. */
  readonly maxTokens: number;
  /** Rows of a window; 0: no phase is windowed. */
  readonly windowRows: number;
  /** Slots of the activations, behind the weights; all programs of a model share this memory. */
  readonly slots: Slots;
  /** Numbers that the activations take. */
  readonly size: number;
  /** The activations that keep their memory to the end, by name (`gpt` in model.ts); generating only. */
  readonly activations: ReadonlyMap<string, Activation>;
}

/** Where an activation is: a view of the program's memory. */
export interface Activation {
  /** Its columns of a buffer. */
  readonly view: View;
  /** How its columns are spread over heads; null: they are not. */
  readonly heads: Heads | null;
}

/** The three programs of a model. */
export type ProgramKind = "training" | "evaluating" | "generating";

/** Limits of a program's memory. */
export interface Limits extends Alignment {
  /** Tokens of the largest pass. */
  readonly maxTokens: number;
  /** More logits than this are computed window by window. */
  readonly maxLogits: number;
}

// ── Forward and backward ─────────────────────────────────────────────────────────────────────────────────────

/** Every tensor that `last` depends on, inputs first. */
function inOrder(last: TensorNode): TensorNode[] {
  const order = new Set<TensorNode>();
  const visit = (tensor: TensorNode): void => {
    if (order.has(tensor)) return;
    tensor.inputs.forEach(visit);
    order.add(tensor);
  };
  visit(last);
  return [...order];
}

const newView = (name: string, rows: Buffer["rows"], columns: number): View => ({
  buffer: { name, rows, columns },
  column: 0,
  columns,
});

/** Gives every tensor its memory and makes the instructions, forward and backward. */
class Tape {
  readonly #views = new Map<TensorNode, View>();
  readonly #statistics = new Map<TensorNode, View>();
  /** Gradients that the users of a tensor have contributed; their sum is its gradient. */
  readonly #sent = new Map<TensorNode, View[]>();

  view(tensor: TensorNode): View {
    return this.#views.get(tensor)!;
  }

  /** What the forward pass of a tensor leaves beside its result; null where it leaves nothing. */
  statistics(tensor: TensorNode): View | null {
    return this.#statistics.get(tensor) ?? null;
  }

  /** `rows`: "window" for what lies between the head and the loss of a large vocabulary. */
  place(tensor: TensorNode, rows: Buffer["rows"]): void {
    const { op, columns, inputs } = tensor;
    if (op === "columns") {
      const { buffer, column } = this.view(inputs[0]);
      this.#views.set(tensor, { buffer, column: column + tensor.from, columns });
      return;
    }
    this.#views.set(tensor, newView(op, rows, columns));
    const count = OPS[op].statistics(tensor);
    if (count > 0) this.#statistics.set(tensor, newView(`${op}.statistics`, "tokens", count));
  }

  forward(tensor: TensorNode): Instruction[] {
    return OPS[tensor.op].forward(this.#place(tensor));
  }

  /** Instructions of the gradients of `tensor`'s inputs and weights; its users must have been visited before. */
  backward(tensor: TensorNode): Instruction[] {
    const [sum, dOut] = this.#sum(tensor);
    if (tensor.op === "add") {
      for (const input of tensor.inputs) this.#send(input, dOut);
      return sum;
    }
    if (tensor.op === "columns") return sum;
    const gradients = tensor.inputs.map((input) => this.#newGradient(tensor, input));
    return [...sum, ...OPS[tensor.op].backward(this.#place(tensor), dOut, gradients)];
  }

  #place(tensor: TensorNode): NodeMemory {
    const out = this.view(tensor);
    const inputs = tensor.inputs.map((input) => this.view(input));
    return { tensor, out, inputs, statistics: this.#statistics.get(tensor) ?? out };
  }

  #send(tensor: TensorNode, gradient: View): void {
    this.#sent.set(tensor, [...(this.#sent.get(tensor) ?? []), gradient]);
  }

  #newGradient(user: TensorNode, input: TensorNode): View {
    if (user.op === "crossEntropy") {
      this.#send(input, this.view(input)); // in place: the logits are not needed any more
      return this.view(input);
    }
    if (input.op === "columns") {
      const [whole] = input.inputs;
      if (!this.#sent.has(whole)) this.#send(whole, newView("dColumns", "tokens", whole.columns));
      const [{ buffer, column }] = this.#sent.get(whole)!;
      return { buffer, column: column + input.from, columns: input.columns };
    }
    const gradient = newView(`d${input.op}`, "tokens", input.columns);
    this.#send(input, gradient);
    return gradient;
  }

  #sum(tensor: TensorNode): [Instruction[], View] {
    const [first = this.view(tensor), ...others] = this.#sent.get(tensor) ?? [];
    const instructions: Instruction[] = [];
    let total = first;
    for (const b of others) {
      const out = newView(`d${tensor.op}`, "tokens", tensor.columns);
      instructions.push({ kernel: "add", to: { out }, from: { a: total, b } });
      total = out;
    }
    return [instructions, total];
  }
}

// ── The programs ─────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A program of a model:
 * - training: forward and backward, and Adam as its `update`
 * - evaluating: the losses alone
 * - generating: the logits. Keys and values stay in memory, so that a text can be read token by token: a run
 *   over its last rows reuses the keys and values of earlier runs (a KV cache)
 */
export function buildProgram(kind: ProgramKind, layout: Layout, limits: Limits): Program {
  const { config, weights, heads } = layout;
  const isTraining = kind === "training";
  const named = new Map<string, TensorNode>();
  const logits = gpt(weights, config, heads, (name, tensor) => named.set(name, tensor));
  const last = kind === "generating" ? logits : loss(logits);
  const windowRows = windowOf(kind, config, limits);
  const tape = new Tape();
  const order = inOrder(last);
  for (const tensor of order) tape.place(tensor, tensor === logits && windowRows > 0 ? "window" : "tokens");
  // The gradient of the loss finds the loss on its way.
  const forward = order.flatMap((tensor) => (isTraining && tensor === last ? [] : tape.forward(tensor)));
  const backward = isTraining ? order.toReversed().flatMap((tensor) => tape.backward(tensor)) : [];
  const phases = intoPhases(fuse([...forward, ...backward]), tape.view(logits).buffer);
  const adam = [...weights.values()].map((weight) => ({ kernel: "adam", to: {}, from: {}, weight }) as const);
  const update: Section = { axis: "weights", instructions: isTraining ? adam : [] };
  const result = tape.view(last);
  const lives = lifetimes(phases, result.buffer, kind === "generating");
  const memory = planMemory(lives, layout.size, limits, windowRows);
  const activations = kind === "generating" ? activationsOf(named, tape, memory.slots, heads) : new Map();
  return { kind, layout, phases, update, result, maxTokens: limits.maxTokens, windowRows, activations, ...memory };
}

/** The named tensors that have memory of their own after fusion, and the statistics of attention. */
function activationsOf(
  named: ReadonlyMap<string, TensorNode>,
  tape: Tape,
  slots: Slots,
  heads: Heads,
): Map<string, Activation> {
  const found = new Map<string, Activation>();
  const add = (name: string, view: View, spread: Heads | null): void => {
    if (slots.has(view.buffer)) found.set(name, { view, heads: spread });
  };
  for (const [name, tensor] of named) {
    const isSpread = tensor.op === "attention" || tensor.op === "columns";
    add(name, tape.view(tensor), isSpread ? heads : null);
    const statistics = tape.statistics(tensor);
    if (statistics !== null) add(name.replace(/attended$/, "attention"), statistics, null);
  }
  return found;
}

/** Rows of a window; 0 where the logits of the whole batch may be in memory at once. */
function windowOf(kind: ProgramKind, { vocabSize }: Config, { maxTokens, maxLogits }: Limits): number {
  if (kind === "generating" || vocabSize * maxTokens <= maxLogits) return 0;
  const rows = Math.floor(maxLogits / vocabSize);
  return rows >= 128 ? Math.min(1024, 128 * Math.floor(rows / 128)) : Math.max(16, 16 * Math.floor(rows / 16));
}

/** Flush once five weight gradients are pending, a layer's four and the head's: holding more costs memory, a barrier costs time. */
const PENDING_WEIGHT_GRADIENTS = 5;

/** Cuts the list into phases: weight gradients, which need all tokens, are gathered behind the work done per document. */
function intoPhases(instructions: readonly Instruction[], logits: Buffer): Phase[] {
  const phases: Phase[] = [];
  let documents: Instruction[] = [];
  let weights: Instruction[] = [];
  let windowed = false;
  const flush = (): void => {
    const sections: Section[] = [];
    if (documents.length > 0) sections.push({ axis: "documents", instructions: documents });
    if (weights.length > 0) sections.push({ axis: "weights", instructions: weights });
    if (sections.length > 0) phases.push({ windowed, sections });
    [documents, weights] = [[], []];
  };
  for (const instruction of instructions) {
    const inWindow = [...viewsWritten(instruction), ...viewsRead(instruction)].some(
      ({ buffer }) => buffer === logits && buffer.rows === "window",
    );
    const isDocuments = axisOf(instruction) === "documents";
    if (inWindow !== windowed || (isDocuments && weights.length >= PENDING_WEIGHT_GRADIENTS)) flush();
    windowed = inWindow;
    (isDocuments ? documents : weights).push(instruction);
  }
  flush();
  return phases;
}

// ── Memory ───────────────────────────────────────────────────────────────────────────────────────────────────

interface Life {
  first: number;
  last: number;
}

/** When each buffer is first written and last read, in instructions; a windowed phase counts as one. */
function lifetimes(phases: readonly Phase[], result: Buffer, keepAll: boolean): Map<Buffer, Life> {
  const lives = new Map<Buffer, Life>();
  let moment = 0;
  for (const { windowed, sections } of phases) {
    for (const instruction of sections.flatMap(({ instructions }) => instructions)) {
      for (const { buffer } of [...viewsWritten(instruction), ...viewsRead(instruction)]) {
        const life = lives.get(buffer) ?? { first: moment, last: moment };
        life.last = keepAll || buffer === result ? Infinity : moment;
        lives.set(buffer, life);
      }
      if (!windowed) moment++;
    }
    moment++;
  }
  return lives;
}

/** Kernels that work on four rows at once may read, but never write, beyond the last row. */
const SPARE_ROWS = 4;

/**
 * Buffers with disjoint lifetimes share a slot if their strides are equal: then a row of one has the memory of the same row
 * of the other, and workers at different instructions never touch the same row.
 */
function planMemory(
  lives: ReadonlyMap<Buffer, Life>,
  start: number,
  { align, startAlign = 1, segment = Infinity, maxTokens }: Limits,
  windowRows: number,
): { slots: Slots; size: number } {
  const slots = new Map<Buffer, { start: number; stride: number }>();
  const reusable: { key: string; start: number; until: number }[] = [];
  let end = 0;
  for (const [buffer, { first, last }] of lives) {
    const stride = roundUp(buffer.columns, align);
    const key = `${stride} ${buffer.rows}`;
    let slot = reusable.find((one) => one.key === key && one.until < first);
    if (slot === undefined) {
      const rows = (buffer.rows === "window" ? windowRows : maxTokens) + SPARE_ROWS;
      const size = roundUp(rows * stride, startAlign);
      if (Math.floor(end / segment) < Math.floor((end + size - 1) / segment)) end = roundUp(end, segment);
      slot = { key, start: start + end, until: last };
      reusable.push(slot);
      end += size;
    }
    slot.until = last;
    slots.set(buffer, { start: slot.start, stride });
  }
  return { slots, size: end };
}
