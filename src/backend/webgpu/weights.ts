/**
 * WGSL of what is done to weights: the gradients of the embeddings, and the end of a step, in which the GPU decides by
 * itself whether the numbers are finite, clips, and takes Adam's step. Every sum is in the same order always: no atomics.
 */
import type { Buffer, InstructionOf, View } from "../../tensor/instructions.ts";
import { EARLIER } from "./matmul.ts";
import { add, defineReduction, inRows, powerOfTwo } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader, RowGroup } from "./shader.ts";

/**
 * The state between steps, numbers in a row: the sum of the losses, the sum of the gradients' squares, whether the step
 * counts (1 or 0), and the steps that have counted. Then what `adam` is told: step size, square scale, gradient scale.
 * And the scale of gradients that are kept in 16 bits, with how many steps it has been good for.
 */
export const STATE = {
  loss: 0,
  squares: 1,
  applied: 2,
  step: 3,
  stepSize: 4,
  squareScale: 5,
  gradientScale: 6,
  scale: 7,
  goodSteps: 8,
};
export const STATE_NUMBERS = 12;

/**
 * In 16 bits, gradients are kept larger than they are, so that small ones do not vanish, by a scale that is divided by 16 when a
 * step's are too large and doubled again after so many good ones (Micikevicius et al. 2018). They are gradients of the sum
 * over the tokens, not the mean: each token's is about 1 as it leaves the loss.
 */
export const MAX_SCALE = 16;
const GOOD_STEPS = 200;

/** How many steps may be begun before the first of them is known to have counted. */
export const MAX_AHEAD = 8;

/**
 * weight.grad[row] = the sum of the rows of dOut that the batch lists for it. Where there are many, several invocations
 * sum some of them each.
 */
export function embedGrad(shader: Shader, { from, weight, by }: InstructionOf<"embedGrad">): ShaderKernel {
  const [rows, columns] = weight.shape;
  const [out, dOut] = [shader.write({ buffer: weight.grad, column: 0, columns }), shader.read(from.dOut)];
  const size = rows <= 1024 ? 256 : 64;
  const lanes = Math.min(size, powerOfTwo(out.vectors));
  const shares = size / lanes;
  shader.define("earlier", EARLIER);
  const halve: string[] = [];
  for (let half = shares / 2; half >= 1; half /= 2) {
    halve.push(`    if (share < ${half}u) { sums[local] += sums[local + ${half * lanes}u]; }\n    workgroupBarrier();`);
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
${halve.join("\n")}
    if (share == 0u && c < ${out.vectors}u && target_row < ${rows}u) {
      ${out.store("target_row", "c", `earlier(${out.load("target_row", "c")}) + sums[local]`)}
    }
    workgroupBarrier();
  }`,
    size,
    () => inRows(rows),
    `var<workgroup> sums: array<vec4f, ${size}>;`,
  );
}

/** Adds the losses of a batch to the state, or begins with them. */
export function sumLosses(shader: Shader, statistics: View, state: Buffer): ShaderKernel {
  const [from, to] = [shader.read(statistics), shader.scalars(state, true)];
  const team = oneTeam(256);
  defineReduction(shader, "sum", team, add);
  const loss = to.at("0u", `${STATE.loss}u`);
  return shader.kernel(
    `  var own = 0.0;
  for (var row = local; row < run.rows; row += 256u) {
    let entry = ${from.load("row", "0u")};
    own += log(entry.x) + entry.y;
  }
  let all = sum(own, local);
  if (local == 0u) { ${loss} = select(0.0, ${loss}, run.accumulate != 0u) + all; }`,
    256,
    () => [1, 1, 1],
  );
}

const oneTeam = (size: number): RowGroup => ({ lanes: size, rows: 1, size });

/** Workgroups that sum squares. */
const SUMMING = 128;
export const PARTIALS: number = SUMMING;

/** The squares of all gradients, in 128 sums. */
export function sumSquares(shader: Shader, grads: ShaderMatrix, vectors: number, partials: Buffer): ShaderKernel {
  const to = shader.scalars(partials, true);
  defineReduction(shader, "sum", oneTeam(256), add);
  return shader.kernel(
    `  var own = 0.0;
  for (var i = group.x * 256u + local; i < ${vectors}u; i += ${SUMMING * 256}u) {
    let v = ${grads.load("0u", "i")};
    own += dot(v, v);
  }
  let all = sum(own, local);
  if (local == 0u) { ${to.at("0u", "group.x")} = all; }`,
    256,
    () => [SUMMING, 1, 1],
  );
}

/** Whether the bits are those of a finite number: compilers may take for granted that all are. */
const FINITE = `fn finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }`;

/** Decides about the step: whether it counts, which one it is, and how far the gradients are scaled down. */
export function decide(shader: Shader, partials: Buffer, state: Buffer, half: boolean): ShaderKernel {
  const [from, to] = [shader.scalars(partials, false), shader.scalars(state, true)];
  const at = (index: number): string => to.at("0u", `${index}u`);
  defineReduction(shader, "sum", oneTeam(SUMMING), add);
  shader.define("finite", FINITE);
  return shader.kernel(
    `  let squares = sum(${from.at("0u", "local")}, local);
  if (local == 0u) {
    let counted = select(${at(STATE.step)}, run.step, run.fresh != 0u);
    let ahead = run.step - counted;
    let is_known = ahead >= 0.0 && ahead < ${MAX_AHEAD}.0;
    let index = u32(select(0.0, ahead, is_known));
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
    SUMMING,
    () => [1, 1, 1],
  );
}

/** A loss that is finite with gradients that are not: the scale was too large. */
const rescale = (at: (index: number) => string): string => `    if (applied) {
      let good = ${at(STATE.goodSteps)} + 1.0;
      let is_enough = good >= ${GOOD_STEPS}.0;
      ${at(STATE.goodSteps)} = select(good, 0.0, is_enough);
      ${at(STATE.scale)} = select(${at(STATE.scale)}, min(${at(STATE.scale)} * 2.0, ${MAX_SCALE}.0), is_enough);
    } else if (finite(${at(STATE.loss)})) {
      ${at(STATE.goodSteps)} = 0.0;
      ${at(STATE.scale)} = ${at(STATE.scale)} * 0.0625;
    }`;

/** Everything of one kind, of all weights: a row of numbers. */
export interface Flat {
  readonly data: ShaderMatrix;
  readonly grad: ShaderMatrix;
  readonly mean: ShaderMatrix;
  readonly meanSquare: ShaderMatrix;
  /** The weights in 16 bits; null where there is no such copy. */
  readonly factors: ShaderMatrix | null;
}

/** Adam's step for all weights at once, as `Adam.update` of microgpt.ts, if the step counts. */
export function adam(
  shader: Shader,
  { data, grad, mean, meanSquare, factors }: Flat,
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
    () => inRows(Math.ceil(vectors / 64)),
  );
}
