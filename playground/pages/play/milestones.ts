/** What the loss curve means: the step at which the model became better than each trivial model. */
import { isLearningByHeart } from "../../../src/training/evaluations.ts";
import type { RunHeader } from "../../run/protocol.ts";

/** A trivial model, as a line of the chart. */
export interface Baseline {
  /** For the chart's line. */
  readonly label: string;
  /** In a sentence: "it beat …". */
  readonly name: string;
  /** Its loss on the held-out documents, in nats per token. */
  readonly loss: number;
}

/** The trivial models, worst first. */
export function baselinesOf({
  baselines: { uniform, unigram, bigram },
}: Pick<RunHeader, "baselines">): readonly Baseline[] {
  return [
    { label: "guessing", name: "guessing blindly", loss: uniform },
    { label: "counting tokens", name: "counting single tokens", loss: unigram },
    { label: "counting pairs", name: "counting pairs of tokens", loss: bigram },
  ];
}

/** A point of the held-out curve. */
interface Evaluated {
  readonly step: number;
  readonly heldOutLoss: number;
}

/** A milestone: from this step on the model was better. */
export interface Milestone {
  readonly baseline: Baseline;
  /** The first evaluation below the baseline. */
  readonly step: number;
}

/** The first evaluation below each baseline, for those that were beaten. */
export function milestonesOf(baselines: readonly Baseline[], evaluations: readonly Evaluated[]): readonly Milestone[] {
  return baselines.flatMap((baseline) => {
    const first = evaluations.find(({ heldOutLoss }) => heldOutLoss < baseline.loss);
    return first === undefined ? [] : [{ baseline, step: first.step }];
  });
}

/**
 * One or two sentences on where the model is, from its last evaluation.
 * @param trainingLoss of the steps before it, in nats per token; NaN if they were not seen.
 */
export function verdictOf(
  baselines: readonly Baseline[],
  evaluations: readonly Evaluated[],
  trainingLoss: number,
): string {
  const last = evaluations.at(-1);
  if (last === undefined) return "Not evaluated yet.";
  // A model that is not trained yet guesses blindly.
  const all = [{ step: 0, heldOutLoss: baselines[0].loss }, ...evaluations];
  const best = all.reduce((a, b) => (b.heldOutLoss < a.heldOutLoss ? b : a));
  if (isLearningByHeart({ evaluation: last, best, meanLoss: trainingLoss })) return byHeart(last, best, trainingLoss);
  const beaten = milestonesOf(baselines, evaluations).at(-1);
  const loss = `Held-out loss ${last.heldOutLoss.toFixed(3)} at step ${last.step}`;
  if (beaten === undefined) return `${loss}: still worse than guessing blindly.`;
  return `${loss}. By step ${beaten.step} it beat ${beaten.baseline.name} (${beaten.baseline.loss.toFixed(3)}).`;
}

function byHeart(last: Evaluated, best: Evaluated, trainingLoss: number): string {
  const was = best.step === 0 ? "guessing blindly costs" : `at step ${best.step} it was`;
  return `It has learnt the training text by heart (loss ${trainingLoss.toFixed(3)}) and is lost on other text: held-out loss ${last.heldOutLoss.toFixed(3)} at step ${last.step}; ${was} ${best.heldOutLoss.toFixed(3)}. More text helps, more steps do not.`;
}
