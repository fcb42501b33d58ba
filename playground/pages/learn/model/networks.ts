/**
 * Rungs that learn by gradients, all made of the core's `Value`: a table of pairs, an MLP over three letters, and the
 * core's own GPT, with and without the sight of earlier tokens.
 */
import { add, dot, emptyCache, gpt, initWeights, relu, softmax, Value } from "../../../../src/microgpt.ts";
import type { Config, Matrix, Vector, Weights } from "../../../../src/microgpt.ts";
import type { Random } from "../../../../src/random.ts";
import { BLOCK_SIZE } from "./names.ts";
import type { Names } from "./names.ts";
import type { Predictor } from "./predictor.ts";

/** A model that gradients can train. */
export interface Network {
  readonly weights: Weights;
  /** Starts before the first token of a document. @returns reads a token → logits [vocabSize] of the next. */
  readonly start: () => (token: number) => Vector;
}

/** A network as the rungs compare it: logits → probabilities. */
export const predictorOf =
  ({ start }: Network): Predictor =>
  () => {
    const read = start();
    return (token) => softmax(read(token)).map(({ data }) => data);
  };

/** A logit per pair of tokens, all 0 at first: [vocabSize][vocabSize]. */
export function pairTable({ vocabSize }: Names): Network {
  const table = Array.from({ length: vocabSize }, () => Array.from({ length: vocabSize }, () => new Value(0)));
  return { weights: { table }, start: () => (token) => table[token] };
}

/** Tokens that `lettersMlp` sees. */
const CONTEXT = 3;
const EMBEDDING = 10;
const HIDDEN = 64;

/**
 * A neural language model as in Bengio et al. 2003, with ReLU for tanh: the embeddings of the last three tokens side by
 * side [30] → hidden [64] → logits.
 */
export function lettersMlp({ vocabSize, vocabulary }: Names, random: Random): Network {
  const matrix = (nOut: number, nIn: number, deviation: number): Matrix =>
    Array.from({ length: nOut }, () => Array.from({ length: nIn }, () => new Value(random.gauss(0, deviation))));
  const wte = matrix(vocabSize, EMBEDDING, 0.3);
  const fc1 = matrix(HIDDEN, CONTEXT * EMBEDDING, 0.2);
  const bias = matrix(1, HIDDEN, 0);
  const fc2 = matrix(vocabSize, HIDDEN, 0.08);
  const start = (): ((token: number) => Vector) => {
    let context = new Array<number>(CONTEXT).fill(vocabulary.bos);
    return (token) => {
      context = [...context.slice(1), token];
      const x = context.flatMap((each) => wte[each]); // [30]
      const hidden = fc1.map((row, i) => relu(add(dot(row, x), bias[0][i]))); // [64]
      return fc2.map((row) => dot(row, hidden)); // [vocabSize]
    };
  };
  return { weights: { wte, fc1, bias, fc2 }, start };
}

/** A GPT of the core, with its configuration. */
export interface CoreNetwork extends Network {
  readonly config: Config;
}

/** What differs between two GPTs of the ladder. */
export interface CoreShape {
  readonly nHead: number;
  readonly nLayer: number;
  /** Whether a token sees the tokens before it, or only itself. */
  readonly looksBack: boolean;
}

/**
 * The core's `gpt`, 16 wide. Without `looksBack` the cache is empty before every token: attention finds only the token
 * itself, and all else, the number of weights included, stays equal.
 */
export function coreNetwork({ vocabSize }: Names, random: Random, shape: CoreShape): CoreNetwork {
  const { nHead, nLayer, looksBack } = shape;
  const config: Config = { vocabSize, nEmbd: 16, nHead, nLayer, blockSize: BLOCK_SIZE };
  const weights = initWeights(config, random);
  const start = (): ((token: number) => Vector) => {
    let [cache, position] = [emptyCache(nLayer), 0];
    return (token) => {
      if (!looksBack) cache = emptyCache(nLayer);
      return gpt(weights, config, token, position++, cache);
    };
  };
  return { config, weights, start };
}
