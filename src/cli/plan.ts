/** `microgpt plan`: finds out what suits a text and this machine, before a training. Writes no run. */
import type { TrainOptions } from "../options/train-options.ts";
import { InputError } from "../errors.ts";
import { findLearningRate } from "./find-learning-rate.ts";
import type { FindFlags } from "./find-learning-rate.ts";

/** The flags of `plan`. */
export interface PlanFlags extends FindFlags {
  /** Whether to suggest a learning rate. */
  readonly findLearningRate: boolean;
}

/** Prints what was found out. Resolves to the exit code. Throws InputError for options that cannot be trained with. */
export async function plan(given: TrainOptions, flags: PlanFlags): Promise<number> {
  if (!flags.findLearningRate) throw new InputError("plan: nothing is asked for; add --find-learning-rate");
  return await findLearningRate(given, flags);
}
