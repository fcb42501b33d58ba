/** What came of a broken core beside the intact one: a verdict by fixed limits, and sentences made of the measured numbers. */
import { short } from "../../widgets/numbers.ts";
import type { Outcome } from "./trial.ts";
import type { Variant } from "./variants.ts";

/** What a visitor can predict, and what can be observed. */
export type Verdict = "better" | "about the same" | "a little worse" | "much worse" | "diverges";
/** All verdicts, from good to bad. */
export const VERDICTS: readonly Verdict[] = ["better", "about the same", "a little worse", "much worse", "diverges"];

/** What the verdicts mean, in nats per token of held-out loss. */
export const LIMITS: { readonly same: number; readonly much: number; readonly blind: number } = {
  same: 0.02,
  much: 0.3,
  blind: Math.log(27),
};

/** Outcomes to compare. */
export interface Comparison {
  readonly intact: Outcome;
  readonly broken: Outcome;
  /** The intact core from other initial weights: how much luck decides. */
  readonly other: Outcome;
}

/** The last held-out loss. */
export const finalLoss = ({ points }: Outcome): number => points.at(-1)!.loss;

/** How far apart two intact trainings end, in nats. */
export const luckOf = ({ intact, other }: Comparison): number => Math.abs(finalLoss(intact) - finalLoss(other));

/** The verdict. Differences within luck, or below 0.02 nats, are none. */
export function verdictOf(comparison: Comparison): Verdict {
  const [loss, intact] = [finalLoss(comparison.broken), finalLoss(comparison.intact)];
  if (!Number.isFinite(loss) || loss > LIMITS.blind) return "diverges";
  const difference = loss - intact;
  if (Math.abs(difference) <= Math.max(LIMITS.same, luckOf(comparison))) return "about the same";
  if (difference < 0) return "better";
  return difference > LIMITS.much ? "much worse" : "a little worse";
}

/** What was observed, in sentences. */
export function observations(variant: Variant, comparison: Comparison): string[] {
  const { intact, broken } = comparison;
  const [loss, reference] = [finalLoss(broken), finalLoss(intact)];
  return [measured(loss, reference, broken), luck(comparison), ...cheating(comparison), writing(broken), variant.why];
}

function measured(loss: number, reference: number, { points }: Outcome): string {
  const { step } = points.at(-1)!;
  const beside = `the intact core ends at ${short(reference)}`;
  if (!Number.isFinite(loss)) return `After ${step} steps its loss is not a number any more; ${beside}.`;
  const versus = loss > LIMITS.blind ? `, worse than guessing blindly (ln 27 = ${short(LIMITS.blind)})` : "";
  return `After ${step} steps its held-out loss is ${short(loss)}${versus}; ${beside}: a difference of ${short(loss - reference)} nats per token.`;
}

function luck(comparison: Comparison): string {
  return `Two intact trainings that differ only in their first random weights end ${short(luckOf(comparison))} apart: smaller differences say nothing.`;
}

/** A held-out loss that the intact core does not confirm was measured with help. */
function cheating({ broken, intact }: Comparison): string[] {
  const [own, honest] = [finalLoss(broken), broken.honest];
  if (!(own < finalLoss(intact) - LIMITS.much)) return [];
  return [
    `That held-out loss is cheating: it was measured with the future in view. The intact core, which sees only the past, measures ${short(honest)} for the very same weights.`,
  ];
}

function writing({ samples }: Outcome): string {
  if (samples === null) return "It cannot write at all: its weights are not numbers.";
  const letters = samples.join("");
  const different = new Set(letters).size;
  return `Its ${samples.length} samples have ${letters.length} letters, ${different} different ones.`;
}
