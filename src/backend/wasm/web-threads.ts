/**
 * Threads for the WASM backend in a browser. A page may share memory with its workers only where it is cross-origin
 * isolated, that is, served with the headers COOP `same-origin` and COEP `require-corp`.
 */
import type { StartThread } from "./threads.ts";

/** How many threads a page may have, and how to start them; with one, why there are no more. */
export interface WebThreads {
  readonly threads: number;
  readonly startThread: StartThread | null;
  readonly reason: string | null;
}

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

/** Starts a worker of the page. Rejects if it can't be started. */
const startWebThread: StartThread = async (task) => {
  const worker = new Worker(new URL("./web-worker.js", import.meta.url), { type: "module" });
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener("message", () => resolve(), { once: true });
    worker.addEventListener("error", ({ message }) => reject(new Error(`a worker of the page: ${message}`)), {
      once: true,
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage(task);
  });
  return { stop: () => worker.terminate() };
};
