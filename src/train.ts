/**
 * The training loop: step after step, an evaluation now and then. It knows no disk and no terminal; it yields what
 * happened and waits, so that whoever listens can save, print or stop between two steps.
 */
import type { Engine, Tokens } from "./engine.ts";
import { InputError } from "./errors.ts";
import { learningRateAt } from "./schedule.ts";
import type { ScheduleSettings } from "./schedule.ts";

export interface TrainSettings extends ScheduleSettings {
  /** Documents of a batch, and batches of a step: their gradients are summed, every token with the same weight. */
  readonly batchSize: number;
  readonly accumulate: number;
  readonly weightDecay: number;
  readonly clipNorm: number | null;
  /** Evaluate after every so many steps, and after the last. */
  readonly evalInterval: number;
}

/** The reference's: one document a step, the learning rate down to 0 in a straight line. */
export const REFERENCE_SETTINGS: TrainSettings = {
  numSteps: 1000,
  learningRate: 0.01,
  warmupSteps: 0,
  schedule: "linear",
  batchSize: 1,
  accumulate: 1,
  weightDecay: 0,
  clipNorm: null,
  evalInterval: 100,
};

/** How far a training has come: plain JSON, a part of every checkpoint. */
export interface Progress {
  /** Steps done. Each has learnt from the next `batchSize · accumulate` documents, round and round. */
  step: number;
  /** A moving mean of the training loss over about the last hundred steps; null before the first. */
  meanLoss: number | null;
  /** How many of the last steps, one after another, were skipped. */
  skipped: number;
  /** The last evaluation, and the one with the lowest loss; null before the first. */
  evaluation: Evaluation | null;
  best: Evaluation | null;
}

/** The loss over held-out documents after `step` steps. */
export interface Evaluation {
  readonly step: number;
  readonly heldOutLoss: number;
}

export const newProgress = (): Progress => ({ step: 0, meanLoss: null, skipped: 0, evaluation: null, best: null });

export type TrainEvent =
  /** A step is done; `step` counts from 1. `tokens` of it were learnt from. */
  | { type: "step"; step: number; loss: number; meanLoss: number; learningRate: number; tokens: number }
  /** A step that changed nothing, because its loss or its gradient was no finite number. */
  | { type: "skipped"; step: number }
  /** Part of an evaluation is done: a moment to look up. A training stopped here evaluates again when resumed. */
  | { type: "evaluating"; step: number }
  /** An evaluation is done; `best` if its loss is the lowest so far. */
  | { type: "evaluation"; step: number; heldOutLoss: number; best: boolean };

/**
 * Trains from `progress` on, which it keeps up to date, to the end. Between two events nothing moves: the engine can be
 * saved, and the caller can stop for good by leaving the loop.
 * Throws InputError (exit code 3) if the loss or the gradient is no finite number for five steps in a row.
 * @param train documents as tokens; must not be empty. @param heldOut likewise; empty: no evaluations.
 */
export async function* trainSteps(
  engine: Engine,
  train: readonly Tokens[],
  heldOut: readonly Tokens[],
  settings: TrainSettings,
  progress: Progress,
): AsyncGenerator<TrainEvent, void, void> {
  const isDue = ({ step, evaluation }: Progress): boolean =>
    heldOut.length > 0 &&
    evaluation?.step !== step &&
    (step === settings.numSteps || (step > 0 && step % settings.evalInterval === 0));
  for (;;) {
    if (isDue(progress)) yield* evaluateStep(engine, heldOut, progress);
    if (progress.step >= settings.numSteps) return;
    yield await trainStep(engine, train, settings, progress);
  }
}

/** Skipped steps in a row after which the training is given up. One may be a bad batch; five are the weights. */
const MAX_SKIPPED = 5;

async function trainStep(
  engine: Engine,
  train: readonly Tokens[],
  settings: TrainSettings,
  progress: Progress,
): Promise<TrainEvent> {
  const { weightDecay, clipNorm } = settings;
  const batches = batchesOf(train, progress.step, settings);
  const learningRate = learningRateAt(progress.step, settings);
  const { loss, applied } = await engine.step(batches, { step: progress.step, learningRate, weightDecay, clipNorm });
  const step = ++progress.step;
  if (!applied) {
    if (++progress.skipped >= MAX_SKIPPED) throw divergence(step, loss);
    return { type: "skipped", step };
  }
  progress.skipped = 0;
  // The plain mean of the first hundred losses, then an exponential one with as long a memory.
  const meanLoss = (progress.meanLoss ?? loss) + (loss - (progress.meanLoss ?? loss)) / Math.min(step, 100);
  progress.meanLoss = meanLoss;
  const tokens = batches.reduce((sum, batch) => sum + countTargets(batch, engine.config.blockSize), 0);
  return { type: "step", step, loss, meanLoss, learningRate, tokens };
}

/** The documents of a step, in the reference's order: number (step · accumulate + a) · batchSize + b, round and round. */
function batchesOf(
  train: readonly Tokens[],
  step: number,
  { batchSize, accumulate }: Pick<TrainSettings, "batchSize" | "accumulate">,
): Tokens[][] {
  return Array.from({ length: accumulate }, (_, a) =>
    Array.from({ length: batchSize }, (__, b) => train[((step * accumulate + a) * batchSize + b) % train.length]),
  );
}

async function* evaluateStep(
  engine: Engine,
  heldOut: readonly Tokens[],
  progress: Progress,
): AsyncGenerator<TrainEvent, void, void> {
  const { step } = progress;
  const parts = evaluateInParts(engine, heldOut);
  let part = await parts.next();
  for (; part.done !== true; part = await parts.next()) yield { type: "evaluating", step };
  const heldOutLoss = part.value;
  if (!Number.isFinite(heldOutLoss)) throw divergence(step, heldOutLoss);
  const best = progress.best === null || heldOutLoss < progress.best.heldOutLoss;
  progress.evaluation = { step, heldOutLoss };
  if (best) progress.best = progress.evaluation;
  yield { type: "evaluation", step, heldOutLoss, best };
}

/** The mean loss per token over the documents; yields after every few of them, for whoever must not wait for all. */
export async function* evaluateInParts(
  engine: Engine,
  documents: readonly Tokens[],
): AsyncGenerator<void, number, void> {
  const DOCUMENTS_A_PART = 16;
  let [sum, count] = [0, 0];
  for (let start = 0; start < documents.length; start += DOCUMENTS_A_PART) {
    const part = documents.slice(start, start + DOCUMENTS_A_PART);
    const targets = countTargets(part, engine.config.blockSize);
    sum += (await engine.evaluate(part)) * targets;
    count += targets;
    yield;
  }
  return sum / count;
}

/** How many tokens of the documents have a loss: at most blockSize each; the first BOS has none. */
export function countTargets(documents: readonly Tokens[], blockSize: number): number {
  return documents.reduce((sum, tokens) => sum + Math.min(blockSize, tokens.length - 1), 0);
}

function divergence(step: number, loss: number): InputError {
  return new InputError(
    `train: the loss or the gradient of step ${step} is no finite number (loss ${loss}); the training has diverged;` +
      " try a smaller --learning-rate or --clip-norm. What was saved before is kept",
    3,
  );
}
