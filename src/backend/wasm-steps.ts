/**
 * A table: instruction → what a worker does for it, a call of a WASM kernel with the bytes of its part of the rows.
 */
import type { RunOptions } from "../backend.ts";
import type { Heads, Instruction, InstructionOf, KernelName, View, Weight } from "../kernels.ts";
import type { Places } from "../program.ts";
import { addAttentionGrad } from "./wasm-attention-grad.ts";
import { addAttention } from "./wasm-attention.ts";
import type { AttentionShape } from "./wasm-attention.ts";
import type { Compiler } from "./wasm-compiler.ts";
import { addRowsByWeight, addWeightGrad, TILE_COLUMNS } from "./wasm-matmul.ts";
import { ALIGN } from "./wasm-memory.ts";
import { addCrossEntropy, addEmbed, addFinish, addRmsnorm, addRmsnormGrad, addSum } from "./wasm-rows.ts";
import { addAdam, addEmbedGrad } from "./wasm-weights.ts";
import { F32 } from "./wasm-vector.ts";

/** What of a run is the same for all of its instructions. */
export interface Run {
  readonly documents: Int32Array;
  readonly options: RunOptions;
  /** The first row of the window at hand, where the phase is windowed. */
  window: number;
}

/** Rows [from, to) and the documents [first, last) that they are; for a window's rows, no documents. */
export interface Part {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

export type Step = (run: Run, part: Part) => void;

/** Numbers in a weight from which on `Multiply` is asked: below, the call costs more than it saves. */
const MIN_MULTIPLY = 1024;

/** The compiler, for one program. */
interface Context {
  readonly compiler: Compiler;
  /** Bytes from row to row. */
  readonly row: (view: View) => number;
  /** The byte of a row. */
  readonly at: (view: View) => (run: Run, row: number) => number;
}

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;

const STEPS: { readonly [Name in KernelName]: (instruction: InstructionOf<Name>, context: Context) => Step } = {
  embed({ to: { out }, tokenTable, positionTable }, { compiler, row, at }) {
    const { map } = compiler;
    const kernel = compiler.kernel("embed", { rowBytes: row(out) }, addEmbed);
    const [ofTokens, ofPositions] = [tokenTable, positionTable].map(({ data }) => compiler.weightBytes(data).start);
    const outAt = at(out);
    return (run, { from, to }) => {
      const [tokens, positions] = [map.tokens + from * F32, map.positions + from * F32];
      kernel.call(outAt(run, from), tokens, positions, ofTokens, ofPositions, to - from);
    };
  },

  rmsnorm({ to: { out }, from: { x } }, { compiler, row, at }) {
    const shape = { columns: x.columns, outRow: row(out), xRow: row(x) };
    const kernel = compiler.kernel("rmsnorm", shape, (module, name) => addRmsnorm(module, name, shape, compiler.fma));
    const [outAt, xAt] = [at(out), at(x)];
    return (run, { from, to }) => kernel.call(outAt(run, from), xAt(run, from), to - from);
  },

  rmsnormGrad({ to: { out }, from: { x, dOut, plus } }, { compiler, row, at }) {
    const plusRow = plus === undefined ? null : row(plus);
    const shape = { columns: x.columns, outRow: row(out), xRow: row(x), dOutRow: row(dOut), plusRow };
    const kernel = compiler.kernel("rmsnormGrad", shape, (module, name) =>
      addRmsnormGrad(module, name, shape, compiler.fma),
    );
    const [outAt, xAt, dOutAt, plusAt] = [out, x, dOut, plus ?? x].map(at);
    return (run, { from, to }) =>
      kernel.call(outAt(run, from), xAt(run, from), dOutAt(run, from), plusAt(run, from), to - from);
  },

  linear({ to: { out }, from: { x, plus }, weight, relu }, context) {
    const { compiler } = context;
    if (isForMultiply(weight, compiler)) return multiplied({ out, a: x, relu, plus }, weight, true, context);
    const packed = compiler.map.packed.get(weight)!;
    const panel = TILE_COLUMNS * compiler.weightBytes(weight.data).row;
    return rowsByWeight({ out, a: x, relu, plus }, { b: packed, bStep: TILE_COLUMNS * F32, bPanel: panel }, context);
  },

  linearInputGrad({ to: { out }, from: { dOut, gate, plus }, weight }, context) {
    const { start, row } = context.compiler.weightBytes(weight.data);
    const operands = { out, a: dOut, relu: false, plus, gate };
    if (isForMultiply(weight, context.compiler)) return multiplied(operands, weight, false, context);
    return rowsByWeight(operands, { b: start, bStep: row, bPanel: TILE_COLUMNS * F32 }, context);
  },

  linearWeightGrad({ from: { dOut, x }, weight }, { compiler, row, at }) {
    const { start, row: gradRow } = compiler.weightBytes(weight.grad);
    const shape = { columns: roundUp(x.columns, ALIGN), dOutRow: row(dOut), xRow: row(x), gradRow };
    const kernel = compiler.kernel("weightGrad", shape, (module, name) =>
      addWeightGrad(module, name, shape, compiler.fma),
    );
    const [dOutAt, xAt] = [dOut, x].map(at);
    const [begin, end] = compiler.ownRows(weight);
    const { multiply } = compiler;
    if (multiply !== null && isForMultiply(weight, compiler)) {
      return (run, { from, to }) => {
        const accumulate = run.options.accumulate || from > run.options.firstRow;
        // Unit by unit: the shapes of the products must not depend on how many workers there are.
        for (let row0 = begin; row0 < end; row0 += compiler.unitRows(weight)) {
          multiply({
            rows: Math.min(compiler.unitRows(weight), end - row0),
            columns: shape.columns,
            k: to - from,
            a: dOutAt(run, from) + row0 * F32,
            aRow: shape.dOutRow / F32,
            aTransposed: true,
            b: xAt(run, from),
            bRow: shape.xRow / F32,
            bTransposed: false,
            c: start + row0 * gradRow,
            cRow: gradRow / F32,
            accumulate,
          });
        }
      };
    }
    return (run, { from, to }) => {
      const { accumulate, firstRow } = run.options;
      const [dOutByte, gradByte] = [dOutAt(run, from) + begin * F32, start + begin * gradRow];
      // Every window of a batch but the first adds to what the others have left.
      kernel.call(dOutByte, xAt(run, from), gradByte, end - begin, to - from, accumulate || from > firstRow ? 1 : 0);
    };
  },

  relu: () => fusedAway("relu"),
  reluGrad: () => fusedAway("reluGrad"),

  add({ to: { out }, from: { a, b } }, { compiler, row, at }) {
    const kernel = compiler.kernel("add", { rowBytes: row(out) }, addSum);
    const [outAt, aAt, bAt] = [out, a, b].map(at);
    return (run, { from, to }) => kernel.call(outAt(run, from), aAt(run, from), bAt(run, from), to - from);
  },

  attention({ to: { out, statistics }, from: { query, key, value }, heads }, { compiler, row, at }) {
    const rows = { qkvRow: row(query), dQkvRow: 0, outRow: row(out), dOutRow: 0, statisticsRow: row(statistics) };
    const shape = attentionShape(heads, compiler, rows);
    const kernel = compiler.kernel("attention", shape, (module, name) =>
      addAttention(module, name, shape, compiler.fma),
    );
    const [queryAt, keyAt, valueAt, outAt, statisticsAt] = [query, key, value, out, statistics].map(at);
    const { scratch } = compiler;
    return (run, { first, last }) => {
      for (let d = first; d < last; d++) {
        const start = run.documents[d];
        const [q, k, v] = [queryAt(run, start), keyAt(run, start), valueAt(run, start)];
        const firstQuery = Math.max(0, run.options.firstRow - start);
        const count = run.documents[d + 1] - start;
        kernel.call(q, k, v, outAt(run, start), statisticsAt(run, start), firstQuery, count, scratch);
      }
    };
  },

  attentionGrad({ to: { dQuery, dKey, dValue }, from, heads }, { compiler, row, at }) {
    const { query, key, value, out, dOut, statistics } = from;
    const rows = {
      qkvRow: row(query),
      dQkvRow: row(dQuery),
      outRow: row(out),
      dOutRow: row(dOut),
      statisticsRow: row(statistics),
    };
    const shape = attentionShape(heads, compiler, rows);
    const kernel = compiler.kernel("attentionGrad", shape, (module, name) =>
      addAttentionGrad(module, name, shape, compiler.fma),
    );
    const places = [query, key, value, out, dOut, statistics, dQuery, dKey, dValue].map(at);
    const { scratch } = compiler;
    return (run, { first, last }) => {
      for (let d = first; d < last; d++) {
        const start = run.documents[d];
        const [q, k, v, o, dO, s, dQ, dK, dV] = places.map((place) => place(run, start));
        kernel.call(q, k, v, o, dO, s, dQ, dK, dV, run.documents[d + 1] - start, scratch);
      }
    };
  },

  crossEntropy: ({ to: { statistics }, from: { logits } }, context) => crossEntropy(statistics, logits, false, context),
  crossEntropyGrad: ({ to: { statistics }, from: { logits } }, context) =>
    crossEntropy(statistics, logits, true, context),

  embedGrad({ from: { dOut }, weight, by }, { compiler, at }) {
    const { start, row } = compiler.weightBytes(weight.grad);
    const kernel = compiler.kernel("embedGrad", { rowBytes: row }, addEmbedGrad);
    const ids = by === "token" ? compiler.map.tokens : compiler.map.positions;
    const dOutAt = at(dOut);
    const [begin, end] = compiler.ownRows(weight);
    return (run, { from, to }) => {
      const accumulate = run.options.accumulate ? 1 : 0;
      kernel.call(start, dOutAt(run, from), ids + from * F32, to - from, begin, end, accumulate);
    };
  },

  adam({ weight }, { compiler }) {
    const kernel = compiler.kernel("adam", {}, (module, name) => addAdam(module, name, compiler.fma));
    const pack = compiler.pack(weight);
    const [begin, end] = compiler.ownRows(weight);
    const { row } = compiler.weightBytes(weight.data);
    const [data, grad, mean, meanSquare] = [weight.data, weight.grad, weight.adamMean, weight.adamMeanSquare].map(
      (buffer) => compiler.weightBytes(buffer).start + begin * row,
    );
    return () => {
      kernel.call(data, grad, mean, meanSquare, (end - begin) * row, compiler.map.adam);
      pack();
    };
  },
};

interface Operands {
  readonly out: View;
  readonly a: View;
  readonly relu: boolean;
  readonly plus?: View | undefined;
  readonly gate?: View | undefined;
}

/** out = a · B with B at byte `b`: k rows `bStep` apart, panels of 8 columns `bPanel` apart. */
function rowsByWeight(
  { out, a, relu, plus, gate }: Operands,
  { b, bStep, bPanel }: { b: number; bStep: number; bPanel: number },
  { compiler, row, at }: Context,
): Step {
  const shape = {
    k: a.columns,
    columns: roundUp(out.columns, ALIGN),
    aRow: row(a),
    cRow: row(out),
    bStep,
    bPanel,
    relu,
    plusRow: plus === undefined ? null : row(plus),
    gateRow: gate === undefined ? null : row(gate),
  };
  const kernel = compiler.kernel("rowsByWeight", shape, (module, name) =>
    addRowsByWeight(module, name, shape, compiler.fma),
  );
  const [aAt, outAt, plusAt, gateAt] = [a, out, plus ?? a, gate ?? a].map(at);
  return (run, { from, to }) =>
    kernel.call(aAt(run, from), b, outAt(run, from), to - from, plusAt(run, from), gateAt(run, from));
}

const isForMultiply = ({ shape }: Weight, { multiply }: Compiler): boolean =>
  multiply !== null && shape[0] * shape[1] >= MIN_MULTIPLY;

/** out = a · weightᵀ (forward) or a · weight, by `Multiply`; what a kernel's epilogue does is a kernel of its own then. */
function multiplied(
  { out, a, relu, plus, gate }: Operands,
  weight: Weight,
  isForward: boolean,
  { compiler, row, at }: Context,
): Step {
  const multiply = compiler.multiply!;
  const { start, row: weightRow } = compiler.weightBytes(weight.data);
  const shape = {
    outRow: row(out),
    relu,
    plusRow: plus === undefined ? null : row(plus),
    gateRow: gate === undefined ? null : row(gate),
  };
  const isPlain = !relu && plus === undefined && gate === undefined;
  const finish = isPlain ? null : compiler.kernel("finish", shape, addFinish);
  const [aAt, outAt, plusAt, gateAt] = [a, out, plus ?? a, gate ?? a].map(at);
  return (run, { from, to }) => {
    multiply({
      rows: to - from,
      columns: roundUp(out.columns, ALIGN),
      k: a.columns,
      a: aAt(run, from),
      aRow: row(a) / F32,
      aTransposed: false,
      b: start,
      bRow: weightRow / F32,
      bTransposed: isForward,
      c: outAt(run, from),
      cRow: shape.outRow / F32,
      accumulate: false,
    });
    finish?.call(outAt(run, from), plusAt(run, from), gateAt(run, from), to - from);
  };
}

function crossEntropy(statistics: View, logits: View, grad: boolean, { compiler, row, at }: Context): Step {
  const shape = { columns: logits.columns, logitsRow: row(logits), statisticsRow: row(statistics), grad };
  const kernel = compiler.kernel("crossEntropy", shape, (module, name) =>
    addCrossEntropy(module, name, shape, compiler.fma),
  );
  const [statisticsAt, logitsAt] = [statistics, logits].map(at);
  return (run, { from, to }) => {
    const targets = compiler.map.targets + from * F32;
    kernel.call(statisticsAt(run, from), logitsAt(run, from), targets, to - from, run.options.lossScale);
  };
}

type RowsOf = Pick<AttentionShape, "qkvRow" | "dQkvRow" | "outRow" | "dOutRow" | "statisticsRow">;

function attentionShape({ count, size, stride }: Heads, { layout }: Compiler, rows: RowsOf): AttentionShape {
  return { heads: count, headSize: size, headStride: stride, blockSize: layout.config.blockSize, ...rows };
}

function fusedAway(kernel: string): never {
  throw new Error(`wasm: ${kernel} alone is in no program`);
}

/** The step of an instruction of a program whose buffers lie at `places`. */
export function compileStep(instruction: Instruction, places: Places, compiler: Compiler): Step {
  const context: Context = {
    compiler,
    row: (view) => compiler.viewBytes(view, places).row,
    at(view) {
      const { start, row: bytes } = compiler.viewBytes(view, places);
      if (view.buffer.rows === "window") return (run, row) => start + (row - run.window) * bytes;
      return (_, row) => start + row * bytes;
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each row of the table takes its own kind
  const step = STEPS[instruction.kernel] as (instruction: Instruction, context: Context) => Step;
  return step(instruction, context);
}
