// microgpt: a GPT in one file, from the text it learns from to the text it invents. This is the whole algorithm; the
// rest of this project makes it faster and easier to use. From the same seed it gives the same losses and samples as
// Andrej Karpathy's microgpt.py. Read it from top to bottom; `node src/microgpt.ts [FILE] [STEPS]` runs it (Node ≥ 24).
import { Random } from "./random.ts";

// ── 1. A document becomes tokens ─────────────────────────────────────────────────────────────────────────────
// The model sees only integers, called tokens. Each character of the training text has one, and one more, BOS
// ("beginning of sequence"), marks both ends of every document: "emma" → [BOS, e, m, m, a, BOS].
/** What each token means. */ export interface Vocabulary {
  /** Sorted by code point; a character's index is its token. */ readonly characters: readonly string[];
  /** The last token, one past the characters. */ readonly bos: number;
}
/** ["emma", "ada"] → characters [a, d, e, m], bos 4. */
export function buildVocabulary(documents: readonly string[]): Vocabulary {
  const characters = [...new Set(documents.flatMap((document) => [...document]))];
  characters.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  return { characters, bos: characters.length };
}
/** With that vocabulary, "emma" → [4, 2, 3, 3, 0, 4]. */
export function encode({ characters, bos }: Vocabulary, document: string): number[] {
  return [bos, ...[...document].map((character) => characters.indexOf(character)), bos];
}

