/** How many runs fit this machine at once, by its cores and by the formula of `--dry-run` for memory; and which never fit. */
import { InputError } from "../errors.ts";
import { optionsOf } from "../experiments/sweep-plan.ts";
import type { SweepPlan } from "../experiments/sweep-plan.ts";
import { availableCores } from "../run/machine.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { memoryNeed, sumOf } from "../run/memory.ts";
import { textKey } from "./prepared.ts";
import type { TextSizes } from "./texts.ts";
import { megabytes } from "../run/format.ts";

/** What a run needs. */
export interface Need {
  /** Memory in bytes, by the formula. */
  readonly bytes: number;
  /** Why the run does not fit, and what would; null if it fits. */
  readonly refusal: string | null;
}

/** What the machine can do at once. */
export interface Capacity {
  /** Runs at once. */
  readonly jobs: number;
  /** Cores for each job. */
  readonly coresEach: number;
  /** Memory for all jobs together. */
  readonly maxBytes: number;
  /** The need of each run, by its name. */
  readonly needs: ReadonlyMap<string, Need>;
}

/** The usable fraction of free memory; the rest is for the system and the formula's error. */
const USABLE = 0.9;

/**
 * Plans jobs and memory. @param asked jobs at once; null: as many as cores and memory allow. @param maxBytes memory for
 * all jobs together; default: the usable part of what is free.
 */
export async function planCapacity(
  plan: Pick<SweepPlan, "options" | "runs">,
  sizes: TextSizes,
  asked: number | null,
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
  const jobs = asked ?? Math.min(cores, fitting, plan.runs.length);
  return { jobs, coresEach: Math.max(1, Math.floor(cores / jobs)), maxBytes, needs };
}

function needOf(options: ResolvedOptions, size: Parameters<typeof bytesOf>[1], maxBytes: number): Need {
  try {
    const bytes = bytesOf(options, size);
    if (bytes <= maxBytes) return { bytes, refusal: null };
    const remedy = remedyFor(options, size, maxBytes);
    return { bytes, refusal: `it needs ${megabytes(bytes)}, and ${megabytes(maxBytes)} are available; ${remedy}` };
  } catch (error) {
    if (error instanceof InputError) return { bytes: 0, refusal: error.message };
    throw error;
  }
}

function bytesOf(
  options: ResolvedOptions,
  size: TextSizes extends ReadonlyMap<string, infer Size> ? Size : never,
): number {
  const { nEmbd, nHead, nLayer, blockSize } = options;
  const config = { vocabSize: size.vocabSize, nEmbd, nHead, nLayer, blockSize };
  return sumOf(memoryNeed(config, options, size).process);
}

/** What to change: the largest batch that fits, or a smaller model. */
function remedyFor(options: ResolvedOptions, size: Parameters<typeof bytesOf>[1], maxBytes: number): string {
  for (let batchSize = options.batchSize >> 1; batchSize >= 1; batchSize >>= 1) {
    if (bytesOf({ ...options, batchSize }, size) <= maxBytes) return `--batch-size ${batchSize} would fit`;
  }
  return "a smaller --n-embd, --n-layer, --block-size or vocabulary would fit";
}
