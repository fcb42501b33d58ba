/**
 * WGSL of products on matrix units (tensor cores): factors in f16, sums in f32. It takes the place of `matmul.ts` where
 * the adapter offers Chromium's and Dawn's experiment `chromium-experimental-subgroup-matrix`, with `--precision f16`,
 * once `check.ts` has compared the results with the CPU's.
 *
 *   result of a workgroup, 64 × 64          quarter of a subgroup, 32 × 32
 *        ┌─────────┬─────────┐                   ┌──────┬──────┐
 *        │ quarter │ quarter │                   │ c0_0 │ c0_1 │    matrices of 16 × 16,
 *        │    0    │    1    │                   ├──────┼──────┤    each held by the whole subgroup
 *        ├─────────┼─────────┤                   │ c1_0 │ c1_1 │
 *        │    2    │    3    │                   └──────┴──────┘
 *        └─────────┴─────────┘
 *
 * Slices of the factors, 32 deep, are copied to workgroup memory in the buffers' own order; where a matrix must be
 * transposed, its load does it. The result goes through workgroup memory too, because the epilogue needs the row and
 * column of each number, which a subgroup's matrix does not expose. It does so one half at a time: beside the slices,
 * 16 KiB of workgroup memory cannot hold all of it.
 */
import { unroll } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader } from "./shader.ts";
import type { Shape, TileChoice } from "./tiles.ts";

/** A factor of a product. Its long side runs along the result's rows (left factor) or columns (right factor). */
export interface Factor {
  /** Access to the numbers. */
  readonly matrix: ShaderMatrix;
  /** Which index of the matrix is the depth. "columns": a row holds one dot product's numbers side by side. */
  readonly depthAxis: "columns" | "rows";
  /** WGSL: one past the last index of the long side. */
  readonly longEnd: string;
  /** WGSL: one past the last index of the depth. */
  readonly depthEnd: string;
}

/** What a product covers, and what happens to its result. */
export interface ProductSpec {
  /** WGSL: rows of the result, from first to one past the last. */
  readonly rows: readonly [from: string, to: string];
  /** Number of rows, for the dispatch. Default: those of the range that the kernel is run for. */
  readonly count?: number;
  /** WGSL: the depth to sum over, from first to one past the last. */
  readonly depth: readonly [from: string, to: string];
  /** WGSL: the vec4f to store, given the sum and where it is: bias, ReLU, the gradient so far. */
  readonly epilogue: (value: string, row: string, at: string) => string;
  /** WGSL: the row of `out` that a row of the result is stored in. Default: the same. */
  readonly outRow?: (row: string) => string;
}

/** Numbers along a side: of a matrix, of the workgroup's result, of the depth of a slice, of a quarter. */
const [SIDE, TILE, DEPTH, QUARTER] = [16, 64, 32, 32];

/** Matrices along the side of a quarter. */
const SIDES = QUARTER / SIDE;

const eachPair = (lines: (i: number, j: number) => string): string =>
  unroll(SIDES, (i) => unroll(SIDES, (j) => lines(i, j)));

/** Whether a product fills at least one workgroup's result; below that, matrix units mostly multiply padding. */
const suitsMatrices = ({ rows, columns, depth }: Shape): boolean => rows >= TILE && columns >= TILE && depth >= DEPTH;

/** The same choices, with large products on matrix units. @param all puts every product there, for `check.ts`. */
export const withMatrices =
  (choose: (shape: Shape) => TileChoice, all: boolean) =>
  (shape: Shape): TileChoice => ({ ...choose(shape), matrices: all || suitsMatrices(shape) });