// ── 2. A number that remembers where it came from ────────────────────────────────────────────────────────────
// To learn, we must know how the loss changes when a weight changes. So each number in the computation is a Value: it
// keeps its children (the values it was computed from) and, for each, the local derivative: how fast it grows when
// only that child grows. `backward` then applies the chain rule, from the loss down to every weight.
/** A number in a computation. */
export class Value {
  /** The number itself. */ data: number;
  /** d(loss)/d(this), summed by `backward`. */ grad = 0;
  /** The values this one was computed from; none for a leaf, such as a weight. */ readonly children: readonly Value[];
  /** d(this)/d(child) for each child. */ readonly localGrads: readonly number[];
  #parentsLeft = 0; // parents that have not added to `grad` yet
  /** Without children, a leaf. */ constructor(data: number, children: Vector = [], localGrads: number[] = []) {
    this.data = data;
    this.children = children;
    this.localGrads = localGrads;
  }
  /** Adds d(this)/d(leaf) to the `grad` of every leaf. */
  backward(): void {
    this.#countParents();
    this.grad += 1; // d(this)/d(this)
    const ready: Value[] = [this]; // values whose `grad` is complete: all of their parents have added to it (Kahn 1962)
    for (let value = ready.pop(); value !== undefined; value = ready.pop()) {
      for (let i = 0; i < value.children.length; i++) {
        value.children[i].grad += value.localGrads[i] * value.grad; // the chain rule
        if (--value.children[i].#parentsLeft === 0) ready.push(value.children[i]);
      }
    }
  }
  /** Counts the parents of every value that this one was computed from. Only the `grad` of leaves sums over losses. */
  #countParents(): void {
    const found: Value[] = [this];
    for (let value = found.pop(); value !== undefined; value = found.pop()) {
      if (value.children.length > 0) value.grad = 0;
      for (const child of value.children) if (child.#parentsLeft++ === 0) found.push(child);
    }
  }
}

/** [n] */ export type Vector = Value[];
/** [rows][columns] */ export type Matrix = Vector[];
// Each line gives a value, its children, and its derivative by each of them.
/** a + b */ export const add = (a: Value, b: Value): Value => new Value(a.data + b.data, [a, b], [1, 1]);
/** a − b */ export const sub = (a: Value, b: Value): Value => new Value(a.data - b.data, [a, b], [1, -1]);
/** a · b */ export const mul = (a: Value, b: Value): Value => new Value(a.data * b.data, [a, b], [b.data, a.data]);
/** aⁿ */ export const pow = (a: Value, n: number): Value => new Value(a.data ** n, [a], [n * a.data ** (n - 1)]);
/** eᵃ */ export const exp = (a: Value): Value => new Value(Math.exp(a.data), [a], [Math.exp(a.data)]);
/** ln a */ export const log = (a: Value): Value => new Value(Math.log(a.data), [a], [1 / a.data]);
/** max(0, a) */ export const relu = (a: Value): Value => new Value(Math.max(0, a.data), [a], [a.data > 0 ? 1 : 0]);
/** a₀·b₀ + a₁·b₁ + …, nearly all of a GPT's arithmetic. One node: `mul` and `add` would take far longer. */
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
/** a · constant */ export const scale = (a: Value, constant: number): Value => mul(a, new Value(constant));
/** (a₀ + a₁ + …) / n */ export const average = (a: Vector): Value => scale(a.reduce(add), 1 / a.length);
// Example: const [a, b] = [new Value(2), new Value(3)]; add(mul(a, b), a).backward();
// Now a.grad is 4: a·b + a contains a twice, with the local derivatives b = 3 and 1. And b.grad is a = 2.

// ── 3. The weights: what the model knows ─────────────────────────────────────────────────────────────────────
// They start as small random numbers. Each matrix is [out][in]: one row of weights for each number that comes out.
/** Matrices by name. */ export type Weights = Record<string, Matrix>;
/** The size of a model. */ export interface Config {
  /** Tokens in the vocabulary, BOS included. */ readonly vocabSize: number;
  /** Width: numbers that describe a token. */ readonly nEmbd: number;
  /** Attention heads; must divide nEmbd. */ readonly nHead: number;
  /** Depth: blocks of attention and MLP. */ readonly nLayer: number;
  /** Longest input, in tokens. */ readonly blockSize: number;
}
/** Draws every weight from a normal distribution with mean 0 and standard deviation 0.08. */
export function initWeights({ vocabSize, nEmbd, nLayer, blockSize }: Config, random: Random): Weights {
  const row = (nIn: number): Vector => Array.from({ length: nIn }, () => new Value(random.gauss(0, 0.08)));
  const matrix = (nOut: number, nIn: number): Matrix => Array.from({ length: nOut }, () => row(nIn));
  const weights: Weights = { wte: matrix(vocabSize, nEmbd), wpe: matrix(blockSize, nEmbd) }; // token → x, position → x
  weights.lm_head = matrix(vocabSize, nEmbd); // x → logits
  for (let layer = 0; layer < nLayer; layer++) {
    for (const name of ["wq", "wk", "wv", "wo"]) weights[`layer${layer}.attn_${name}`] = matrix(nEmbd, nEmbd);
    weights[`layer${layer}.mlp_fc1`] = matrix(4 * nEmbd, nEmbd);
    weights[`layer${layer}.mlp_fc2`] = matrix(nEmbd, 4 * nEmbd);
  }
  return weights;
}

// ── 4. The model: the tokens so far → which token comes next ─────────────────────────────────────────────────
// A Transformer (Vaswani et al. 2017) as in GPT-2 (Radford et al. 2019), but with RMSNorm (Zhang & Sennrich 2019)
// instead of LayerNorm, ReLU instead of GeLU, and no biases. It reads one token at a time and puts the token's key and
// value, layer by layer, into a cache. A token attends only to what is in the cache, so it cannot look ahead.
const linear = (x: Vector, weight: Matrix): Vector => weight.map((row) => dot(row, x)); // [in] → [out]
const column = (matrix: Matrix, j: number): Vector => matrix.map((row) => row[j]); // [rows][columns] → [rows]
const addVectors = (a: Vector, b: Vector): Vector => a.map((value, i) => add(value, b[i])); // [n], [n] → [n]
/** x [n], scaled to a mean square of 1; the 1e-5 avoids a division by 0. */
function rmsnorm(x: Vector): Vector {
  const inverseRms = pow(add(scale(dot(x, x), 1 / x.length), new Value(1e-5)), -0.5);
  return x.map((value) => mul(value, inverseRms));
}
/** Any numbers [n] → probabilities [n]: eˣ / sum. Subtracting the largest x cancels out, and keeps eˣ from overflow. */
export function softmax(logits: Vector): Vector {
  const max = new Value(Math.max(...logits.map(({ data }) => data)));
  const exps = logits.map((logit) => exp(sub(logit, max)));
  const inverseTotal = pow(exps.reduce(add), -1);
  return exps.map((value) => mul(value, inverseTotal));
}
/** Per layer, [positions][nEmbd] each. */ export type Cache = { readonly keys: Matrix; readonly values: Matrix }[];
/** Before the first token. */
export const emptyCache = (nLayer: number): Cache => Array.from({ length: nLayer }, () => ({ keys: [], values: [] }));
/** A token at position 0 ≤ position < blockSize → logits [vocabSize], a score per next token. Adds to the cache. */
export function gpt(weights: Weights, config: Config, token: number, position: number, cache: Cache): Vector {
  let x = rmsnorm(addVectors(weights.wte[token], weights.wpe[position])); // [nEmbd]
  for (let layer = 0; layer < config.nLayer; layer++) {
    const project = (input: Vector, name: string): Vector => linear(input, weights[`layer${layer}.${name}`]);
    // Attention: gather what is useful from the tokens so far, this one included.
    const normed = rmsnorm(x); // [nEmbd]; in each block anew, as x grows with every sum below
    const query = project(normed, "attn_wq"); // [nEmbd], what this token looks for
    cache[layer].keys.push(project(normed, "attn_wk")); // [nEmbd], what it is found by
    cache[layer].values.push(project(normed, "attn_wv")); // [nEmbd], what is read from it
    const attended = attention(query, cache[layer].keys, cache[layer].values, config.nHead); // [nEmbd]
    x = addVectors(project(attended, "attn_wo"), x); // residual: x itself stays, so gradients pass undamped
    // MLP: work on what was gathered, each token on its own.
    const hidden = project(rmsnorm(x), "mlp_fc1").map(relu); // [4 · nEmbd], room for more features than x has
    x = addVectors(project(hidden, "mlp_fc2"), x);
  }
  return linear(x, weights.lm_head);
}
/** Each head compares its slice of the query with all keys so far, and averages the values, weighted by match. */
function attention(query: Vector, keys: Matrix, values: Matrix, nHead: number): Vector {
  const headDim = query.length / nHead; // scores are divided by its root, or they would grow with it
  const output: Vector = []; // [nEmbd] in the end, [headDim] from each head
  for (let start = 0; start < query.length; start += headDim) {
    const slice = (x: Vector): Vector => x.slice(start, start + headDim); // [nEmbd] → [headDim]
    const scores = keys.map((key) => scale(dot(slice(query), slice(key)), headDim ** -0.5)); // [positions]
    const attentionWeights = softmax(scores); // [positions]
    for (let j = start; j < start + headDim; j++) output.push(dot(attentionWeights, column(values, j)));
  }
  return output;
}

// ── 5. Learning: make the token that did come next a little more likely ──────────────────────────────────────
// The loss measures how wrong the model's guesses are, its gradient says which way to move each weight, Adam how far.
/** The mean of −log p(next token) over a document's first blockSize tokens: 0 if certain, ln(vocabSize) if blind. */
export function documentLoss(weights: Weights, config: Config, tokens: readonly number[]): Value {
  const cache = emptyCache(config.nLayer);
  const positions = Math.min(config.blockSize, tokens.length - 1);
  const losses = tokens.slice(0, positions).map((token, position) => {
    const probabilities = softmax(gpt(weights, config, token, position, cache)); // [vocabSize]
    return scale(log(probabilities[tokens[position + 1]]), -1);
  });
  return average(losses);
}
/** Adam (Kingma & Ba 2015) moves each weight by −learningRate · m̂ / (√v̂ + ε), from running means of its gradients. */
export class Adam {
  /** All weights in one list. */ readonly params: readonly Value[];
  /** m: per weight, the running mean of its gradients. */ readonly mean: Float64Array;
  /** v: and of their squares. */ readonly meanSquare: Float64Array;
  /** Both means start at 0. */ constructor(weights: Weights) {
    this.params = Object.values(weights).flat(2);
    this.mean = new Float64Array(this.params.length);
    this.meanSquare = new Float64Array(this.params.length);
  }
  /** Moves the weights and clears their gradients. Steps count from 0. */
  update(step: number, learningRate: number, beta1: number = 0.85, beta2: number = 0.99, epsilon: number = 1e-8): void {
    for (const [i, param] of this.params.entries()) {
      this.mean[i] = beta1 * this.mean[i] + (1 - beta1) * param.grad;
      this.meanSquare[i] = beta2 * this.meanSquare[i] + (1 - beta2) * param.grad ** 2;
      const mHat = this.mean[i] / (1 - beta1 ** (step + 1)); // both means start at 0; this undoes the bias
      const vHat = this.meanSquare[i] / (1 - beta2 ** (step + 1));
      param.data -= (learningRate * mHat) / (vHat ** 0.5 + epsilon);
      param.grad = 0;
    }
  }
}

// ── 6. Dreaming: let the model write, one token after another, until it says BOS ─────────────────────────────
/** Draws a token from the model's probabilities, reads it back in, and repeats, for at most blockSize characters. */
export function sample(weights: Weights, config: Config, { characters, bos }: Vocabulary, random: Random): string {
  const temperature = 0.5; // below 1, likely tokens become likelier still
  const cache = emptyCache(config.nLayer);
  const text: string[] = [];
  for (let position = 0, token = bos; position < config.blockSize; position++) {
    const logits = gpt(weights, config, token, position, cache).map((logit) => scale(logit, 1 / temperature));
    const probabilities = softmax(logits).map(({ data }) => data);
    token = random.weightedIndex(probabilities);
    if (token === bos) break;
    text.push(characters[token]);
  }
  return text.join("");
}

// ── 7. All of it, for a text with a document on every line ───────────────────────────────────────────────────
/** Trains on one document per step, at a learning rate that falls to 0, and then prints twenty samples. */
export function main(text: string, numSteps: number, print: (line: string) => void): void {
  const random = new Random(42);
  const lines = text.split("\n").map((line) => line.trim());
  const documents = lines.filter((line) => line !== "");
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
  for (let i = 1; i <= 20; i++) print(`sample ${i}: ${sample(weights, config, vocabulary, random)}`);
}

// As a command, also through a symbolic link; not in a browser (no filename) or in a bundle (another filename).
type Fs = { existsSync(p: unknown): boolean; realpathSync(p: unknown): string; readFileSync(p: unknown): Uint8Array };
declare const process: { argv: string[]; exitCode: number; getBuiltinModule(id: "fs"): Fs };
const { filename = "" } = import.meta as { filename?: string };
const fs = /microgpt\.[jt]s$/.test(filename) ? process.getBuiltinModule("fs") : null;
if (fs?.existsSync(process.argv[1] ?? "") && fs.realpathSync(process.argv[1]) === fs.realpathSync(filename)) {
  const [file = new URL("../data/names.txt", import.meta.url), steps = "1000"] = process.argv.slice(2);
  const text = fs.existsSync(file) ? new TextDecoder().decode(fs.readFileSync(file)).trim() : "";
  const numSteps = Number.isInteger(Number(steps)) ? Number(steps) : 0;
  if (text === "" || numSteps <= 0) process.exitCode = 2;
  if (text === "") console.error(`microgpt: FILE: ${file} is missing or empty, expected a document on every line`);
  else if (numSteps <= 0) console.error(`microgpt: STEPS: got "${steps}", expected a whole number above 0`);
  else main(text, numSteps, console.log);
}
