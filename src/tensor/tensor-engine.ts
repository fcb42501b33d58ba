/**
 * The engine: the compiled model on some backend. It packs documents into batches, turns statistics into losses, and
 * carries weights to and fro; the arithmetic is the backend's.
 */
import type { Backend, PackedTokens, ProgramOutput, Session } from "./backend.ts";
import { weightShapes } from "../training/engine.ts";
import type { Engine, Reader, StepResult, Tensor, Tensors, TrainingState, Update } from "../training/engine.ts";
import type { Tokens } from "../text/token-sequences.ts";
import { spreadOffset } from "./instructions.ts";
import type { Buffer, Weight, WeightSlice } from "./instructions.ts";
import type { Config } from "../microgpt.ts";
import { layoutWeights } from "./layout.ts";
import { buildProgram } from "./program.ts";
import { sumLosses } from "./stepping.ts";
import type { Alignment, Layout } from "./layout.ts";
import type { Program } from "./program.ts";

export interface EngineLimits {
  /** Tokens that are computed at once; larger batches are cut between documents. At least blockSize. */
  readonly maxTokens: number;
  /** Logits of more numbers than these are not in memory at once. */
  readonly maxLogits?: number;
}

/** 8 MiB of f32. */
const MAX_LOGITS = 2 ** 21;

export interface Programs {
  readonly training: Program;
  readonly evaluating: Program;
  readonly generating: Program;
}

/** The programs of a model, and where everything lies: all of an engine but its memory. */
export function planEngine(
  alignment: Alignment,
  config: Config,
  { maxTokens, maxLogits = MAX_LOGITS }: EngineLimits,
): { readonly layout: Layout; readonly programs: Programs } {
  const { align, headAlign, startAlign = 1, segment = Infinity } = alignment;
  const layout = layoutWeights(config, alignment, true);
  const limits = { align, headAlign, startAlign, segment, maxTokens: Math.max(maxTokens, config.blockSize), maxLogits };
  const programs = {
    training: buildProgram("training", layout, limits),
    evaluating: buildProgram("evaluating", layout, limits),
    generating: buildProgram("generating", layout, { ...limits, maxTokens: config.blockSize }),
  };
  return { layout, programs };
}

/** Documents that go through a program at once, and their tokens. */
interface Pass {
  readonly documents: readonly Tokens[];
  readonly tokens: number;
}

export class TensorEngine implements Engine {
  readonly name: string;
  readonly config: Config;
  readonly #layout: Layout;
  readonly #programs: Programs;
  readonly #session: Session;
  /** What every step and evaluation fills anew: to make small typed arrays takes longer than to fill them. */
  readonly #packed: PackedTokens;
  /** The one document that is being read, [blockSize]. */
  readonly #text: PackedTokens;
  /** Whose keys and values the generating program's memory holds. */
  #reading: Reader | null = null;

  /** Compiles the model for the backend. Its weights are 0 until `load` or `loadWeights`. */
  static async create(backend: Backend, config: Config, limits: EngineLimits): Promise<TensorEngine> {
    const { layout, programs } = planEngine(backend, config, limits);
    const session = await backend.open(layout, Object.values(programs));
    return new TensorEngine(backend.name, layout, programs, session);
  }

  constructor(name: string, layout: Layout, programs: Programs, session: Session) {
    this.name = name;
    this.config = layout.config;
    this.#layout = layout;
    this.#programs = programs;
    this.#session = session;
    const { blockSize } = layout.config;
    this.#packed = newPackedTokens(programs.training.maxTokens, programs.training.maxTokens + 1);
    this.#text = newPackedTokens(blockSize, 2);
    this.#text.positions.forEach((_, position, positions) => (positions[position] = position));
  }

  /** Bytes of memory for weights, gradients, Adam's means and activations. */
  get bytes(): number {
    return this.#session.bytes;
  }

  get maxInFlight(): number {
    return this.#session.maxInFlight ?? 0;
  }

