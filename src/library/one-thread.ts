/** The least of a machine: what runs wherever JavaScript does. A page that must have no worker uses it as it is. */
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
