/**
 * What the machine offers to an engine, as an interface, so that the library depends on neither Node nor a page.
 * Implements a page's; Node's is in `run/machine.ts`.
 */
import { webThreads } from "../backend/wasm/web-threads.ts";
import type { Blas } from "../backend/wasm/wasm.ts";
import type { StartThread } from "../backend/wasm/threads.ts";
import { checkGpu } from "../backend/webgpu/check.ts";
import { openGpu } from "../backend/webgpu/device.ts";
import type { Gpu, GpuAdapters } from "../backend/webgpu/device.ts";
import type { TuningStore } from "../backend/webgpu/tune.ts";
import { EngineLost } from "../training/engine.ts";

/** The cores, libraries and devices that an engine may use. */
export interface Machine {
  /** Cores that a training may use; at least 1. */
  readonly cores: number;
  /** Starts a worker of the pool; null: only one thread is available. */
  readonly startThread: StartThread | null;
  /** Prepares for the wasm engine: on Node 20, enables relaxed SIMD. */
  prepareWasm(): void;
  /** The system's BLAS; null if there is none. */
  findBlas(): Blas | null;
  /** A GPU that passed the check, or the reason why there is none, as the end of a sentence. */
  findGpu(): Promise<Gpu | string>;
  /** Where measured tile sizes of a GPU are stored; null: nowhere. */
  openTuning(): TuningStore | null;
}

/** A device that passed the check against the CPU, or the reason why not. @param webgpu as `navigator.gpu`. */
export async function openCheckedGpu(webgpu: GpuAdapters): Promise<Gpu | string> {
  try {
    const gpu = await openGpu(webgpu);
    if (gpu === null) return "no adapter was found";
    const fault = await checkGpu(gpu);
    if (fault === null) return gpu;
    gpu.device.destroy();
    return `${gpu.name} failed the check: ${fault}`;
  } catch (error) {
    if (error instanceof RangeError) return `the adapter is too small: ${error.message}`;
    if (error instanceof EngineLost) return `the adapter failed: ${error.message}`;
    throw error;
  }
}

/** The machine of a page or a worker: its cores where memory can be shared, and `navigator.gpu`. */
export function webMachine(): Machine {
  const { threads, startThread } = webThreads();
  return {
    cores: threads,
    startThread,
    prepareWasm: () => {},
    findBlas: () => null,
    findGpu: async () => {
      const webgpu = globalThis.navigator?.gpu;
      return webgpu === undefined ? "this browser has no WebGPU" : await openCheckedGpu(webgpu);
    },
    openTuning: () => null,
  };
}
