/** What the lessons ask of their worker, and what it answers. */
import type { Position } from "./model/anatomy.ts";
import type { RungName, RungResult, StepReport } from "./model/rungs.ts";
import type { WeightTrace } from "./model/trace.ts";

/** The counts behind the second chapter and the fifth. */
export interface PairCounts {
  /** Names in the training set. */
  readonly names: number;
  /** A letter per token, `·` for BOS, which is last. */
  readonly letters: readonly string[];
  /** [27][27]: row = a token, column = how often each token follows it. */
  readonly counts: readonly (readonly number[])[];
  /** Held-out loss of counting pairs, in nats per token. */
  readonly heldOutLoss: number;
}

/** The inside of the trained GPT with four heads, for one beginning of a name. */
export interface Look {
  readonly letters: readonly string[];
  /** An entry per token read; the first is BOS. */
  readonly positions: readonly Position[];
  /** How much each hidden unit adds to each logit per unit of activity: [64][27]. */
  readonly unitEffects: readonly (readonly number[])[];
}

/** One weight under Adam and under plain gradient descent: the same start, the same names. */
export interface Traces {
  readonly adam: readonly WeightTrace[];
  readonly descent: readonly WeightTrace[];
}

/** The methods of the worker, asynchronous for the page. A model is trained once and then kept. */
export interface LessonMethods {
  counts(): PairCounts;
  climb(name: RungName): RungResult;
  look(text: string): Look;
  traces(): Traces;
}

/** Worker → page, on its own, at most 20 times per second. */
export interface LessonReport {
  readonly type: "progress";
  readonly rung: RungName;
  readonly report: StepReport;
}
