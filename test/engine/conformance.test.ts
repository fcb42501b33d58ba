import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import type { Backend } from "../../src/backend.ts";
import type { Buffer, Instruction, View } from "../../src/kernels.ts";
import type { OpName } from "../../src/ops.ts";
import { LONG } from "../setup/place.ts";
import { anyShape, fill, makeScene, normalisedError, perform } from "../setup/scenes.ts";
import type { Scene, Shape } from "../setup/scenes.ts";
import { strictWasm, wasm, wasmWithLoops } from "../setup/tensor-models.ts";

const BACKENDS: readonly (readonly [string, Backend])[] = [
  ["wasm", wasm],
  ["wasm, strict", strictWasm],
  ["wasm, products by a library", wasmWithLoops],
];

const SHAPES = LONG ? 1000 : 100;

/** The most that NMSE may be: of the result, and of gradients. */
const BOUNDS: Readonly<Record<Exclude<OpName, "columns" | "relu">, readonly [number, number]>> = {
  embed: [1e-13, 1e-11],
  rmsnorm: [1e-11, 1e-9],
  linear: [1e-10, 1e-9],
  add: [1e-13, 1e-13],
  attention: [1e-10, 1e-9],
  crossEntropy: [1e-11, 1e-9],
};

/** What instructions write, weights' gradients included. */
function results(instructions: readonly Instruction[], scene: Scene): Set<Buffer> {
  const written = instructions.flatMap(({ to }) => Object.values<View>(to).map(({ buffer }) => buffer));
  return new Set([...written, ...(instructions === scene.forward ? [] : scene.weights.map(({ grad }) => grad))]);
}

/**
 * The gradient of a norm over one column is the difference of two nearly equal numbers, of which f32 keeps no digit:
 * y is the sign of x, whatever x is. Two columns are the least that can be compared.
 */
const withoutLoneColumn = (name: OpName, shape: Shape): Shape =>
  name === "rmsnorm" ? { ...shape, columns: Math.max(2, shape.columns) } : shape;

async function expectAgreement(backend: Backend, name: OpName, drawn: Shape): Promise<void> {
  const shape = withoutLoneColumn(name, drawn);
  const scene = makeScene(name, shape, backend.headAlign);
  const given = fill(scene, shape);
  const [forwardBound, backwardBound] = BOUNDS[name as keyof typeof BOUNDS];
  const both = [...scene.forward, ...scene.backward];
  // Cross-entropy's gradient takes the place of what forward reads.
  const runs = name === "crossEntropy" ? [scene.forward, scene.backward] : [both];
  for (const instructions of runs) {
    const [expected, actual] = [
      await perform(referenceBackend, scene, instructions, given),
      await perform(backend, scene, instructions, given),
    ];
    const isForward = new Set(scene.forward.flatMap(({ to }) => Object.values<View>(to).map(({ buffer }) => buffer)));
    for (const buffer of results(instructions, scene)) {
      const [a, b] = [await expected(buffer), await actual(buffer)];
      const error = normalisedError(a, b);
      const bound = isForward.has(buffer) ? forwardBound : backwardBound;
      expect(error, `${buffer.name} of ${name} at ${JSON.stringify(shape)}`).toBeLessThanOrEqual(bound);
    }
  }
}

describe.each(BACKENDS)("%s does as the reference", (_, backend) => {
  for (const [name, [forward, backward]] of Object.entries(BOUNDS)) {
    test(`${name}: NMSE at most ${forward} forward, ${backward} backward, at ${SHAPES} shapes`, async () => {
      await fc.assert(
        fc.asyncProperty(anyShape, (shape) => expectAgreement(backend, name as OpName, shape)),
        { numRuns: SHAPES },
      );
    });
  }
});

test.each(BACKENDS)("%s multiplies what takes more than one block of rows, columns and k", async (_, backend) => {
  const sizes = fc.constantFrom(63, 65, 130, 257);
  await fc.assert(
    fc.asyncProperty(sizes, sizes, fc.constantFrom(40, 130, 300), fc.nat(), (columns, outputs, length, seed) =>
      expectAgreement(backend, "linear", { lengths: [length], columns, outputs, heads: 1, headSize: 1, seed }),
    ),
    { numRuns: 8 },
  );
});
