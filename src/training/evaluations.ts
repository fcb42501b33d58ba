/**
 * When a training evaluates, and what its evaluations say: that it is learning the text by heart, or that it should end
 * early. Pure functions of options and `Progress`, so that a resumed training decides as one that was never stopped.
 */
import type { PastPlan } from "./schedule.ts";
import type { Progress } from "./train.ts";

/** How often a training evaluates, and when that ends it. */
export interface EvaluationSettings {
  /**
   * Steps between evaluations on held-out documents. null: after steps 1, 2, 5, 10, 20, 50 and every 100; a small text is
   * learnt by heart before step 100.
   */
  readonly evalInterval: number | null;
  /**
   * End the training after this many evaluations in a row, at the interval, without a better held-out loss. The early
   * ones do not count. Default: null, off.
   */
  readonly earlyStop?: number | null;
  /** As in `Schedule`: an extended training has as much patience again. */
  readonly pastPlans?: readonly PastPlan[];
  /** Documents per batch. Default: 1, as in the reference. */
  readonly batchSize?: number;
  /** Batches per step, whose gradients are summed. Default: 1. */
  readonly accumulate?: number;
}

const DEFAULT_INTERVAL = 100;
const EARLY_STEPS: readonly number[] = [1, 2, 5, 10, 20, 50];

/** Steps between the evaluations that follow the early ones. */
export const intervalOf = ({ evalInterval }: Pick<EvaluationSettings, "evalInterval">): number =>
  evalInterval ?? DEFAULT_INTERVAL;

/**
 * Whether a training evaluates after `step`; after its last step it always does. An early evaluation is omitted while it
 * would read more than twice the documents learnt so far: with one document per step and 100 held out, all before step 50.
 * @param heldOut documents per evaluation; with 0, early steps are not special.
 */
export function isEvaluationStep(step: number, settings: EvaluationSettings, heldOut: number): boolean {
  if (step % intervalOf(settings) === 0) return step > 0;
  return settings.evalInterval === null && EARLY_STEPS.includes(step) && isCheap(step, settings, heldOut);
}

/** The number of early evaluations in a training of 50 steps or more. */
export const countEarly = (settings: EvaluationSettings, heldOut: number): number =>
  settings.evalInterval === null ? EARLY_STEPS.filter((step) => isCheap(step, settings, heldOut)).length : 0;

const isCheap = (step: number, { batchSize = 1, accumulate = 1 }: EvaluationSettings, heldOut: number): boolean =>
  heldOut > 0 && heldOut <= 2 * step * batchSize * accumulate;

/**
 * Whether a training has ended early: since the best weights, and since it was extended, there were `earlyStop` evaluations
 * at the interval.
 * @param evaluated the step of the last evaluation. @param best the step of the best weights.
 */
export function hasEndedEarly(
  settings: Pick<EvaluationSettings, "evalInterval" | "earlyStop" | "pastPlans">,
  evaluated: number,
  best: number,
): boolean {
  const { earlyStop = null, pastPlans = [] } = settings;
  if (earlyStop === null) return false;
  const since = Math.max(best, ...pastPlans.map(({ until }) => until));
  const count = (step: number): number => Math.floor(step / intervalOf(settings));
  return count(evaluated) - count(since) >= earlyStop;
}

/** Whether all steps are done, or the training has ended early. */
export function isEnded(settings: EvaluationSettings & { readonly numSteps: number }, progress: Progress): boolean {
  const { step, evaluation, best } = progress;
  if (step >= settings.numSteps) return true;
  return evaluation !== null && best !== null && hasEndedEarly(settings, evaluation.step, best.step);
}

/** The held-out loss has risen if it is this many times the best one; less may be noise. */
const RISEN = 1.03;
/** The training loss is clearly lower than the best held-out loss below this fraction of it. */
const LEARNT = 0.95;

/**
 * Whether the last evaluation says that the text is being learnt by heart: the held-out loss is more than 3 % above the
 * best, and the mean training loss more than 5 % below that. A training that diverges has no low training loss.
 */
export function isLearningByHeart({
  evaluation,
  best,
  meanLoss,
}: Pick<Progress, "evaluation" | "best" | "meanLoss">): boolean {
  if (evaluation === null || best === null || meanLoss === null) return false;
  return evaluation.heldOutLoss > RISEN * best.heldOutLoss && knowsItsText({ best, meanLoss });
}

/** Whether the mean training loss is more than 5 % below the best held-out loss: more steps would help the former alone. */
export const knowsItsText = ({ best, meanLoss }: Pick<Progress, "best" | "meanLoss">): boolean =>
  best !== null && meanLoss !== null && meanLoss < LEARNT * best.heldOutLoss;

/** Says once that a training learns the text by heart: when two evaluations in a row say so and the loss still rises. */
export class OverfittingWatch {
  #previous = Infinity;
  #hasSpoken = false;

  /** Takes the progress after an evaluation; true at most once. */
  take(progress: Progress): boolean {
    const { heldOutLoss } = progress.evaluation!;
    const rises = isLearningByHeart(progress) && heldOutLoss > this.#previous;
    this.#previous = isLearningByHeart(progress) ? heldOutLoss : Infinity;
    if (!rises || this.#hasSpoken) return false;
    this.#hasSpoken = true;
    return true;
  }
}
