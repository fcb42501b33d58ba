/** The result of a training: its best weights on all held-out text. `run/outcome.ts` does the same, and heeds signals. */
import type { ResolvedOptions } from "../options/resolve.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import { measureInSlices } from "../training/train.ts";
import { openEngine } from "./engines.ts";
import type { Machine } from "./machine.ts";
import type { BestWeights } from "./trainer.ts";
import type { TrainingData } from "./training-data.ts";

/** The best weights of a training, measured on all held-out text. */
export interface HeldOutResult {
  /** Their step. */
  readonly step: number;
  /** Nats per token, over the first blockSize tokens of each held-out document. */
  readonly heldOutLoss: number;
  /** Bits per byte of the whole held-out text, comparable between tokenizers. */
  readonly bitsPerByte: number;
}

/** Measures weights on an engine of its own. */
export async function measureBest(
  { config, heldOut, heldOutBytes }: TrainingData,
  { evaluation, weights }: BestWeights,
  options: ResolvedOptions,
  machine: Machine,
): Promise<HeldOutResult> {
  const engine = await openEngine(config, weights, options, machine, () => {});
  try {
    const slices = measureInSlices(engine, heldOut);
    let slice = await slices.next();
    while (slice.done !== true) slice = await slices.next();
    const { loss, bits } = slice.value;
    return { step: evaluation.step, heldOutLoss: loss, bitsPerByte: bits / heldOutBytes };
  } finally {
    if (engine instanceof TensorEngine) engine.close();
  }
}
