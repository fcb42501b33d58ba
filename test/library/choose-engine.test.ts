import { expect, test } from "vitest";
import { chooseCpu, chooseEngine } from "../../src/library/choose-engine.ts";
import type { TrainingSize } from "../../src/library/choose-engine.ts";
import type { NativeCode } from "../../src/library/machine.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";

/** The model of the names, as `npm start` trains it. */
const NAMES = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
const DEFAULTS: TrainingSize = resolveOptions(initialOptions(TRAIN_OPTIONS));

/** A machine that has native code, or lacks something. */
function having(missing: string | null): { native: NativeCode; looks: () => number } {
  let looks = 0;
  const backend = (): never => expect.fail("choosing opens nothing");
  return { native: { missing: () => (looks++, missing), backend }, looks: () => looks };
}

test("the default training stays in WebAssembly, and no compiler is looked for", () => {
  const machine = having(null);
  expect(chooseCpu(NAMES, DEFAULTS, machine)).toEqual({ engine: "wasm", why: null });
  expect(machine.looks()).toBe(0);
});

// 6 · (4192 weights + 256 of attention) · 64 documents · 16 tokens = 27.3 million operations per step: 10¹¹ in 3,660.
test.each<[string, Partial<TrainingSize>, "wasm" | "native"]>([
  ["3,650 steps", { numSteps: 3650 }, "wasm"],
  ["3,670 steps", { numSteps: 3670 }, "native"],
  ["half as many of two batches", { numSteps: 1835, accumulate: 2 }, "native"],
  ["a fourth of them of 256 documents", { numSteps: 918, batchSize: 256 }, "native"],
  ["a budget of 3.7 million tokens", { tokens: 3_700_000 }, "wasm"],
  ["a budget of 3.8 million tokens", { tokens: 3_800_000 }, "native"],
  ["a budget of 9.9 seconds, whatever the steps", { seconds: 9.9, numSteps: 1e9 }, "wasm"],
  ["a budget of 10 seconds", { seconds: 10, numSteps: 1 }, "native"],
  ["many steps, but strict", { numSteps: 1e9, strictMath: true }, "wasm"],
])("%s: %o", (_, options, engine) => {
  expect(chooseCpu(NAMES, { ...DEFAULTS, ...options }, having(null)).engine).toBe(engine);
});

test("a longer context counts: its attention is work, too", () => {
  const long = { ...DEFAULTS, tokens: 3_000_000 };
  expect(chooseCpu(NAMES, long, having(null)).engine).toBe("wasm");
  // 64 more positions add 1,024 weights; their attention adds as many operations again.
  expect(chooseCpu({ ...NAMES, blockSize: 80 }, long, having(null)).engine).toBe("native");
});

test("where something is missing, the line says what, and that it costs time", () => {
  const long = { ...DEFAULTS, numSteps: 1e6 };
  expect(chooseCpu(NAMES, long, having("no C compiler was found"))).toEqual({
    engine: "wasm",
    why: "no native code, which is faster: no C compiler was found",
  });
  expect(chooseCpu(NAMES, long, { native: null })).toEqual({ engine: "wasm", why: null });
});

const LARGE = { ...NAMES, nEmbd: 256, nLayer: 4, blockSize: 256 };

test("a GPU is looked for only if the model is large enough, and then the line says why not", async () => {
  const nobody = async (): Promise<string> => await Promise.reject(new Error("must not be looked for"));
  const small = await chooseEngine(NAMES, DEFAULTS, { findGpu: nobody, native: null });
  expect(small).toEqual({ engine: "wasm", why: null, gpu: null });
  const strict = await chooseEngine(LARGE, { ...DEFAULTS, strictMath: true }, { ...having(null), findGpu: nobody });
  expect(strict).toEqual({ engine: "wasm", why: "--strict-math: GPUs differ in their last bits", gpu: null });
  const findGpu = async (): Promise<string> => await Promise.resolve("it rains");
  const none = await chooseEngine(LARGE, DEFAULTS, { findGpu, native: null });
  expect(none).toEqual({ engine: "wasm", why: "no GPU: it rains", gpu: null });
});

test("a model that is large enough for a GPU, where there is none, is trained as native code, and both reasons are said", async () => {
  const findGpu = async (): Promise<string> => await Promise.resolve("it rains");
  expect(await chooseEngine(LARGE, DEFAULTS, { ...having(null), findGpu })).toEqual({
    engine: "native",
    why: "no GPU: it rains; a training of this length is faster as native code",
    gpu: null,
  });
});
