/**
 * What the machine offers to an engine, as an interface, so that the library depends on neither Node nor a page.
 * Implements a page's; Node's is in `run/machine.ts`.
 */
import { webThreads } from "../backend/wasm/web-threads.ts";
import type { Blas } from "../backend/wasm/wasm.ts";
import type { StartThread } from "../backend/wasm/threads.ts";
import type { Gpu } from "../backend/webgpu/device.ts";
import type { TuningStore } from "../backend/webgpu/tune.ts";

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
  /** A new device that passed the check, which the caller destroys; or the reason for none, as the end of a sentence. */
  findGpu(): Promise<Gpu | string>;
  /** Where measured tile sizes of a GPU are stored; null: nowhere. */
  openTuning(): TuningStore | null;
}

/** The machine of a page or a worker: its cores where memory can be shared, and `navigator.gpu`. */
export function webMachine(): Machine {
  const { threads, startThread } = webThreads();
  return {
    cores: threads,
    startThread,
    prepareWasm: () => {},
    findBlas: () => null,
    findGpu: findWebGpu,
    openTuning: () => null,
  };
}

/** A new device of `navigator.gpu` that passed the check, or the reason why there is none. */
async function findWebGpu(): Promise<Gpu | string> {
  const webgpu = globalThis.navigator?.gpu;
  if (webgpu === undefined) return "this browser has no WebGPU";
  let library: typeof import("./gpu.ts");
  try {
    library = await import("./gpu.ts");
  } catch (error) {
    return `the code for it could not be loaded (${error instanceof Error ? error.message : String(error)})`;
  }
  return await library.openCheckedGpu(webgpu);
}
