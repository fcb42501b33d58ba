/**
 * WGSL of the products. A workgroup computes a tile of the result: it brings slices of both factors, `depth` deep, into
 * its memory, the depth outermost, and each invocation multiplies `rows × columns` of them in registers.
 *
 * A factor lies in memory either with its depth along the rows ("across": a slice is turned over on its way, four by
 * four numbers at once) or with its depth from row to row ("along").
 */
import type { InstructionOf, View, Weight } from "../../tensor/instructions.ts";
import { matrixProduct, suitsMatrices } from "./matrices.ts";
import type { Around, Factor } from "./matrices.ts";
import { reluOf } from "./rows.ts";
import { inRows, unroll } from "./shader.ts";
import type { ShaderKernel, ShaderMatrix, Shader } from "./shader.ts";

/** All in numbers: of the workgroup's tile, and of one invocation's part of it. Multiples of 4. */
export interface WorkgroupTile {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly ownRows: number;
  readonly ownColumns: number;
}

const newWorkgroupTile = (
  rows: number,
  columns: number,
  depth: number,
  ownRows: number,
  ownColumns: number,
): WorkgroupTile => ({
  rows,
  columns,
  depth,
  ownRows,
  ownColumns,
});

/** What is tried on an adapter. At most 256 invocations and 16 KiB of workgroup memory: every adapter has them. */
export const TILES: readonly WorkgroupTile[] = [
  newWorkgroupTile(128, 128, 8, 8, 8),
  newWorkgroupTile(128, 64, 8, 8, 4),
  newWorkgroupTile(64, 128, 8, 4, 8),
  newWorkgroupTile(64, 64, 16, 8, 4),
  newWorkgroupTile(64, 64, 16, 4, 4),
  newWorkgroupTile(64, 32, 16, 4, 4),
  newWorkgroupTile(32, 64, 16, 4, 4),
  newWorkgroupTile(32, 32, 16, 4, 4),
  newWorkgroupTile(64, 16, 16, 4, 4),
  newWorkgroupTile(16, 64, 16, 4, 4),
  newWorkgroupTile(16, 32, 16, 4, 4),
  newWorkgroupTile(32, 16, 16, 4, 4),
];

export const sizeOf = (tile: WorkgroupTile): number => (tile.rows / tile.ownRows) * (tile.columns / tile.ownColumns);

