/** What a training says of its beginning and its end, as plain data. Nothing here changes a run: `training.ts` does. */
import type { Baselines } from "../text/baselines.ts";
import { sizeOf } from "../library/training-data.ts";
import type { TrainingBaselines, TrainingData } from "../library/training-data.ts";
import type { RunResult } from "../node/result.ts";
import type { Run } from "../node/run-directory.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { MIN_GAIN, MORE_TIME } from "../options/sizing.ts";
import { VERSION } from "../options/version.ts";
import { countParameters } from "../training/engine.ts";
import type { Engine } from "../training/engine.ts";
import { isEnded, isLearningByHeart, knowsItsText } from "../training/evaluations.ts";
import { countTargets, measureInSlices } from "../training/train.ts";
import type { Measurement, Progress } from "../training/train.ts";
import { commandFor, fasterOf, longerOf, remedyOf, slowerOf } from "./command.ts";
import type { Remedy } from "./command.ts";
import type { Beginning, ExpectedReport, ExplosionReport, OverfittingReport, ResultReport } from "./reporter.ts";
import type { StopRequest } from "./signals.ts";

/** The header of a training. @param engine the engine's name. */
export function beginningOf(
  { path, options }: Run,
  { config, train, heldOut, unit, duplicates, cleaning, unlearnt }: TrainingData,
  baselines: Baselines,
  engine: string,
  why: string | null,
  resumedAt: number,
): Beginning {
  const { vocabSize, ...shape } = config;
  return {
    version: VERSION,
    engine,
    why,
    run: path,
    resumedAt,
    numSteps: options.numSteps,
    documents: train.length,
    heldOut: heldOut.length,
    unit,
    duplicates,
    cleaning,
    unlearnt,
    reference: options.reference,
    vocabSize,
    parameters: countParameters(config),
    shape,
    baselines,
  };
}

/** Whether a training has ended before its last step. */
export const hasEndedEarly = (options: ResolvedOptions, progress: Progress): boolean =>
  isEnded(options, progress) && progress.step < options.numSteps;

/** Whether the last step and the evaluation after it are done, or the training has ended early. */
export function isComplete(
  options: ResolvedOptions,
  { heldOut }: Pick<TrainingData, "heldOut">,
  progress: Progress,
  lastStep: number,
): boolean {
  const { step, evaluation } = progress;
  if (hasEndedEarly(options, progress)) return true;
  return step >= lastStep && (heldOut.length === 0 || evaluation?.step === step);
}

/** Measures an engine's weights on all held-out text; null if a signal asks to stop first. */
export async function measureUntil(
  engine: Engine,
  heldOut: TrainingData["heldOut"],
  stop: StopRequest,
): Promise<Measurement | null> {
  const slices = measureInSlices(engine, heldOut);
  let slice = await slices.next();
  while (slice.done !== true) {
    if ((await stop.heard()) && stop.exitCode !== null) return null;
    slice = await slices.next();
  }
  return slice.value;
}

/** The fields of `result.json` that do not depend on the steps done. */
export function summaryOf(
  { options }: Run,
  data: TrainingData,
  { bitsPerByte }: TrainingBaselines,
): Omit<RunResult, "measured"> {
  const { config, heldOut, heldOutBytes, dataHash } = data;
  return {
    parameters: countParameters(config),
    vocabSize: config.vocabSize,
    numSteps: options.numSteps,
    // A document's first BOS is given, not learnt; windows overlap by one.
    heldOutTokens: heldOut.countTokens() - heldOut.length,
    heldOutBytes,
    data: sizeOf(data),
    dataHash,
    baselines: bitsPerByte,
  };
}

/** Below this learning rate, small models learn little in the usual number of steps. */
const SLOW = 0.001;
/** The mean loss is of the last hundred steps: of fewer, those of new weights are too many. */
const MIN_STEPS = 100;

/** Whether the mean training loss still remembers losses above that of guessing, far above those of the best weights. */
const hasExploded = ({ step, meanLoss, best }: Progress, uniform: number): boolean =>
  step >= MIN_STEPS && meanLoss !== null && best !== null && meanLoss > uniform && meanLoss > 1.1 * best.heldOutLoss;

/** The report of a measurement of the best weights, whose step is in `progress.best`. */
export function resultOf(
  { options, path }: Run,
  { config, heldOut, heldOutBytes, unit, unlearnt }: TrainingData,
  baselines: TrainingBaselines,
  progress: Progress,
  { loss, bits }: Measurement,
): ResultReport {
  const bestStep = progress.best!.step;
  const remedy = (): Remedy | null => {
    const hasOverfitted = isLearningByHeart(progress) && 2 * bestStep <= progress.step;
    const isBad = loss >= baselines.loss.bigram;
    if (hasOverfitted || (isBad && knowsItsText(progress))) return remedyOf(options, unlearnt);
    if (!isBad) return null;
    if (hasExploded(progress, baselines.loss.uniform)) return slowerOf(options);
    const isSlow = options.learningRate < SLOW && loss >= baselines.loss.unigram;
    return isSlow ? fasterOf(options) : longerOf(path, options.numSteps);
  };
  return {
    heldOutLoss: loss,
    bitsPerByte: bits / heldOutBytes,
    blockSize: config.blockSize,
    beganAnew: countTargets(heldOut, config.blockSize) < heldOut.countTokens() - heldOut.length,
    documents: heldOut.length,
    unit,
    baselines: baselines.loss,
    bitBaselines: baselines.bitsPerByte!,
    bestStep,
    step: progress.step,
    remedy: remedy(),
    expected: expectedOf(options),
  };
}

function expectedOf(options: ResolvedOptions): ExpectedReport | null {
  const { expected } = options;
  if (expected === undefined) return null;
  const { seconds, longer, ...expectation } = expected;
  const helps = longer < (1 - MIN_GAIN) * expected.bitsPerByte ? "time" : "text";
  return { ...expectation, longer, helps, command: helps === "time" ? commandFor(options, MORE_TIME * seconds) : null };
}

/** What is said when a training is found to learn its text by heart. */
export function overfittingOf({ step, best, evaluation, meanLoss }: Progress): OverfittingReport {
  return { step, bestStep: best!.step, heldOutLoss: evaluation!.heldOutLoss, meanLoss: meanLoss! };
}

/** What is said when the losses of a training have become absurd. */
export const explosionOf = (
  { options }: Run,
  { step, meanLoss }: Progress,
  { uniform }: TrainingBaselines["loss"],
): ExplosionReport => ({ step, meanLoss: meanLoss!, uniform, change: slowerOf(options).change });

/** Why a training has ended before its last step. */
export function earlyEndText({ numSteps, earlyStop }: ResolvedOptions, { step, best }: Progress): string {
  return `ended early after step ${step} of ${numSteps}: no better held-out loss since step ${best!.step} (--early-stop ${earlyStop})`;
}
