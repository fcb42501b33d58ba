/**
 * The data of a report, as the caller reads it from run directories (`sweep/comparison.ts`). Times and memory depend on
 * the machine; everything else is the same wherever the runs were trained.
 */

/** The value of an option in which runs differ. */
export type Setting = string | number | boolean | null;

/** The progress of a run. */
export type RunState = "waiting" | "running" | "stopped" | "finished" | "failed";

/** A quantity over the steps; both lists have the same length. */
export interface Curve {
  /** Steps, ascending. */
  readonly steps: readonly number[];
  /** The value at each step. */
  readonly values: readonly number[];
}

/** A completion, with the probability that the model gave each token. */
export interface ScoredCompletion {
  /** The text that the model continues; `""`: none. */
  readonly prompt: string;
  /** The tokens that the model added, each as its text. */
  readonly tokens: readonly { readonly text: string; readonly probability: number }[];
}

/** A text that a model generated. */
export interface ReportSample {
  /** The text. */
  readonly text: string;
  /** How it relates to the data; null if unknown. */
  readonly mark: "in the data" | "near" | "new" | "empty" | null;
  /** The document that it is near to; null if none. */
  readonly near: string | null;
}

/** A run as a report shows it. */
export interface ReportRun {
  /** The name of its directory. */
  readonly name: string;
  /** Its progress. */
  readonly state: RunState;
  /** Why it failed; null where it did not. */
  readonly failure: string | null;
  /** The options in which the runs of this report differ, by flag name without dashes: `{ "n-layer": 2 }`. */
  readonly settings: Readonly<Record<string, Setting>>;
  /** Number of weights; null before the run has begun. */
  readonly parameters: number | null;
  /** Size of the vocabulary, including BOS; null before the run has begun. */
  readonly vocabSize: number | null;
  /** Steps done. */
  readonly step: number;
  /** Steps of the whole training. */
  readonly numSteps: number;
  /** Nats per token over all held-out text; null while there is no result. */
  readonly heldOutLoss: number | null;
  /** Bits per byte of the same text, comparable between tokenizers; null while there is no result. */
  readonly bitsPerByte: number | null;
  /** The best of two trivial models that is better than this one, on the whole held-out text; null if none is known to be. */
  readonly worseThan: "uniform" | "bigram" | null;
  /** Which held-out text, counted from 1: results of different texts cannot be compared. null while there is no result. */
  readonly heldOutText: number | null;
  /** The step of the best weights; null while there is no result. */
  readonly bestStep: number | null;
  /** Seconds of training, on the machine that trained it; null if not measured. */
  readonly seconds: number | null;
  /** Training tokens per second; null if not measured. */
  readonly tokensPerSecond: number | null;
  /** Peak resident memory in bytes; null if not measured. */
  readonly peakMemoryBytes: number | null;
  /** Training loss, in nats per token. */
  readonly loss: Curve;
  /** Held-out loss at evaluations, in nats per token. */
  readonly heldOut: Curve;
  /**
   * Bits per byte of the whole held-out text. At the best step it is `bitsPerByte`. Elsewhere it is estimated in
   * proportion to `heldOut`, if the loss covers whole documents; of longer ones only that point is known.
   */
  readonly heldOutBits: Curve;
  /** Texts that the trained model generated without a prompt. */
  readonly samples: readonly ReportSample[];
  /** The model's completions of the report's prompts. */
  readonly completions: readonly ScoredCompletion[];
}

/** The share of the results' variance that an option explains. */
export interface Importance {
  /** The option's flag, without dashes. */
  readonly option: string;
  /** Fraction of the results' variance, 0 to 1. */
  readonly share: number;
  /** The mean result of the runs with each value, best first. */
  readonly values: readonly { readonly value: string; readonly mean: number; readonly runs: number }[];
}

/** A whole report. */
export interface ReportData {
  /** The heading. */
  readonly title: string;
  /** The version of microgpt that made it. */
  readonly version: string;
  /** Best first; those without a result last. */
  readonly runs: readonly ReportRun[];
  /** The options that mattered, most important first. */
  readonly importance: readonly Importance[];
}
