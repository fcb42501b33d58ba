/**
 * The data of a report, gathered from run directories by the caller. Times and memory belong to a machine; everything else
 * is the same wherever the runs were trained.
 */

/** The value of an option in which runs differ. */
export type Setting = string | number | boolean | null;

/** How far a run has come. */
export type RunState = "waiting" | "running" | "stopped" | "finished" | "failed";

/** Numbers against steps; both lists have the same length. */
export interface Curve {
  /** Steps, rising. */
  readonly steps: readonly number[];
  /** The value at each step. */
  readonly values: readonly number[];
}

/** A completion as its tokens, each with the probability that the model gave it. */
export interface ScoredCompletion {
  /** The text that was given. */
  readonly prompt: string;
  /** What the model added. */
  readonly tokens: readonly { readonly text: string; readonly probability: number }[];
}

/** A run as a report shows it. */
export interface ReportRun {
  /** The name of its directory. */
  readonly name: string;
  /** How far it has come. */
  readonly state: RunState;
  /** Why it failed; null where it did not. */
  readonly failure: string | null;
  /** The options in which the runs of this report differ, by flag name without dashes: `{ "n-layer": 2 }`. */
  readonly settings: Readonly<Record<string, Setting>>;
  /** Weights of the model; null before the run has begun. */
  readonly parameters: number | null;
  /** Tokens, BOS included; null before the run has begun. */
  readonly vocabSize: number | null;
  /** Steps done. */
  readonly step: number;
  /** Steps of the whole training. */
  readonly numSteps: number;
  /** Nats per token over all held-out text; null while there is no result. */
  readonly heldOutLoss: number | null;
  /** Bits per byte of the same text, comparable between tokenizers. */
  readonly bitsPerByte: number | null;
  /** The step of the best weights. */
  readonly bestStep: number | null;
  /** Seconds of training, on the machine that did it. */
  readonly seconds: number | null;
  /** Tokens learnt from per second. */
  readonly tokensPerSecond: number | null;
  /** The largest resident memory. */
  readonly peakMemoryBytes: number | null;
  /** Training loss, in nats per token. */
  readonly loss: Curve;
  /** Held-out loss at evaluations, in nats per token. */
  readonly heldOut: Curve;
  /** The same in bits per byte, approximately: an evaluation looks at some of the documents. */
  readonly heldOutBits: Curve;
  /** Texts that the trained model wrote. */
  readonly samples: readonly string[];
  /** What the model made of the report's prompts. */
  readonly completions: readonly ScoredCompletion[];
}

/** How much of the variance of the results an option explains. */
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
  /** The options that mattered, the most important first. */
  readonly importance: readonly Importance[];
}
