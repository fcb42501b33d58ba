/** The minimal machine, which every place has: `machine.ts` adds what a page offers, and an exported page uses it alone. */
import type { Machine } from "./machine.ts";

/** One thread, no compiler, no GPU. */
export const ONE_THREAD: Machine = {
  cores: 1,
  startThread: null,
  prepareWasm: () => {},
  native: null,
  findGpu: () => Promise.resolve("it is not used here"),
  openTuning: () => null,
};
