/**
 * The specification of every kernel: plain loops in f64, one row after another, no optimizations. Read this to learn what
 * an instruction means. Other backends are tested against it; it is tested against finite differences and against the
 * atomic core. Memory and the order of execution are in `reference.ts`.
 */
import { RMSNORM_EPSILON } from "./constants.ts";
import { isKept, keptScale, siteSeed } from "../training/dropout.ts";
import type { PackedTokens, RunOptions } from "../tensor/backend.ts";
import type { Buffer, Instruction, InstructionOf, KernelName, View, Weight } from "../tensor/instructions.ts";

/** A matrix within the numbers of the session. */
export interface MatrixView {
  /** Number of columns. */
  readonly columns: number;
  /** Index of an entry in `KernelContext.numbers`. */
  at(row: number, column: number): number;
}

/** What a kernel works on: rows [from, to) of the packed tokens, and the memory. */
export interface KernelContext {
  /** Memory of the session: weights, then activations. Kernels read and write it. */
  readonly numbers: Float64Array;
  /** Packed tokens of the pass. */
  readonly batch: PackedTokens;
  /** Options of the run. */
  readonly options: RunOptions;
  /** First row. */
  readonly from: number;
  /** Row after the last. */
  readonly to: number;
  /** The matrix of a view of activations, [T, columns]. Its rows are those of the pass, also for a window's buffer. */
  matrix(view: View): MatrixView;
  /** The matrix of a weight's buffer, such as `weight.data` or `weight.grad`; its rows are those of the weight. */
  weightMatrix(buffer: Buffer): MatrixView;
}

type Kernels = { readonly [Name in KernelName]: (instruction: InstructionOf<Name>, context: KernelContext) => void };

/** Calls `visit` with each row of the context and the matrices of the views. */
function forRows(
  context: KernelContext,
  views: readonly View[],
  visit: (row: number, ...matrices: MatrixView[]) => void,
): void {
  const matrices = views.map((view) => context.matrix(view));
  for (let row = context.from; row < context.to; row++) visit(row, ...matrices);
}

function forColumns({ columns }: { readonly columns: number }, visit: (column: number) => void): void {
  for (let column = 0; column < columns; column++) visit(column);
}

function sumColumns(matrix: { readonly columns: number }, term: (column: number) => number): number {
  let sum = 0;
  for (let column = 0; column < matrix.columns; column++) sum += term(column);
  return sum;
}