/** out = a · b on matrix units. @param chunks that the depth is split into, one per `group.z`. */
export function matrixProduct(
  shader: Shader,
  chunks: number,
  a: Factor,
  b: Factor,
  out: ShaderMatrix,
  spec: ProductSpec,
): ShaderKernel {
  const size = 4 * shader.target.matrices;
  const { rows, count, depth } = spec;
  const multiply = unroll(DEPTH / SIDE, (k) =>
    [
      unroll(
        SIDES,
        (i) => `    let a${k}_${i} = ${loadMatrix("left", "slice_a", a.depthAxis, `down + ${SIDE * i}u`, SIDE * k)};`,
      ),
      unroll(
        SIDES,
        (j) =>
          `    let b${k}_${j} = ${loadMatrix("right", "slice_b", b.depthAxis, `across + ${SIDE * j}u`, SIDE * k)};`,
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
${fillSlice("slice_a", a, "first_row", size)}
${fillSlice("slice_b", b, "first_column", size)}
    workgroupBarrier();
${multiply}
    workgroupBarrier();
  }
${unroll(2, (half) => storeHalf(half, size, out, spec))}`,
    size,
    ({ from, to }) => [Math.ceil((4 * out.vectors) / TILE), Math.ceil((count ?? to - from) / TILE), chunks],
    declared,
  );
}

/** Stores the upper (0) or the lower half of the result, by way of workgroup memory. */
function storeHalf(
  half: number,
  size: number,
  out: ShaderMatrix,
  { rows, epilogue, outRow = (row) => row }: ProductSpec,
): string {
  return `  if (quarter / 2u == ${half}u) {
${eachPair((i, j) => {
  const offset = `${SIDE * i * TILE + SIDE * j}u + across`;
  return `    subgroupMatrixStore<row_major>(&result, ${offset}, c${i}_${j}, ${TILE}u);`;
})}
  }
  workgroupBarrier();
  for (var piece = local; piece < ${(QUARTER * TILE) / 4}u; piece += ${size}u) {
    let row = first_row + ${half * QUARTER}u + piece / ${TILE / 4}u;
    let at = first_column / 4u + piece % ${TILE / 4}u;
    if (row < ${rows[1]} && at < ${out.vectors}u) {
      let sum = vec4f(result[4u * piece], result[4u * piece + 1u], result[4u * piece + 2u], result[4u * piece + 3u]);
      ${out.store(outRow("row"), "at", epilogue("sum", "row", "at"))}
    }
  }
  workgroupBarrier();`;
}

/**
 * A matrix of a slice. @param long WGSL: its first index along the result. @param from its first index of the depth.
 */
function loadMatrix(
  side: "left" | "right",
  slice: string,
  depthAxis: Factor["depthAxis"],
  long: string,
  from: number,
): string {
  const type = `subgroup_matrix_${side}<f16, ${SIDE}, ${SIDE}>`;
  // The depth is the columns of a left matrix and the rows of a right one.
  const isRowMajor = (side === "left") === (depthAxis === "columns");
  const [offset, stride] =
    depthAxis === "columns" ? [`(${long}) * ${DEPTH}u + ${from}u`, DEPTH] : [`${from * TILE}u + ${long}`, TILE];
  return `subgroupMatrixLoad<${type}, ${isRowMajor ? "row_major" : "col_major"}>(&${slice}, ${offset}, ${stride}u)`;
}

/** Copies a slice in the factor's own order, [TILE, DEPTH] or [DEPTH, TILE], with 0 past the edges. */
function fillSlice(
  slice: string,
  { matrix, depthAxis, longEnd, depthEnd }: Factor,
  first: string,
  size: number,
): string {
  const vectors = (depthAxis === "columns" ? DEPTH : TILE) / 4;
  const [row, at, rowEnd] =
    depthAxis === "columns"
      ? [`${first} + piece / ${vectors}u`, `k / 4u + piece % ${vectors}u`, longEnd]
      : [`k + piece / ${vectors}u`, `${first} / 4u + piece % ${vectors}u`, depthEnd];
  return `    for (var piece = local; piece < ${(TILE * DEPTH) / 4}u; piece += ${size}u) {
      let row = ${row};
      let at = ${at};
      var value = vec4f();
      if (row < ${rowEnd} && at < ${matrix.vectors}u) { value = ${matrix.load("row", "at")}; }
${unroll(4, (i) => `      ${slice}[4u * piece + ${i}u] = f16(value.${"xyzw"[i]});`)}
    }`;
}
