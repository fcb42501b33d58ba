/**
 * A table from instructions to C: for each, the statement that runs it for the rows of a chunk, or for the rows of one
 * slice of a weight. The kernels that it calls are defined in the files they are imported from; `compiler.ts` collects
 * them.
 */
import { dropThreshold, keptScale } from "../../training/dropout.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Heads, Instruction, InstructionOf, KernelName, View } from "../../tensor/instructions.ts";
import { attentionGradText } from "./attention-grad.ts";
import type { AttentionGradShape } from "./attention-grad.ts";
import { cachedAttentionText } from "./attention-cached.ts";
import { canBeShort, SHORT, shortGradText } from "./attention-short.ts";
import { attentionText } from "./attention.ts";
import type { AttentionShape } from "./attention.ts";
import type { InstructionContext } from "./compiler.ts";
import { productText, weightGradText } from "./products.ts";
import { float, WIDEST } from "./vectors.ts";

type Rows = {
  readonly [Name in KernelName]: (instruction: InstructionOf<Name>, context: InstructionContext) => string;
};

const padded = (columns: number): number => roundUp(columns, WIDEST);

const STATEMENTS: Rows = {
  embed({ to: { out }, tokenTable, positionTable }, { compiler, row, at }) {
    const kernel = compiler.wrapper("embed", ROW_PARAMETERS.embed, [row(out)]);
    const [ofTokens, ofPositions] = [tokenTable, positionTable].map(({ data }) => compiler.weightAt(data));
    const [tokens, positions] = [compiler.integers("tokens", "from"), compiler.integers("positions", "from")];
    return `${kernel}(${at(out, "from")}, ${tokens}, ${positions}, ${ofTokens}, ${ofPositions}, to - from);`;
  },

  rmsnorm({ to: { out }, from: { x } }, { compiler, row, at }) {
    const kernel = compiler.wrapper("rmsnorm", ROW_PARAMETERS.rmsnorm, [row(x), x.columns]);
    return `${kernel}(${at(out, "from")}, ${at(x, "from")}, to - from);`;
  },

  rmsnormGrad({ to: { out }, from: { x, dOut, plus } }, { compiler, row, at }) {
    const constants = [row(x), x.columns, plus === undefined ? 0 : 1];
    const kernel = compiler.wrapper("rmsnorm_grad", ROW_PARAMETERS.rmsnormGrad, constants);
    return `${kernel}(${[out, x, dOut, plus ?? x].map((view) => at(view, "from")).join(", ")}, to - from);`;
  },

  linear({ to: { out }, from: { x, plus }, weight, relu }, context) {
    const { compiler } = context;
    return product({ out, a: x, plus, relu, bRow: null }, `m + ${compiler.map.packed.get(weight)!}`, context);
  },

  linearInputGrad({ to: { out }, from: { dOut, gate, plus }, weight }, context) {
    const { compiler } = context;
    const bRow = compiler.weightRow(weight.data);
    return product({ out, a: dOut, plus, gate, relu: false, bRow }, compiler.weightAt(weight.data), context);
  },

  linearWeightGrad({ from: { dOut, x }, weight }, { compiler, row, at }) {
    const gradRow = compiler.weightRow(weight.grad);
    const shape = { columns: padded(x.columns), dOutRow: row(dOut), xRow: row(x), gradRow };
    const name = `weight_grad_${shape.columns}_${shape.dOutRow}_${shape.xRow}`;
    const kernel = compiler.kernel(name, () => weightGradText(name, shape));
    const [from, to] = [`${at(dOut, "from")} + begin`, `${compiler.weightAt(weight.grad)} + begin * ${gradRow}`];
    return `${kernel}(${from}, ${at(x, "from")}, ${to}, end - begin, to - from, add);`;
  },

  relu({ to: { out }, from: { x } }, { compiler, row, at }) {
    const kernel = compiler.wrapper("relu", ROW_PARAMETERS.relu, [row(x)]);
    return `${kernel}(${at(out, "from")}, ${at(x, "from")}, to - from);`;
  },

  reluGrad({ to: { out }, from: { dOut, y } }, { compiler, row, at }) {
    const kernel = compiler.wrapper("relu_grad", ROW_PARAMETERS.reluGrad, [row(y)]);
    return `${kernel}(${[out, dOut, y].map((view) => at(view, "from")).join(", ")}, to - from);`;
  },

  dropout({ to: { out }, from: { x, plus }, dropout: { site, rate } }, { compiler, row, at }) {
    const constants = [row(x), `${dropThreshold(rate)}u`, float(keptScale(rate)), plus === undefined ? 0 : 1];
    const kernel = compiler.wrapper("dropout", ROW_PARAMETERS.dropout, constants);
    const pointers = [out, x, plus ?? x].map((view) => at(view, "from")).join(", ");
    return `${kernel}(${pointers}, to - from, hash32(call->dropoutSeed ^ ${site}), call->firstToken + from);`;
  },

  add({ to: { out }, from: { a, b } }, { compiler, row, at }) {
    const kernel = compiler.wrapper("add", ROW_PARAMETERS.add, [row(out)]);
    return `${kernel}(${[out, a, b].map((view) => at(view, "from")).join(", ")}, to - from);`;
  },

  attention({ to: { out, statistics }, from: { query, key, value }, heads }, context) {
    const { compiler, row, at } = context;
    const shape = {
      ...attentionShape(heads, query, key, out, context),
      statisticsRow: row(statistics),
    };
    const name = `attention_${shape.queryRow}_${shape.outRow}_${shape.statisticsRow}`;
    const { blockSize } = compiler.layout.config;
    const kernel = compiler.kernel(name, () => attentionText(name, shape, blockSize));
    const pointers = [query, key, value, out, statistics].map((view) => at(view, "start")).join(", ");
    return eachDocument(
      `${kernel}(${pointers}, start < from ? from - start : 0, w->documents[d + 1] - start, w->scratch);`,
    );
  },

  cachedAttention({ to: { out, keys, values }, from: { query, key, value }, heads, cacheRows }, context) {
    const { compiler, at } = context;
    const shape = {
      ...attentionShape(heads, query, keys, out, context),
      keyColumns: key.columns,
    };
    const name = `cached_attention_${shape.queryRow}_${shape.keyRow}_${shape.outRow}`;
    const kernel = compiler.kernel(name, () => cachedAttentionText(name, shape));
    const pointers = [
      ...[query, key, value, out].map((view) => at(view, "t")),
      ...[keys, values].map((view) => at(view, `d * ${cacheRows}`)),
    ];
    const position = `*(${compiler.integers("positions", "t")})`;
    return eachDocument(
      `for (long t = start; t < w->documents[d + 1]; t++) ${kernel}(${pointers.join(", ")}, ${position}, w->scratch);`,
    );
  },

  attentionGrad({ to: { dQuery, dKey, dValue }, from, heads }, context) {
    const { row, at } = context;
    const { query, key, value, out, dOut, statistics } = from;
    const shape = {
      ...attentionShape(heads, query, key, out, context),
      dOutRow: row(dOut),
      dQueryRow: row(dQuery),
      dQueryColumns: dQuery.buffer.columns,
      statisticsRow: row(statistics),
    };
    const name = `attention_grad_${shape.queryRow}_${shape.dOutRow}_${shape.dQueryRow}`;
    const kernel = gradKernel(name, shape, context);
    const views = [query, key, value, out, dOut, statistics, dQuery, dKey, dValue];
    const pointers = views.map((view) => at(view, "start")).join(", ");
    return eachDocument(`${kernel}(${pointers}, w->documents[d + 1] - start, w->scratch);`);
  },

  crossEntropy: ({ to: { statistics }, from: { logits } }, context) => crossEntropy(statistics, logits, 0, context),
  crossEntropyGrad: ({ to: { statistics }, from: { logits } }, context) => crossEntropy(statistics, logits, 1, context),

  embedGrad({ from: { dOut }, weight, by }, { compiler, at }) {
    const kernel = compiler.wrapper("embed_grad", ROW_PARAMETERS.embedGrad, [compiler.weightRow(weight.grad)]);
    const ids = compiler.integers(by === "token" ? "tokens" : "positions", "from");
    return `${kernel}(${compiler.weightAt(weight.grad)}, ${at(dOut, "from")}, ${ids}, to - from, begin, end, add);`;
  },

  adam({ weight: { data, grad, adamMean, adamMeanSquare } }, { compiler }) {
    const row = compiler.weightRow(data);
    const pointers = [data, grad, adamMean, adamMeanSquare].map(
      (buffer) => `${compiler.weightAt(buffer)} + begin * ${row}`,
    );
    return `adam(${pointers.join(", ")}, (end - begin) * ${row}, a);`;
  },
};

