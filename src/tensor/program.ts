/**
 * Compiles the model to a program: phases of instructions, and a memory slot for every buffer, once per configuration.
 * Differentiation, fusion and the memory plan (`memory-plan.ts`) happen ahead of time; backends only run the result.
 *
 *   training, one layer:
 *   phase 1   documents   embed, rmsnorm, linear(attn_wqkv), attention, …, crossEntropyGrad, …, attentionGrad, …
 *             weights     linearWeightGrad of lm_head, mlp_fc2, mlp_fc1, attn_wo, attn_wqkv
 *   phase 2   documents   rmsnormGrad, rmsnormGrad
 *             weights     embedGrad of wte, wpe
 *   update    weights     adam for every weight, once per step
 *
 * A barrier follows each section, a line above. Workers divide a "documents" section by whole documents and a "weights"
 * section by rows of a weight, whose gradient needs all tokens. A windowed phase repeats its sections for a few rows at
 * a time, so that the logits of a large vocabulary fit.
 */
import { bucketsOf } from "./buckets.ts";
import type { Bucket } from "./buckets.ts";
import { fuse } from "./fusion.ts";
import { axisOf, viewsRead, viewsWritten, roundUp } from "./instructions.ts";
import type { Axis, Buffer, Heads, Instruction, View } from "./instructions.ts";
import type { Layout, Slots } from "./layout.ts";
import { planMemory } from "./memory-plan.ts";
import type { Life, Limits } from "./memory-plan.ts";
import type { Config } from "../microgpt.ts";
import { gpt, loss } from "./model.ts";
import { OPS } from "./ops.ts";
import type { NodeMemory, TensorNode } from "./ops.ts";

/** Instructions with the same axis: a worker runs all of them on its chunk without waiting for other workers. */
export interface Section {
  /** How the work divides into chunks. */
  readonly axis: Axis;
  /** Instructions in order of execution. */
  readonly instructions: readonly Instruction[];
}

/** Sections that run one after another, with a barrier after each. */
export interface Phase {
  /** Whether all sections run for one window of rows, then for the next. */
  readonly windowed: boolean;
  /** Sections in order of execution. */
  readonly sections: readonly Section[];
}

/** A program, ready for a backend. */
export interface Program {
  /** What it computes. */
  readonly kind: ProgramKind;
  /** The weights that it reads. */
  readonly layout: Layout;
  /** Phases in order of execution. */
  readonly phases: readonly Phase[];
  /** The update after the last pass of a step: Adam for every weight. Empty except for training. */
  readonly update: Section;
  /** When which gradients are final, for ranks. Empty except for training. */
  readonly buckets: readonly Bucket[];
  /** The result: statistics of the loss [T, 2]; for generating and streaming, logits [T, V]. */
  readonly result: View;
  /** Maximum tokens of a pass. */
  readonly maxTokens: number;
  /** Rows of a window; 0: no phase is windowed. */
  readonly windowRows: number;
  /** Slots of the activations, after the weights. All programs of a model share this memory. */
  readonly slots: Slots;
  /** Size of the activations, in numbers. */
  readonly size: number;
  /** Name (`gpt` in model.ts) → activation, for generating only: there no slot is reused. */
  readonly activations: ReadonlyMap<string, Activation>;
}

/** Where an activation is in the program's memory. */
export interface Activation {
  /** Its columns in a buffer. */
  readonly view: View;
  /** How its columns are padded per head; null: not padded. */
  readonly heads: Heads | null;
}

/** The programs of a model. */
export type ProgramKind = "training" | "evaluating" | "generating" | "streaming";

// ── Forward and backward ─────────────────────────────────────────────────────────────────────────────────────

/** `last` and every tensor that it depends on, inputs first. */
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

/** Assigns a view to every tensor and emits the instructions, forward and backward. */
class Tape {
  readonly #views = new Map<TensorNode, View>();
  readonly #statistics = new Map<TensorNode, View>();
  /** Gradients contributed by the users of a tensor; their sum is its gradient. */
  readonly #sent = new Map<TensorNode, View[]>();

  /** The view of a tensor's result. */
  view(tensor: TensorNode): View {
    return this.#views.get(tensor)!;
  }

  /** What the forward pass of a tensor leaves beside its result; null: nothing. */
  statistics(tensor: TensorNode): View | null {
    return this.#statistics.get(tensor) ?? null;
  }

