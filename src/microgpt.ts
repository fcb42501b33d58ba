/**
 * microgpt: a GPT, from the text it learns from to the text it invents, in one file.
 *
 * This is the whole algorithm; everything else in this project only makes it faster or more comfortable.
 * It follows Andrej Karpathy's microgpt.py number for number: the same seed gives the same losses and samples.
 * Read it from top to bottom. To see it run: `node src/microgpt.ts [FILE] [STEPS]` (Node ≥ 24).
 */
import { Random } from "./random.ts";

// ── 1. A document becomes tokens ─────────────────────────────────────────────────────────────────────────────
// The model sees integers only. Every character of the training text gets an id, and one more id, BOS
// ("beginning of sequence"), stands before and after each document: "emma" → [BOS, e, m, m, a, BOS].

/** `characters` are sorted by code point, a character's place is its id; `bos` is the last id, one past them. */
export type Vocabulary = { readonly characters: readonly string[]; readonly bos: number };

export function buildVocabulary(documents: readonly string[]): Vocabulary {
  const characters = [...new Set(documents.flatMap((document) => [...document]))];
  characters.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  return { characters, bos: characters.length };
}

export function encode({ characters, bos }: Vocabulary, document: string): number[] {
  return [bos, ...[...document].map((character) => characters.indexOf(character)), bos];
}

// ── 2. A number that remembers where it came from ────────────────────────────────────────────────────────────
// To learn, we must know how the loss changes when a weight changes. So each number of the computation is a
// Value: it keeps the values it was made of (its children) and, for each, the local derivative "if this child
// grows by 1, I grow by …". `backward` then applies the chain rule from the loss down to every weight.

export class Value {
  data: number;
  grad = 0; // d(loss)/d(this), summed up by `backward`
  readonly children: readonly Value[];
  readonly localGrads: readonly number[];
  #waitingFor = 0; // parents that have not passed their gradient down yet; 0 outside of `backward`
  constructor(data: number, children: readonly Value[] = [], localGrads: readonly number[] = []) {
    this.data = data;
    this.children = children;
    this.localGrads = localGrads;
  }
  /** Adds d(this)/d(leaf) to every leaf's `grad`, in a fixed order. A list, not recursion: long documents go deep. */
  backward(): void {
    const pending: Value[] = [this];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node.children.length > 0) node.grad = 0; // leaves, the weights, sum up over losses; the rest begins anew
      for (const child of node.children) if (child.#waitingFor++ === 0) pending.push(child);
    }
    this.grad += 1;
    pending.push(this);
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      for (let i = 0; i < node.children.length; i++) {
        node.children[i].grad += node.localGrads[i] * node.grad; // the chain rule
        if (--node.children[i].#waitingFor === 0) pending.push(node.children[i]); // all its parents have passed theirs
      }
    }
  }
}

export type Vector = Value[];
export type Matrix = Vector[];

// The primitives: on each line a value and, behind its children, its derivatives.
export const add = (a: Value, b: Value): Value => new Value(a.data + b.data, [a, b], [1, 1]);
export const mul = (a: Value, b: Value): Value => new Value(a.data * b.data, [a, b], [b.data, a.data]);
export const pow = (a: Value, n: number): Value => new Value(a.data ** n, [a], [n * a.data ** (n - 1)]);
export const exp = (a: Value): Value => new Value(Math.exp(a.data), [a], [Math.exp(a.data)]);
export const log = (a: Value): Value => new Value(Math.log(a.data), [a], [1 / a.data]);
export const relu = (a: Value): Value => new Value(Math.max(0, a.data), [a], [a.data > 0 ? 1 : 0]);

/**
 * a₀·b₀ + a₁·b₁ + …: nearly all of a GPT's arithmetic. `mul` and `add` would give the same number with two nodes
 * a term; as one node, whose local derivatives are the other side's data, it takes a tenth of the time.
 */
export function dot(a: Vector, b: Vector): Value {
  const localGrads = new Array<number>(2 * a.length);
  let data = 0;
  for (let i = 0; i < a.length; i++) {
    data += a[i].data * b[i].data;
    localGrads[i] = b[i].data;
    localGrads[a.length + i] = a[i].data;
  }
  return new Value(data, a.concat(b), localGrads);
}

// The rest is derived.
export const scale = (a: Value, constant: number): Value => mul(a, new Value(constant));
export const sub = (a: Value, b: Value): Value => add(a, scale(b, -1));
export const average = (values: Vector): Value => scale(values.reduce(add), 1 / values.length);

