/**
 * WGSL of the three products of a linear layer. A workgroup computes a tile of the result. It copies slices of both
 * factors, `depth` deep, to workgroup memory, depth outermost; each invocation multiplies them into its part of the
 * tile, which it keeps in registers. Tile sizes come from `tiles.ts`; `matrices.ts` does the same on matrix units.
 *
 *                             columns
 *                       ┌──────────────────┐
 *                 depth │     slice_b      │             slice_b [depth][columns / 4] vec4
 *                       └──────────────────┘
 *             ┌───┐     ┌──────────────────┐
 *             │ s │     │   ▪    ▪         │             One invocation's part: ownRows × ownColumns, as
 *             │ l │     │                  │             blocks ▪ of 4 × 4, spread evenly over the tile.
 *       rows  │ _ │     │   ▪    ▪         │             Neighbouring invocations own neighbouring blocks
 *             │ a │     │       tile       │             and read neighbouring vectors of the slices.
 *             └───┘     └──────────────────┘             Registers c{i}_{j}: row i, vector j.
 *             depth
 *
 * slice_a is [depth][rows / 4] vec4. A factor whose depth runs along its rows is transposed on the way, 4 × 4 at a
 * time; one whose depth runs down its columns is copied as it is.
 */
import type { InstructionOf, View, Weight } from "../../tensor/instructions.ts";
import { matrixProduct } from "./matrices.ts";
import type { Factor, ProductSpec } from "./matrices.ts";
import { reluOf } from "./rows.ts";
import { dispatchOf, unroll } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader } from "./shader.ts";
import { invocationsOf } from "./tiles.ts";
import type { TileChoice, WorkgroupTile } from "./tiles.ts";

/** out [T, outputs] = x [T, inputs] · weightᵀ [, relu] [+ plus] */
export function linear(shader: Shader, instruction: InstructionOf<"linear">, choice: TileChoice): ShaderKernel {
  const { to, from, weight } = instruction;
  const x = shader.read(from.x);
  const depthEnd = `${x.columns}u`;
  const a: Factor = { matrix: x, depthAxis: "columns", longEnd: "run.end", depthEnd };
  const b: Factor = { matrix: shader.factor(weight), depthAxis: "columns", longEnd: `${weight.shape[0]}u`, depthEnd };
  return product(shader, choice, a, b, shader.write(to.out), {
    rows: ["run.begin", "run.end"],
    depth: ["0u", depthEnd],
    epilogue: (value, row, at) => {
      const own = instruction.relu ? reluOf(value) : value;
      return from.plus === undefined ? own : `${own} + ${shader.read(from.plus).load(row, at)}`;
    },
  });
}

/** out [T, inputs] = dOut [T, outputs] · weight [, 0 where gate ≤ 0] [+ plus] */
export function linearInputGrad(
  shader: Shader,
  { to, from, weight }: InstructionOf<"linearInputGrad">,
  choice: TileChoice,
): ShaderKernel {
  const dOut = shader.read(from.dOut);
  const depthEnd = `${dOut.columns}u`;
  const a: Factor = { matrix: dOut, depthAxis: "columns", longEnd: "run.end", depthEnd };
  const b: Factor = { matrix: shader.factor(weight), depthAxis: "rows", longEnd: `${weight.shape[1]}u`, depthEnd };
  return product(shader, choice, a, b, shader.write(to.out), {
    rows: ["run.begin", "run.end"],
    depth: ["0u", depthEnd],
    epilogue: (value, row, at) => {
      const { gate, plus } = from;
      const own =
        gate === undefined ? value : `select(vec4f(), ${value}, ${shader.read(gate).load(row, at)} > vec4f())`;
      return plus === undefined ? own : `${own} + ${shader.read(plus).load(row, at)}`;
    },
  });
}

/**
 * weight.grad [outputs, inputs] = dOutᵀ · x [+ weight.grad]. With several chunks of the depth, each writes its own sum
 * to `chunkSums` [chunks · outputs, inputs], and `addChunks` must follow.
 */
