// GENERATED from ../microgpt.ts by scripts/trace-microgpt.ts (npm run trace), line by line; do not edit. // microgpt: a GPT in one file, from the text it learns from to the text it invents. This is the whole algorithm; the
// rest of this project makes it faster and easier to use. From the same seed it gives the same losses and samples as
// Andrej Karpathy's microgpt.py. Read it from top to bottom; `node src/microgpt.ts [FILE] [STEPS]` runs it (Node ≥ 24).
import { Random } from "../random.ts"; import type { Core, Recorder } from "./recorder.ts";
/** The algorithm of microgpt.ts, reporting each event to `$`. @returns what that file exports */ export function tracedCore($: Recorder): Core {
// ── 1. A document becomes tokens ─────────────────────────────────────────────────────────────────────────────
// The model sees only integers, called tokens. Each character of the training text has one, and one more, BOS
// ("beginning of sequence"), marks both ends of every document: "emma" → [BOS, e, m, m, a, BOS].
/** What each token means. */ interface Vocabulary {
  /** Sorted by code point; a character's index is its token. */ readonly characters: readonly string[];
  /** The last token, one past the characters. */ readonly bos: number;
}
/** ["emma", "ada"] → characters [a, d, e, m], bos 4. */
function buildVocabulary(documents: readonly string[]): Vocabulary { $.enter("buildVocabulary", 14); $.set("documents", documents);
  $.at(15); const characters = [...new Set(documents.flatMap((document) => ($.at(15), $.set("document", document), [...document])))]; $.set("characters", characters);
  $.at(16); characters.sort((a, b) => ($.at(16), $.set("a", a), $.set("b", b), a.codePointAt(0)! - b.codePointAt(0)!));
  $.at(17); return $.leave({ characters, bos: characters.length });
}
/** With that vocabulary, "emma" → [4, 2, 3, 3, 0, 4]. */
function encode({ characters, bos }: Vocabulary, document: string): number[] { $.enter("encode", 20); $.set("characters", characters); $.set("bos", bos); $.set("document", document);
  $.at(21); return $.leave([bos, ...[...document].map((character) => ($.at(21), $.set("character", character), characters.indexOf(character))), bos]);
}

// ── 2. A number that remembers where it came from ────────────────────────────────────────────────────────────
// To learn, we must know how the loss changes when a weight changes. So each number in the computation is a Value: it
// keeps its children (the values it was computed from) and, for each, the local derivative: how fast it grows when
// only that child grows. `backward` then applies the chain rule, from the loss down to every weight.
/** A number in a computation. */
class Value {
  /** The number itself. */ data: number;
  /** d(loss)/d(this), summed by `backward`. */ grad = 0;
  /** The values this one was computed from; none for a leaf, such as a weight. */ readonly children: readonly Value[];
  /** d(this)/d(child) for each child. */ readonly localGrads: readonly number[];
  #parentsLeft = 0; // parents that have not added to `grad` yet
  /** Without children, a leaf. */ constructor(data: number, children: Vector = [], localGrads: number[] = []) {
    this.data = data;
    this.children = children;
    this.localGrads = localGrads;
  $.made(this); }
  /** Adds d(this)/d(leaf) to the `grad` of every leaf. */
  backward(): void { $.enter("backward", 41);
    $.at(42); this.#countParents();
    $.at(43); this.grad += 1; $.set("this.grad", this.grad); // d(this)/d(this)
    $.at(44); const ready: Value[] = [this]; $.set("ready", ready); // values whose `grad` is complete: all of their parents have added to it (Kahn 1962)
    for (let value = ready.pop(); value !== undefined; value = ready.pop()) { $.at(45); $.set("value", value);
      for (let i = 0; i < value.children.length; i++) { $.at(46); $.set("i", i);
        $.at(47); value.children[i].grad += value.localGrads[i] * value.grad; $.set("value.children[i].grad", value.children[i].grad); // the chain rule
        $.at(48); if (--value.children[i].#parentsLeft === 0) ready.push(value.children[i]);
      }
    }
  $.leave(undefined); }
  /** Counts the parents of every value that this one was computed from. Only the `grad` of leaves sums over losses. */
  #countParents(): void { $.enter("#countParents", 53);
    $.at(54); const found: Value[] = [this]; $.set("found", found);
    for (let value = found.pop(); value !== undefined; value = found.pop()) { $.at(55); $.set("value", value);
      $.at(56); if (value.children.length > 0) {  value.grad = 0; $.set("value.grad", value.grad); }
      for (const child of value.children) { $.at(57); $.set("child", child); if (child.#parentsLeft++ === 0) found.push(child); }
    }
  $.leave(undefined); }
}

/** [n] */ type Vector = Value[];
/** [rows][columns] */ type Matrix = Vector[];
// Each line gives a value, its children, and its derivative by each of them.
/** a + b */ const add = (a: Value, b: Value): Value => ($.enter("add", 65), $.set("a", a), $.set("b", b), $.leave(new Value(a.data + b.data, [a, b], [1, 1])));
/** a − b */ const sub = (a: Value, b: Value): Value => ($.enter("sub", 66), $.set("a", a), $.set("b", b), $.leave(new Value(a.data - b.data, [a, b], [1, -1])));
/** a · b */ const mul = (a: Value, b: Value): Value => ($.enter("mul", 67), $.set("a", a), $.set("b", b), $.leave(new Value(a.data * b.data, [a, b], [b.data, a.data])));
/** aⁿ */ const pow = (a: Value, n: number): Value => ($.enter("pow", 68), $.set("a", a), $.set("n", n), $.leave(new Value(a.data ** n, [a], [n * a.data ** (n - 1)])));
/** eᵃ */ const exp = (a: Value): Value => ($.enter("exp", 69), $.set("a", a), $.leave(new Value(Math.exp(a.data), [a], [Math.exp(a.data)])));
/** ln a */ const log = (a: Value): Value => ($.enter("log", 70), $.set("a", a), $.leave(new Value(Math.log(a.data), [a], [1 / a.data])));
/** max(0, a) */ const relu = (a: Value): Value => ($.enter("relu", 71), $.set("a", a), $.leave(new Value(Math.max(0, a.data), [a], [a.data > 0 ? 1 : 0])));
/** a₀·b₀ + a₁·b₁ + …, nearly all of a GPT's arithmetic. One node: `mul` and `add` would take far longer. */
function dot(a: Vector, b: Vector): Value { $.enter("dot", 73); $.set("a", a); $.set("b", b);
  $.at(74); const localGrads = new Array<number>(2 * a.length); $.set("localGrads", localGrads);
  $.at(75); let data = 0; $.set("data", data);
  for (let i = 0; i < a.length; i++) { $.at(76); $.set("i", i);
    $.at(77); data += a[i].data * b[i].data; $.set("data", data);
    $.at(78); localGrads[i] = b[i].data; $.set("localGrads[i]", localGrads[i]);
    $.at(79); localGrads[a.length + i] = a[i].data; $.set("localGrads[a.length + i]", localGrads[a.length + i]);
  }
  $.at(81); return $.leave(new Value(data, a.concat(b), localGrads));
}
/** a · constant */ const scale = (a: Value, constant: number): Value => ($.enter("scale", 83), $.set("a", a), $.set("constant", constant), $.leave(mul(a, new Value(constant))));
/** (a₀ + a₁ + …) / n */ const average = (a: Vector): Value => ($.enter("average", 84), $.set("a", a), $.leave(scale(a.reduce(add), 1 / a.length)));
// Example: const [a, b] = [new Value(2), new Value(3)]; add(mul(a, b), a).backward();
// Now a.grad is 4: a·b + a contains a twice, with the local derivatives b = 3 and 1. And b.grad is a = 2.

// ── 3. The weights: what the model knows ─────────────────────────────────────────────────────────────────────
// They start as small random numbers. Each matrix is [out][in]: one row of weights for each number that comes out.
/** Matrices by name. */ type Weights = Record<string, Matrix>;
/** The size of a model. */ interface Config {
  /** Tokens in the vocabulary, BOS included. */ readonly vocabSize: number;
  /** Width: numbers that describe a token. */ readonly nEmbd: number;
  /** Attention heads; must divide nEmbd. */ readonly nHead: number;
  /** Depth: blocks of attention and MLP. */ readonly nLayer: number;
  /** Longest input, in tokens. */ readonly blockSize: number;
}
/** Draws every weight from a normal distribution with mean 0 and standard deviation 0.08. */
function initWeights({ vocabSize, nEmbd, nLayer, blockSize }: Config, random: Random): Weights { $.enter("initWeights", 99); $.set("vocabSize", vocabSize); $.set("nEmbd", nEmbd); $.set("nLayer", nLayer); $.set("blockSize", blockSize); $.set("random", random);
  $.at(100); const row = (nIn: number): Vector => ($.enter("row", 100), $.set("nIn", nIn), $.leave(Array.from({ length: nIn }, () => ($.at(100), new Value(random.gauss(0, 0.08))))));
  $.at(101); const matrix = (nOut: number, nIn: number): Matrix => ($.enter("matrix", 101), $.set("nOut", nOut), $.set("nIn", nIn), $.leave(Array.from({ length: nOut }, () => ($.at(101), row(nIn)))));
  $.at(102); const weights: Weights = { wte: matrix(vocabSize, nEmbd), wpe: matrix(blockSize, nEmbd) }; $.set("weights", weights); // token → x, position → x
  $.at(103); weights.lm_head = matrix(vocabSize, nEmbd); $.set("weights.lm_head", weights.lm_head); // x → logits
  for (let layer = 0; layer < nLayer; layer++) { $.at(104); $.set("layer", layer);
    for (const name of ["wq", "wk", "wv", "wo"]) { $.at(105); $.set("name", name); {  weights[`layer${layer}.attn_${name}`] = matrix(nEmbd, nEmbd); } $.set("weights[`layer${layer}.attn_${name}`]", weights[`layer${layer}.attn_${name}`]); }
    $.at(106); weights[`layer${layer}.mlp_fc1`] = matrix(4 * nEmbd, nEmbd); $.set("weights[`layer${layer}.mlp_fc1`]", weights[`layer${layer}.mlp_fc1`]);
    $.at(107); weights[`layer${layer}.mlp_fc2`] = matrix(nEmbd, 4 * nEmbd); $.set("weights[`layer${layer}.mlp_fc2`]", weights[`layer${layer}.mlp_fc2`]);
  }
  $.at(109); return $.leave(weights);
}

// ── 4. The model: the tokens so far → which token comes next ─────────────────────────────────────────────────
// A Transformer (Vaswani et al. 2017) as in GPT-2 (Radford et al. 2019), but with RMSNorm (Zhang & Sennrich 2019)
// instead of LayerNorm, ReLU instead of GeLU, and no biases. It reads one token at a time and puts the token's key and
// value, layer by layer, into a cache. A token attends only to what is in the cache, so it cannot look ahead.
const linear = (x: Vector, weight: Matrix): Vector => ($.enter("linear", 116), $.set("x", x), $.set("weight", weight), $.leave(weight.map((row) => ($.at(116), $.set("row", row), dot(row, x))))); // [in] → [out]
const column = (matrix: Matrix, j: number): Vector => ($.enter("column", 117), $.set("matrix", matrix), $.set("j", j), $.leave(matrix.map((row) => ($.at(117), $.set("row", row), row[j])))); // [rows][columns] → [rows]
const addVectors = (a: Vector, b: Vector): Vector => ($.enter("addVectors", 118), $.set("a", a), $.set("b", b), $.leave(a.map((value, i) => ($.at(118), $.set("value", value), $.set("i", i), add(value, b[i]))))); // [n], [n] → [n]
/** x [n], scaled to a mean square of 1; the 1e-5 avoids a division by 0. */
function rmsnorm(x: Vector): Vector { $.enter("rmsnorm", 120); $.set("x", x);
  $.at(121); const inverseRms = pow(add(scale(dot(x, x), 1 / x.length), new Value(1e-5)), -0.5); $.set("inverseRms", inverseRms);
  $.at(122); return $.leave(x.map((value) => ($.at(122), $.set("value", value), mul(value, inverseRms))));
}
/** Any numbers [n] → probabilities [n]: eˣ / sum. Subtracting the largest x cancels out, and keeps eˣ from overflow. */
function softmax(logits: Vector): Vector { $.enter("softmax", 125); $.set("logits", logits);
  $.at(126); const max = new Value(Math.max(...logits.map(({ data }) => ($.at(126), $.set("data", data), data)))); $.set("max", max);
  $.at(127); const exps = logits.map((logit) => ($.at(127), $.set("logit", logit), exp(sub(logit, max)))); $.set("exps", exps);
  $.at(128); const inverseTotal = pow(exps.reduce(add), -1); $.set("inverseTotal", inverseTotal);
  $.at(129); return $.leave(exps.map((value) => ($.at(129), $.set("value", value), mul(value, inverseTotal))));
}
/** Per layer, [positions][nEmbd] each. */ type Cache = { readonly keys: Matrix; readonly values: Matrix }[];
/** Before the first token. */
const emptyCache = (nLayer: number): Cache => ($.enter("emptyCache", 133), $.set("nLayer", nLayer), $.leave(Array.from({ length: nLayer }, () => ($.at(133), ({ keys: [], values: [] })))));
/** A token at position 0 ≤ position < blockSize → logits [vocabSize], a score per next token. Adds to the cache. */
function gpt(weights: Weights, config: Config, token: number, position: number, cache: Cache): Vector { $.enter("gpt", 135); $.set("weights", weights); $.set("config", config); $.set("token", token); $.set("position", position); $.set("cache", cache);
  $.at(136); let x = rmsnorm(addVectors(weights.wte[token], weights.wpe[position])); $.set("x", x); // [nEmbd]
  for (let layer = 0; layer < config.nLayer; layer++) { $.at(137); $.set("layer", layer);
    $.at(138); const project = (input: Vector, name: string): Vector => ($.enter("project", 138), $.set("input", input), $.set("name", name), $.leave(linear(input, weights[`layer${layer}.${name}`])));
    // Attention: gather what is useful from the tokens so far, this one included.
    $.at(140); const normed = rmsnorm(x); $.set("normed", normed); // [nEmbd]; in each block anew, as x grows with every sum below
    $.at(141); const query = project(normed, "attn_wq"); $.set("query", query); // [nEmbd], what this token looks for
    $.at(142); cache[layer].keys.push(project(normed, "attn_wk")); // [nEmbd], what it is found by
    $.at(143); cache[layer].values.push(project(normed, "attn_wv")); // [nEmbd], what is read from it
    $.at(144); const attended = attention(query, cache[layer].keys, cache[layer].values, config.nHead); $.set("attended", attended); // [nEmbd]
    $.at(145); x = addVectors(project(attended, "attn_wo"), x); $.set("x", x); // residual: x itself stays, so gradients pass undamped
    // MLP: work on what was gathered, each token on its own.
    $.at(147); const hidden = project(rmsnorm(x), "mlp_fc1").map(relu); $.set("hidden", hidden); // [4 · nEmbd], room for more features than x has
    $.at(148); x = addVectors(project(hidden, "mlp_fc2"), x); $.set("x", x);
  }
  $.at(150); return $.leave(linear(x, weights.lm_head));
}
/** Each head compares its slice of the query with all keys so far, and averages the values, weighted by match. */
function attention(query: Vector, keys: Matrix, values: Matrix, nHead: number): Vector { $.enter("attention", 153); $.set("query", query); $.set("keys", keys); $.set("values", values); $.set("nHead", nHead);
  $.at(154); const headDim = query.length / nHead; $.set("headDim", headDim); // scores are divided by its root, or they would grow with it
  $.at(155); const output: Vector = []; $.set("output", output); // [nEmbd] in the end, [headDim] from each head
  for (let start = 0; start < query.length; start += headDim) { $.at(156); $.set("start", start);
    $.at(157); const slice = (x: Vector): Vector => ($.enter("slice", 157), $.set("x", x), $.leave(x.slice(start, start + headDim))); // [nEmbd] → [headDim]
    $.at(158); const scores = keys.map((key) => ($.at(158), $.set("key", key), scale(dot(slice(query), slice(key)), headDim ** -0.5))); $.set("scores", scores); // [positions]
    $.at(159); const attentionWeights = softmax(scores); $.set("attentionWeights", attentionWeights); // [positions]
    for (let j = start; j < start + headDim; j++) { $.at(160); $.set("j", j); output.push(dot(attentionWeights, column(values, j))); }
  }
  $.at(162); return $.leave(output);
}

// ── 5. Learning: make the token that did come next a little more likely ──────────────────────────────────────
// The loss measures how wrong the model's guesses are, its gradient says which way to move each weight, Adam how far.
/** The mean of −log p(next token) over a document's first blockSize tokens: 0 if certain, ln(vocabSize) if blind. */
function documentLoss(weights: Weights, config: Config, tokens: readonly number[]): Value { $.enter("documentLoss", 168); $.set("weights", weights); $.set("config", config); $.set("tokens", tokens);
  $.at(169); const cache = emptyCache(config.nLayer); $.set("cache", cache);
  $.at(170); const positions = Math.min(config.blockSize, tokens.length - 1); $.set("positions", positions);
  $.at(171); const losses = tokens.slice(0, positions).map((token, position) => { $.at(171); $.set("token", token); $.set("position", position);
    $.at(172); const probabilities = softmax(gpt(weights, config, token, position, cache)); $.set("probabilities", probabilities); // [vocabSize]
    $.at(173); return scale(log(probabilities[tokens[position + 1]]), -1);
  }); $.set("losses", losses);
  $.at(175); return $.leave(average(losses));
}
/** Adam (Kingma & Ba 2015) moves each weight by −learningRate · m̂ / (√v̂ + ε), from running means of its gradients. */
class Adam {
  /** All weights in one list. */ readonly params: readonly Value[];
  /** m: per weight, the running mean of its gradients. */ readonly mean: Float64Array;
  /** v: and of their squares. */ readonly meanSquare: Float64Array;
  /** Both means start at 0. */ constructor(weights: Weights) {
    this.params = Object.values(weights).flat(2);
    this.mean = new Float64Array(this.params.length);
    this.meanSquare = new Float64Array(this.params.length);
  }
  /** Moves the weights and clears their gradients. Steps count from 0. */
  update(step: number, learningRate: number, beta1: number = 0.85, beta2: number = 0.99, epsilon: number = 1e-8): void { $.enter("update", 188); $.set("step", step); $.set("learningRate", learningRate); $.set("beta1", beta1); $.set("beta2", beta2); $.set("epsilon", epsilon);
    for (const [i, param] of this.params.entries()) { $.at(189); $.set("i", i); $.set("param", param);
      $.at(190); this.mean[i] = beta1 * this.mean[i] + (1 - beta1) * param.grad; $.set("this.mean[i]", this.mean[i]);
      $.at(191); this.meanSquare[i] = beta2 * this.meanSquare[i] + (1 - beta2) * param.grad ** 2; $.set("this.meanSquare[i]", this.meanSquare[i]);
      $.at(192); const mHat = this.mean[i] / (1 - beta1 ** (step + 1)); $.set("mHat", mHat); // both means start at 0; this undoes the bias
      $.at(193); const vHat = this.meanSquare[i] / (1 - beta2 ** (step + 1)); $.set("vHat", vHat);
      $.at(194); param.data -= (learningRate * mHat) / (vHat ** 0.5 + epsilon); $.set("param.data", param.data);
      $.at(195); param.grad = 0; $.set("param.grad", param.grad);
    }
  $.leave(undefined); }
}

// ── 6. Dreaming: let the model write, one token after another, until it says BOS ─────────────────────────────
/** Draws a token from the model's probabilities, reads it back in, and repeats, for at most blockSize characters. */
function sample(weights: Weights, config: Config, { characters, bos }: Vocabulary, random: Random): string { $.enter("sample", 202); $.set("weights", weights); $.set("config", config); $.set("characters", characters); $.set("bos", bos); $.set("random", random);
  $.at(203); const temperature = 0.5; $.set("temperature", temperature); // below 1, likely tokens become likelier still
  $.at(204); const cache = emptyCache(config.nLayer); $.set("cache", cache);
  $.at(205); const text: string[] = []; $.set("text", text);
  for (let position = 0, token = bos; position < config.blockSize; position++) { $.at(206); $.set("position", position); $.set("token", token);
    $.at(207); const logits = gpt(weights, config, token, position, cache).map((logit) => ($.at(207), $.set("logit", logit), scale(logit, 1 / temperature))); $.set("logits", logits);
    $.at(208); const probabilities = softmax(logits).map(({ data }) => ($.at(208), $.set("data", data), data)); $.set("probabilities", probabilities);
    $.at(209); token = random.weightedIndex(probabilities); $.set("token", token);
    $.at(210); if (token === bos) break;
    $.at(211); text.push(characters[token]);
  }
  $.at(213); return $.leave(text.join(""));
}

// ── 7. All of it, for a text with a document on every line ───────────────────────────────────────────────────
/** Trains on one document per step, at a learning rate that falls to 0, and then prints twenty samples. */
function main(text: string, numSteps: number, print: (line: string) => void): void { $.enter("main", 218); $.set("text", text); $.set("numSteps", numSteps); $.set("print", print);
  $.at(219); const random = new Random(42); $.set("random", random);
  $.at(220); const lines = text.split("\n").map((line) => ($.at(220), $.set("line", line), line.trim())); $.set("lines", lines);
  $.at(221); const documents = lines.filter((line) => ($.at(221), $.set("line", line), line !== "")); $.set("documents", documents);
  $.at(222); random.shuffle(documents);
  $.at(223); const vocabulary = buildVocabulary(documents); $.set("vocabulary", vocabulary);
  $.at(224); const config: Config = { vocabSize: vocabulary.bos + 1, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 }; $.set("config", config);
  $.at(225); const weights = initWeights(config, random); $.set("weights", weights);
  $.at(226); const adam = new Adam(weights); $.set("adam", adam);
  $.at(227); print(`${documents.length} documents, ${config.vocabSize} tokens, ${adam.params.length} weights`);
  for (let step = 0; step < numSteps; step++) { $.at(228); $.set("step", step);
    $.at(229); const loss = documentLoss(weights, config, encode(vocabulary, documents[step % documents.length])); $.set("loss", loss);
    $.at(230); loss.backward();
    $.at(231); adam.update(step, 0.01 * (1 - step / numSteps));
    $.at(232); print(`step ${step + 1} / ${numSteps}  loss ${loss.data.toFixed(4)}`);
  }
  for (let i = 1; i <= 20; i++) { $.at(234); $.set("i", i); print(`sample ${i}: ${sample(weights, config, vocabulary, random)}`); }
$.leave(undefined); } return { buildVocabulary, encode, Value, add, sub, mul, pow, exp, log, relu, dot, scale, average, initWeights, softmax, emptyCache, gpt, documentLoss, Adam, sample, main } as unknown as Core; }
