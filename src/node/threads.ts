/** Worker threads for the wasm backend in Node. Such a thread runs this same file. */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { serve } from "../backend/wasm/threads.ts";
import type { StartThread, ThreadTask } from "../backend/wasm/threads.ts";
import { InputError } from "../errors.ts";
import { isOutOfFiles, TOO_MANY_FILES } from "./files.ts";

/**
 * Starts a worker thread, which does not keep the process alive. Rejects if it cannot be started; with InputError, if
 * the process may open no more files.
 */
export const startNodeThread: StartThread = async (task) => {
  const thread = new Worker(new URL(import.meta.url), { workerData: { isWasmThread: true } });
  await new Promise<void>((resolve, reject) => {
    thread.once("message", resolve);
    // Not once: a thread that cannot be made reports it twice.
    thread.on("error", (error) => reject(isOutOfFiles(error) ? new InputError(TOO_MANY_FILES, "machine") : error));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    thread.postMessage(task);
  });
  thread.unref();
  return { stop: () => void thread.terminate() };
};

if (!isMainThread && isThread(workerData)) {
  parentPort!.once("message", (task: ThreadTask) => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    parentPort!.postMessage("ready");
    serve(task);
  });
}

function isThread(data: unknown): boolean {
  return typeof data === "object" && data !== null && "isWasmThread" in data;
}
