/** `microgpt plan`: finds out what suits a text and this machine, before a training. Writes no run. */
import type { TrainOptions } from "../options/train-options.ts";
import { findLearningRate } from "./find-learning-rate.ts";
import { printPlan } from "./plan-table.ts";
import type { PlanFlags } from "./trial.ts";

/**
 * Prints what was found out. Resolves to the exit code. Throws InputError for options that cannot be trained with.
 * @param rate whether to suggest a learning rate, in place of the sizes for each time.
 */
export const plan = async (given: TrainOptions, flags: PlanFlags, rate: boolean): Promise<number> =>
  rate ? await findLearningRate(given, flags) : await printPlan(given, flags);
