/**
 * Threads for the WebAssembly backend in a browser; `node/threads.ts` does the same in Node. A page can share memory with
 * its workers only if it is cross-origin isolated: served with `Cross-Origin-Opener-Policy: same-origin` and
 * `Cross-Origin-Embedder-Policy: require-corp`.
 */
import type { StartThread } from "./threads.ts";

/** The threads that a page can have. */
export interface WebThreads {
  /** Number of threads, the page's own included. */
  readonly threads: number;
  /** Starts a thread, for `wasmBackend`; null: memory can't be shared. */
  readonly startThread: StartThread | null;
  /** Why there is only one thread; null: there are more. */
  readonly reason: string | null;
}

/** One thread per core, at most 16; a single one if the page is not cross-origin isolated. */
export function webThreads(): WebThreads {
  if (!globalThis.crossOriginIsolated) {
    const reason = "one thread: the page is not cross-origin isolated (COOP and COEP headers)";
    return { threads: 1, startThread: null, reason };
  }
  const threads = Math.min(navigator.hardwareConcurrency, 16);
  return {
    threads,
    startThread: startWebThread,
    reason: threads === 1 ? "one thread: the machine has one core" : null,
  };
}

/** Starts a web worker. Rejects if it can't be started. */
const startWebThread: StartThread = async (task) => {
  const worker = new Worker(new URL("./web-worker.js", import.meta.url), { type: "module" });
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("message", () => resolve(), { once: true });
    worker.addEventListener(
      "error",
      ({ message }) => reject(new Error(`wasm: a web worker did not start: ${message}`)),
      {
        once: true,
      },
    );
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage(task);
  });
  return { stop: () => worker.terminate() };
};
