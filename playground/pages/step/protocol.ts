/** Messages between the page of one step and its worker. Each request has one answer with the same id. */
import type { TracedStep } from "../../../src/trace/trace-step.ts";

/** Page → worker. */
export type StepRequest =
  | { readonly type: "trace"; readonly id: number; readonly document: string; readonly stepsBefore: number }
  | { readonly type: "check"; readonly id: number; readonly weight: number };

/** A traced step and what the page shows beside it. */
export interface StepData {
  readonly step: TracedStep;
  /** Each token as text, [vocabSize]; the last is BOS. */
  readonly characters: readonly string[];
  /** Adam's m before the step, [weights]. */
  readonly meanBefore: Float64Array<ArrayBuffer>;
  /** Adam's v before the step, [weights]. */
  readonly meanSquareBefore: Float64Array<ArrayBuffer>;
}

/** Worker → page. */
export type StepAnswer =
  | { readonly type: "traced"; readonly id: number; readonly data: StepData }
  | { readonly type: "checked"; readonly id: number; readonly difference: number }
  | { readonly type: "refused"; readonly id: number; readonly message: string };
