/**
 * What the machine offers to an engine, as an interface, so that the library depends on neither Node nor a page.
 * Implements a page's; Node's is in `run/machine.ts`.
 */
import { webThreads } from "../backend/wasm/web-threads.ts";
import type { StartThread } from "../backend/wasm/threads.ts";
import type { Gpu } from "../backend/webgpu/device.ts";
import type { TuningStore } from "../backend/webgpu/tune.ts";
import type { Backend } from "../tensor/backend.ts";
import type { Ranks } from "../training/ranks.ts";
import { ONE_THREAD } from "./one-thread.ts";

/** What a native session is opened with. */
export interface NativeRequest {
  /** Number of threads, the calling one included. */
  readonly threads: number;
  /** A directory where the generated C is left; null: nowhere. */
  readonly keepC: string | null;
  /** Hears, in one sentence, why compiled code is not kept. */
  readonly warn: (message: string) => void;
}

/** Native code: a C compiler, and what loads the code that it makes. */
export interface NativeCode {
  /** Looks for the compiler without starting it. What is missing, as a clause; null: nothing. */
  missing(): string | null;
  /** Loads what compiles. Resolves to a backend, whose `open` rejects with NativeUnavailable where the compiler is missing or fails. */
  backend(request: NativeRequest): Promise<Backend>;
}

/** The cores, libraries and devices that an engine may use. */
export interface Machine {
  /** Cores that a training may use; at least 1. */
  readonly cores: number;
  /** Starts a worker of the pool; null: only one thread is available. */
  readonly startThread: StartThread | null;
  /** Prepares for the wasm engine: on Node 20, enables relaxed SIMD. */
  prepareWasm(): void;
  /** Native code; null: this machine runs none, as a page. */
  readonly native: NativeCode | null;
  /** A new device that passed the check, which the caller destroys; or the reason for none, as the end of a sentence. */
  findGpu(): Promise<Gpu | string>;
  /** Where measured tile sizes of a GPU are stored; null: nowhere. */
  openTuning(): TuningStore | null;
  /** Processes that share each training; null or absent: this one does it alone. */
  readonly ranks?: Ranks | null;
}

/** The machine of a page or a worker: its cores where memory can be shared, and `navigator.gpu`. */
export function webMachine(): Machine {
  const { threads, startThread } = webThreads();
  return { ...ONE_THREAD, cores: threads, startThread, findGpu: findWebGpu };
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
