/** What a training in memory takes: the options of the command for model and training, callbacks, a signal. */
import { InputError } from "../errors.ts";
import { checkOptions, TRAIN_OPTIONS } from "../options/config.ts";
import { checkTogether } from "../options/option-rules.ts";
import { resolveOptions } from "../options/resolve.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import type { TrainOptions } from "../options/train-options.ts";
import type { MergeEvent } from "../text/tokenizers/learn-merges.ts";
import type { TrainEvent } from "../training/train.ts";

/** Options for files, pages, runs and samples: meaningless in the library, which takes texts and returns a model. */
const COMMAND_ONLY = [
  "data",
  "encoding",
  "urls",
  "urlFile",
  "field",
  "noCache",
  "cacheDir",
  "ignoreRobots",
  "allowHost",
  "numSamples",
  "temperature",
  "saveInterval",
  "keep",
  "keepC",
  "log",
] as const;

/** The options of `microgpt train` for model and training, with the same names, defaults and limits. */
export type ModelOptions = Partial<Omit<TrainOptions, (typeof COMMAND_ONLY)[number]>>;

/** A finished step. */
export type StepEvent = Extract<TrainEvent, { type: "step" | "skipped" }>;
/** A finished evaluation. */
export type EvaluationEvent = Extract<TrainEvent, { type: "evaluation" }>;

/** Callbacks of a training, and the signal that aborts it. */
export interface TrainCallbacks {
  /** Called after each step except skipped ones; `step` counts from 1. */
  readonly onStep?: (event: Extract<StepEvent, { type: "step" }>) => void;
  /** Called after each step that was skipped because its loss or gradients were not finite. */
  readonly onSkipped?: (event: Extract<StepEvent, { type: "skipped" }>) => void;
  /** Called after each evaluation on the held-out documents. */
  readonly onEvaluation?: (event: EvaluationEvent) => void;
  /** bpe, byte-bpe: called after each merge that the tokenizer learns. */
  readonly onMerge?: (event: MergeEvent) => void;
  /** Called with warnings for the user. Default: they are dropped. */
  readonly onWarning?: (message: string) => void;
  /** Aborts the training: its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Everything that `train` and `Trainer.create` take besides the texts. */
export type TrainerOptions = ModelOptions & TrainCallbacks;

const CALLBACKS = ["onStep", "onSkipped", "onEvaluation", "onMerge", "onWarning", "signal"] as const;

/** Checks and resolves a user's options. Throws InputError for an unknown name or an invalid value. */
export function resolveModelOptions(options: TrainerOptions): { given: TrainOptions; resolved: ResolvedOptions } {
  const typed = Object.fromEntries(
    Object.entries(options).filter(
      ([key, value]) => value !== undefined && !CALLBACKS.some((callback) => callback === key),
    ),
  );
  const foreign = COMMAND_ONLY.find((key) => Object.hasOwn(typed, key));
  if (foreign !== undefined) {
    throw new InputError(
      `options: ${foreign} is an option of the command only; the library takes texts and returns a model`,
    );
  }
  const given = checkOptions(TRAIN_OPTIONS, typed);
  checkTogether(given);
  return { given, resolved: resolveOptions(given) };
}
