/**
 * What a thread of a page runs: it waits for its task, says that it has it, and serves.
 */
import { serve } from "./threads.ts";
import type { ThreadTask } from "./threads.ts";

// oxlint-disable-next-line unicorn/prefer-add-event-listener -- the worker's only message, and it never listens again
globalThis.onmessage = ({ data }: MessageEvent<ThreadTask>): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  globalThis.postMessage("ready");
  serve(data, null);
};
