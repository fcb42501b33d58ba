/**
 * How many runs fit on this machine at once, by its cores and its memory, and which do not fit at all. The memory of a
 * run is estimated by the formula of `--dry-run` (`run/memory.ts`).
 */
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import type { SweepPlan } from "../experiments/sweep-plan.ts";
import { availableCores } from "../run/machine.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { memoryNeed, sumOf } from "../run/memory.ts";
import { textKey } from "./prepared.ts";
import type { EncodedSize, TextSizes } from "./texts.ts";
import { megabytes } from "../run/format.ts";

/** What a run needs of the machine. */
export interface Need {
  /** Memory in bytes, by the formula. */
  readonly bytes: number;
  /** Why the run does not fit, and what would fit; null if it fits. */
  readonly refusal: string | null;
}

/** How a machine is shared among runs. */
export interface Capacity {
  /** Runs at once. */
  readonly jobs: number;
  /** Cores per run. */
  readonly coresEach: number;
  /** Bytes of memory for all runs together. */
  readonly maxBytes: number;
  /** The need of each run, by its name. */
  readonly needs: ReadonlyMap<string, Need>;
}

/** Usable fraction of the free memory; the rest is a margin for the system and for the formula's error. */
const USABLE = 0.9;

/**
 * Plans how many runs to do at once.
 *
 * @param requestedJobs runs at once; null: as many as cores and memory allow.
 * @param maxBytes memory for all runs together; default: the usable fraction of the free memory.
 */
export async function planCapacity(
  plan: Pick<SweepPlan, "options" | "runs">,
  sizes: TextSizes,
  requestedJobs: number | null,
  maxBytes: number = USABLE * process.availableMemory(),
): Promise<Capacity> {
  const needs = new Map<string, Need>();
  for (const run of plan.runs) {
    const options = resolveOptions(optionsOf(plan, run));
    needs.set(run.name, needOf(options, sizes.get(await textKey(options))!, maxBytes));
  }
  const largest = Math.max(1, ...[...needs.values()].map(({ bytes, refusal }) => (refusal === null ? bytes : 0)));
  const fitting = Math.max(1, Math.floor(maxBytes / largest));
  const cores = availableCores();
  const jobs = requestedJobs ?? Math.min(cores, fitting, plan.runs.length);
  return { jobs, coresEach: Math.max(1, Math.floor(cores / jobs)), maxBytes, needs };
}

function needOf(options: ResolvedOptions, size: EncodedSize, maxBytes: number): Need {
  try {
    const bytes = bytesOf(options, size);
    if (bytes <= maxBytes) return { bytes, refusal: null };
    const remedy = remedyFor(options, size, maxBytes);
    return { bytes, refusal: `it needs ${megabytes(bytes)}, but only ${megabytes(maxBytes)} are available; ${remedy}` };
  } catch (error) {
    if (error instanceof InputError) return { bytes: 0, refusal: error.message };
    throw error;
  }
}

function bytesOf(options: ResolvedOptions, size: EncodedSize): number {
  const { nEmbd, nHead, nLayer, blockSize } = options;
  const config = { vocabSize: size.vocabSize, nEmbd, nHead, nLayer, blockSize };
  return sumOf(memoryNeed(config, options, size).process);
}

/** What to change so that the run fits: the largest batch that does, or else the model. */
function remedyFor(options: ResolvedOptions, size: EncodedSize, maxBytes: number): string {
  for (let batchSize = options.batchSize >> 1; batchSize >= 1; batchSize >>= 1) {
    if (bytesOf({ ...options, batchSize }, size) <= maxBytes) return `--batch-size ${batchSize} would fit`;
  }
  return "a smaller --n-embd, --n-layer, --block-size or vocabulary would fit";
}
