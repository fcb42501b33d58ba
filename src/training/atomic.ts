/**
 * `microgpt.ts` as an engine: all arithmetic is there; this file copies numbers in and out. Slow, in f64, and the
 * specification that tests compare `tensor/tensor-engine.ts` against.
 */
import type { Engine, Reader, StepResult, Tensor, Tensors, TrainingState, Update } from "./engine.ts";
import type { Tokens } from "../text/token-sequences.ts";
import { mustFit, weightShapes } from "./engine.ts";
import type { Cache, Config, Weights } from "../microgpt.ts";
import { Adam, documentLoss, emptyCache, gpt, scale, Value } from "../microgpt.ts";

/** An `Engine` that runs the scalar model of `microgpt.ts`. */
export class AtomicEngine implements Engine {
  /** Always `"atomic"`. */
  readonly kind = "atomic";
  /** Always `"atomic"`. */
  readonly name = "atomic";
  /** The model's dimensions. */
  readonly config: Config;
  readonly #weights: Weights;
  readonly #adam: Adam;

  /** Takes over `weights`, which must have the shapes of `config`. */
  constructor(config: Config, weights: Weights) {
    this.config = config;
    this.#weights = weights;
    this.#adam = new Adam(weights);
  }

  async step(batches: readonly (readonly Tokens[])[], update: Update): Promise<StepResult> {
    const documents = batches.flat();
    const total = documents.reduce((sum, tokens) => sum + this.#positions(tokens), 0);
    let loss = 0;
    for (const tokens of documents) loss += this.#backward(tokens, this.#positions(tokens) / total);
    const applied = this.#update(loss, update);
    return { loss, applied };
  }

  /** Adds a document's gradients to the weights' `grad`. One graph per document, so only one is in memory at a time. */
  #backward(tokens: Tokens, share: number): number {
    const mean = documentLoss(this.#weights, this.config, Array.from(tokens));
    const loss = share === 1 ? mean : scale(mean, share); // a single document: the reference's step, bit for bit
    loss.backward();
    return loss.data;
  }

  /** Clips, decays and updates. If the loss or a gradient is not finite, drops the gradients and returns false. */
  #update(loss: number, { step, learningRate, weightDecay, clipNorm }: Update): boolean {
    const { params } = this.#adam;
    // Also not finite if the square of a gradient overflows, which Adam would store.
    const norm = Math.sqrt(params.reduce((sum, { grad }) => sum + grad ** 2, 0));
    if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
      for (const param of params) param.grad = 0;
      return false;
    }
    if (clipNorm !== null && norm > clipNorm) for (const param of params) param.grad *= clipNorm / norm;
    if (weightDecay !== 0) for (const param of params) param.data *= 1 - learningRate * weightDecay;
    this.#adam.update(step, learningRate);
    return true;
  }

  async evaluate(documents: readonly Tokens[]): Promise<number> {
    let [sum, count] = [0, 0];
    for (const tokens of documents) {
      const positions = this.#positions(tokens);
      sum += documentLoss(this.#weights, this.config, Array.from(tokens)).data * positions;
      count += positions;
    }
    return sum / count;
  }

  reader(): Reader {
    return new AtomicReader(this.#weights, this.config);
  }

  async save(): Promise<TrainingState> {
    const weights = this.#adam.params.map(({ data }) => data);
    return {
      weights: this.#cut(Float64Array.from(weights)),
      adamMean: this.#cut(this.#adam.mean),
      adamMeanSquare: this.#cut(this.#adam.meanSquare),
    };
  }

  async load(state: TrainingState): Promise<void> {
    const weights = this.#join(state.weights);
    this.#adam.params.forEach((param, i) => (param.data = weights[i]));
    this.#adam.mean.set(this.#join(state.adamMean));
    this.#adam.meanSquare.set(this.#join(state.adamMeanSquare));
  }

  #positions(tokens: Tokens): number {
    return Math.min(this.config.blockSize, tokens.length - 1);
  }

  /** All numbers [parameters] → one tensor per matrix, in the order of `weightShapes`. */
  #cut(flat: Float64Array): Tensors {
    const tensors = new Map<string, Tensor>();
    let start = 0;
    for (const [name, shape] of weightShapes(this.config)) {
      const end = start + shape[0] * shape[1];
      tensors.set(name, { shape, data: flat.slice(start, end) });
      start = end;
    }
    return tensors;
  }

  /** The inverse of `#cut`. */
  #join(tensors: Tensors): Float64Array {
    const flat = new Float64Array(this.#adam.params.length);
    let start = 0;
    for (const name of weightShapes(this.config).keys()) {
      const { data } = tensors.get(name)!;
      flat.set(data, start);
      start += data.length;
    }
    return flat;
  }
}

/** Reads a text with cached keys and values. */
class AtomicReader implements Reader {
  position = 0;
  readonly #weights: Weights;
  readonly #config: Config;
  #cache: Cache;

  constructor(weights: Weights, config: Config) {
    this.#weights = weights;
    this.#config = config;
    this.#cache = emptyCache(config.nLayer);
  }

  async read(...tokens: number[]): Promise<number[]> {
    mustFit(this.position + tokens.length, this.#config);
    let logits: number[] = [];
    for (const token of tokens) {
      logits = gpt(this.#weights, this.#config, token, this.position++, this.#cache).map(({ data }) => data);
    }
    return logits;
  }

  restart(): void {
    this.position = 0;
    this.#cache = emptyCache(this.#config.nLayer);
  }

  close(): void {}
}

/** Tensors → the weights that `AtomicEngine`'s constructor takes. */
export function atomicWeights(config: Config, weights: Tensors): Weights {
  const matrices: Weights = {};
  for (const [name, [rows, columns]] of weightShapes(config)) {
    const { data } = weights.get(name)!;
    const row = (r: number): Value[] => Array.from(data.subarray(r * columns, (r + 1) * columns), (x) => new Value(x));
    matrices[name] = Array.from({ length: rows }, (_, r) => row(r));
  }
  return matrices;
}