/** A product as its shape goes; `rows` for the largest batch. */
export interface Shape {
  readonly form: "linear" | "inputGrad" | "weightGrad";
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** The tile for a shape, and into how many parts the depth is cut where the tiles alone are too few to fill the GPU. */
export interface TileChoice {
  readonly tile: WorkgroupTile;
  readonly parts: number;
  /** Whether units for matrices do it: then the tile is theirs. */
  readonly matrices?: boolean;
}

/** Workgroups that keep a large GPU busy. */
const TARGET_WORKGROUPS = 256;
/** Depth below which another part is not worth its sum. */
const MIN_DEPTH = 256;

/** Tiles × tiles of a result. */
const tilesOf = ({ rows, columns }: Shape, tile: WorkgroupTile): number =>
  Math.ceil(rows / tile.rows) * Math.ceil(columns / tile.columns);

/** A guess without a measurement: little computed in vain, few loads for what is computed, and enough workgroups. */
export const guess = (shape: Shape): TileChoice => candidates(shape)[0];

/** The ten choices that look best, the best first. */
export function candidates(shape: Shape): TileChoice[] {
  const cost = (tile: WorkgroupTile): number => {
    const tiles = tilesOf(shape, tile);
    const loads = 1 / tile.ownRows + 1 / tile.ownColumns + 4 / tile.rows + 4 / tile.columns;
    const busy = shape.form === "weightGrad" ? Infinity : tiles * sizeOf(tile);
    return tiles * tile.rows * tile.columns * (0.5 + loads) * Math.max(1, (TARGET_WORKGROUPS * 64) / busy);
  };
  const sorted = TILES.toSorted((a, b) => cost(a) - cost(b)).slice(0, 10);
  return sorted.map((tile) => ({ tile, parts: depthPartsOf(shape, tile) }));
}

/** The same choices, but products that are large enough are done by units for matrices; or all, to try them out. */
export const withMatrices =
  (choose: (shape: Shape) => TileChoice, all: boolean) =>
  (shape: Shape): TileChoice => ({
    ...choose(shape),
    matrices: all || suitsMatrices(shape.rows, shape.columns, shape.depth),
  });

/** What a CPU that plays a GPU compiles soonest. */
export function smallest(shape: Shape): TileChoice {
  const least = newWorkgroupTile(16, 16, 4, 4, 4);
  return { tile: least, parts: shape.form === "weightGrad" && shape.depth >= 2 * MIN_DEPTH ? 2 : 1 };
}

export function depthPartsOf(shape: Shape, tile: WorkgroupTile): number {
  if (shape.form !== "weightGrad") return 1;
  const wanted = Math.ceil(TARGET_WORKGROUPS / tilesOf(shape, tile));
  return Math.max(1, Math.min(wanted, Math.floor(shape.depth / MIN_DEPTH), 64));
}

/** out = x · weightᵀ [, relu] [+ plus] */
export function linear(shader: Shader, instruction: InstructionOf<"linear">, choice: TileChoice): ShaderKernel {
  const { to, from, weight } = instruction;
  const x = shader.read(from.x);
  const a: Factor = { matrix: x, depth: "across", limit: "run.end", end: `${x.columns}u` };
  const b: Factor = { matrix: shader.factor(weight), depth: "across", limit: `${weight.shape[0]}u`, end: a.end };
  return product(shader, choice, a, b, shader.write(to.out), {
    rows: ["run.begin", "run.end"],
    depth: ["0u", `${x.columns}u`],
    finish: (value, row, at) => {
      const own = instruction.relu ? reluOf(value) : value;
      return from.plus === undefined ? own : `${own} + ${shader.read(from.plus).load(row, at)}`;
    },
  });
}

/** out = dOut · weight [, 0 where gate is not above 0] [+ plus] */
export function linearInputGrad(
  shader: Shader,
  { to, from, weight }: InstructionOf<"linearInputGrad">,
  choice: TileChoice,
): ShaderKernel {
  const dOut = shader.read(from.dOut);
  const end = `${dOut.columns}u`;
  const a: Factor = { matrix: dOut, depth: "across", limit: "run.end", end };
  const b: Factor = { matrix: shader.factor(weight), depth: "along", limit: `${weight.shape[1]}u`, end };
  return product(shader, choice, a, b, shader.write(to.out), {
    rows: ["run.begin", "run.end"],
    depth: ["0u", end],
    finish: (value, row, at) => {
      const { gate, plus } = from;
      const own =
        gate === undefined ? value : `select(vec4f(), ${value}, ${shader.read(gate).load(row, at)} > vec4f())`;
      return plus === undefined ? own : `${own} + ${shader.read(plus).load(row, at)}`;
    },
  });
}

/** weight.grad = dOutᵀ · x [+ weight.grad]; in parts, it goes into `sums`, and `addParts` makes the gradient of it. */
export function linearWeightGrad(
  shader: Shader,
  { from, weight }: InstructionOf<"linearWeightGrad">,
  choice: TileChoice,
  sums: View,
): ShaderKernel {
  const [dOut, x] = [shader.read(from.dOut), shader.read(from.x)];
  const [rows, columns] = weight.shape;
  const a: Factor = { matrix: dOut, depth: "along", limit: `${rows}u`, end: "end" };
  const b: Factor = { matrix: x, depth: "along", limit: `${columns}u`, end: "end" };
  const { parts } = choice;
  const out = shader.write(parts === 1 ? { buffer: weight.grad, column: 0, columns } : sums);
  const piece = `(((run.end - run.begin) + ${parts - 1}u) / ${parts}u)`;
  return product(shader, choice, a, b, out, {
    rows: ["0u", `${rows}u`],
    count: rows,
    depth:
      parts === 1 ? ["run.begin", "run.end"] : [`run.begin + group.z * ${piece}`, `min(run.end, start + ${piece})`],
    finish: (value, row, at) => (parts === 1 ? `${value} + earlier(${out.load(row, at)})` : value),
    ...(parts === 1 ? {} : { outRow: (row) => `(group.z * ${rows}u + ${row})` }),
  });
}

/** weight.grad = the sum of the parts [+ weight.grad] */
export function addParts(shader: Shader, weight: Weight, parts: number, sums: View): ShaderKernel {
  const [rows, columns] = weight.shape;
  const [out, from] = [shader.write({ buffer: weight.grad, column: 0, columns }), shader.read(sums)];
  shader.define("earlier", EARLIER);
  return shader.kernel(
    `  let index = (group.x + group.y * groups.x) * 64u + local;
  let row = index / ${out.vectors}u;
  let c = index % ${out.vectors}u;
  if (row < ${rows}u) {
    var all = earlier(${out.load("row", "c")});
    for (var part = 0u; part < ${parts}u; part++) {
      all += ${from.load(`(part * ${rows}u + row)`, "c")};
    }
    ${out.store("row", "c", "all")}
  }`,
    64,
    () => inRows(Math.ceil((rows * out.vectors) / 64)),
  );
}

/** What a gradient is added to: what is there, or nothing. */
export const EARLIER = `fn earlier(value: vec4f) -> vec4f { return select(vec4f(), value, run.accumulate != 0u); }`;

function product(
  shader: Shader,
  { tile, parts, matrices }: TileChoice,
  a: Factor,
  b: Factor,
  out: ShaderMatrix,
  around: Around,
): ShaderKernel {
  if (matrices === true) {
    shader.define("earlier", EARLIER);
    return matrixProduct(shader, parts, a, b, out, around);
  }
  const size = sizeOf(tile);
  const [aSlice, bSlice] = [newSlice("a", tile.rows, tile, a, size), newSlice("b", tile.columns, tile, b, size)];
  const across = tile.columns / tile.ownColumns;
  const bVectors = tile.ownColumns / 4;
  const { rows, count, depth } = around;
  shader.define("earlier", EARLIER);
  const multiply = multiplyText(tile, aSlice, bSlice);
  const store = storeText(tile, out, around);
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
      return [Math.ceil((4 * out.vectors) / tile.columns), Math.ceil((count ?? to - from) / tile.rows), parts];
    },
    declared,
  );
}