  async step(batches: readonly (readonly Tokens[])[], update: Update): Promise<StepResult> {
    this.#reading = null;
    const { training } = this.#programs;
    const passes = batches.flatMap((documents) => this.#cut(documents));
    const tokens = passes.reduce((sum, pass) => sum + pass.tokens, 0);
    return await this.#session.step(training, this.#packAll(passes), tokens, update);
  }

  async evaluate(documents: readonly Tokens[]): Promise<number> {
    this.#reading = null;
    const { evaluating } = this.#programs;
    let [lossSum, tokens] = [0, 0];
    for (const pass of this.#cut(documents)) {
      const options = { firstRow: 0, lossScale: 0, accumulate: false };
      const result = await this.#session.run(evaluating, this.#pack(pass), options);
      lossSum += sumLosses(result, pass.tokens);
      tokens += pass.tokens;
    }
    return lossSum / tokens;
  }

  /** The loss of each document, the mean over its tokens. They must fit one batch. */
  async losses(documents: readonly Tokens[]): Promise<number[]> {
    this.#reading = null;
    const { evaluating } = this.#programs;
    const batch = this.#pack(this.#cut(documents)[0]);
    const result = await this.#session.run(evaluating, batch, { firstRow: 0, lossScale: 0, accumulate: false });
    return documents.map((_, d) => {
      const [from, to] = [batch.documents[d], batch.documents[d + 1]];
      return sumLosses({ ...result, data: result.data.subarray(from * result.stride) }, to - from) / (to - from);
    });
  }

  /** The logits after each token of a text, at most blockSize: [tokens.length, vocabSize]. */
  async logits(tokens: Tokens): Promise<number[][]> {
    this.#reading = null;
    this.#text.tokens.set(tokens);
    const result = await this.#generate(tokens.length, 0);
    return Array.from(tokens, (_, row) => this.#logitsOf(result, row));
  }

  reader(): Reader {
    const tokens: number[] = [];
    const read = async (token: number): Promise<number[]> => {
      if (tokens.length >= this.config.blockSize) {
        throw new RangeError(`reader: the model reads at most ${this.config.blockSize} tokens; start a new reader`);
      }
      // Another reader, or a step, has used the memory since: everything is read again.
      const firstRow = this.#reading === reader ? tokens.length : 0;
      tokens.push(token);
      this.#reading = reader;
      for (let t = firstRow; t < tokens.length; t++) this.#text.tokens[t] = tokens[t];
      const lastRow = tokens.length - 1 - firstRow;
      return this.#logitsOf(await this.#generate(tokens.length, firstRow), lastRow);
    };
    const reader: Reader = {
      get position() {
        return tokens.length;
      },
      read,
    };
    return reader;
  }

  async save(): Promise<TrainingState> {
    return {
      weights: await this.#saveAll((weight) => weight.data),
      adamMean: await this.#saveAll((weight) => weight.adamMean),
      adamMeanSquare: await this.#saveAll((weight) => weight.adamMeanSquare),
    };
  }

  async load(state: TrainingState): Promise<void> {
    await this.#loadAll(state.adamMean, (weight) => weight.adamMean);
    await this.#loadAll(state.adamMeanSquare, (weight) => weight.adamMeanSquare);
    await this.loadWeights(state.weights);
  }

  /** Takes over weights alone: the optimizer's memory stays. */
  async loadWeights(weights: Tensors): Promise<void> {
    this.#reading = null;
    await this.#loadAll(weights, (weight) => weight.data);
    await this.#session.weightsChanged();
  }

  /** The gradients of the last step, for tests. */
  async gradients(): Promise<Tensors> {
    return await this.#saveAll((weight) => weight.grad);
  }

  /** Gives the memory, and threads, back. */
  close(): void {
    this.#session.close();
  }

  /** Of the first `count` tokens of `#text`, those from `firstRow` on. */
  #generate(count: number, firstRow: number): Promise<ProgramOutput> {
    this.#text.documents[1] = count;
    return this.#session.run(this.#programs.generating, this.#text, { firstRow, lossScale: 0, accumulate: false });
  }

  /** A plain list: for a small vocabulary, a typed array takes longer to make than the model to compute. */
  #logitsOf({ data, stride }: ProgramOutput, row: number): number[] {
    const logits = new Array<number>(this.config.vocabSize);
    for (let i = 0; i < logits.length; i++) logits[i] = data[row * stride + i];
    return logits;
  }