/** Parameters of the inline functions of `rows.ts` and `weights.ts` that are not constants. */
const ROW_PARAMETERS = {
  embed:
    "float *out, const int *tokens, const int *positions, const float *tokenTable, const float *positionTable, long rows",
  rmsnorm: "float *out, const float *x, long rows",
  rmsnormGrad: "float *out, const float *x, const float *dOut, const float *plus, long rows",
  relu: "float *out, const float *x, long rows",
  reluGrad: "float *out, const float *dOut, const float *y, long rows",
  dropout: "float *out, const float *x, const float *plus, long rows, uint32_t siteSeed, uint32_t token",
  add: "float *out, const float *a, const float *b, long rows",
  crossEntropy: "float *statistics, float *logits, const int *targets, long rows, float scale",
  embedGrad: "float *grad, const float *dOut, const int *ids, long tokens, long begin, long end, int add",
} as const;

function attentionShape(
  { count, size, stride }: Heads,
  query: View,
  key: View,
  out: View,
  { row }: InstructionContext,
): AttentionShape {
  const rows = { queryRow: row(query), keyRow: row(key), outRow: row(out), outColumns: out.columns };
  return { heads: count, size, stride, ...rows };
}

/** The backward kernel for document `d`: one for short documents, if the heads allow it, and one for long ones, if there are any. */
function gradKernel(name: string, shape: AttentionGradShape, { compiler }: InstructionContext): string {
  const long = (): string => compiler.kernel(name, () => attentionGradText(name, shape));
  if (!canBeShort(shape)) return long();
  const short = compiler.kernel(`${name}_short`, () => shortGradText(`${name}_short`, shape));
  if (compiler.layout.config.blockSize <= SHORT) return short;
  return `(w->documents[d + 1] - start <= ${SHORT} ? ${short} : ${long()})`;
}

