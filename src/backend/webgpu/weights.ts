/**
 * WGSL of the embeddings' gradients and of the end of a step. The GPU itself decides whether the numbers are finite,
 * clips the gradients and takes Adam's step, so the host can submit the next step without waiting for this one. There
 * are no atomics: every sum adds in a fixed order. The other weight gradients are products (`matmul.ts`).
 *
 *   sumLosses   per pass   statistics [T, 2] → state.loss
 *   sumSquares             all gradients     → 128 partial sums
 *   decide                 partial sums      → state: applied, step, Adam's step size and square scale, the scale of
 *                                             f16 gradients (weight decay and the βs: `run`, in `batch.ts`)
 *   adam                   state, gradients  → weights, Adam's means
 */
import type { Buffer, InstructionOf, View } from "../../tensor/instructions.ts";
import { EARLIER } from "./matmul.ts";
import { add, defineReduction, dispatchOf, powerOfTwo } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader, RowGroup } from "./shader.ts";

/** Indexes of the numbers that stay on the GPU from step to step. The host reads the first four after each step. */
export const STATE = {
  /** Sum of the losses of the step's tokens. */
  loss: 0,
  /** Sum of the squares of all gradients, as stored. */
  squares: 1,
  /** 1 if the step is applied: its loss and gradients are finite; else 0. */
  applied: 2,
  /** The GPU's step count, one more per applied step. */
  step: 3,
  /** Adam: learningRate / (1 − beta1^t). */
  stepSize: 4,
  /** Adam: 1 / (1 − beta2^t). */
  squareScale: 5,
  /** Factor of the stored gradients: undoes their scale, and clips. */
  gradientScale: 6,
  /** Factor that f16 gradients are stored with, see `MAX_SCALE`; 1 in f32. */
  scale: 7,
  /** Consecutive applied steps at this scale. */
  goodSteps: 8,
};

/** Numbers of the state, a whole number of vec4. */
export const STATE_NUMBERS = 12;

/**
 * Upper bound of the scale of f16 gradients. They are stored multiplied by a scale, so that small ones do not vanish;
 * it is divided by 16 when they overflow and doubled after 200 good steps (Micikevicius et al. 2018). They belong to
 * the sum of the losses, not the mean, so a token's gradients are about 1 where they leave the loss.
 */
export const MAX_SCALE = 16;
const GOOD_STEPS = 200;

/**
 * Steps that may be submitted before the host knows the result of the first. The host's step count is ahead of the
 * GPU's by those of them that were not applied.
 */
export const MAX_IN_FLIGHT = 8;

/**
 * weight.grad[row] = Σ of the rows of dOut that the batch lists for it [+ weight.grad]: those with the token, or the
 * position, `row`. One workgroup per row of the table; `shares` invocations per column split the list among them.
 */
export function embedGrad(shader: Shader, { from, weight, by }: InstructionOf<"embedGrad">): ShaderKernel {
  const [rows, columns] = weight.shape;
  const [out, dOut] = [shader.write({ buffer: weight.grad, column: 0, columns }), shader.read(from.dOut)];
  const size = rows <= 1024 ? 256 : 64;
  const lanes = Math.min(size, powerOfTwo(out.vectors));
  const shares = size / lanes;
  shader.define("earlier", EARLIER);
  const levels: string[] = [];
  for (let half = shares / 2; half >= 1; half /= 2) {
    levels.push(
      `    if (share < ${half}u) { sums[local] += sums[local + ${half * lanes}u]; }\n    workgroupBarrier();`,
    );
  }
  return shader.kernel(
    `  let target_row = group.x + group.y * groups.x;
  let lane = local % ${lanes}u;
  let share = local / ${lanes}u;
  let first = ${by}_first(min(target_row, ${rows - 1}u));
  let last = ${by}_first(min(target_row, ${rows - 1}u) + 1u);
  for (var base = 0u; base < ${out.vectors}u; base += ${lanes}u) {
    let c = base + lane;
    var all = vec4f();
    if (c < ${out.vectors}u) {
      for (var i = first + share; i < last; i += ${shares}u) {
        let row = ${by}_row(i);
        all += ${dOut.load("row", "c")};
      }
    }
    sums[local] = all;
    workgroupBarrier();
${levels.join("\n")}
    if (share == 0u && c < ${out.vectors}u && target_row < ${rows}u) {
      ${out.store("target_row", "c", `earlier(${out.load("target_row", "c")}) + sums[local]`)}
    }
    workgroupBarrier();
  }`,
    size,
    () => dispatchOf(rows),
    `var<workgroup> sums: array<vec4f, ${size}>;`,
  );
}

/** state.loss = Σ of the losses of the batch's tokens [+ state.loss, after the first pass]. One workgroup. */
export function sumLosses(shader: Shader, statistics: View, state: Buffer): ShaderKernel {
  const [from, to] = [shader.read(statistics), shader.scalars(state, true)];
  defineReduction(shader, "row_sum", oneRowGroup(256), add);
  const loss = to.at("0u", `${STATE.loss}u`);
  return shader.kernel(
    `  var own = 0.0;
  for (var row = local; row < run.rows; row += 256u) {
    let entry = ${from.load("row", "0u")};
    own += log(entry.x) + entry.y;
  }
  let all = row_sum(own, local);
  if (local == 0u) { ${loss} = select(0.0, ${loss}, run.accumulate != 0u) + all; }`,
    256,
    () => [1, 1, 1],
  );
}

/** A row group that is the whole workgroup. */
const oneRowGroup = (size: number): RowGroup => ({ lanes: size, rows: 1, size });

/** Partial sums of the gradients' squares, each made by one workgroup. */
export const PARTIALS = 128;

