/**
 * What a report tells: plain data, gathered from run directories by whoever asks for the page. Times and memory are of
 * the machine; everything else is the same wherever the runs were trained.
 */

/** The value of an option in which runs differ. */
export type Setting = string | number | boolean | null;

export type RunState = "waiting" | "running" | "stopped" | "finished" | "failed";

/** Numbers against steps; both lists have the same length. */
export interface Curve {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** A text as its tokens, each with the chance (0 to 1) that the model gave it. */
export interface ScoredCompletion {
  readonly prompt: string;
  readonly tokens: readonly { readonly text: string; readonly probability: number }[];
}

export interface ReportRun {
  readonly name: string;
  readonly state: RunState;
  /** Why it failed; null where it did not. */
  readonly failure: string | null;
  /** The options in which the runs of this report differ, by flag name without dashes: `{ "n-layer": 2 }`. */
  readonly settings: Readonly<Record<string, Setting>>;
  readonly parameters: number | null;
  readonly vocabSize: number | null;
  /** Steps done, and steps to do. */
  readonly step: number;
  readonly numSteps: number;
  /** Over everything held out: nats a token, and bits a byte of the text, which tokenizers can be compared by. */
  readonly heldOutLoss: number | null;
  readonly bitsPerByte: number | null;
  readonly bestStep: number | null;
  /** Of training, on the machine that did it. */
  readonly seconds: number | null;
  readonly tokensPerSecond: number | null;
  readonly peakMemoryBytes: number | null;
  /** Training loss, nats a token. */
  readonly loss: Curve;
  /** Held-out loss, nats a token; and the same in bits a byte (about: of the documents that an evaluation looks at). */
  readonly heldOut: Curve;
  readonly heldOutBits: Curve;
  readonly samples: readonly string[];
  readonly completions: readonly ScoredCompletion[];
}

/** How much of the differences between the results an option explains. */
export interface Importance {
  readonly option: string;
  /** Of the results' variance, 0 to 1. */
  readonly share: number;
  /** The mean result of the runs with each value, best first. */
  readonly values: readonly { readonly value: string; readonly mean: number; readonly runs: number }[];
}

export interface ReportData {
  readonly title: string;
  readonly version: string;
  /** Best first; those without a result last. */
  readonly runs: readonly ReportRun[];
  readonly importance: readonly Importance[];
}
