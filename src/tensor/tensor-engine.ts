/**
 * The engine for the compiled model, on any backend. It packs documents into passes, turns statistics into losses and
 * copies weights in and out; the backend does the arithmetic. Overlapping calls run in turn (`call-queue.ts`).
 */
import { CallQueue } from "./call-queue.ts";
import { forwardFrom } from "./backend.ts";
import type { Backend, PackedTokens, ProgramOutput, Session } from "./backend.ts";
import { mustFit, weightShapes } from "../training/engine.ts";
import type { Engine, Reader, StepResult, Tensor, Tensors, TrainingState, Update } from "../training/engine.ts";
import { nameWithRanks } from "../training/ranks.ts";
import type { Ranks } from "../training/ranks.ts";
import type { Tokens } from "../text/token-sequences.ts";
import type { Buffer, Weight } from "./instructions.ts";
import type { Config } from "../microgpt.ts";
import { planEngine } from "./engine-plan.ts";
import type { EngineLimits, Programs } from "./engine-plan.ts";
import { intoPasses, newPackedTokens, packDocuments, packPieces, workOf } from "./packing.ts";
import type { Pass, TextPiece, Work } from "./packing.ts";
import { columnsOf, cutSlice, forEntries } from "./slices.ts";
import { sumLosses, tokenLoss } from "./stepping.ts";
import type { Layout } from "./layout.ts";

/** An `Engine` on a backend. */
export class TensorEngine implements Engine {
  /** The backend's. */
  readonly kind: Backend["kind"];
  /** The session's name, or else the backend's. */
  readonly name: string;
  /** The model's dimensions. */
  readonly config: Config;
  readonly #layout: Layout;
  readonly #programs: Programs;
  readonly #session: Session;
  readonly #streams: number;
  /** The processes that share the training; null: this one does it alone. */
  readonly #ranks: Ranks | null;
  readonly #queue = new CallQueue();
  /** Reused by every pass: small typed arrays take longer to allocate than to fill. */
  readonly #packed: PackedTokens;
  /** The text of the generating program, [blockSize]. */
  readonly #text: PackedTokens;
  /** The next tokens of the streaming program's texts; null without streams. */
  readonly #pieces: PackedTokens | null;
  /** The reader whose keys and values are in the generating program's memory. */
  #reading: Reader | null = null;

  /**
   * Compiles the model for the backend. Its weights are 0 until `load` or `loadWeights`. Throws RangeError if its
   * memory is too large for the device.
   * @param ranks processes that share each `step` and `evaluate`, which all of them must call; null: this one alone.
   */
  static async create(
    backend: Backend,
    config: Config,
    limits: EngineLimits,
    ranks: Ranks | null = null,
  ): Promise<TensorEngine> {
    const { layout, programs } = planEngine(backend, config, limits);
    const session = await backend.open(layout, Object.values(programs));
    const title = { kind: backend.kind, name: nameWithRanks(session.name ?? backend.name, ranks) };
    return new TensorEngine(title, layout, programs, session, limits.streams, ranks);
  }

  /** Used by `create`; takes over the session. */
  constructor(
    { kind, name }: Pick<Backend, "kind" | "name">,
    layout: Layout,
    programs: Programs,
    session: Session,
    streams: number = 0,
    ranks: Ranks | null = null,
  ) {
    this.kind = kind;
    this.name = name;
    this.config = layout.config;
    this.#layout = layout;
    this.#programs = programs;
    this.#session = session;
    const { blockSize } = layout.config;
    this.#packed = newPackedTokens(programs.training.maxTokens, programs.training.maxTokens + 1);
    this.#text = newPackedTokens(blockSize, 2);
    this.#text.positions.forEach((_, position, positions) => (positions[position] = position));
    this.#streams = streams;
    this.#ranks = ranks;
    const { streaming } = programs;
    this.#pieces = streaming === undefined ? null : newPackedTokens(streaming.maxTokens, streams + 1);
  }

  /** How many texts `advance` reads at once. */
  get streams(): number {
    return this.#streams;
  }

  /** Most tokens of a piece of `advance`, and of a pass. */
  get streamRows(): number {
    return this.#programs.streaming?.maxTokens ?? 0;
  }

  /** Bytes of memory for weights, gradients, Adam's means and activations. */
  get bytes(): number {
    return this.#session.bytes;
  }

  /** As in `Engine`. */
  get maxInFlight(): number {
    return this.#session.maxInFlight ?? 0;
  }