export function linearWeightGrad(
  shader: Shader,
  { from, weight }: InstructionOf<"linearWeightGrad">,
  choice: TileChoice,
  chunkSums: View,
): ShaderKernel {
  const [dOut, x] = [shader.read(from.dOut), shader.read(from.x)];
  const [rows, columns] = weight.shape;
  const a: Factor = { matrix: dOut, depthAxis: "rows", longEnd: `${rows}u`, depthEnd: "end" };
  const b: Factor = { matrix: x, depthAxis: "rows", longEnd: `${columns}u`, depthEnd: "end" };
  const { chunks } = choice;
  const out = shader.write(chunks === 1 ? { buffer: weight.grad, column: 0, columns } : chunkSums);
  const chunkRows = `(((run.end - run.begin) + ${chunks - 1}u) / ${chunks}u)`;
  return product(shader, choice, a, b, out, {
    rows: ["0u", `${rows}u`],
    count: rows,
    depth:
      chunks === 1
        ? ["run.begin", "run.end"]
        : [`run.begin + group.z * ${chunkRows}`, `min(run.end, start + ${chunkRows})`],
    epilogue: (value, row, at) => (chunks === 1 ? `${value} + earlier(${out.load(row, at)})` : value),
    ...(chunks === 1 ? {} : { outRow: (row) => `(group.z * ${rows}u + ${row})` }),
  });
}

/** weight.grad = the sum of `chunkSums` over the chunks [+ weight.grad] */
export function addChunks(shader: Shader, weight: Weight, chunks: number, chunkSums: View): ShaderKernel {
  const [rows, columns] = weight.shape;
  const [out, from] = [shader.write({ buffer: weight.grad, column: 0, columns }), shader.read(chunkSums)];
  shader.define("earlier", EARLIER);
  return shader.kernel(
    `  let index = (group.x + group.y * groups.x) * 64u + local;
  let row = index / ${out.vectors}u;
  let c = index % ${out.vectors}u;
  if (row < ${rows}u) {
    var all = earlier(${out.load("row", "c")});
    for (var chunk = 0u; chunk < ${chunks}u; chunk++) {
      all += ${from.load(`(chunk * ${rows}u + row)`, "c")};
    }
    ${out.store("row", "c", "all")}
  }`,
    64,
    () => dispatchOf(Math.ceil((rows * out.vectors) / 64)),
  );
}

/** WGSL function: the gradient so far, or 0 in the first pass of a step, where the buffer holds the last step's. */
export const EARLIER = `fn earlier(value: vec4f) -> vec4f { return select(vec4f(), value, run.accumulate != 0u); }`;

/** out = a · b, with the bounds and the epilogue of `spec`. */
function product(
  shader: Shader,
  { tile, chunks, matrices }: TileChoice,
  a: Factor,
  b: Factor,
  out: ShaderMatrix,
  spec: ProductSpec,
): ShaderKernel {
  if (matrices === true) {
    shader.define("earlier", EARLIER);
    return matrixProduct(shader, chunks, a, b, out, spec);
  }
  const size = invocationsOf(tile);
  const [aSlice, bSlice] = [newSlice("a", tile.rows, tile, a, size), newSlice("b", tile.columns, tile, b, size)];
  const across = tile.columns / tile.ownColumns;
  const bVectors = tile.ownColumns / 4;
  const { rows, count, depth } = spec;
  shader.define("earlier", EARLIER);
  const multiply = multiplyText(tile, aSlice, bSlice);
  const store = storeText(tile, out, spec);
  const declared = `var<workgroup> slice_a: array<vec4f, ${tile.depth * aSlice.pitch}>;
var<workgroup> slice_b: array<vec4f, ${tile.depth * bSlice.pitch}>;`;
  return shader.kernel(
    `  let first_row = ${rows[0]} + group.y * ${tile.rows}u;
  let first_column = group.x * ${tile.columns}u;
  let across = local % ${across}u;
  let down = local / ${across}u;
  let start = ${depth[0]};
  let end = ${depth[1]};
${unroll(tile.ownRows, (i) => unroll(bVectors, (j) => `  var c${i}_${j} = vec4f();`))}
  for (var k = start; k < end; k += ${tile.depth}u) {
${aSlice.load("first_row")}
${bSlice.load("first_column")}
    workgroupBarrier();
${multiply}
    workgroupBarrier();
  }
${store}`,
    size,
    ({ from, to }) => {
      return [Math.ceil((4 * out.vectors) / tile.columns), Math.ceil((count ?? to - from) / tile.rows), chunks];
    },
    declared,
  );
}

/** Multiplies the slices into the registers of an invocation: an outer product per unit of depth. */
function multiplyText(tile: WorkgroupTile, aSlice: Slice, bSlice: Slice): string {
  const [across, down] = [tile.columns / tile.ownColumns, tile.rows / tile.ownRows];
  const [aVectors, bVectors] = [tile.ownRows / 4, tile.ownColumns / 4];
  return unroll(tile.depth, (k) =>
    [
      unroll(aVectors, (i) => `    let a${k}_${i} = slice_a[${k * aSlice.pitch + i * down}u + down];`),
      unroll(bVectors, (j) => `    let b${k}_${j} = slice_b[${k * bSlice.pitch + j * across}u + across];`),
      unroll(tile.ownRows, (i) =>
        unroll(
          bVectors,
          (j) => `    c${i}_${j} = fma(vec4f(a${k}_${i >> 2}.${"xyzw"[i % 4]}), b${k}_${j}, c${i}_${j});`,
        ),
      ),
    ].join("\n"),
  );
}