const KERNELS: Kernels = {
  embed({ to, tokenTable, positionTable }, context) {
    const { numbers, batch } = context;
    const [ofToken, ofPosition] = [tokenTable, positionTable].map(({ data }) => context.weightMatrix(data));
    forRows(context, [to.out], (t, out) =>
      forColumns(out, (c) => {
        const token = numbers[ofToken.at(batch.tokens[t], c)];
        numbers[out.at(t, c)] = token + numbers[ofPosition.at(batch.positions[t], c)];
      }),
    );
  },

  rmsnorm({ to, from }, context) {
    const { numbers } = context;
    forRows(context, [to.out, from.x], (t, out, x) => {
      const inverseRoot = inverseRootMeanSquare(numbers, x, t);
      forColumns(x, (c) => (numbers[out.at(t, c)] = numbers[x.at(t, c)] * inverseRoot));
    });
  },

  // y = x · r with r = (Σx² / n + ε)^-½, so dr/dx = −x · r³ / n and dx = dy · r − x · r³ / n · Σ(dy · x).
  rmsnormGrad({ to, from: { x, dOut, plus = null } }, context) {
    const { numbers } = context;
    forRows(context, [to.out, x, dOut, plus ?? x], (t, out, input, dy, more) => {
      const r = inverseRootMeanSquare(numbers, input, t);
      const dot = sumColumns(input, (c) => numbers[dy.at(t, c)] * numbers[input.at(t, c)]);
      forColumns(input, (c) => {
        const dx = numbers[dy.at(t, c)] * r - (numbers[input.at(t, c)] * r ** 3 * dot) / input.columns;
        numbers[out.at(t, c)] = dx + (plus === null ? 0 : numbers[more.at(t, c)]);
      });
    });
  },

  // y = x · wᵀ
  linear({ to, from: { x, plus = null }, weight, relu }, context) {
    const { numbers } = context;
    const w = context.weightMatrix(weight.data);
    forRows(context, [to.out, x, plus ?? x], (t, out, input, more) =>
      forColumns(out, (o) => {
        const sum = sumColumns(input, (c) => numbers[input.at(t, c)] * numbers[w.at(o, c)]);
        numbers[out.at(t, o)] = (relu ? Math.max(0, sum) : sum) + (plus === null ? 0 : numbers[more.at(t, o)]);
      }),
    );
  },

  // y = x · wᵀ, so dx = dy · w
  linearInputGrad({ to, from: { dOut, gate = null, plus = null }, weight }, context) {
    const { numbers } = context;
    const w = context.weightMatrix(weight.data);
    forRows(context, [to.out, dOut, gate ?? dOut, plus ?? dOut], (t, out, dy, open, more) =>
      forColumns(out, (c) => {
        const sum = sumColumns(dy, (o) => numbers[dy.at(t, o)] * numbers[w.at(o, c)]);
        const gated = gate === null || numbers[open.at(t, c)] > 0 ? sum : 0;
        numbers[out.at(t, c)] = gated + (plus === null ? 0 : numbers[more.at(t, c)]);
      }),
    );
  },

  // y = x · wᵀ, so dw = dyᵀ · x
  linearWeightGrad({ from: { dOut, x }, weight }, context) {
    const { numbers } = context;
    const grad = context.weightMatrix(weight.grad);
    const [dy, input] = [context.matrix(dOut), context.matrix(x)];
    for (let o = 0; o < dy.columns; o++) {
      forColumns(input, (c) => {
        let sum = context.options.accumulate ? numbers[grad.at(o, c)] : 0;
        for (let t = context.from; t < context.to; t++) sum += numbers[dy.at(t, o)] * numbers[input.at(t, c)];
        numbers[grad.at(o, c)] = sum;
      });
    }
  },

  relu({ to, from }, context) {
    const { numbers } = context;
    forRows(context, [to.out, from.x], (t, out, x) =>
      forColumns(x, (c) => (numbers[out.at(t, c)] = Math.max(0, numbers[x.at(t, c)]))),
    );
  },

  reluGrad({ to, from }, context) {
    const { numbers } = context;
    forRows(context, [to.out, from.dOut, from.y], (t, out, dy, y) =>
      forColumns(y, (c) => (numbers[out.at(t, c)] = numbers[y.at(t, c)] > 0 ? numbers[dy.at(t, c)] : 0)),
    );
  },

  // y = x · m with m = 1 / (1 − rate) where kept, else 0; so dx = dy · m, by the same kernel
  dropout({ to, from: { x, plus = null }, dropout: { site, rate } }, context) {
    const { numbers, options } = context;
    const seed = siteSeed(options.dropoutSeed, site);
    forRows(context, [to.out, x, plus ?? x], (t, out, input, more) =>
      forColumns(out, (c) => {
        const factor = isKept(seed, options.firstToken + t, c, rate) ? keptScale(rate) : 0;
        numbers[out.at(t, c)] = numbers[input.at(t, c)] * factor + (plus === null ? 0 : numbers[more.at(t, c)]);
      }),
    );
  },

  add({ to, from }, context) {
    const { numbers } = context;
    forRows(context, [to.out, from.a, from.b], (t, out, a, b) =>
      forColumns(out, (c) => (numbers[out.at(t, c)] = numbers[a.at(t, c)] + numbers[b.at(t, c)])),
    );
  },

  // o = Σ p · v with p = softmax(s) over the keys up to the query, s = q · k / √size.
  attention({ to, from, heads }, context) {
    const { numbers } = context;
    const [out, statistics] = [context.matrix(to.out), context.matrix(to.statistics)];
    const [query, key, value] = [from.query, from.key, from.value].map((view) => context.matrix(view));
    forQueries(context, heads.count, (start, t, head) => {
      const column = head * heads.stride;
      const scores = scoresOf(numbers, { query, t }, { key, first: start, last: t }, column, heads.size);
      const [max, total] = weighValues(numbers, scores, { value, first: start }, { out, t }, column, heads.size);
      numbers[statistics.at(t, 2 * head)] = max * Math.sqrt(heads.size);
      numbers[statistics.at(t, 2 * head + 1)] = 1 / total;
    });
  },

  cachedAttention({ to, from, heads, cacheRows }, context) {
    const { numbers, batch } = context;
    const [out, keys, values] = [to.out, to.keys, to.values].map((view) => context.matrix(view));
    const [query, key, value] = [from.query, from.key, from.value].map((view) => context.matrix(view));
    forDocumentRows(context, (d, t) => {
      const [first, last] = [d * cacheRows, d * cacheRows + batch.positions[t]];
      forColumns(key, (c) => (numbers[keys.at(last, c)] = numbers[key.at(t, c)]));
      forColumns(value, (c) => (numbers[values.at(last, c)] = numbers[value.at(t, c)]));
      for (let head = 0; head < heads.count; head++) {
        const column = head * heads.stride;
        const scores = scoresOf(numbers, { query, t }, { key: keys, first, last }, column, heads.size);
        weighValues(numbers, scores, { value: values, first }, { out, t }, column, heads.size);
      }
    });
  },

  // dp = do · v, ds = p · (dp − Σ p · dp), where Σ p · dp = do · o (delta); dq = Σ ds · k, dk = Σ ds · q, dv = Σ p · do.
  attentionGrad({ to, from, heads }, context) {
    const { numbers } = context;
    const [dQuery, dKey, dValue] = [to.dQuery, to.dKey, to.dValue].map((view) => context.matrix(view));
    const [query, key, value] = [from.query, from.key, from.value].map((view) => context.matrix(view));
    const [dOut, out, statistics] = [from.dOut, from.out, from.statistics].map((view) => context.matrix(view));
    for (let t = context.from; t < context.to; t++) {
      for (const matrix of [dQuery, dKey, dValue]) forColumns(matrix, (c) => (numbers[matrix.at(t, c)] = 0));
    }
    forQueries(context, heads.count, (start, t, head) => {
      const column = head * heads.stride;
      const sumOverHead = (term: (c: number) => number): number =>
        sumColumns({ columns: heads.size }, (c) => term(column + c));
      const scores = scoresOf(numbers, { query, t }, { key, first: start, last: t }, column, heads.size);
      const delta = sumOverHead((c) => numbers[dOut.at(t, c)] * numbers[out.at(t, c)]);
      const [largest, inverseTotal] = [0, 1].map((i) => numbers[statistics.at(t, 2 * head + i)]);
      scores.forEach((score, j) => {
        const row = start + j;
        const p = Math.exp(score - largest / Math.sqrt(heads.size)) * inverseTotal;
        const dp = sumOverHead((c) => numbers[dOut.at(t, c)] * numbers[value.at(row, c)]);
        const ds = (p * (dp - delta)) / Math.sqrt(heads.size);
        for (let c = column; c < column + heads.size; c++) {
          numbers[dQuery.at(t, c)] += ds * numbers[key.at(row, c)];
          numbers[dKey.at(row, c)] += ds * numbers[query.at(t, c)];
          numbers[dValue.at(row, c)] += p * numbers[dOut.at(t, c)];
        }
      });
    });
  },

  // loss = −log p[target] = log Σ e^(logit − max) + max − logit[target]
  crossEntropy({ to, from }, context) {
    const { numbers, batch } = context;
    forRows(context, [to.statistics, from.logits], (t, statistics, logits) => {
      let max = -Infinity;
      forColumns(logits, (v) => (max = Math.max(max, numbers[logits.at(t, v)])));
      numbers[statistics.at(t, 0)] = sumColumns(logits, (v) => Math.exp(numbers[logits.at(t, v)] - max));
      numbers[statistics.at(t, 1)] = max - numbers[logits.at(t, batch.targets[t])];
    });
  },

  // dLogits = (p − one-hot of the target) · lossScale
  crossEntropyGrad({ to, from }, context) {
    const { numbers, batch, options } = context;
    KERNELS.crossEntropy({ kernel: "crossEntropy", to, from }, context);
    forRows(context, [to.statistics, to.dLogits, from.logits], (t, statistics, dLogits, logits) => {
      const target = batch.targets[t];
      const max = numbers[statistics.at(t, 1)] + numbers[logits.at(t, target)];
      forColumns(logits, (v) => {
        const p = Math.exp(numbers[logits.at(t, v)] - max) / numbers[statistics.at(t, 0)];
        numbers[dLogits.at(t, v)] = (p - (v === target ? 1 : 0)) * options.lossScale;
      });
    });
  },

  embedGrad({ from, weight, by }, context) {
    const { numbers, batch } = context;
    const grad = context.weightMatrix(weight.grad);
    const rows = by === "token" ? batch.tokens : batch.positions;
    if (!context.options.accumulate) clear(numbers, grad, weight);
    forRows(context, [from.dOut], (t, dOut) =>
      forColumns(dOut, (c) => (numbers[grad.at(rows[t], c)] += numbers[dOut.at(t, c)])),
    );
  },

  adam() {
    throw new Error("reference: adam is executed by the session, not as a kernel");
  },
};

