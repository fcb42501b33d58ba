/** Notices a training that has learnt nothing but how frequent each token is, and names the likeliest cause. */
import type { Baselines } from "../text/baselines.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import type { Progress } from "../training/train.ts";
import { fasterOf, slowerOf } from "./command.ts";

/** The first sign that a training is stuck. */
export interface StuckReport {
  /** The step of the evaluation that shows it. */
  readonly step: number;
  /** The lowest held-out loss so far, nats per token. */
  readonly heldOutLoss: number;
  /** The loss of a table of token counts, nats per token. */
  readonly unigram: number;
  /** The likeliest cause: the learning rate is too low or too high, or the order of this text's tokens tells hardly anything. */
  readonly cause: "too slow" | "too fast" | "no order";
  /** What helps, as flags; null: another text. */
  readonly change: string | null;
}

/** Before so much of a training, nothing is said. */
const [MIN_STEPS, MIN_SHARE] = [100, 0.25];
/** A loss within 2 % of another is no better. */
const NO_BETTER = 0.98;
/** Learning rates up to the first are low for these models, from the second on they are high. */
const [LOW, HIGH] = [0.001, 0.03];

/** Says once that a training is stuck. */
export class StuckWatch {
  #hasSpoken = false;

  /** Takes the progress after an evaluation; not null at most once. @param baselines of the held-out loss. */
  take(options: ResolvedOptions, { step, best }: Progress, { unigram, bigram }: Baselines): StuckReport | null {
    if (this.#hasSpoken || best === null || step < Math.max(MIN_STEPS, MIN_SHARE * options.numSteps)) return null;
    const { heldOutLoss } = best;
    if (heldOutLoss < NO_BETTER * unigram) return null;
    const { cause, change } = causeOf(options, bigram >= NO_BETTER * unigram);
    if (cause === null) return null;
    this.#hasSpoken = true;
    return { step, heldOutLoss, unigram, cause, change };
  }
}

function causeOf(
  options: ResolvedOptions,
  hasNoOrder: boolean,
): Pick<StuckReport, "change"> & { readonly cause: StuckReport["cause"] | null } {
  const { learningRate } = options;
  if (learningRate <= LOW) return { cause: "too slow", change: fasterOf(options).change };
  if (learningRate >= HIGH) return { cause: "too fast", change: slowerOf(options).change };
  return { cause: hasNoOrder ? "no order" : null, change: null };
}