  /** Documents in passes of at most so many tokens as there is memory for. */
  #cut(documents: readonly Tokens[]): Pass[] {
    const { maxTokens } = this.#programs.training;
    const passes: Pass[] = [];
    let [first, tokens] = [0, 0];
    for (const [i, document] of documents.entries()) {
      const count = this.#countTokens(document);
      if (tokens + count > maxTokens || i - first === maxTokens) {
        passes.push({ documents: documents.slice(first, i), tokens });
        [first, tokens] = [i, 0];
      }
      tokens += count;
    }
    passes.push({ documents: documents.slice(first), tokens });
    return passes;
  }

  /** A document is cut to blockSize tokens; its last one is only a target. */
  #countTokens(document: Tokens): number {
    return Math.min(this.config.blockSize, document.length - 1);
  }

  /** The documents one after another, in memory that the next call takes. */
  #pack({ documents }: Pass): PackedTokens {
    const { tokens, targets, positions, documents: ends } = this.#packed;
    let row = 0;
    for (const [d, document] of documents.entries()) {
      const count = this.#countTokens(document);
      for (let position = 0; position < count; position++, row++) {
        tokens[row] = document[position];
        targets[row] = document[position + 1];
        positions[row] = position;
      }
      ends[d + 1] = row;
    }
    return { tokens, targets, positions, documents: ends.subarray(0, documents.length + 1) };
  }

  *#packAll(passes: readonly Pass[]): Generator<PackedTokens> {
    for (const pass of passes) yield this.#pack(pass);
  }

  async #saveAll(bufferOf: (weight: Weight) => Buffer): Promise<Tensors> {
    const found = new Map<string, Tensor>();
    for (const weight of this.#layout.weights.values()) {
      const data = await this.#session.read(bufferOf(weight));
      for (const slice of weight.slices) found.set(slice.name, cut(data, weight, slice));
    }
    return new Map([...weightShapes(this.config).keys()].map((name) => [name, found.get(name)!]));
  }

  async #loadAll(tensors: Tensors, bufferOf: (weight: Weight) => Buffer): Promise<void> {
    for (const weight of this.#layout.weights.values()) {
      const data = new Float64Array(weight.shape[0] * weight.shape[1]);
      for (const slice of weight.slices) {
        const source = tensors.get(slice.name)!.data;
        forEntries(weight, slice, (i, j) => (data[j] = source[i]));
      }
      await this.#session.write(bufferOf(weight), data);
    }
  }
}

const newPackedTokens = (tokens: number, documents: number): PackedTokens => ({
  tokens: new Int32Array(tokens),
  targets: new Int32Array(tokens),
  positions: new Int32Array(tokens),
  documents: new Int32Array(documents),
});

/** A matrix of the model out of the weight that it lies in. */
function cut(data: Float64Array | Float32Array, weight: Weight, slice: WeightSlice): Tensor {
  const size = slice.shape[0] * slice.shape[1];
  const matrix = data instanceof Float32Array ? new Float32Array(size) : new Float64Array(size);
  forEntries(weight, slice, (i, j) => (matrix[i] = data[j]));
  return { shape: slice.shape, data: matrix };
}

/** Visits entry i of the matrix with its place j in the weight. */
function forEntries({ shape }: Weight, slice: WeightSlice, visit: (i: number, j: number) => void): void {
  const [rows, columns] = slice.shape;
  for (let r = 0; r < rows; r++) {
    const start = (slice.row + spreadOffset(r, slice.rowHeads)) * shape[1];
    for (let c = 0; c < columns; c++) visit(r * columns + c, start + spreadOffset(c, slice.columnHeads));
  }
}