function inverseRootMeanSquare(numbers: Float64Array, x: MatrixView, row: number): number {
  const meanSquare = sumColumns(x, (c) => numbers[x.at(row, c)] ** 2) / x.columns;
  return (meanSquare + RMSNORM_EPSILON) ** -0.5;
}

/** Calls `visit` with each row t of the context and the number of its document. */
function forDocumentRows({ batch, from, to }: KernelContext, visit: (document: number, t: number) => void): void {
  const { documents } = batch;
  for (let d = 0; d + 1 < documents.length; d++) {
    for (let t = Math.max(from, documents[d]); t < Math.min(to, documents[d + 1]); t++) visit(d, t);
  }
}

/** Calls `visit` with each row t of the context, per head, and the first row of its document. */
function forQueries(
  context: KernelContext,
  heads: number,
  visit: (start: number, t: number, head: number) => void,
): void {
  forDocumentRows(context, (d, t) => {
    for (let head = 0; head < heads; head++) visit(context.batch.documents[d], t, head);
  });
}

/** query · key / √size of the query of row t with each key of rows [first, last]. */
function scoresOf(
  numbers: Float64Array,
  { query, t }: { readonly query: MatrixView; readonly t: number },
  { key, first, last }: { readonly key: MatrixView; readonly first: number; readonly last: number },
  column: number,
  size: number,
): number[] {
  const scores: number[] = [];
  for (let row = first; row <= last; row++) {
    let sum = 0;
    for (let c = column; c < column + size; c++) sum += numbers[query.at(t, c)] * numbers[key.at(row, c)];
    scores.push(sum / Math.sqrt(size));
  }
  return scores;
}

/** out[t] = Σ p · v with p = softmax(scores), over the values from row `first` on. Returns the largest score and Σ e^(score − largest). */
function weighValues(
  numbers: Float64Array,
  scores: readonly number[],
  { value, first }: { readonly value: MatrixView; readonly first: number },
  { out, t }: { readonly out: MatrixView; readonly t: number },
  column: number,
  size: number,
): readonly [max: number, total: number] {
  const max = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const total = scores.reduce((sum, score) => sum + Math.exp(score - max), 0);
  for (let c = column; c < column + size; c++) {
    let sum = 0;
    scores.forEach((score, j) => (sum += Math.exp(score - max) * numbers[value.at(first + j, c)]));
    numbers[out.at(t, c)] = sum / total;
  }
  return [max, total];
}

function clear(numbers: Float64Array, matrix: MatrixView, { shape: [rows, columns] }: Weight): void {
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) numbers[matrix.at(r, c)] = 0;
}

/** Executes an instruction on the rows of the context. Adam is not among them: the session executes it. */
export function execute(instruction: Instruction, context: KernelContext): void {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each row of the table takes its own kind
  const kernel = KERNELS[instruction.kernel] as (instruction: Instruction, context: KernelContext) => void;
  kernel(instruction, context);
}
