import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { fromHalf, toHalf } from "../../src/backend/webgpu/half.ts";
import { openGpu } from "../../src/backend/webgpu/device.ts";
import { guess } from "../../src/backend/webgpu/tiles.ts";
import { webgpuBackend } from "../../src/backend/webgpu/webgpu.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";

/** Dawn's null adapter: it validates and compiles everything, runs nothing and has every feature. */
async function findNullGpu(): Promise<GPU | null> {
  try {
    const { create } = createRequire(import.meta.url)("webgpu") as { create: (options: string[]) => GPU };
    const webgpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
    return (await webgpu.requestAdapter()) === null ? null : webgpu;
  } catch {
    return null;
  }
}

const webgpu = await findNullGpu();
const name = webgpu === null ? "package webgpu not installed" : "Dawn's null adapter";

test.skipIf(webgpu === null).each(["f32", "f16"] as const)(
  `the kernels of a large model in %s are valid WGSL: ${name}`,
  async (precision) => {
    const gpu = (await openGpu(webgpu!))!;
    expect(gpu.target.half).toBe(true);
    const backend = webgpuBackend(gpu, { precision, choose: guess });
    const config = { vocabSize: 1003, nEmbd: 192, nHead: 3, nLayer: 2, blockSize: 64 };
    const engine = await TensorEngine.create(backend, config, { maxTokens: 2048, maxLogits: 2 ** 19, dropout: 0.1 });
    expect(engine.name).toContain(precision === "f16" ? "webgpu in f16" : "webgpu,");
    engine.close();
    gpu.device.destroy();
  },
);

test.skipIf(webgpu === null)(`products on matrix units are valid WGSL: ${name}`, async () => {
  // The null adapter has the feature but lists no sizes; these are NVIDIA's.
  const gpu = (await openGpu(webgpu!))!;
  const backend = webgpuBackend(
    { ...gpu, target: { ...gpu.target, matrices: 32 } },
    { precision: "f16", matrices: "all" },
  );
  const config = { vocabSize: 1003, nEmbd: 100, nHead: 2, nLayer: 1, blockSize: 64 };
  const engine = await TensorEngine.create(backend, config, { maxTokens: 2048, maxLogits: 2 ** 19 });
  expect(engine.name).toMatch(/^webgpu in f16 on matrix units, /);
  engine.close();
  gpu.device.destroy();
});

test("f16 round trip: every f16 number is kept, and halfway between two goes to the even one", () => {
  for (let half = 0; half < 0x10000; half++) {
    const value = fromHalf(half);
    if (Number.isNaN(value)) expect(fromHalf(toHalf(value))).toBeNaN();
    else if (toHalf(value) !== half) expect.fail(`${half} is ${value}, which is ${toHalf(value)}`);
    // Halfway to the next one, which f32 can represent exactly.
    const next = fromHalf(half + 1);
    if (!Number.isFinite(value) || !Number.isFinite(next) || (half & 0x7fff) === 0x7fff) continue;
    const middle = toHalf((value + next) / 2);
    if (middle !== (half % 2 === 0 ? half : half + 1)) expect.fail(`between ${half} and the next: ${middle}`);
  }
  expect(toHalf(65_519)).toBe(0x7bff);
  expect(toHalf(65_520)).toBe(0x7c00);
  expect(toHalf(-Infinity)).toBe(0xfc00);
});
