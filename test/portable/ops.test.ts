import * as fc from "fast-check";
import { expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import type { Buffer, View } from "../../src/tensor/instructions.ts";
import type { OpName } from "../../src/tensor/ops.ts";
import { runs } from "../setup/place.ts";
import { anyShape, fill, makeScene, perform } from "../setup/scenes.ts";
import type { Scene, Shape } from "../setup/scenes.ts";

const STEP = 1e-5;

/** Σ dOut · out, for cross-entropy the loss itself: the scalar whose gradient `backward` computes. */
async function scalar(scene: Scene, given: ReadonlyMap<Buffer, Float64Array>): Promise<number> {
  const read = await perform(referenceBackend, scene, scene.forward, given);
  const out = await read(scene.out.buffer);
  if (scene.name === "crossEntropy") {
    let loss = 0;
    for (let t = 0; t < out.length; t += 2) loss += Math.log(out[t]) + out[t + 1];
    return loss * scene.options.lossScale;
  }
  const dOut = given.get(scene.dOut.buffer)!;
  return out.reduce((sum, value, i) => sum + value * dOut[i], 0);
}

/**
 * Nothing near a kink: relu's derivative jumps at 0, and no difference quotient knows on which side it stands. The norm
 * of a single column is as steep there.
 */
function avoidKinks(given: ReadonlyMap<Buffer, Float64Array>): void {
  for (const numbers of given.values()) {
    numbers.forEach((value, i) => (numbers[i] = Math.abs(value) < 0.01 ? 0.01 : value));
  }
}

/** Gradients by central differences at a few places of each input and weight against those of `backward`. */
async function expectGradients(name: OpName, shape: Shape): Promise<void> {
  const scene = makeScene(name, shape, 1);
  const given = fill(scene, shape);
  if (name === "relu" || name === "rmsnorm") avoidKinks(given);
  const read = await perform(referenceBackend, scene, [...scene.forward, ...scene.backward], given);
  const pairs: [Buffer, Buffer][] = [
    ...scene.inputs.map((input: View, i): [Buffer, Buffer] => [input.buffer, scene.gradients[i].buffer]),
    ...scene.weights.map(({ data, grad }): [Buffer, Buffer] => [data, grad]),
  ];
  for (const [input, gradient] of pairs) {
    const analytic = await read(gradient);
    const numbers = given.get(input)!;
    const places = Array.from(
      { length: Math.min(8, numbers.length) },
      (_, i) => (i * 7919 + shape.seed) % numbers.length,
    );
    const [expected, actual]: number[][] = [[], []];
    for (const place of places) {
      const value = numbers[place];
      numbers[place] = value + STEP;
      const above = await scalar(scene, given);
      numbers[place] = value - STEP;
      const below = await scalar(scene, given);
      numbers[place] = value;
      expected.push((above - below) / (2 * STEP));
      actual.push(analytic[place]);
    }
    const error = Math.hypot(...expected.map((value, i) => value - actual[i]));
    expect(error, `${name}, ${input.name}, ${JSON.stringify(shape)}`).toBeLessThanOrEqual(
      1e-6 * Math.max(Math.hypot(...expected), 1e-2),
    );
  }
}

test.each(["embed", "rmsnorm", "linear", "relu", "dropout", "attention", "crossEntropy"] as const)(
  "%s on the reference: gradients are those of finite differences, relative error at most 1e-6",
  { tags: ["cases"] },
  async (name) => {
    // Not one column: its norm is a step function all but in width, too steep for a difference quotient.
    await fc.assert(
      fc.asyncProperty(anyShape, (shape) =>
        expectGradients(name, { ...shape, columns: Math.max(name === "rmsnorm" ? 2 : 1, Math.min(shape.columns, 12)) }),
      ),
      { numRuns: runs(40) },
    );
  },
);