/**
 * Stores the registers of an invocation. Where D invocations share a column of the tile, row i of the d-th one is row
 * 4 · D · ⌊i / 4⌋ + 4 · d + i mod 4 of the tile.
 */
function storeText(
  tile: WorkgroupTile,
  out: ShaderMatrix,
  { rows, epilogue, outRow = (row) => row }: ProductSpec,
): string {
  const [across, down] = [tile.columns / tile.ownColumns, tile.rows / tile.ownRows];
  const bVectors = tile.ownColumns / 4;
  return unroll(tile.ownRows, (i) => {
    const row = `first_row + ${4 * (i >> 2) * down + (i % 4)}u + 4u * down`;
    return `  {
    let row = ${row};
    if (row < ${rows[1]}) {
${unroll(
  bVectors,
  (j) => `      {
        let at = first_column / 4u + ${j * across}u + across;
        if (at < ${out.vectors}u) { ${out.store(outRow("row"), "at", epilogue(`c${i}_${j}`, "row", "at"))} }
      }`,
)}
    }
  }`;
  });
}

/** A slice of a factor in workgroup memory: [depth][long / 4] vectors. */
interface Slice {
  /** Vectors from one unit of depth to the next. */
  readonly pitch: number;
  /** Statements that fill the slice at depth `k`, from index `first` of the factor's long side on. */
  readonly load: (first: string) => string;
}

/** @param long numbers along the result: the tile's rows or columns. @param size invocations per workgroup. */
function newSlice(name: string, long: number, { depth }: WorkgroupTile, factor: Factor, size: number): Slice {
  return factor.depthAxis === "columns"
    ? transposedSlice(name, long, depth, factor, size)
    : copiedSlice(name, long, depth, factor, size);
}

/** Statements that run `lines` once for each `piece` below the count, spread over the invocations. */
function distribute(count: number, size: number, lines: string): string {
  const all = (piece: string, guard: string): string => `    {\n      let piece = ${piece};\n${guard}${lines}\n    }`;
  const texts: string[] = [];
  for (let first = 0; first < count; first += size) {
    const isWhole = first + size <= count;
    const text = all(`local + ${first}u`, isWhole ? "" : `      if (piece < ${count}u) {\n`);
    texts.push(isWhole ? text : `${text}\n    }`);
  }
  return texts.join("\n");
}

/** A piece is one vector of the factor, stored as it is. */
function copiedSlice(name: string, long: number, depth: number, { matrix, depthEnd }: Factor, size: number): Slice {
  const pitch = long / 4;
  return {
    pitch,
    load: (first) =>
      distribute(
        depth * pitch,
        size,
        `      let row = k + piece / ${pitch}u;
      let at = ${first} / 4u + piece % ${pitch}u;
      var value = vec4f();
      if (row < ${depthEnd} && at < ${matrix.vectors}u) { value = ${matrix.load("row", "at")}; }
      slice_${name}[piece] = value;`,
      ),
  };
}

/**
 * A piece is a block of 4 × 4 numbers, stored transposed. The pitch is one vector more than a row needs, so that the
 * stores of neighbouring invocations fall into different banks of workgroup memory.
 */
function transposedSlice(name: string, long: number, depth: number, { matrix, longEnd }: Factor, size: number): Slice {
  const pitch = long / 4 + 1;
  const load = (row: number): string =>
    `      if (row + ${row}u < ${longEnd} && at < ${matrix.vectors}u) { v${row} = ${matrix.load(`(row + ${row}u)`, "at")}; }`;
  return {
    pitch,
    load: (first) =>
      distribute(
        (depth / 4) * (long / 4),
        size,
        `      let row = ${first} + 4u * (piece / ${depth / 4}u);
      let at = k / 4u + piece % ${depth / 4}u;
${unroll(4, (row) => `      var v${row} = vec4f();`)}
${unroll(4, load)}
      let store_at = 4u * (piece % ${depth / 4}u) * ${pitch}u + piece / ${depth / 4}u;
${unroll(4, (i) => {
  const component = "xyzw"[i];
  return `      slice_${name}[store_at + ${i * pitch}u] = vec4f(v0.${component}, v1.${component}, v2.${component}, v3.${component});`;
})}`,
      ),
  };
}
