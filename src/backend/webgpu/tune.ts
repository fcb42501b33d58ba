/**
 * Finds the fastest tile for each product by measurement: it times the ten best candidates of `tiles.ts` per shape,
 * each in a program of its own. Results are kept in a store, per adapter, so that each shape is measured once.
 */
import { forwardFrom } from "../../tensor/backend.ts";
import type { Backend, PackedTokens } from "../../tensor/backend.ts";
import type { Buffer, Instruction, View, Weight } from "../../tensor/instructions.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Layout, Slots } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { powerOfTwo } from "./shader.ts";
import { candidates, guess, TILES } from "./tiles.ts";
import type { TileChoice, Shape } from "./tiles.ts";

/** Where results are kept from one process to the next: a file (`run/tuning.ts`), or `localStorage` in a page. */
export interface TuningStore {
  /** The value kept for a key; null: none. */
  get: (key: string) => string | null;
  /** Keeps a value. Must not throw if that fails: the shape is then measured again next time. */
  set: (key: string, value: string) => void;
}

/** Time after which no further measurement starts: remaining shapes use the estimate and are measured next time. */
const BUDGET_MS = 2000;
/** Products per measured run. */
const REPEATS = 4;
/** Measured runs per candidate; the shortest counts. */
const ROUNDS = 3;

/**
 * Measures the shapes that the store does not know, the largest products first. Resolves to the choice per shape: the
 * measured one, or an estimate where there was no time.
 * @param backendWith gives a backend that computes every product with the choice.
 * @param adapter tells adapters, and precisions, apart in the store's keys.
 */
export async function tuneTiles(
  backendWith: (choice: TileChoice) => Backend,
  adapter: string,
  shapes: readonly Shape[],
  store: TuningStore,
): Promise<(shape: Shape) => TileChoice> {
  const found = new Map<string, TileChoice>();
  const deadline = performance.now() + BUDGET_MS;
  const work = ({ rows, columns, depth }: Shape): number => rows * columns * depth;
  for (const shape of shapes.toSorted((a, b) => work(b) - work(a))) {
    const key = `${adapter}; ${keyOf(shape)}`;
    const kept = found.get(keyOf(shape)) ?? parse(store.get(key));
    if (kept !== null) {
      found.set(keyOf(shape), kept);
    } else if (performance.now() < deadline) {
      const { fastest, isComplete } = await tryAll(backendWith, shape, deadline);
      found.set(keyOf(shape), fastest);
      if (isComplete) store.set(key, JSON.stringify([TILES.indexOf(fastest.tile), fastest.chunks]));
    }
  }
  return (shape) => found.get(keyOf(shape)) ?? guess(shape);
}

/** The key of a shape. The batch's size is rounded up to a power of two: similar sizes share a result. */
const keyOf = ({ form, rows, columns, depth }: Shape): string =>
  form === "weightGrad"
    ? `${form} ${rows} ${columns} ${powerOfTwo(depth)}`
    : `${form} ${powerOfTwo(rows)} ${columns} ${depth}`;

/** Reads `[index of the tile,chunks]`; null if the text is anything else. */
function parse(text: string | null): TileChoice | null {
  const match = /^\[(\d+),(\d+)\]$/.exec(text ?? "");
  const tile = match === null ? undefined : TILES[Number(match[1])];
  const chunks = Number(match?.[2]);
  return tile === undefined || chunks < 1 || chunks > 64 ? null : { tile, chunks };
}

/** Measures the candidates until the deadline. `isComplete`: whether there was time for all of them. */
async function tryAll(
  backendWith: (choice: TileChoice) => Backend,
  shape: Shape,
  deadline: number,
): Promise<{ fastest: TileChoice; isComplete: boolean }> {
  let [fastest, shortest] = [guess(shape), Infinity];
  for (const choice of candidates(shape)) {
    if (performance.now() > deadline) return { fastest, isComplete: false };
    const time = await timeOf(backendWith(choice), shape);
    if (time < shortest) [fastest, shortest] = [choice, time];
  }
  return { fastest, isComplete: true };
}

