/** The machine's GPU through Dawn, or the reason why it cannot be used. */
import type { Gpu, GpuAdapters } from "../backend/webgpu/device.ts";
import { openCheckedGpu } from "../library/gpu.ts";
import { findWebGpu, mayHaveAdapter, whatIsMissing } from "../node/webgpu.ts";

const opened: Gpu[] = [];

/** WebGPU without an adapter. */
const NONE: GpuAdapters = { requestAdapter: async () => await Promise.resolve(null) };

/** A new device that passed the check, or the reason why there is none, as the end of a sentence. */
export async function findGpu(find: () => Promise<GPU | null> = findWebGpu): Promise<Gpu | string> {
  const webgpu = find === findWebGpu && !mayHaveAdapter() ? NONE : await find();
  if (webgpu === null) return `${whatIsMissing()} is not installed`;
  const gpu = await openCheckedGpu(webgpu);
  if (typeof gpu !== "string") opened.push(gpu);
  return gpu;
}

/** Destroys all devices, so that the process can end: Dawn's threads wait for them. */
export function closeGpus(): void {
  for (const { device } of opened) device.destroy();
  opened.length = 0;
}
