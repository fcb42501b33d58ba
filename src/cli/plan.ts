/** `microgpt plan`: finds out what suits a text and this machine, before a training. Writes no run. */
import type { TrainOptions } from "../options/train-options.ts";
import { findLearningRate } from "./find-learning-rate.ts";
import type { FindFlags } from "./find-learning-rate.ts";
import { printPlan } from "./plan-table.ts";

/** The flags of `plan`. */
export interface PlanFlags extends FindFlags {
  /** Whether to suggest a learning rate, in place of the sizes for each time. */
  readonly findLearningRate: boolean;
}

/** Prints what was found out. Resolves to the exit code. Throws InputError for options that cannot be trained with. */
export const plan = async (given: TrainOptions, flags: PlanFlags): Promise<number> =>
  flags.findLearningRate ? await findLearningRate(given, flags) : await printPlan(given, flags);