/** partials[i] = Σ of the squares of the i-th share of all gradients. @param vectors of all gradients, as one row. */
export function sumSquares(shader: Shader, grads: ShaderMatrix, vectors: number, partials: Buffer): ShaderKernel {
  const to = shader.scalars(partials, true);
  defineReduction(shader, "row_sum", oneRowGroup(256), add);
  return shader.kernel(
    `  var own = 0.0;
  for (var i = group.x * 256u + local; i < ${vectors}u; i += ${PARTIALS * 256}u) {
    let v = ${grads.load("0u", "i")};
    own += dot(v, v);
  }
  let all = row_sum(own, local);
  if (local == 0u) { ${to.at("0u", "group.x")} = all; }`,
    256,
    () => [PARTIALS, 1, 1],
  );
}

/**
 * WGSL function. It looks at the exponent's bits: a compiler may assume that floats are finite and drop a comparison.
 */
const FINITE = `fn finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }`;

/**
 * Sets the state for `adam`: whether the step is applied, its number, and the factor of the gradients. The step number
 * is the GPU's own count, unless weights were just written (`run.fresh`) or the counts are too far apart; the batch
 * buffer has Adam's corrections for the host's step number and the 7 before it.
 */
export function decide(shader: Shader, partials: Buffer, state: Buffer, half: boolean): ShaderKernel {
  const [from, to] = [shader.scalars(partials, false), shader.scalars(state, true)];
  const at = (index: number): string => to.at("0u", `${index}u`);
  defineReduction(shader, "row_sum", oneRowGroup(PARTIALS), add);
  shader.define("finite", FINITE);
  return shader.kernel(
    `  let squares = row_sum(${from.at("0u", "local")}, local);
  if (local == 0u) {
    let counted = select(${at(STATE.step)}, run.step, run.fresh != 0u);
    let skipped = run.step - counted;
    let is_known = skipped >= 0.0 && skipped < ${MAX_IN_FLIGHT}.0;
    let index = u32(select(0.0, skipped, is_known));
    let step = select(run.step, counted, is_known);
    let applied = finite(${at(STATE.loss)}) && finite(squares);
    let unscale = run.unscale${half ? ` / ${at(STATE.scale)}` : ""};
    let norm = sqrt(squares) * unscale;
    let pair = run.corrections[index / 2u];
    ${at(STATE.squares)} = squares;
    ${at(STATE.applied)} = select(0.0, 1.0, applied);
    ${at(STATE.step)} = step + select(0.0, 1.0, applied);
    ${at(STATE.stepSize)} = select(pair.x, pair.z, index % 2u == 1u);
    ${at(STATE.squareScale)} = select(pair.y, pair.w, index % 2u == 1u);
    ${at(STATE.gradientScale)} = unscale * select(1.0, run.clip / norm, run.clip > 0.0 && norm > run.clip);
${half ? rescale(at) : ""}
  }`,
    PARTIALS,
    () => [1, 1, 1],
  );
}

/** Statements that adapt the scale of f16 gradients. A finite loss with infinite gradients: the scale was too large. */
const rescale = (at: (index: number) => string): string => `    if (applied) {
      let good = ${at(STATE.goodSteps)} + 1.0;
      let is_enough = good >= ${GOOD_STEPS}.0;
      ${at(STATE.goodSteps)} = select(good, 0.0, is_enough);
      ${at(STATE.scale)} = select(${at(STATE.scale)}, min(${at(STATE.scale)} * 2.0, ${MAX_SCALE}.0), is_enough);
    } else if (finite(${at(STATE.loss)})) {
      ${at(STATE.goodSteps)} = 0.0;
      ${at(STATE.scale)} = ${at(STATE.scale)} * 0.0625;
    }`;

/** All weights of the model and what belongs to them, each as one long row. */
export interface FlatWeights {
  /** The weights, f32. */
  readonly data: ShaderMatrix;
  /** Their gradients. */
  readonly grad: ShaderMatrix;
  /** Adam's running mean of the gradients. */
  readonly mean: ShaderMatrix;
  /** Adam's running mean of their squares. */
  readonly meanSquare: ShaderMatrix;
  /** The f16 copy that products read; null: products read the weights themselves. */
  readonly factors: ShaderMatrix | null;
}

/** Adam's step with decoupled weight decay (AdamW) for all weights in one dispatch, if the step is applied. */
export function adam(
  shader: Shader,
  { data, grad, mean, meanSquare, factors }: FlatWeights,
  vectors: number,
  state: Buffer,
): ShaderKernel {
  const numbers = shader.scalars(state, false);
  const at = (index: number): string => numbers.at("0u", `${index}u`);
  return shader.kernel(
    `  let i = (group.x + group.y * groups.x) * 64u + local;
  if (i < ${vectors}u && ${at(STATE.applied)} != 0.0) {
    let gradient = ${grad.load("0u", "i")} * ${at(STATE.gradientScale)};
    let m = run.beta1 * ${mean.load("0u", "i")} + run.beta1_rest * gradient;
    let v = run.beta2 * ${meanSquare.load("0u", "i")} + run.beta2_rest * gradient * gradient;
    ${mean.store("0u", "i", "m")}
    ${meanSquare.store("0u", "i", "v")}
    let step = ${at(STATE.stepSize)} * m / (sqrt(v * ${at(STATE.squareScale)}) + run.epsilon);
    let weight = ${data.load("0u", "i")} * run.shrink - step;
    ${data.store("0u", "i", "weight")}
    ${factors === null ? "" : factors.store("0u", "i", "weight")}
  }`,
    64,
    () => dispatchOf(Math.ceil(vectors / 64)),
  );
}