  step(batches: readonly (readonly Tokens[])[], update: Update): Promise<StepResult> {
    const work = (): Promise<StepResult> => {
      this.#reading = null;
      const ranks = this.#ranks;
      const { passes, before, tokens } = this.#workOf(batches);
      const share = ranks === null ? null : { firstToken: before, passes: passes.length, ranks };
      return this.#session.step(this.#programs.training, this.#packAll(passes), tokens, update, share);
    };
    return this.maxInFlight > 0 ? this.#queue.shared(work) : this.#queue.alone(work);
  }

  evaluate(documents: readonly Tokens[]): Promise<number> {
    return this.#queue.alone(() => this.#evaluate(documents));
  }

  async #evaluate(documents: readonly Tokens[]): Promise<number> {
    this.#reading = null;
    const { passes, tokens } = this.#workOf([documents]);
    let lossSum = 0;
    for (const pass of passes) {
      const result = await this.#session.run(this.#programs.evaluating, this.#pack(pass), forwardFrom(0));
      lossSum += sumLosses(result, pass.tokens);
    }
    if (this.#ranks !== null) [lossSum] = await this.#ranks.sum([lossSum]);
    return lossSum / tokens;
  }

  /**
   * The loss of every target, −log p in nats: for each document, a list of the losses of its first blockSize targets
   * (the tokens after the leading BOS). Their mean is what `evaluate` returns. Throws RangeError if the documents do
   * not fit into one pass.
   */
  tokenLosses(documents: readonly Tokens[]): Promise<number[][]> {
    return this.#queue.alone(async () => {
      this.#reading = null;
      const [pass, ...others] = intoPasses(documents, this.#programs.training.maxTokens, this.config.blockSize);
      if (others.length > 0) throw new RangeError("tokenLosses: the documents do not fit into one pass; give fewer");
      const packed = this.#pack(pass);
      const { evaluating } = this.#programs;
      const result = await this.#session.run(evaluating, packed, forwardFrom(0));
      return documents.map((_, d) => {
        const [from, to] = [packed.documents[d], packed.documents[d + 1]];
        return Array.from({ length: to - from }, (_value, i) => tokenLoss(result, from + i));
      });
    });
  }

  /** The loss of each document, the mean over its targets in nats. Throws as `tokenLosses`. */
  async losses(documents: readonly Tokens[]): Promise<number[]> {
    const losses = await this.tokenLosses(documents);
    return losses.map((ofDocument) => ofDocument.reduce((sum, loss) => sum + loss, 0) / ofDocument.length);
  }

  /** The logits after each token of a text of at most blockSize tokens: [tokens.length, vocabSize]. */
  logits(tokens: Tokens): Promise<number[][]> {
    return this.#queue.alone(async () => {
      this.#reading = null;
      this.#text.tokens.set(tokens);
      const result = await this.#generate(tokens.length, 0);
      return Array.from(tokens, (_, row) => this.#logitsOf(result, row));
    });
  }

  /**
   * The activations for a text of at most blockSize tokens: name → [tokens.length, columns], in the order of
   * computation. Names as in `model.ts`: `x0` after the embeddings, `layer0.query`, `layer0.attended`, …, `logits`.
   * `layer0.attention` has the statistics that `attentionWeights` takes.
   */
  activations(tokens: Tokens): Promise<Tensors> {
    return this.#queue.alone(async () => {
      this.#reading = null;
      this.#text.tokens.set(tokens);
      await this.#generate(tokens.length, 0);
      const { activations } = this.#programs.generating;
      const found = new Map<string, Tensor>();
      const buffers = new Map<Buffer, Float64Array | Float32Array>();
      for (const [name, { view, heads }] of activations) {
        const { buffer } = view;
        const data = buffers.get(buffer) ?? (await this.#session.read(buffer, tokens.length));
        buffers.set(buffer, data);
        found.set(name, columnsOf(data, view, heads));
      }
      return found;
    });
  }

  /**
   * Reads the next tokens, at most `streamRows`, of some of the texts 0 … streams − 1; resolves to the logits [vocabSize] after the last token of
   * each piece. Earlier tokens of a text stay in its cache, whatever else the engine computes, until weights change. A
   * number is the same bits whichever texts are read with it.
   */
  advance(pieces: readonly TextPiece[]): Promise<number[][]> {
    return this.#queue.alone(async () => {
      const found = new Map<TextPiece, number[]>();
      for (const pass of this.#cutPieces(pieces)) {
        const { streaming } = this.#programs;
        const packed = packPieces(pass, this.#pieces!);
        const result = await this.#session.run(streaming!, packed, forwardFrom(0));
        for (const piece of pass) {
          found.set(piece, this.#logitsOf(result, packed.documents[piece.stream + 1] - 1));
        }
      }
      return pieces.map((piece) => found.get(piece)!);
    });
  }

  /** Pieces in the order of their texts, in passes that fit the streaming program. */
  #cutPieces(pieces: readonly TextPiece[]): TextPiece[][] {
    const passes: TextPiece[][] = [];
    let free = 0;
    for (const piece of pieces.toSorted((a, b) => a.stream - b.stream)) {
      if (piece.tokens.length > free) {
        passes.push([]);
        free = this.streamRows;
      }
      passes.at(-1)!.push(piece);
      free -= piece.tokens.length;
    }
    return passes;
  }

  reader(): Reader {
    const tokens: number[] = [];
    const read = (...more: number[]): Promise<number[]> => this.#queue.alone(() => readAlone(more));
    const readAlone = async (more: readonly number[]): Promise<number[]> => {
      mustFit(tokens.length + more.length, this.config);
      // If another call has used the memory in between, read everything again.
      const firstRow = this.#reading === reader ? tokens.length : 0;
      tokens.push(...more);
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
      restart: () => void (tokens.length = 0),
      close: () => {},
    };
    return reader;
  }

  save(): Promise<TrainingState> {
    return this.#queue.alone(async () => ({
      weights: await this.#saveAll((weight) => weight.data),
      adamMean: await this.#saveAll((weight) => weight.adamMean),
      adamMeanSquare: await this.#saveAll((weight) => weight.adamMeanSquare),
    }));
  }

  /** A copy of the weights alone: a third of what `save` copies. */
  weights(): Promise<Tensors> {
    return this.#queue.alone(() => this.#saveAll((weight) => weight.data));
  }

  load(state: TrainingState): Promise<void> {
    return this.#queue.alone(async () => {
      await this.#loadAll(state.adamMean, (weight) => weight.adamMean);
      await this.#loadAll(state.adamMeanSquare, (weight) => weight.adamMeanSquare);
      await this.#loadWeights(state.weights);
    });
  }

  /** Copies weights in; the optimizer's state does not change. */
  loadWeights(weights: Tensors): Promise<void> {
    return this.#queue.alone(() => this.#loadWeights(weights));
  }

  async #loadWeights(weights: Tensors): Promise<void> {
    this.#reading = null;
    await this.#loadAll(weights, (weight) => weight.data);
    await this.#session.weightsChanged();
  }

  /** A copy of the gradients of the last step, for every weight. */
  gradients(): Promise<Tensors> {
    return this.#queue.alone(() => this.#saveAll((weight) => weight.grad));
  }

  /** Frees memory and threads; no call may follow. */
  close(): void {
    this.#session.close();
  }

  /** Computes the logits of `#text`'s tokens from `firstRow` up to `count`; earlier rows are in the KV cache. */
  #generate(count: number, firstRow: number): Promise<ProgramOutput> {
    this.#text.documents[1] = count;
    return this.#session.run(this.#programs.generating, this.#text, forwardFrom(firstRow));
  }

  /** A plain array: for a small vocabulary, allocating a typed array takes longer than running the model. */
  #logitsOf({ data, stride }: ProgramOutput, row: number): number[] {
    const logits = new Array<number>(this.config.vocabSize);
    for (let i = 0; i < logits.length; i++) logits[i] = data[row * stride + i];
    return logits;
  }

  #workOf(batches: readonly (readonly Tokens[])[]): Work {
    return workOf(batches, this.#ranks, this.#programs.training.maxTokens, this.config.blockSize);
  }

  /** Packs the documents of a pass, in memory that the next call overwrites. */
  #pack({ documents }: Pass): PackedTokens {
    return packDocuments(documents, this.config.blockSize, this.#packed);
  }

  *#packAll(passes: readonly Pass[]): Generator<PackedTokens> {
    for (const pass of passes) yield this.#pack(pass);
  }

  async #saveAll(bufferOf: (weight: Weight) => Buffer): Promise<Tensors> {
    const found = new Map<string, Tensor>();
    for (const weight of this.#layout.weights.values()) {
      const data = await this.#session.read(bufferOf(weight));
      for (const slice of weight.slices) found.set(slice.name, cutSlice(data, weight, slice));
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
