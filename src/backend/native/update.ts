/**
 * Writes what follows the last section of a step, in C: the loss, the sum of the gradients' squares and, if all is finite,
 * Adam's step for every weight with the packing of it. It works slice by slice, as sections over weights do.
 */
import type { Weight } from "../../tensor/instructions.ts";
import type { Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { comment, eachSlice, weightsOf } from "./compiler.ts";
import type { NativeCompiler } from "./compiler.ts";
import { statementOf } from "./instructions.ts";
import { packText } from "./products.ts";
import { WIDEST } from "./vectors.ts";

/** Packs the rows of a slice for the forward products; nothing for a weight that is only looked up. */
function packLines(weight: Weight, compiler: NativeCompiler): string[] {
  const packed = compiler.map.packed.get(weight);
  if (packed === undefined) return [];
  const columns = compiler.weightRow(weight.data);
  const kernel = compiler.kernel(`pack_${columns}`, () => packText(`pack_${columns}`, columns));
  const [from, to] = [compiler.weightAt(weight.data), `m + ${packed}`];
  const rows = `(end - begin + ${WIDEST - 1}) / ${WIDEST} * ${WIDEST}`;
  return [`  ${kernel}(${from} + begin * ${columns}, ${to} + begin * ${columns}, ${rows});`];
}

function packing(weights: readonly Weight[], compiler: NativeCompiler): string {
  const work = weights.map((weight) => ({ weight, lines: packLines(weight, compiler) }));
  return `/* Copies all weights for the forward products. */
static void pack_weights(Worker *w) {
  float *m = w->memory;
  (void)m;
${eachSlice(
  work.filter(({ lines }) => lines.length > 0),
  compiler,
)}
  barrier(w);
}
`;
}

function updating({ update, slots }: Program, compiler: NativeCompiler): string {
  const context = compiler.context(slots);
  const work = update.instructions.map((one) => {
    const [weight] = weightsOf(one);
    return { weight, lines: [comment(one), `  ${statementOf(one, context)}`, ...packLines(weight, compiler)] };
  });
  return `/* Adam's step, and packing, of every weight; its gradients are multiplied by the scale first. */
static void update(Worker *w, double gradientScale) {
  float *m = w->memory;
  const Call *call = w->call;
  const Adam adamOfStep = {
    call->stepSize, call->squareScale, call->shrink, gradientScale,
    call->beta1, call->beta2, call->epsilon, 1 - call->beta1, 1 - call->beta2,
  };
  const Adam *a = &adamOfStep;
${eachSlice(work, compiler)}
  barrier(w);
}
`;
}

/** The sums of squares of all slices, each to its place in the memory map, then the sum of them, in order. */
function squaring(weights: readonly Weight[], compiler: NativeCompiler): string {
  const work = weights.map((weight) => {
    const row = compiler.weightRow(weight.grad);
    const from = `${compiler.weightAt(weight.grad)} + begin * ${row}`;
    const to = `m[${compiler.map.squares.get(weight)!} + slice]`;
    return { weight, lines: [`  ${to} = squares(${from}, (end - begin) * ${row});`] };
  });
  const { squares, squaresCount } = compiler.map;
  const start = Math.min(...squares.values());
  return `/* The sum of the squares of all gradients: each worker gets it. */
static double sum_squares(Worker *w) {
  float *m = w->memory;
${eachSlice(work, compiler)}
  barrier(w);
  double sum = 0;
  for (long i = 0; i < ${squaresCount}; i++) sum += m[${start} + i];
  if (w->index == 0) w->call->gradientSquares = sum;
  return sum;
}
static void square(Worker *w) {
  sum_squares(w);
  barrier(w);
}
`;
}

function finishing({ result, slots }: Program, { map, layout }: NativeCompiler): string {
  const { start, stride } = slots.get(result.buffer)!;
  return `/* The loss of all rows, in f64 and in order. */
static double sum_losses(Worker *w) {
  const float *statistics = w->memory + ${map.activations + start - layout.size};
  double sum = 0;
  for (long t = 0; t < w->rows; t++) sum += log(statistics[t * ${stride}]) + statistics[t * ${stride} + 1];
  return sum;
}
/* After the last section: the loss; at the end of a step also the gradients' squares and, if all is finite, the update. */
static void finish(Worker *w) {
  Call *call = w->call;
  if (w->index == 0) call->lossSum = sum_losses(w);
  if (!call->updates) return barrier(w);
  const double norm = sqrt(sum_squares(w));
  const int isFinite = isfinite((call->lossBefore + call->lossSum) / call->tokens) && isfinite(norm);
  if (w->index == 0) call->applied = isFinite;
  if (!isFinite) return barrier(w);
  update(w, norm <= call->clipNorm ? 1 : call->clipNorm / norm);
}
`;
}

/** pack_weights and, where there is a program for training, update and finish. */
export function updateText(layout: Layout, programs: readonly Program[], compiler: NativeCompiler): string {
  const weights = [...layout.weights.values()];
  const training = programs.find(({ kind }) => kind === "training");
  if (training === undefined) return packing(weights, compiler);
  return [
    packing(weights, compiler),
    updating(training, compiler),
    squaring(weights, compiler),
    finishing(training, compiler),
  ].join("");
}
