/** What the page of one step asks of its worker. */
import type { TracedStep } from "../../../src/trace/trace-step.ts";

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

/** The methods of the worker, asynchronous for the page. Each throws Error with a sentence for the visitor. */
export interface StepMethods {
  /** A step on a document, after some steps of training. */
  trace(request: { readonly document: string; readonly stepsBefore: number }): StepData;
  /** d(loss)/d(weight) by a finite difference, at the weights before the step that was traced last. */
  check(weight: number): number;
}