/** Milliseconds of a run of the product, including submission and readback. */
async function timeOf(backend: Backend, shape: Shape): Promise<number> {
  const { layout, program, rows } = programOf(shape, backend);
  const session = await backend.open(layout, [program]);
  const list = (): Int32Array => new Int32Array(rows);
  const documents = Int32Array.of(0, rows);
  const batch: PackedTokens = { tokens: list(), targets: list(), positions: list(), documents };
  const run = async (): Promise<number> => {
    const start = performance.now();
    await session.run(program, batch, forwardFrom(0));
    return performance.now() - start;
  };
  await run(); // warm-up
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) times.push(await run());
  session.close();
  return Math.min(...times);
}

/** A program that computes the product `REPEATS` times, and the tokens of its batch. */
function programOf(shape: Shape, backend: Backend): { layout: Layout; program: Program; rows: number } {
  const { form } = shape;
  const rows = form === "weightGrad" ? shape.depth : shape.rows;
  const [outputs, inputs] =
    form === "linear"
      ? [shape.columns, shape.depth]
      : form === "inputGrad"
        ? [shape.depth, shape.columns]
        : [shape.rows, shape.columns];
  const buffer = (name: string, columns: number, height: Buffer["rows"]): Buffer => ({ name, rows: height, columns });
  const view = (name: string, columns: number): View => ({
    buffer: buffer(name, columns, "tokens"),
    column: 0,
    columns,
  });
  const [data, grad] = [buffer("w", inputs, outputs), buffer("w.grad", inputs, outputs)];
  const weight: Weight = {
    name: "w",
    shape: [outputs, inputs],
    data,
    grad,
    adamMean: grad,
    adamMeanSquare: grad,
    slices: [],
  };
  const [x, out, result] = [view("x", inputs), view("out", outputs), view("result", 1)];
  const instructions: Record<Shape["form"], Instruction> = {
    linear: { kernel: "linear", to: { out }, from: { x }, weight, relu: false },
    inputGrad: { kernel: "linearInputGrad", to: { out: x }, from: { dOut: out }, weight },
    weightGrad: { kernel: "linearWeightGrad", to: {}, from: { dOut: out, x }, weight },
  };
  const [slots, end] = layOut([data, grad], rows, 0, backend);
  const [own, size] = layOut([x.buffer, out.buffer, result.buffer], rows, end, backend);
  const config = { vocabSize: 1, nEmbd: 1, nHead: 1, nLayer: 1, blockSize: rows };
  const heads = { count: 1, size: 4, stride: 4 };
  const layout: Layout = { config, heads, weights: new Map([["w", weight]]), slots, size: end };
  const repeated = Array.from({ length: REPEATS }, () => instructions[form]);
  const program: Program = {
    kind: "evaluating",
    layout,
    phases: [{ windowed: false, sections: [{ axis: "documents", instructions: repeated }] }],
    update: { axis: "weights", instructions: [] },
    buckets: [],
    result,
    maxTokens: rows,
    windowRows: 0,
    activations: new Map(),
    slots: own,
    size: size - end,
  };
  return { layout, program, rows };
}

/** Slots for the buffers from `from` on, and where they end, by the same rules as `tensor/program.ts`. */
function layOut(buffers: readonly Buffer[], rows: number, from: number, backend: Backend): readonly [Slots, number] {
  const { align, startAlign = 1, segment = Infinity } = backend;
  const slots = new Map<Buffer, { start: number; stride: number }>();
  let end = 0;
  for (const buffer of buffers) {
    const stride = roundUp(buffer.columns, align);
    const size = roundUp(roundUp(buffer.rows === "tokens" ? rows : Number(buffer.rows), align) * stride, startAlign);
    if (Math.floor(end / segment) < Math.floor((end + size - 1) / segment)) end = roundUp(end, segment);
    slots.set(buffer, { start: from + end, stride });
    end += size;
  }
  return [slots, from + end];
}