/** The part of a tile that an invocation has: multiplied from the slices, as deep as they are. */
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

/** What an invocation has computed, written where it belongs. */
function storeText(tile: WorkgroupTile, out: ShaderMatrix, { rows, finish, outRow = (row) => row }: Around): string {
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
        if (at < ${out.vectors}u) { ${out.store(outRow("row"), "at", finish(`c${i}_${j}`, "row", "at"))} }
      }`,
)}
    }
  }`;
  });
}

/** The text that fills a slice: [depth][long / 4] vectors, `pitch` apart. */
interface Slice {
  readonly pitch: number;
  readonly load: (first: string) => string;
}

function newSlice(name: string, long: number, { depth }: WorkgroupTile, factor: Factor, size: number): Slice {
  return factor.depth === "across"
    ? turnedSlice(name, long, depth, factor, size)
    : straightSlice(name, long, depth, factor, size);
}

/** For each of `count` pieces of work, an invocation. */
function share(count: number, size: number, lines: string): string {
  const all = (piece: string, guard: string): string => `    {\n      let piece = ${piece};\n${guard}${lines}\n    }`;
  const texts: string[] = [];
  for (let first = 0; first < count; first += size) {
    const isWhole = first + size <= count;
    const text = all(`local + ${first}u`, isWhole ? "" : `      if (piece < ${count}u) {\n`);
    texts.push(isWhole ? text : `${text}\n    }`);
  }
  return texts.join("\n");
}

function straightSlice(name: string, long: number, depth: number, { matrix, end }: Factor, size: number): Slice {
  const pitch = long / 4;
  return {
    pitch,
    load: (first) =>
      share(
        depth * pitch,
        size,
        `      let row = k + piece / ${pitch}u;
      let at = ${first} / 4u + piece % ${pitch}u;
      var value = vec4f();
      if (row < ${end} && at < ${matrix.vectors}u) { value = ${matrix.load("row", "at")}; }
      slice_${name}[piece] = value;`,
      ),
  };
}

/** One more than the vectors of a row: what is written side by side then lies in different banks. */
function turnedSlice(name: string, long: number, depth: number, { matrix, limit }: Factor, size: number): Slice {
  const pitch = long / 4 + 1;
  const load = (row: number): string =>
    `      if (row + ${row}u < ${limit} && at < ${matrix.vectors}u) { v${row} = ${matrix.load(`(row + ${row}u)`, "at")}; }`;
  return {
    pitch,
    load: (first) =>
      share(
        (depth / 4) * (long / 4),
        size,
        `      let row = ${first} + 4u * (piece / ${depth / 4}u);
      let at = k / 4u + piece % ${depth / 4}u;
${unroll(4, (row) => `      var v${row} = vec4f();`)}
${unroll(4, load)}
      let place = 4u * (piece % ${depth / 4}u) * ${pitch}u + piece / ${depth / 4}u;
${unroll(4, (i) => {
  const part = "xyzw"[i];
  return `      slice_${name}[place + ${i * pitch}u] = vec4f(v0.${part}, v1.${part}, v2.${part}, v3.${part});`;
})}`,
      ),
  };
}
