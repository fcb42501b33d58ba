/** The machine's GPU, if it can be used; and if not, why. */
import { openGpu } from "../backend/webgpu/device.ts";
import type { Gpu } from "../backend/webgpu/device.ts";
import { EngineLost } from "../training/engine.ts";
import { checkGpu } from "../backend/webgpu/check.ts";
import { findWebGpu, mayHaveAdapter, WEBGPU_PACKAGE } from "../node/webgpu.ts";

const opened: Gpu[] = [];

/** WebGPU without an adapter. */
const NONE: Pick<GPU, "requestAdapter"> = { requestAdapter: async () => await Promise.resolve(null) };

/** A device of its own, tried out; or the reason why there is none, a sentence without a beginning. */
export async function findGpu(find: () => Promise<GPU | null> = findWebGpu): Promise<Gpu | string> {
  try {
    const webgpu = find === findWebGpu && !mayHaveAdapter() ? NONE : await find();
    if (webgpu === null) return `the package ${WEBGPU_PACKAGE}, or on Linux Vulkan (libvulkan1), is not installed`;
    const gpu = await openGpu(webgpu);
    if (gpu === null) return "no adapter was found";
    opened.push(gpu);
    const fault = await checkGpu(gpu);
    if (fault === null) return gpu;
    gpu.device.destroy();
    return `${gpu.name} can't be trusted: ${fault}`;
  } catch (error) {
    if (error instanceof RangeError) return `the adapter is too small: ${error.message}`;
    if (error instanceof EngineLost) return `the adapter failed: ${error.message}`;
    throw error;
  }
}

/** Lets the process end: Dawn's threads wait for devices. */
export function closeGpus(): void {
  for (const { device } of opened) device.destroy();
  opened.length = 0;
}
