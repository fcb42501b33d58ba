/**
 * Operations on their own: a few instructions over made-up buffers, on any backend, and every kind of shape.
 */
import * as fc from "fast-check";
import { forwardFrom } from "../../src/tensor/backend.ts";
import type { Backend, PackedTokens, RunOptions } from "../../src/tensor/backend.ts";
import { axisOf, roundUp } from "../../src/tensor/instructions.ts";
import type { Buffer, Dropout, Heads, Instruction, View, Weight } from "../../src/tensor/instructions.ts";
import { OPS } from "../../src/tensor/ops.ts";
import type { OpName, TensorNode } from "../../src/tensor/ops.ts";
import type { Layout } from "../../src/tensor/layout.ts";
import type { Program, Section } from "../../src/tensor/program.ts";
import { Random } from "../../src/random.ts";

/** An operation with the memory of all that its two directions touch. */
export interface Scene {
  readonly name: OpName;
  readonly batch: PackedTokens;
  readonly weights: readonly Weight[];
  /** What is given: inputs of the op, and the gradient of its result. */
  readonly inputs: readonly View[];
  readonly dOut: View;
  readonly out: View;
  readonly gradients: readonly View[];
  readonly forward: readonly Instruction[];
  readonly backward: readonly Instruction[];
  readonly options: RunOptions;
  /** `dropout` only. */
  readonly dropout: Dropout | null;
  readonly blockSize: number;
  readonly headStride: number;
  /** Numbers for the inputs, the weights and dOut, in this order. */
  readonly numbers: (count: number) => Float64Array;
}

export interface Shape {
  readonly lengths: readonly number[];
  readonly columns: number;
  readonly outputs: number;
  readonly heads: number;
  readonly headSize: number;
  readonly seed: number;
}

/** Odd sizes, one row, one column, whole tiles and panels, and one more or less than those. */
const anySize = (max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.integer({ min: 1, max }),
    fc.constantFrom(...[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33].filter((n) => n <= max)),
  );

export const anyShape: fc.Arbitrary<Shape> = fc.record({
  lengths: fc.array(anySize(33), { minLength: 1, maxLength: 4 }),
  columns: anySize(40),
  outputs: anySize(40),
  heads: anySize(4),
  headSize: anySize(20),
  seed: fc.nat(1_000_000),
});

const view = (name: string, columns: number): View => ({
  buffer: { name, rows: "tokens", columns },
  column: 0,
  columns,
});

function newWeight(name: string, shape: readonly [number, number]): Weight {
  const buffer = (suffix: string): Buffer => ({ name: name + suffix, rows: shape[0], columns: shape[1] });
  return {
    name,
    shape,
    data: buffer(""),
    grad: buffer(".grad"),
    adamMean: buffer(".mean"),
    adamMeanSquare: buffer(".meanSquare"),
    slices: [],
  };
}

/** The scene of an operation at a shape. `align`: how the backend wants heads laid out. */
export function makeScene(name: OpName, shape: Shape, headAlign: number): Scene {
  const random = new Random(shape.seed);
  const { lengths, columns, outputs } = shape;
  const tokens = lengths.reduce((sum, length) => sum + length, 0);
  const ids = (below: number): Int32Array => Int32Array.from({ length: tokens }, () => random.randbelow(below));
  const positions = Int32Array.from(lengths.flatMap((length) => Array.from({ length }, (_, i) => i)));
  const documents = Int32Array.from([0, ...lengths.map((_, d) => lengths.slice(0, d + 1).reduce((a, b) => a + b))]);
  const batch = { tokens: ids(outputs), targets: ids(columns), positions, documents };
  const stride = Math.ceil(shape.headSize / headAlign) * headAlign;
  const heads: Heads = { count: shape.heads, size: shape.headSize, stride };
  const width = heads.count * heads.stride;
  const blockSize = Math.max(...lengths);
  const weights: Record<string, Weight[]> = {
    embed: [newWeight("wte", [outputs, columns]), newWeight("wpe", [blockSize, columns])],
    linear: [newWeight("w", [outputs, columns])],
  };
  const inputColumns: Record<string, number[]> = {
    embed: [],
    attention: [width, width, width],
    add: [columns, columns],
  };
  // Queries, keys and values lie side by side, as in the model.
  const side = (what: string, count: number, each: number): View[] => {
    const { buffer } = view(what, count * each);
    return Array.from({ length: count }, (_, i) => ({ buffer, column: i * each, columns: each }));
  };
  const all = (what: string): View[] => {
    const list = inputColumns[name] ?? [columns];
    return name === "attention" ? side(what, 3, width) : list.map((n, i) => view(`${what}${i}`, n));
  };
  const inputs = all("x");
  const outColumns = { linear: outputs, attention: width, crossEntropy: 2 }[name as string] ?? columns;
  const out = view("out", outColumns);
  const dropout = name === "dropout" ? { site: shape.seed % 5, rate: (1 + (shape.seed % 9)) / 10 } : null;
  const tensor: TensorNode = {
    op: name,
    inputs: [],
    weights: weights[name] ?? [],
    columns: outColumns,
    heads: name === "attention" ? heads : null,
    dropout,
    from: 0,
  };
  const statistics = view("statistics", Math.max(1, OPS[name].statistics(tensor)));
  const gradients = name === "crossEntropy" ? inputs : all("d");
  const dOut = view("dOut", outColumns);
  const place = { tensor, out, inputs, statistics };
  return {
    name,
    batch,
    weights: tensor.weights,
    inputs,
    dOut,
    out,
    gradients,
    forward: OPS[name].forward(place),
    backward: OPS[name].backward(place, dOut, gradients),
    options: {
      ...forwardFrom(0),
      lossScale: 1 / tokens,
      dropoutSeed: Math.imul(shape.seed, 0x9e3779b1) >>> 0,
      firstToken: shape.seed % 1000,
    },
    dropout,
    blockSize,
    headStride: stride,
    numbers: (count) => Float64Array.from({ length: count }, () => Math.fround(random.gauss(0, 1))),
  };
}

