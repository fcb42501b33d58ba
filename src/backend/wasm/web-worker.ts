/**
 * The script of a web worker: receives its task, confirms it, and serves commands. It exports nothing; `web-threads.ts`
 * starts it by its URL.
 */
import { serve } from "./threads.ts";
import type { ThreadTask } from "./threads.ts";

// oxlint-disable-next-line unicorn/prefer-add-event-listener -- the only message: `serve` blocks from then on
globalThis.onmessage = ({ data }: MessageEvent<ThreadTask>): void => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
  globalThis.postMessage("ready");
  serve(data);
};
