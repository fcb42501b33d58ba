/**
 * A table from instructions to steps: a step calls a WebAssembly kernel with the byte addresses of a chunk's rows. The
 * kernels are defined in the files they are imported from; `compiler.ts` collects them.
 */
import { siteSeed } from "../../training/dropout.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Heads, Instruction, InstructionOf, KernelName, View } from "../../tensor/instructions.ts";
import type { Slots } from "../../tensor/layout.ts";
import { addAttentionGrad } from "./attention-grad.ts";
import { addAttention } from "./attention.ts";
import { addCachedAttention } from "./cached-attention.ts";
import type { AttentionShape } from "./attention-tiles.ts";
import type { WasmCompiler, StepContext, Operands, Step } from "./compiler.ts";
import { addDropout } from "./dropout.ts";
import { addRowsByWeight, addWeightGrad, TILE_COLUMNS } from "./matmul.ts";
import { ALIGN } from "./memory.ts";
import { addCrossEntropy, addEmbed, addRmsnorm, addRmsnormGrad, addSum } from "./rows.ts";
import { addAdam, addEmbedGrad } from "./weights.ts";
import { F32 } from "./vector.ts";

const STEPS: { readonly [Name in KernelName]: (instruction: InstructionOf<Name>, context: StepContext) => Step } = {
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
    const b = compiler.map.packed.get(weight)!;
    const panelRow = TILE_COLUMNS * F32;
    const bPanel = TILE_COLUMNS * compiler.weightBytes(weight.data).row;
    const operands = { out, a: x, relu, plus };
    return rowsByWeight(operands, { b, bStep: panelRow, bPanel }, context);
  },

  linearInputGrad({ to: { out }, from: { dOut, gate, plus }, weight }, context) {
    const { start, row } = context.compiler.weightBytes(weight.data);
    const operands = { out, a: dOut, relu: false, plus, gate };
    return rowsByWeight(operands, { b: start, bStep: row, bPanel: TILE_COLUMNS * F32 }, context);
  },

  linearWeightGrad({ from: { dOut, x }, weight }, context) {
    const { compiler, row, at } = context;
    const { start, row: gradRow } = compiler.weightBytes(weight.grad);
    const shape = { columns: roundUp(x.columns, ALIGN), dOutRow: row(dOut), xRow: row(x), gradRow };
    const kernel = compiler.kernel("weightGrad", shape, (module, name) =>
      addWeightGrad(module, name, shape, compiler.fma),
    );
    const [dOutAt, xAt] = [dOut, x].map(at);
    const [begin, end] = compiler.ownRows(weight);
    return (run, { from, to }) => {
      const { accumulate, firstRow } = run.options;
      const [dOutByte, gradByte] = [dOutAt(run, from) + begin * F32, start + begin * gradRow];
      // In a windowed phase every window after the first adds to the gradient of those before.
      kernel.call(dOutByte, xAt(run, from), gradByte, end - begin, to - from, accumulate || from > firstRow ? 1 : 0);
    };
  },

  relu: () => fusedAway("relu"),
  reluGrad: () => fusedAway("reluGrad"),

  dropout({ to: { out }, from: { x, plus }, dropout: { site, rate } }, { compiler, row, at }) {
    const shape = { outRow: row(out), xRow: row(x), plusRow: plus === undefined ? null : row(plus), rate };
    const kernel = compiler.kernel("dropout", shape, addDropout);
    const [outAt, xAt, plusAt] = [out, x, plus ?? x].map(at);
    return (run, { from, to }) => {
      const { dropoutSeed, firstToken } = run.options;
      const seed = siteSeed(dropoutSeed, site);
      kernel.call(outAt(run, from), xAt(run, from), plusAt(run, from), to - from, seed, firstToken + from);
    };
  },

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

  cachedAttention({ to: { out, keys, values }, from, heads, cacheRows }, { compiler, row, at }) {
    const { count, size, stride } = heads;
    const shape = { heads: count, headSize: size, headStride: stride, cacheRows, valueRow: row(values) };
    const kernel = compiler.kernel("cachedAttention", shape, (module, name) =>
      addCachedAttention(module, name, shape, compiler.fma),
    );
    const { query, key, value } = from;
    const pointersAt = [query, key, value, out].map(at);
    const cachesAt = [keys, values].map(at);
    const { scratch } = compiler;
    return (run, { first, last }) => {
      for (let d = first; d < last; d++) {
        const caches = cachesAt.map((cacheAt) => cacheAt(run, d * cacheRows));
        for (let t = run.documents[d]; t < run.documents[d + 1]; t++) {
          const [q, k, v, o] = pointersAt.map((pointerAt) => pointerAt(run, t));
          kernel.call(q, k, v, o, ...caches, run.positions[t], scratch);
        }
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
    const pointersAt = [query, key, value, out, dOut, statistics, dQuery, dKey, dValue].map(at);
    const { scratch } = compiler;
    return (run, { first, last }) => {
      for (let d = first; d < last; d++) {
        const start = run.documents[d];
        const [q, k, v, o, dO, s, dQ, dK, dV] = pointersAt.map((pointerAt) => pointerAt(run, start));
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

/** out = a · B by a kernel, with B at byte `b`: its rows are `bStep` bytes apart, its panels of 8 columns `bPanel`. */
function rowsByWeight(
  { out, a, relu, plus, gate }: Operands,
  { b, bStep, bPanel }: { b: number; bStep: number; bPanel: number },
  { compiler, row, at }: StepContext,
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

function crossEntropy(statistics: View, logits: View, grad: boolean, { compiler, row, at }: StepContext): Step {
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

function attentionShape({ count, size, stride }: Heads, { layout }: WasmCompiler, rows: RowsOf): AttentionShape {
  return { heads: count, headSize: size, headStride: stride, blockSize: layout.config.blockSize, ...rows };
}

function fusedAway(kernel: string): never {
  throw new Error(`wasm: no kernel for ${kernel} alone; fusion must merge it into a linear layer`);
}

/** Compiles an instruction of a program whose buffers are at `slots`. */
export function compileStep(instruction: Instruction, slots: Slots, compiler: WasmCompiler): Step {
  const context: StepContext = {
    compiler,
    row: (view) => compiler.viewBytes(view, slots).row,
    at(view) {
      const { start, row: bytes } = compiler.viewBytes(view, slots);
      if (view.buffer.rows === "window") return (run, row) => start + (row - run.window) * bytes;
      return (_, row) => start + row * bytes;
    },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each row of the table takes its own kind
  const step = STEPS[instruction.kernel] as (instruction: Instruction, context: StepContext) => Step;
  return step(instruction, context);
}