  /** Assigns a view to a tensor. `rows` is "window" for the logits of a large vocabulary. */
  assign(tensor: TensorNode, rows: Buffer["rows"]): void {
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

  /** The instructions that compute a tensor. */
  forward(tensor: TensorNode): Instruction[] {
    return OPS[tensor.op].forward(this.#memoryOf(tensor));
  }

  /** The instructions for the gradients of a tensor's inputs and weights. Visit the tensor's users first. */
  backward(tensor: TensorNode): Instruction[] {
    const [sum, dOut] = this.#sum(tensor);
    if (tensor.op === "add") {
      for (const input of tensor.inputs) this.#send(input, dOut);
      return sum;
    }
    if (tensor.op === "columns") return sum;
    const gradients = tensor.inputs.map((input) => this.#newGradient(tensor, input));
    return [...sum, ...OPS[tensor.op].backward(this.#memoryOf(tensor), dOut, gradients)];
  }

  #memoryOf(tensor: TensorNode): NodeMemory {
    const out = this.view(tensor);
    const inputs = tensor.inputs.map((input) => this.view(input));
    return { tensor, out, inputs, statistics: this.#statistics.get(tensor) ?? out };
  }

  #send(tensor: TensorNode, gradient: View): void {
    this.#sent.set(tensor, [...(this.#sent.get(tensor) ?? []), gradient]);
  }

  /** A view for the gradient that `user` contributes to `input`. */
  #newGradient(user: TensorNode, input: TensorNode): View {
    if (user.op === "crossEntropy") {
      this.#send(input, this.view(input)); // in place: the logits are no longer needed
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

  /** Sums the contributions to a tensor's gradient; returns the instructions and the view of the sum. */
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
 * Builds a program of a model:
 * - training: forward and backward, with Adam as its `update`
 * - evaluating: forward, up to the losses
 * - generating: forward, up to the logits. Keys and values stay in memory (a KV cache), so that a run over the last
 *   rows of a text reuses those of earlier runs
 * - streaming: the same for several texts at once, each with a KV cache of its own; document d of a pass has the next
 *   tokens of text d, or none
 * @param dropout its rate, for training only.
 */
export function buildProgram(kind: ProgramKind, layout: Layout, limits: Limits, dropout = 0): Program {
  const { config, weights, heads } = layout;
  const isTraining = kind === "training";
  const named = new Map<string, TensorNode>();
  const logits = gpt(weights, config, heads, dropout, (name, tensor) => named.set(name, tensor));
  const hasLogits = kind === "generating" || kind === "streaming";
  const last = hasLogits ? logits : loss(logits);
  const windowRows = hasLogits ? 0 : windowOf(config, limits);
  const tape = new Tape();
  const order = inOrder(last);
  for (const tensor of order) tape.assign(tensor, tensor === logits && windowRows > 0 ? "window" : "tokens");
  // Training: crossEntropyGrad computes the loss, too.
  const forward = order.flatMap((tensor) => (isTraining && tensor === last ? [] : tape.forward(tensor)));
  const backward = isTraining ? order.toReversed().flatMap((tensor) => tape.backward(tensor)) : [];
  const { streams = 0 } = limits;
  const cached = kind === "streaming" ? forward.map((one) => withCache(one, streams, config.blockSize)) : forward;
  const phases = intoPhases(fuse([...cached, ...backward]), tape.view(logits).buffer);
  const adam = [...weights.values()].map((weight) => ({ kernel: "adam", to: {}, from: {}, weight }) as const);
  const update: Section = { axis: "weights", instructions: isTraining ? adam : [] };
  const result = tape.view(last);
  const lives = lifetimes(phases, result.buffer, kind === "generating");
  const memory = planMemory(lives, layout.size, limits, windowRows);
  const activations = kind === "generating" ? activationsOf(named, tape, memory.slots, heads) : new Map();
  const buckets = isTraining ? bucketsOf(phases, layout) : [];
  return {
    kind,
    layout,
    phases,
    update,
    buckets,
    result,
    maxTokens: limits.maxTokens,
    windowRows,
    activations,
    ...memory,
  };
}

/** Attention as `cachedAttention`, with caches for the texts; other instructions as they are. */
function withCache(instruction: Instruction, streams: number, blockSize: number): Instruction {
  if (instruction.kernel !== "attention") return instruction;
  const { to, from, heads } = instruction;
  const cacheRows = roundUp(blockSize, 8);
  const [keys, values] = ["keys", "values"].map((name) => newView(name, streams * cacheRows, to.out.columns));
  return { kernel: "cachedAttention", to: { out: to.out, keys, values }, from, heads, cacheRows };
}

/** The named tensors that fusion has not removed, and the statistics of attention. */
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

/** Rows of a window; 0 if the logits of a whole pass fit in memory. */
function windowOf({ vocabSize }: Config, { maxTokens, maxLogits }: Limits): number {
  if (vocabSize * maxTokens <= maxLogits) return 0;
  const rows = Math.floor(maxLogits / vocabSize);
  return rows >= 128 ? Math.min(1024, 128 * Math.floor(rows / 128)) : Math.max(16, 16 * Math.floor(rows / 16));
}

/** Start a new phase once five weight gradients are pending: holding more costs memory, a barrier costs time. */
const PENDING_WEIGHT_GRADIENTS = 5;

/** Cuts the list into phases. Weight gradients, which need all tokens, are collected after the work per document. */
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

/** When each buffer is first and last used. A moment is one instruction, or one whole windowed phase. */
function lifetimes(phases: readonly Phase[], result: Buffer, keepAll: boolean): Map<Buffer, Life> {
  const lives = new Map<Buffer, Life>();
  let moment = 0;
  for (const { windowed, sections } of phases) {
    for (const instruction of sections.flatMap(({ instructions }) => instructions)) {
      for (const { buffer } of [...viewsWritten(instruction), ...viewsRead(instruction)]) {
        const life = lives.get(buffer) ?? { first: moment, last: moment };
        const isKept = keepAll || buffer === result || typeof buffer.rows === "number";
        life.last = isKept ? Infinity : moment;
        lives.set(buffer, life);
      }
      if (!windowed) moment++;
    }
    moment++;
  }
  return lives;
}
