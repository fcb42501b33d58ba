/** What Node's machine offers to an engine: threads, a C compiler, a GPU through Dawn, and a file of tuned tiles. */
import { availableParallelism } from "node:os";
import type { Machine } from "../library/machine.ts";
import { enableRelaxedSimd } from "../node/simd.ts";
import { startNodeThread } from "../node/threads.ts";
import { findGpu } from "./gpu.ts";
import { nodeNative } from "./native.ts";
import { openTuning } from "./tuning.ts";

/** The cores of the machine, or this process's share of them: MICROGPT_CORES, which a sweep sets for its runs. */
export function availableCores(): number {
  const share = Number(process.env.MICROGPT_CORES);
  return Number.isSafeInteger(share) && share > 0 ? Math.min(share, availableParallelism()) : availableParallelism();
}

/** This machine. */
export const nodeMachine: Machine = {
  get cores() {
    return availableCores();
  },
  startThread: startNodeThread,
  prepareWasm: enableRelaxedSimd,
  native: nodeNative,
  findGpu: () => findGpu(),
  openTuning: () => openTuning(),
};