// ── 3. The weights: what the model knows ─────────────────────────────────────────────────────────────────────
// They start as small random numbers. Each is a matrix [out][in]: a row for every number that comes out.

export type Weights = Record<string, Matrix>;

export interface Config {
  readonly vocabSize: number; // how many tokens there are, BOS included
  readonly nEmbd: number; // the width: how many numbers describe a token
  readonly nHead: number; // attention heads; must divide nEmbd
  readonly nLayer: number; // the depth
  readonly blockSize: number; // how many tokens the model can look back on
}

export function initWeights({ vocabSize, nEmbd, nLayer, blockSize }: Config, random: Random): Weights {
  const row = (nIn: number): Vector => Array.from({ length: nIn }, () => new Value(random.gauss(0, 0.08)));
  const matrix = (nOut: number, nIn: number): Matrix => Array.from({ length: nOut }, () => row(nIn));
  const weights: Weights = {
    wte: matrix(vocabSize, nEmbd), // token → embedding
    wpe: matrix(blockSize, nEmbd), // position → embedding
    lm_head: matrix(vocabSize, nEmbd), // from the last layer back to tokens
  };
  for (let layer = 0; layer < nLayer; layer++) {
    for (const name of ["wq", "wk", "wv", "wo"]) weights[`layer${layer}.attn_${name}`] = matrix(nEmbd, nEmbd);
    weights[`layer${layer}.mlp_fc1`] = matrix(4 * nEmbd, nEmbd);
    weights[`layer${layer}.mlp_fc2`] = matrix(nEmbd, 4 * nEmbd);
  }
  return weights;
}

// ── 4. The model: the tokens so far → which token comes next ─────────────────────────────────────────────────
// A GPT-2 with RMSNorm for LayerNorm, ReLU for GeLU, and no biases. It reads one token at a time and leaves its
// key and its value, layer by layer, in a cache, where later tokens find them: nobody can look ahead.

const linear = (x: Vector, weight: Matrix): Vector => weight.map((row) => dot(row, x)); // [in] → [out]
const column = (matrix: Matrix, j: number): Vector => matrix.map((row) => row[j]);
const addVectors = (a: Vector, b: Vector): Vector => a.map((value, i) => add(value, b[i]));

function rmsnorm(x: Vector): Vector {
  const inverseRoot = pow(add(scale(dot(x, x), 1 / x.length), new Value(1e-5)), -0.5);
  return x.map((value) => mul(value, inverseRoot));
}

export function softmax(logits: Vector): Vector {
  const max = new Value(logits.reduce((most, { data }) => Math.max(most, data), -Infinity)); // exp can't overflow
  const exps = logits.map((logit) => exp(sub(logit, max)));
  const inverseTotal = pow(exps.reduce(add), -1);
  return exps.map((value) => mul(value, inverseTotal));
}

/** What each layer has seen so far, a row [nEmbd] for each position. */
export type Cache = { readonly keys: Matrix; readonly values: Matrix }[];
export const emptyCache = (nLayer: number): Cache => Array.from({ length: nLayer }, () => ({ keys: [], values: [] }));

/** A token at its position (0 ≤ position < blockSize) → logits [vocabSize]. Adds an entry a layer to the cache. */
export function gpt(weights: Weights, config: Config, token: number, position: number, cache: Cache): Vector {
  let x = rmsnorm(addVectors(weights.wte[token], weights.wpe[position])); // [nEmbd]
  for (let layer = 0; layer < config.nLayer; layer++) {
    const project = (input: Vector, name: string): Vector => linear(input, weights[`layer${layer}.${name}`]);
    const normed = rmsnorm(x);
    const query = project(normed, "attn_wq");
    cache[layer].keys.push(project(normed, "attn_wk"));
    cache[layer].values.push(project(normed, "attn_wv"));
    const attended = attention(query, cache[layer].keys, cache[layer].values, config.nHead);
    x = addVectors(project(attended, "attn_wo"), x);
    const hidden = project(rmsnorm(x), "mlp_fc1").map(relu); // [4·nEmbd]
    x = addVectors(project(hidden, "mlp_fc2"), x);
  }
  return linear(x, weights.lm_head);
}

