/**
 * How a training tells what it does: to a person at a terminal, to a pipe, or to a program (`--json`).
 * One interface; the training does not know who listens. Who does is in `plain-reporter.ts` and `json-reporter.ts`.
 */
import type { Baselines } from "../text/baselines.ts";
import type { PageEvent } from "../pages/pages.ts";
import type { Cleaning } from "../text/corpus.ts";

/** How far the reading of a large text has come. */
export interface ReadingReport {
  /** Of all passes over all texts, from 0 to 1. */
  readonly share: number;
  readonly megabytes: number;
  readonly etaSeconds: number;
}

export interface Beginning {
  readonly version: string;
  readonly engine: string;
  /** What "auto" found; null where the engine was asked for. */
  readonly why: string | null;
  readonly run: string;
  readonly resumedAt: number;
  readonly numSteps: number;
  /** How many there are to learn from and held out; what they are. */
  readonly documents: number;
  readonly heldOut: number;
  readonly unit: "document" | "window";
  readonly duplicates: number;
  readonly cleaning: Cleaning;
  /** The share of the tokens that no step learns from. */
  readonly unlearnt: number;
  readonly reference: boolean;
  readonly vocabSize: number;
  readonly parameters: number;
  readonly shape: {
    readonly nLayer: number;
    readonly nEmbd: number;
    readonly nHead: number;
    readonly blockSize: number;
  };
  readonly baselines: Baselines;
}

export interface StepReport {
  readonly step: number;
  readonly numSteps: number;
  readonly loss: number;
  readonly meanLoss: number;
  readonly heldOutLoss: number | null;
  readonly tokensPerSecond: number;
  readonly etaSeconds: number;
}

export interface ResultReport {
  /** Over everything that is held out, with the weights that are kept. */
  readonly heldOutLoss: number;
  /** Of the whole held-out text, as `RunResult` has it. */
  readonly bitsPerByte: number | null;
  /** Whether the model can't look back far enough for the longest of them, and began anew in the middle. */
  readonly beganAnew: boolean;
  readonly documents: number;
  readonly unit: "document" | "window";
  readonly baselines: Baselines;
  readonly bestStep: number;
}

export interface SampleReport {
  readonly text: string;
  /** Whether the very same document is in the data; null where that was not asked. */
  readonly known: boolean | null;
}

export interface Reporter {
  /** A large text is being read. */
  reading(reading: ReadingReport): void;
  /** Something happened to a page that is being fetched. */
  page(event: PageEvent): void;
  begin(beginning: Beginning): void;
  step(report: StepReport): void;
  /** At the evaluation interval, after the step of the same number. */
  milestone(report: StepReport): void;
  /** A step has moved nothing, because a number was not finite; `skipped` of all steps so far did. */
  skipped(step: number, skipped: number): void;
  saved(step: number, run: string): void;
  result(report: ResultReport): void;
  samples(samples: readonly SampleReport[]): void;
  /** Something a person should know, and the run goes on. */
  warn(message: string): void;
  note(message: string): void;
}
