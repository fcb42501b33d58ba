/**
 * Bugs of the kind that trains on and looks well: one wrong line each, which compiles. Each must turn the suite red.
 *
 * `npm run test:bugs` puts them in, one at a time, and runs the tests of the engine (scripts/seeded-bugs.mjs);
 * test/seeded-bugs.test.ts only sees to it that they can still be put in.
 */
import type { Bug } from "./bug.ts";
import { CHOICE_BUGS } from "./choice-bugs.ts";
import { COMPILER_BUGS } from "./compiler-bugs.ts";
import { NATIVE_BUGS } from "./native-bugs.ts";
import { RANK_BUGS } from "./rank-bugs.ts";

export const BUGS: readonly Bug[] = [
  // ── Attention ──────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "attention without 1/√d",
    file: "src/backend/wasm/attention-tiles.ts",
    from: "this.#scale.set(f32x4.const(this.shape.headSize ** -0.5 * Math.LOG2E))",
    to: "this.#scale.set(f32x4.const(Math.LOG2E))",
  },
  {
    name: "the mask off by one: each query sees the next key",
    file: "src/backend/wasm/attention-tiles.ts",
    from: "i32.sub(i32.add(this.i.get, i32.const(row)), this.j.get)",
    to: "i32.sub(i32.add(this.i.get, i32.const(row + 1)), this.j.get)",
  },
  {
    name: "texts read together: keys after the new token are not masked",
    file: "src/backend/wasm/cached-attention.ts",
    from: "f32x4.greater(LANES, last)",
    to: "f32x4.greater(LANES, f32x4.add(last, f32x4.const(9)))",
  },
  {
    name: "texts read together: the value goes to the row of the first text",
    file: "src/backend/wasm/steps.ts",
    from: "cachesAt.map((cacheAt) => cacheAt(run, d * cacheRows))",
    to: "cachesAt.map((cacheAt, i) => cacheAt(run, i === 1 ? 0 : d * cacheRows))",
  },
  {
    name: "no mask in the backward pass, for half of each tile",
    file: "src/backend/wasm/attention-grad.ts",
    from: "sequence(half(0, masked), half(1, masked)),",
    to: "sequence(half(0, masked), half(1, visible)),",
  },
  {
    name: "the softmax's gradient without its inner product",
    file: "src/backend/wasm/attention-grad.ts",
    from: "y.set(fma(attention.second[n].get, scale.get, minusDelta[row].get)),",
    to: "y.set(fma(attention.second[n].get, scale.get, f32x4.mul(minusDelta[row].get, f32x4.zero))),",
  },
  {
    name: "a coefficient of the exponential wrong in its fourth decimal",
    file: "src/backend/constants.ts",
    from: "0.0555073374",
    to: "0.0556073374",
  },
  // ── Norm, relu, products ───────────────────────────────────────────────────────────────────────────────────
  {
    name: "RMSNorm's ε outside the root",
    file: "src/backend/wasm/rows.ts",
    from: "f32x4.sqrt(f32x4.add(f32x4.mul(inverseRoot.get, f32x4.const(1 / shape.columns)), f32x4.const(RMSNORM_EPSILON))),",
    to: "f32x4.add(f32x4.sqrt(f32x4.mul(inverseRoot.get, f32x4.const(1 / shape.columns))), f32x4.const(RMSNORM_EPSILON)),",
  },
  {
    name: "the mean square over the padded width",
    file: "src/backend/wasm/rows.ts",
    from: "f32x4.mul(inverseRoot.get, f32x4.const(1 / shape.columns))",
    to: "f32x4.mul(inverseRoot.get, f32x4.const(F32 / shape.xRow))",
  },
  {
    name: "RMSNorm's gradient with the mean over one column too many",
    file: "src/backend/wasm/rows.ts",
    from: "f32x4.mul(r.get, f32x4.const(-1 / columns))",
    to: "f32x4.mul(r.get, f32x4.const(-1 / (columns + 1)))",
  },
  {
    name: "the gradient passes where relu was closed, not where it was open",
    file: "src/backend/wasm/matmul.ts",
    from: "f32x4.greater(f32x4.load(gateTile.get, offset(gateRow)), zero)",
    to: "f32x4.less(f32x4.load(gateTile.get, offset(gateRow)), zero)",
  },
  {
    name: "a weight's gradient over the last 256 tokens only",
    file: "src/backend/wasm/matmul.ts",
    from: "accumulate.set(i32.const(1)),",
    to: "accumulate.set(i32.const(0)),",
  },
  {
    name: "the residual stream loses a branch in fusion",
    file: "src/tensor/fusion.ts",
    from: "? { ...first, to: second.to, from: { ...first.from, plus: other(second, first.to.out) } }\n    : null;\n\n/** dOut · weight, 0 where",
    to: "? { ...first, to: second.to, from: { ...first.from, plus: first.from.x } }\n    : null;\n\n/** dOut · weight, 0 where",
  },
  // ── Embedding, loss ────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "a token's gradient is that of its last occurrence only",
    file: "src/backend/wasm/weights.ts",
    from: "f32x4.add(f32x4.load(plus(target, offset)), f32x4.load(plus(dOut, offset))),",
    to: "f32x4.load(plus(dOut, offset)),",
  },
  {
    name: "the loss's gradient without the one-hot",
    file: "src/backend/wasm/rows.ts",
    from: "f32.store(target.get, f32.sub(f32.load(target.get), lossScale.get)),",
    to: "f32.store(target.get, f32.load(target.get)),",
  },
  {
    name: "padding after the last logit takes part in the softmax",
    file: "src/backend/wasm/rows.ts",
    from: "value.set(f32x4.select(value.get, f32x4.zero, tailMask)),",
    to: "value.set(f32x4.select(value.get, value.get, tailMask)),",
  },
  {
    name: "every window of a large vocabulary's logits reads the first rows",
    file: "src/backend/wasm/steps.ts",
    from: "start + (row - run.window) * bytes",
    to: "start + (row - Math.max(row, run.window)) * bytes",
  },
  // ── Adam ───────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "β1 and β2 swapped",
    file: "src/training/adam.ts",
    from: "const [BETA1, BETA2, EPSILON] = [0.85, 0.99, 1e-8];",
    to: "const [BETA1, BETA2, EPSILON] = [0.99, 0.85, 1e-8];",
  },
  {
    name: "no correction of the second moment's bias",
    file: "src/training/adam.ts",
    from: "squareScale: 1 / (1 - power(BETA2, step + 1)),",
    to: "squareScale: 1,",
  },
  {
    name: "ε inside Adam's root",
    file: "src/backend/wasm/weights.ts",
    from: "f32x4.add(f32x4.sqrt(f32x4.mul(v.get, squareScale)), epsilon)",
    to: "f32x4.sqrt(f32x4.add(f32x4.mul(v.get, squareScale), epsilon))",
  },
  {
    name: "weight decay that forgets the learning rate",
    file: "src/training/adam.ts",
    from: "shrink: 1 - learningRate * weightDecay,",
    to: "shrink: 1 - weightDecay,",
  },
  {
    name: "gradients are clipped to the square of the norm",
    file: "src/training/adam.ts",
    from: "clipNorm / norm,",
    to: "clipNorm / norm ** 2,",
  },
  {
    name: "the forward products keep using the weights from before the step",
    file: "src/backend/wasm/steps.ts",
    from: "      kernel.call(data, grad, mean, meanSquare, (end - begin) * row, compiler.map.adam);\n      pack();",
    to: "      kernel.call(data, grad, mean, meanSquare, (end - begin) * row, compiler.map.adam);\n      if (begin > end) pack();",
  },
  // ── Batches ────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "tokens weigh by their part of the batch, not alike",
    file: "src/tensor/stepping.ts",
    from: "lossScale: 1 / tokens, accumulate: done > 1,",
    to: "lossScale: 1 / packed.documents[packed.documents.length - 1], accumulate: done > 1,",
  },
  {
    name: "the last part of a batch overwrites the gradients of the others",
    file: "src/tensor/stepping.ts",
    from: "lossScale: 1 / tokens, accumulate: done > 1,",
    to: "lossScale: 1 / tokens, accumulate: done < 1,",
  },
  {
    name: "every document begins at position 1",
    file: "src/tensor/packing.ts",
    from: "positions[row] = position;",
    to: "positions[row] = Math.min(position + 1, blockSize - 1);",
  },
  {
    name: "a text that is read token by token skips attention for each new token",
    file: "src/backend/wasm/steps.ts",
    from: "const count = run.documents[d + 1] - start;\n        kernel.call(q, k, v, outAt",
    to: "const count = run.documents[d + 1] - start - (firstQuery > 0 ? 1 : 0);\n        kernel.call(q, k, v, outAt",
  },
  // ── Dropout ────────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "every pass of a step drops what the first one drops",
    file: "src/tensor/stepping.ts",
    from: "    firstToken += rows;\n",
    to: "",
  },
  {
    name: "every layer drops the same numbers",
    file: "src/tensor/model.ts",
    from: "site: sites++, rate",
    to: "site: sites, rate",
  },
  {
    name: "every step drops the same numbers",
    file: "src/training/dropout.ts",
    from: "hash32(step ^ hash32(high",
    to: "hash32(0 * step ^ hash32(high",
  },
  {
    name: "every four columns are dropped together",
    file: "src/backend/wasm/dropout.ts",
    from: "i32x4.lanes(0, 1, 2, 3)",
    to: "i32x4.lanes(0, 0, 0, 0)",
  },
  {
    name: "the gradient passes where numbers were dropped",
    file: "src/tensor/ops.ts",
    from: "from: { x: dOut }, dropout: tensor.dropout! }",
    to: "from: { x: dOut }, dropout: { ...tensor.dropout!, rate: 0 } }",
  },
  {
    name: "kept numbers are not scaled",
    file: "src/training/dropout.ts",
    from: "=> 1 / (1 - rate)",
    to: "=> 1 + 0 * rate",
  },
  {
    name: "evaluations drop numbers, too",
    file: "src/tensor/engine-plan.ts",
    from: 'buildProgram("evaluating", layout, limits)',
    to: 'buildProgram("evaluating", layout, limits, dropout)',
  },
  // ── Memory and threads ─────────────────────────────────────────────────────────────────────────────────────
  {
    name: "two buffers share memory an instruction too early",
    file: "src/tensor/memory-plan.ts",
    from: "one.key === key && one.until < first",
    to: "one.key === key && one.until <= first + 1",
  },
  {
    name: "the last worker omits its last unit of a weight",
    file: "src/backend/wasm/compiler.ts",
    from: "return [bound(index), bound(index + 1)];",
    to: "return [bound(index), index > 0 && index === count - 1 ? rows - UNIT_ROWS : bound(index + 1)];",
  },
  // ── The oracle itself ──────────────────────────────────────────────────────────────────────────────────────
  {
    name: "the atomic core without 1/√d",
    file: "src/microgpt.ts",
    from: "slice(key)), headDim ** -0.5)",
    to: "slice(key)), headDim ** 0)",
  },
  {
    name: "the atomic core corrects Adam's bias one step too late",
    file: "src/microgpt.ts",
    from: "(1 - beta1 ** (step + 1)); // both",
    to: "(1 - beta1 ** (step + 2)); // both",
  },
  {
    name: "the atomic core's gradients are not summed where a value is used twice",
    file: "src/microgpt.ts",
    from: "value.children[i].grad += value.localGrads[i] * value.grad;",
    to: "value.children[i].grad = value.localGrads[i] * value.grad;",
  },
  // ── Tokenizers ─────────────────────────────────────────────────────────────────────────────────────────────
  {
    name: "of equally frequent pairs, the last met first",
    file: "src/text/tokenizers/learn-merges.ts",
    from: "(a.count === b.count && a.first < b.first)",
    to: "(a.count === b.count && a.first > b.first)",
  },
  {
    name: "merges count each word once, however often it was met",
    file: "src/text/tokenizers/learn-merges.ts",
    from: "this.#weights[position++] = count;",
    to: "this.#weights[position++] = Math.min(count, 1);",
  },
  {
    name: "merges are applied wherever one fits first, not the earliest learnt first",
    file: "src/text/tokenizers/apply-merges.ts",
    from: "this.#heap.push(rank * POSITIONS + position);",
    to: "this.#heap.push(position);",
  },
  {
    name: "a merge does not look at its new left neighbour",
    file: "src/text/tokenizers/apply-merges.ts",
    from: "if (before !== ABSENT) this.#propose(symbols, before);",
    to: "if (before === 0) this.#propose(symbols, before);",
  },
  {
    name: "byte-bpe drops a byte order mark within a text",
    file: "src/text/tokenizers/byte-bpe.ts",
    from: 'new TextDecoder("utf-8", { ignoreBOM: true })',
    to: 'new TextDecoder("utf-8")',
  },
  {
    name: "GPT-2's pieces leave no space for the next word",
    file: "src/text/tokenizers/characters.ts",
    from: "return end === text.length || end === start + 1 ? end : end - 1;",
    to: "return end;",
  },
  {
    name: "ids in the order of UTF-16 units",
    file: "src/text/tokenizers/vocabulary.ts",
    from: "return (a.codePointAt(i) ?? 0) - (b.codePointAt(i) ?? 0);",
    to: "return a.charCodeAt(i) - b.charCodeAt(i);",
  },
  {
    name: "two documents whose hashes agree in one half are one",
    file: "src/text/text-set.ts",
    from: "(this.#words[slot] !== low || this.#words[slot + 1] !== high)",
    to: "(this.#words[slot] !== low || high < 0)",
  },
  {
    name: "ids of 256 and more in a byte",
    file: "src/text/token-sequences.ts",
    from: "vocabSize <= 2 ** 8",
    to: "vocabSize <= 2 ** 9",
  },
  {
    name: "one more evaluation than --early-stop",
    file: "src/training/evaluations.ts",
    from: "count(evaluated) - count(since) >= earlyStop",
    to: "count(evaluated) - count(since) > earlyStop",
  },
  {
    name: "the early evaluations also where an interval is typed",
    file: "src/training/evaluations.ts",
    from: "return settings.evalInterval === null && EARLY_STEPS",
    to: "return EARLY_STEPS",
  },
  {
    name: "bits of the baselines without what follows the first block",
    file: "src/text/baselines.ts",
    from: "bigram: (beginnings.bigram + rest.bigram) / Math.LN2",
    to: "bigram: beginnings.bigram / Math.LN2",
  },
  ...COMPILER_BUGS,
  ...CHOICE_BUGS,
  ...NATIVE_BUGS,
  ...RANK_BUGS,
];