/** Each head compares its part of the query with every key so far, and averages the values whose keys fit. */
function attention(query: Vector, keys: Matrix, values: Matrix, nHead: number): Vector {
  const headDim = query.length / nHead;
  const output: Vector = [];
  for (let start = 0; start < query.length; start += headDim) {
    const part = (x: Vector): Vector => x.slice(start, start + headDim);
    const focus = softmax(keys.map((key) => scale(dot(part(query), part(key)), headDim ** -0.5))); // [positions]
    for (let j = start; j < start + headDim; j++) output.push(dot(focus, column(values, j)));
  }
  return output;
}

// ── 5. Learning: make the token that did come next a little more likely ──────────────────────────────────────
/** The mean of −log p(next token) over the first blockSize positions of a document's tokens. */
export function documentLoss(weights: Weights, config: Config, tokens: readonly number[]): Value {
  const cache = emptyCache(config.nLayer);
  const positions = Math.min(config.blockSize, tokens.length - 1);
  const losses = tokens.slice(0, positions).map((token, position) => {
    const probabilities = softmax(gpt(weights, config, token, position, cache));
    return scale(log(probabilities[tokens[position + 1]]), -1);
  });
  return average(losses);
}

/** Adam (Kingma & Ba 2015): steps of an even size along a running mean of the gradients. */
export class Adam {
  readonly params: readonly Value[];
  readonly mean: Float64Array; // of each weight's gradients
  readonly meanSquare: Float64Array; // and of their squares
  constructor(weights: Weights) {
    this.params = Object.values(weights).flat(2);
    this.mean = new Float64Array(this.params.length);
    this.meanSquare = new Float64Array(this.params.length);
  }
  /** Moves the weights against their gradients and clears these. Steps count from 0. */
  update(step: number, learningRate: number, beta1: number = 0.85, beta2: number = 0.99, epsilon: number = 1e-8): void {
    for (const [i, param] of this.params.entries()) {
      this.mean[i] = beta1 * this.mean[i] + (1 - beta1) * param.grad;
      this.meanSquare[i] = beta2 * this.meanSquare[i] + (1 - beta2) * param.grad ** 2;
      const mean = this.mean[i] / (1 - beta1 ** (step + 1)); // both means start at 0; undo that bias
      const meanSquare = this.meanSquare[i] / (1 - beta2 ** (step + 1));
      param.data -= (learningRate * mean) / (meanSquare ** 0.5 + epsilon);
      param.grad = 0;
    }
  }
}

// ── 6. Dreaming: let the model write, one token after another, until it says BOS ─────────────────────────────
export function dream(weights: Weights, config: Config, { characters, bos }: Vocabulary, random: Random): string {
  const temperature = 0.5; // below 1: likely tokens become likelier still
  const cache = emptyCache(config.nLayer);
  const text: string[] = [];
  for (let position = 0, token = bos; position < config.blockSize; position++) {
    const logits = gpt(weights, config, token, position, cache).map((logit) => scale(logit, 1 / temperature));
    const probabilities = softmax(logits).map(({ data }) => data);
    token = random.choices([...probabilities.keys()], probabilities)[0];
    if (token === bos) break;
    text.push(characters[token]);
  }
  return text.join("");
}

// ── 7. All of it, for a text with a document on every line ───────────────────────────────────────────────────
export function main(text: string, numSteps: number, print: (line: string) => void): void {
  const random = new Random(42);
  const documents = text.split("\n").flatMap((line) => line.trim() || []);
  random.shuffle(documents);
  const vocabulary = buildVocabulary(documents);
  const config: Config = { vocabSize: vocabulary.bos + 1, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
  const weights = initWeights(config, random);
  const adam = new Adam(weights);
  print(`${documents.length} documents, ${config.vocabSize} tokens, ${adam.params.length} weights`);
  for (let step = 0; step < numSteps; step++) {
    const loss = documentLoss(weights, config, encode(vocabulary, documents[step % documents.length]));
    loss.backward();
    adam.update(step, 0.01 * (1 - step / numSteps));
    print(`step ${step + 1} / ${numSteps}  loss ${loss.data.toFixed(4)}`);
  }
  for (let i = 1; i <= 20; i++) print(`sample ${i}: ${dream(weights, config, vocabulary, random)}`);
}

declare const process: { argv: string[]; getBuiltinModule(id: "fs"): { readFileSync(path: string | URL): Uint8Array } };
const { filename } = import.meta as { filename?: string }; // undefined in a browser
if (filename !== undefined && filename === process.argv[1]) {
  const [file = new URL("../data/names.txt", import.meta.url), steps = "1000"] = process.argv.slice(2);
  main(new TextDecoder().decode(process.getBuiltinModule("fs").readFileSync(file)), Number(steps), console.log);
}
