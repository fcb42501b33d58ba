/**
 * What a training reports, as an interface. `cli/plain-reporter.ts` prints it for people, `cli/json-reporter.ts` for
 * programs; the training does not know which.
 */
import type { Baselines } from "../text/baselines.ts";
import type { PageEvent } from "../pages/pages.ts";
import type { NextTokens } from "../library/prompt.ts";
import type { Expectation } from "../options/sizing.ts";
import type { Remedy } from "./command.ts";
import type { MergeReport } from "./merging.ts";
import type { StuckReport } from "./stuck.ts";
import type { Sample } from "../node/samples.ts";
import type { Cleaning } from "../text/corpus.ts";

/** How far the reading of a large text has come. */
export interface ReadingReport {
  /** Fraction of all passes over all texts, 0 to 1. */
  readonly share: number;
  /** Megabytes read so far. */
  readonly megabytes: number;
  /** Estimated seconds left. */
  readonly etaSeconds: number;
}

/** The header of a training. */
export interface Beginning {
  /** The version of microgpt. */
  readonly version: string;
  /** The engine's name. */
  readonly engine: string;
  /** How "auto" chose the engine; null where the options named one, or the model is too small for it to matter. */
  readonly why: string | null;
  /** The run's directory. */
  readonly run: string;
  /** The step that the run was resumed from; 0: new. */
  readonly resumedAt: number;
  /** Steps of the whole training. */
  readonly numSteps: number;
  /** Documents, or windows, to learn from. */
  readonly documents: number;
  /** Documents, or windows, held out. */
  readonly heldOut: number;
  /** What `documents` and `heldOut` count. */
  readonly unit: "document" | "window";
  /** Documents dropped as duplicates. */
  readonly duplicates: number;
  /** What cleaning changed. */
  readonly cleaning: Cleaning;
  /** Fraction of the tokens that no step learns from. */
  readonly unlearnt: number;
  /** Whether `--reference` is on. */
  readonly reference: boolean;
  /** Tokens, BOS included. */
  readonly vocabSize: number;
  /** Weights of the model. */
  readonly parameters: number;
  /** The model's sizes. */
  readonly shape: {
    /** Layers. */
    readonly nLayer: number;
    /** Width. */
    readonly nEmbd: number;
    /** Heads per layer. */
    readonly nHead: number;
    /** Context length in tokens. */
    readonly blockSize: number;
  };
  /** Losses of trivial models. */
  readonly baselines: Baselines;
}

/** A step, for display. */
export interface StepReport {
  /** The step, from 1. */
  readonly step: number;
  /** Steps of the whole training. */
  readonly numSteps: number;
  /** Training loss of this step, nats per token. */
  readonly loss: number;
  /** Its moving mean. */
  readonly meanLoss: number;
  /** The last held-out loss; null before the first. */
  readonly heldOutLoss: number | null;
  /** Tokens learnt from per second, since the process began. */
  readonly tokensPerSecond: number;
  /** Estimated seconds left. */
  readonly etaSeconds: number;
}

/** The first sign that a training learns its text by heart. */
export interface OverfittingReport {
  /** The step of the evaluation that shows it. */
  readonly step: number;
  /** The step of the best weights so far: since then the held-out loss has risen. */
  readonly bestStep: number;
  /** The held-out loss now, nats per token. */
  readonly heldOutLoss: number;
  /** The mean training loss now, nats per token. */
  readonly meanLoss: number;
}

/** The first sign that a training explodes: its losses are many times that of guessing. */
export interface ExplosionReport {
  /** The step of the evaluation that shows it. */
  readonly step: number;
  /** The mean training loss now, nats per token. */
  readonly meanLoss: number;
  /** The loss of guessing blindly, nats per token. */
  readonly uniform: number;
  /** What helps most, as flags. */
  readonly change: string;
}

/** The result of a training. */
export interface ResultReport {
  /** Nats per token over the first blockSize tokens of each held-out document, with the best weights. */
  readonly heldOutLoss: number;
  /** Bits per byte of the whole held-out text: the number by which runs are compared. */
  readonly bitsPerByte: number;
  /** Context length in tokens. */
  readonly blockSize: number;
  /** Whether a document is longer than the block, so that the model's context restarted within it. */
  readonly beganAnew: boolean;
  /** Held-out documents, or windows. */
  readonly documents: number;
  /** What `documents` counts. */
  readonly unit: "document" | "window";
  /** Losses of trivial models on the same tokens as `heldOutLoss`. */
  readonly baselines: Baselines;
  /** Their bits per byte of the whole held-out text. */
  readonly bitBaselines: Baselines;
  /** The step of the best weights. */
  readonly bestStep: number;
  /** Steps done. */
  readonly step: number;
  /**
   * What helps, where the model learnt the text by heart long before its last step, or where it is worse than a bigram table
   * and was still learning; null elsewhere.
   */
  readonly remedy: Remedy | null;
  /** What was expected, and what would help most; null where the sizes were not chosen for the time. */
  readonly expected: ExpectedReport | null;
}

/** What a training reached, compared with what was expected of it. */
export interface ExpectedReport extends Expectation {
  /** What would help most: three times the time, or more text, where that would change hardly anything. */
  readonly helps: "time" | "text";
  /** Bits per byte that are expected of three times the time. */
  readonly longer: number;
  /** The command that trains for longer; null for a text that cannot be read again, or where more text helps. */
  readonly command: string | null;
}

/** A text that the model wrote. */
export type SampleReport = Sample;

/** A prompt, and what the model made of it. */
export interface CompletionReport {
  /** As it was given. */
  readonly prompt: string;
  /** What the model added. */
  readonly completion: string;
  /** The whole text; it begins with the prompt, but for unknown pieces and spacing. */
  readonly text: string;
  /** Pieces of the prompt that are not in the vocabulary, with their counts. */
  readonly unknown: Readonly<Record<string, number>>;
}

/** The next tokens after a prompt, the likeliest first. */
export interface NextTokensReport extends NextTokens {
  /** As it was given. */
  readonly prompt: string;
}

/** Receives the events of a training. */
export interface Reporter {
  /** Progress while a large text is read. */
  reading(reading: ReadingReport): void;
  /** A merge is learnt; called for each. */
  merge(merge: MergeReport): void;
  /** An event of a page that is fetched. */
  page(event: PageEvent): void;
  /** The header. */
  begin(beginning: Beginning): void;
  /** A step is done. */
  step(report: StepReport): void;
  /** The same at each evaluation interval, after the evaluation. */
  milestone(report: StepReport): void;
  /** The training learns its text by heart; called at most once per process. */
  overfitting(report: OverfittingReport): void;
  /** The losses have become absurd; called at most once per process. */
  exploding(report: ExplosionReport): void;
  /** The model has learnt nothing but how frequent tokens are; called at most once per process. */
  stuck(report: StuckReport): void;
  /** A step was skipped because a number was not finite; `skipped` counts all of them so far. */
  skipped(step: number, skipped: number): void;
  /** A checkpoint was saved. */
  saved(step: number, run: string): void;
  /** The final measurement. */
  result(report: ResultReport): void;
  /** The samples. */
  samples(samples: readonly SampleReport[]): void;
  /** A prompt is answered. @param number counts the prompts from 1. */
  completion(completion: CompletionReport, number: number): void;
  /** The next tokens after a prompt are asked for. */
  nextTokens(report: NextTokensReport): void;
  /** A warning; the run continues. */
  warn(message: string): void;
  /** A message. */
  note(message: string): void;
}
