/**
 * WGSL of products on the units that GPUs have for small matrices (tensor cores): factors of 16 bits, sums of 32. An
 * experiment of Chromium's and Dawn's (`chromium-experimental-subgroup-matrix`); used where the adapter offers it, with
 * `--precision f16`, after it has been tried out.
 *
 * A workgroup of four subgroups computes 64 × 64 numbers, each subgroup a quarter in four matrices of 16 × 16. Slices of
 * the factors come into the workgroup's memory as they lie; the matrices are read from there, turned where need be. The
 * result goes through the workgroup's memory, too, half by half: what is done with it needs to know its place.
 */
import { unroll } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader } from "./shader.ts";

/** A factor: its long side along the result's rows, or columns. */
export interface Factor {
  readonly matrix: ShaderMatrix;
  /** Whether its depth lies along its rows, or from row to row. */
  readonly depth: "across" | "along";
  /** How many there are along the result, in text, and where the depth ends. */
  readonly limit: string;
  readonly end: string;
}

/** What surrounds a product: which rows and which depth, in text, and what is done with a vector of the result. */
export interface Around {
  readonly rows: readonly [from: string, to: string];
  /** How many rows; default: those of the run. */
  readonly count?: number;
  readonly depth: readonly [from: string, to: string];
  readonly finish: (value: string, row: string, at: string) => string;
  readonly outRow?: (row: string) => string;
}

/** Numbers of a matrix's side; of the workgroup's result and depth; of a quarter. */
const [SIDE, TILE, DEPTH, QUARTER] = [16, 64, 32, 32];

/** Matrices along the side of a quarter. */
const SIDES = QUARTER / SIDE;

const eachPair = (lines: (i: number, j: number) => string): string =>
  unroll(SIDES, (i) => unroll(SIDES, (j) => lines(i, j)));

/** Shapes for which it is worth its while. */
export const suitsMatrices = (rows: number, columns: number, depth: number): boolean =>
  rows >= TILE && columns >= TILE && depth >= DEPTH;

/** @param parts of the depth. */
export function matrixProduct(
  shader: Shader,
  parts: number,
  a: Factor,
  b: Factor,
  out: ShaderMatrix,
  around: Around,
): ShaderKernel {
  const size = 4 * shader.target.matrices;
  const { rows, count, depth } = around;
  const multiply = unroll(DEPTH / SIDE, (k) =>
    [
      unroll(
        SIDES,
        (i) => `    let a${k}_${i} = ${read("left", "slice_a", a.depth, `down + ${SIDE * i}u`, SIDE * k)};`,
      ),
      unroll(
        SIDES,
        (j) => `    let b${k}_${j} = ${read("right", "slice_b", b.depth, `across + ${SIDE * j}u`, SIDE * k)};`,
      ),
      eachPair((i, j) => `    c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${k}_${i}, b${k}_${j}, c${i}_${j});`),
    ].join("\n"),
  );
  const declared = `var<workgroup> slice_a: array<f16, ${TILE * DEPTH}>;
var<workgroup> slice_b: array<f16, ${TILE * DEPTH}>;
var<workgroup> result: array<f32, ${QUARTER * TILE}>;`;
  return shader.kernel(
    `  let first_row = ${rows[0]} + group.y * ${TILE}u;
  let first_column = group.x * ${TILE}u;
  let quarter = local / ${shader.target.matrices}u;
  let down = (quarter / 2u) * ${QUARTER}u;
  let across = (quarter % 2u) * ${QUARTER}u;
  let start = ${depth[0]};
  let end = ${depth[1]};
${eachPair((i, j) => `  var c${i}_${j} = subgroup_matrix_result<f32, ${SIDE}, ${SIDE}>();`)}
  for (var k = start; k < end; k += ${DEPTH}u) {
${fill("slice_a", a, "first_row", size)}
${fill("slice_b", b, "first_column", size)}
    workgroupBarrier();
${multiply}
    workgroupBarrier();
  }
${unroll(2, (half) => finishHalf(half, size, out, around))}`,
    size,
    ({ from, to }) => [Math.ceil((4 * out.vectors) / TILE), Math.ceil((count ?? to - from) / TILE), parts],
    declared,
  );
}

/** The upper or the lower half of the result: with all of it, the workgroup's memory would be too small. */
function finishHalf(
  half: number,
  size: number,
  out: ShaderMatrix,
  { rows, finish, outRow = (row) => row }: Around,
): string {
  return `  if (quarter / 2u == ${half}u) {
${eachPair((i, j) => {
  const place = `${SIDE * i * TILE + SIDE * j}u + across`;
  return `    subgroupMatrixStore<row_major>(&result, ${place}, c${i}_${j}, ${TILE}u);`;
})}
  }
  workgroupBarrier();
  for (var piece = local; piece < ${(QUARTER * TILE) / 4}u; piece += ${size}u) {
    let row = first_row + ${half * QUARTER}u + piece / ${TILE / 4}u;
    let at = first_column / 4u + piece % ${TILE / 4}u;
    if (row < ${rows[1]} && at < ${out.vectors}u) {
      let sum = vec4f(result[4u * piece], result[4u * piece + 1u], result[4u * piece + 2u], result[4u * piece + 3u]);
      ${out.store(outRow("row"), "at", finish("sum", "row", "at"))}
    }
  }
  workgroupBarrier();`;
}

/** A matrix out of a slice, its first number along the result and in the depth. */
function read(side: "left" | "right", slice: string, depth: Factor["depth"], along: string, from: number): string {
  const type = `subgroup_matrix_${side}<f16, ${SIDE}, ${SIDE}>`;
  // A left matrix has its depth in its columns, a right one in its rows.
  const isRowMajor = (side === "left") === (depth === "across");
  const [place, stride] =
    depth === "across" ? [`(${along}) * ${DEPTH}u + ${from}u`, DEPTH] : [`${from * TILE}u + ${along}`, TILE];
  return `subgroupMatrixLoad<${type}, ${isRowMajor ? "row_major" : "col_major"}>(&${slice}, ${place}, ${stride}u)`;
}

/** The slice as the factor lies: [TILE][DEPTH], or [DEPTH][TILE]; 0 beyond the edges. */
function fill(slice: string, { matrix, depth, limit, end }: Factor, first: string, size: number): string {
  const vectors = (depth === "across" ? DEPTH : TILE) / 4;
  const [row, at, bound] =
    depth === "across"
      ? [`${first} + piece / ${vectors}u`, `k / 4u + piece % ${vectors}u`, limit]
      : [`k + piece / ${vectors}u`, `${first} / 4u + piece % ${vectors}u`, end];
  return `    for (var piece = local; piece < ${(TILE * DEPTH) / 4}u; piece += ${size}u) {
      let row = ${row};
      let at = ${at};
      var value = vec4f();
      if (row < ${bound} && at < ${matrix.vectors}u) { value = ${matrix.load("row", "at")}; }
${unroll(4, (i) => `      ${slice}[4u * piece + ${i}u] = f16(value.${"xyzw"[i]});`)}
    }`;
}
