/** A backend against the reference, operation by operation, and its dropout against the definition. */
import { expect } from "vitest";
import type { Backend } from "../../src/tensor/backend.ts";
import { referenceBackend } from "../../src/backend/reference.ts";
import { isKept, siteSeed } from "../../src/training/dropout.ts";
import type { Buffer, Instruction, View } from "../../src/tensor/instructions.ts";
import type { OpName } from "../../src/tensor/ops.ts";
import { fill, makeScene, normalisedError, perform } from "./scenes.ts";
import type { Scene, Shape } from "./scenes.ts";

/** The most that NMSE may be: of the result, and of gradients. */
export type Bounds = Readonly<Record<Exclude<OpName, "columns" | "relu">, readonly [number, number]>>;

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

/** The operation at the shape, forward and backward: as far from the reference as the bounds allow, and no farther. */
export async function expectAgreement(backend: Backend, bounds: Bounds, name: OpName, drawn: Shape): Promise<void> {
  const shape = withoutLoneColumn(name, drawn);
  const scene = makeScene(name, shape, backend.headAlign);
  const given = fill(scene, shape);
  const [forwardBound, backwardBound] = bounds[name as keyof Bounds];
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

/** Dropout at the shape, forward and backward: what is 0 is exactly what `isKept` says, bit for bit. */
export async function expectMask(backend: Backend, shape: Shape): Promise<void> {
  const scene = makeScene("dropout", shape, backend.headAlign);
  const given = fill(scene, shape);
  for (const numbers of given.values()) numbers.fill(1);
  const read = await perform(backend, scene, [...scene.forward, ...scene.backward], given);
  const { site, rate } = scene.dropout!;
  const { dropoutSeed, firstToken } = scene.options;
  const expected = Array.from(scene.batch.tokens, (_, row) =>
    Array.from({ length: shape.columns }, (_value, column) =>
      isKept(siteSeed(dropoutSeed, site), firstToken + row, column, rate),
    ),
  );
  for (const { buffer } of [scene.out, ...scene.gradients]) {
    const kept = Array.from(await read(buffer), (value) => value !== 0);
    expect(kept, `${buffer.name} at ${JSON.stringify(shape)}`).toEqual(expected.flat());
  }
}