/** Runs instructions of the scene; `given` fills buffers. Resolves to a reader of any buffer. */
export async function perform(
  backend: Backend,
  scene: Scene,
  instructions: readonly Instruction[],
  given: ReadonlyMap<Buffer, ArrayLike<number>>,
): Promise<(buffer: Buffer) => Promise<Float64Array>> {
  const tokens = scene.batch.tokens.length;
  const round = (n: number): number => Math.ceil(n / backend.align) * backend.align;
  const places = new Map<Buffer, { start: number; stride: number }>();
  let end = 0;
  const reserve = (buffer: Buffer, rows: number): void => {
    if (places.has(buffer)) return;
    places.set(buffer, { start: end, stride: round(buffer.columns) });
    end += roundUp(round(rows) * round(buffer.columns), backend.startAlign ?? 1);
  };
  for (const { data, grad, shape } of scene.weights) for (const buffer of [data, grad]) reserve(buffer, shape[0]);
  const size = end;
  const weightPlaces = new Map(places);
  const views = instructions.flatMap(({ to, from }) => [...Object.values<View>(to), ...Object.values<View>(from)]);
  for (const { buffer } of views) reserve(buffer, tokens + 4);
  const sections: Section[] = instructions.map((instruction) => ({
    axis: axisOf(instruction),
    instructions: [instruction],
  }));
  const config = { vocabSize: 1, nEmbd: 1, nHead: 1, nLayer: 1, blockSize: scene.blockSize };
  const heads = { count: 1, size: scene.headStride, stride: scene.headStride };
  const weights = new Map(scene.weights.map((weight) => [weight.name, weight]));
  const layout: Layout = { config, heads, weights, slots: weightPlaces, size };
  const program: Program = {
    kind: "evaluating",
    layout,
    phases: [{ windowed: false, sections }],
    update: { axis: "weights", instructions: [] },
    buckets: [],
    result: views[0],
    maxTokens: tokens,
    windowRows: 0,
    activations: new Map(),
    slots: new Map([...places].filter(([buffer]) => !weightPlaces.has(buffer))),
    size: end - size,
  };
  const session = await backend.open(layout, [program]);
  for (const [buffer, numbers] of given) if (places.has(buffer)) await session.write(buffer, numbers);
  await session.weightsChanged();
  await session.run(program, scene.batch, scene.options);
  return async (buffer) => Float64Array.from(await session.read(buffer, buffer.rows === "tokens" ? tokens : undefined));
}

/** Numbers for everything that the scene is given. Between the heads, zeros, as the model has them. */
export function fill(scene: Scene, shape: Shape): Map<Buffer, Float64Array> {
  const given = new Map<Buffer, Float64Array>();
  const rows = scene.batch.tokens.length;
  for (const { buffer } of [...scene.inputs, scene.dOut]) {
    if (!given.has(buffer)) given.set(buffer, scene.numbers(rows * buffer.columns));
  }
  for (const { data } of scene.weights) given.set(data, scene.numbers(Number(data.rows) * data.columns));
  if (scene.name === "attention") {
    for (const [buffer, numbers] of given) {
      numbers.forEach((_, i) => {
        if ((i % buffer.columns) % scene.headStride >= shape.headSize) numbers[i] = 0;
      });
    }
  }
  return given;
}

/** Σ (expected − actual)² / Σ expected²; 0 where both are 0 everywhere. */
export function normalisedError(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  let [difference, total] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (expected[i] - actual[i]) ** 2;
    total += expected[i] ** 2;
  }
  return difference === 0 ? 0 : difference / total;
}