/** Runs a statement for each document of a chunk, whose first row is `start`. */
const eachDocument = (statement: string): string => `for (long d = first; d < last; d++) {
    const long start = w->documents[d];
    ${statement}
  }`;

interface ProductOperands {
  readonly out: View;
  readonly a: View;
  readonly plus?: View | undefined;
  readonly gate?: View | undefined;
  readonly relu: boolean;
  /** As in `ProductShape`. */
  readonly bRow: number | null;
}

function product(
  { out, a, plus, gate, relu, bRow }: ProductOperands,
  b: string,
  { compiler, row, at }: InstructionContext,
): string {
  const [plusRow, gateRow] = [plus, gate].map((view) => (view === undefined ? null : row(view)));
  const shape = {
    k: a.columns,
    columns: padded(out.columns),
    aRow: row(a),
    cRow: row(out),
    bRow,
    relu,
    plusRow,
    gateRow,
  };
  const suffixes = [
    `product_${shape.aRow}_${shape.k}x${shape.columns}_${shape.cRow}`,
    bRow === null ? "packed" : `${bRow}`,
    ...(relu ? ["relu"] : []),
    ...(plusRow === null ? [] : [`plus${plusRow}`]),
    ...(gateRow === null ? [] : [`gate${gateRow}`]),
  ];
  const name = suffixes.join("_");
  const kernel = compiler.kernel(name, () => productText(name, shape));
  const [more, open] = [plus, gate].map((view) => (view === undefined ? "0" : at(view, "from")));
  return `${kernel}(${at(a, "from")}, ${b}, ${at(out, "from")}, to - from, ${more}, ${open});`;
}

function crossEntropy(
  statistics: View,
  logits: View,
  isGrad: 0 | 1,
  { compiler, row, at }: InstructionContext,
): string {
  const constants = [row(statistics), row(logits), logits.columns, isGrad];
  const kernel = compiler.wrapper("cross_entropy", ROW_PARAMETERS.crossEntropy, constants);
  const targets = compiler.integers("targets", "from");
  return `${kernel}(${at(statistics, "from")}, ${at(logits, "from")}, ${targets}, to - from, call->lossScale);`;
}

/** The statement that runs an instruction. Over documents it sees `from`, `to`, `first`, `last`; over weights `begin`, `end`, `add`. */
export function statementOf(instruction: Instruction, context: InstructionContext): string {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each row of the table takes its own kind
  const write = STATEMENTS[instruction.kernel] as (instruction: Instruction, context: InstructionContext) => string;
  return write(instruction, context);
}
