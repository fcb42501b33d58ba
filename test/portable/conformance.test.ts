import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import type { OpName } from "../../src/tensor/ops.ts";
import { expectAgreement, expectMask } from "../setup/agreement.ts";
import type { Bounds } from "../setup/agreement.ts";
import { NATIVE, nativeMissing, runsOn, timeoutOn } from "../setup/native-backend.ts";
import { byExtent, PLACE } from "../setup/place.ts";
import { anyShape } from "../setup/scenes.ts";
import { strictWasm, wasm } from "../setup/tensor-models.ts";

const BACKENDS: readonly (readonly [string, Backend])[] = [["wasm", wasm], ["wasm, strict", strictWasm], ...NATIVE];

test.skipIf(nativeMissing !== null)(`native code is among them in Node (skipped where ${nativeMissing})`, () => {
  expect(NATIVE).toHaveLength(PLACE === "node" ? 1 : 0);
});

const SHAPES = 100;

const BOUNDS: Bounds = {
  embed: [1e-13, 1e-11],
  rmsnorm: [1e-11, 1e-9],
  linear: [1e-10, 1e-9],
  dropout: [1e-13, 1e-13],
  add: [1e-13, 1e-13],
  attention: [1e-10, 1e-9],
  crossEntropy: [1e-11, 1e-9],
};

describe.each(BACKENDS)("%s does as the reference", (_, backend) => {
  for (const [name, [forward, backward]] of Object.entries(BOUNDS)) {
    test(
      `${name}: NMSE at most ${forward} forward, ${backward} backward, at ${runsOn(backend, SHAPES)} shapes`,
      { tags: ["cases"], timeout: timeoutOn(backend) },
      async () => {
        await fc.assert(
          fc.asyncProperty(anyShape, (shape) => expectAgreement(backend, BOUNDS, name as OpName, shape)),
          { numRuns: runsOn(backend, SHAPES) },
        );
      },
    );
  }
});

test.each([["the reference", referenceBackend] as const, ...BACKENDS])(
  "%s drops the numbers that the definition drops, in both directions, bit for bit",
  { tags: ["cases"] },
  async (_, backend) => {
    await fc.assert(
      fc.asyncProperty(anyShape, (shape) => expectMask(backend, shape)),
      { numRuns: runsOn(backend, SHAPES) },
    );
  },
);

test.each(BACKENDS)(
  "%s multiplies what takes more than one block of rows, columns and k",
  { tags: ["cases"] },
  async (_, backend) => {
    const sizes = fc.constantFrom(63, 65, 130, 257);
    await fc.assert(
      fc.asyncProperty(sizes, sizes, fc.constantFrom(40, 130, 300), fc.nat(), (columns, outputs, length, seed) =>
        expectAgreement(backend, BOUNDS, "linear", {
          lengths: [length],
          columns,
          outputs,
          heads: 1,
          headSize: 1,
          seed,
        }),
      ),
      { numRuns: runsOn(backend, 8) },
    );
  },
);

test.each(BACKENDS)(
  "%s multiplies rows of 600 numbers, and by weights of 600 rows: NMSE at most 1e-10 forward, 1e-9 backward",
  async (_, backend) => {
    for (const [columns, outputs] of [
      [600, 33],
      [33, 600],
    ]) {
      const shape = { lengths: [40], columns, outputs, heads: 1, headSize: 1, seed: 1 };
      await expectAgreement(backend, BOUNDS, "linear", shape);
    }
  },
);

/** Lengths of documents on both sides of 16 tokens, below which the native backend has a kernel of its own. */
const LENGTHS = [1, 7, 16, 17, 40];

test.each(BACKENDS)(
  "%s attends with heads of 4 to 128 numbers, in short documents and in long ones: NMSE at most 1e-10 forward, 1e-9 backward",
  { tags: ["cases"], timeout: 3600_000 },
  async (name, backend) => {
    const sizes = name === "native" && byExtent(true, false) ? [4, 32, 24] : [4, 5, 8, 12, 16, 24, 32, 48, 64, 128];
    for (const headSize of sizes) {
      const heads = headSize < 16 ? 4 : 2;
      const shape = { lengths: LENGTHS, columns: heads * headSize, outputs: 1, heads, headSize, seed: headSize };
      await expectAgreement(backend, BOUNDS, "attention", shape);
    }
  },
);
