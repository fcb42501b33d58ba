/** The machine's GPU, if it can be used; and if not, why. */
import type { Gpu } from "../backend/webgpu/device.ts";
import { openCheckedGpu } from "../library/machine.ts";
import { findWebGpu, mayHaveAdapter, WEBGPU_PACKAGE } from "../node/webgpu.ts";

const opened: Gpu[] = [];

/** WebGPU without an adapter. */
const NONE: Pick<GPU, "requestAdapter"> = { requestAdapter: async () => await Promise.resolve(null) };

/** A device of its own, tried out; or the reason why there is none, a sentence without a beginning. */
export async function findGpu(find: () => Promise<GPU | null> = findWebGpu): Promise<Gpu | string> {
  const webgpu = find === findWebGpu && !mayHaveAdapter() ? NONE : await find();
  if (webgpu === null) return `the package ${WEBGPU_PACKAGE}, or on Linux Vulkan (libvulkan1), is not installed`;
  const gpu = await openCheckedGpu(webgpu);
  if (typeof gpu !== "string") opened.push(gpu);
  return gpu;
}

/** Lets the process end: Dawn's threads wait for devices. */
export function closeGpus(): void {
  for (const { device } of opened) device.destroy();
  opened.length = 0;
}
