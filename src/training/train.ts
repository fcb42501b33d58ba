/**
 * The training loop: steps, with an evaluation at intervals. It knows no disk and no terminal. It yields each event and
 * waits, so the caller can save, print or stop between steps.
 */
import type { Engine, StepResult } from "./engine.ts";
import type { Sequence, Tokens } from "../text/token-sequences.ts";
import { InputError } from "../errors.ts";
import { Pacer } from "./pacer.ts";
import { learningRateAt } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

/** How to train. */
export interface TrainSettings extends Schedule {
  /** Steps between evaluations; the last step is always evaluated. */
  readonly evalInterval: number;
  /** Documents per batch. Default: 1, the reference's. */
  readonly batchSize?: number;
  /** Batches per step, whose gradients are summed. Default: 1. */
  readonly accumulate?: number;
  /** As in `Update`. Default: 0, off. */
  readonly weightDecay?: number;
  /** As in `Update`. Default: null, off. */
  readonly clipNorm?: number | null;
  /** Stop after this many steps, evaluated, though the schedule extends to `numSteps`. Default: null, at its end. */
  readonly until?: number | null;
  /**
   * Whether no further step may be in flight when `step` has ended, because the caller may save or stop there. Default:
   * after every step.
   */
  readonly mustDrain?: (step: number) => boolean;
}

/** How far a training has come: plain JSON, stored in every checkpoint. */
export interface Progress {
  /** Steps done, skipped ones included. */
  step: number;
  /** Skipped steps: their loss or a gradient was not finite, and nothing moved. */
  skipped: number;
  /** Skipped steps since the last good one. */
  skippedInARow: number;
  /** Moving mean of the training loss over about the last hundred steps; null before the first. */
  meanLoss: number | null;
  /** The last evaluation; null before the first. */
  evaluation: Evaluation | null;
  /** The evaluation with the lowest loss; null before the first. */
  best: Evaluation | null;
}

/** The result of an evaluation on held-out documents. */
export interface Evaluation {
  /** Steps done. */
  readonly step: number;
  /** Nats per token. */
  readonly heldOutLoss: number;
}

/** The progress of a training that has not begun. */
export const newProgress = (): Progress => ({
  step: 0,
  skipped: 0,
  skippedInARow: 0,
  meanLoss: null,
  evaluation: null,
  best: null,
});

/** What happened in a training. */
export type TrainEvent =
  /** A step is done; `step` counts from 1. It learnt from `tokens` tokens; `inFlight` later steps have begun. */
  | {
      type: "step";
      step: number;
      loss: number;
      meanLoss: number;
      learningRate: number;
      tokens: number;
      inFlight: number;
    }
  /** A step was skipped: its loss or a gradient was not finite, and nothing moved. `skipped` counts all of these. */
  | { type: "skipped"; step: number; skipped: number; learningRate: number; inFlight: number }
  /** A slice of an evaluation is done. A training stopped here evaluates again when resumed. */
  | { type: "evaluating"; step: number }
  /** An evaluation is done; `best`: its loss is the lowest so far. */
  | { type: "evaluation"; step: number; heldOutLoss: number; best: boolean };

/** One bad batch is forgiven; this many in a row means the weights have diverged. */
const MAX_SKIPPED_IN_A_ROW = 5;

/**
 * Trains from `progress`, which it keeps up to date, to the end. At an event with no step `inFlight` the engine is idle: it
 * can be saved, and the caller can stop by leaving the loop. Lets the event loop run every 10 ms.
 * A step whose loss or gradients are not finite is skipped. Throws InputError (exit code 3) after five in a row, or if
 * the held-out loss is not finite.
 * @param train documents as tokens; must not be empty. @param heldOut likewise; empty: no evaluations.
 */
export async function* trainSteps(
  engine: Engine,
  train: Sequence<Tokens>,
  heldOut: Sequence<Tokens>,
  settings: TrainSettings,
  progress: Progress,
): AsyncGenerator<TrainEvent, void, void> {
  const lastStep = Math.min(settings.numSteps, settings.until ?? Infinity);
  const isEvaluated = (step: number): boolean =>
    heldOut.length > 0 && (step === lastStep || (step > 0 && step % settings.evalInterval === 0));
  const mustWait = (step: number): boolean =>
    step >= lastStep || isEvaluated(step) || (settings.mustDrain?.(step) ?? true);
  const begun: BegunStep[] = [];
  const pacer = new Pacer();
  for (;;) {
    if (pacer.isDue) await pacer.pause();
    if (begun.length === 0) {
      if (isEvaluated(progress.step) && progress.evaluation?.step !== progress.step) {
        yield* evaluateStep(engine, heldOut, progress);
      }
      if (progress.step >= lastStep) return;
    }
    const mayBegin = (step: number): boolean => begun.length <= (engine.maxInFlight ?? 0) && !mustWait(step);
    while (begun.length === 0 || mayBegin(progress.step + begun.length)) {
      begun.push(beginStep(engine, train, settings, progress, progress.step + begun.length));
    }
    yield await endStep(engine, begun.shift()!, progress, begun.length);
    if (progress.skippedInARow >= MAX_SKIPPED_IN_A_ROW) {
      throw divergence(
        `the last ${progress.skippedInARow} steps, up to ${progress.step}, had no finite loss or gradients`,
      );
    }
  }
}

/** A step in flight. */
interface BegunStep {
  readonly batches: readonly (readonly Tokens[])[];
  readonly learningRate: number;
  readonly result: Promise<StepResult>;
}

function beginStep(
  engine: Engine,
  train: Sequence<Tokens>,
  settings: TrainSettings,
  { skipped }: Progress,
  step: number,
): BegunStep {
  const { weightDecay = 0, clipNorm = null } = settings;
  const batches = batchesOf(train, step, settings);
  const learningRate = learningRateAt(step, settings);
  // Adam undoes the bias of means that start at 0, and a skipped step has added nothing to them.
  const result = engine.step(batches, { step: step - skipped, learningRate, weightDecay, clipNorm });
  result.catch(() => undefined); // reported when its turn comes
  return { batches, learningRate, result };
}

async function endStep(
  engine: Engine,
  { batches, learningRate, result }: BegunStep,
  progress: Progress,
  inFlight: number,
): Promise<TrainEvent> {
  const { loss, applied } = await result;
  const step = ++progress.step;
  progress.skippedInARow = applied ? 0 : progress.skippedInARow + 1;
  if (!applied) return { type: "skipped", step, skipped: ++progress.skipped, learningRate, inFlight };
  // The plain mean of the first hundred losses, then an exponential one with as long a memory.
  const before = progress.meanLoss ?? loss;
  const meanLoss = before + (loss - before) / Math.min(step - progress.skipped, 100);
  progress.meanLoss = meanLoss;
  const tokens = countTargets(batches.flat(), engine.config.blockSize);
  return { type: "step", step, loss, meanLoss, learningRate, tokens, inFlight };
}

/**
 * The documents of a step, in the order of `train`, which repeats. Of 5 documents, with two batches of two, step 1
 * takes `[[4, 0], [1, 2]]`.
 */
export function batchesOf(
  train: Sequence<Tokens>,
  step: number,
  { batchSize = 1, accumulate = 1 }: Pick<TrainSettings, "batchSize" | "accumulate">,
): Tokens[][] {
  const batch = (number: number): Tokens[] =>
    Array.from({ length: batchSize }, (_, i) => train.at((number * batchSize + i) % train.length)!);
  return Array.from({ length: accumulate }, (_, i) => batch(step * accumulate + i));
}

async function* evaluateStep(
  engine: Engine,
  heldOut: Sequence<Tokens>,
  progress: Progress,
): AsyncGenerator<TrainEvent, void, void> {
  const { step } = progress;
  const parts = evaluateInSlices(engine, heldOut);
  let part = await parts.next();
  for (; part.done !== true; part = await parts.next()) yield { type: "evaluating", step };
  const heldOutLoss = part.value;
  if (!Number.isFinite(heldOutLoss)) throw divergence(`the held-out loss after step ${step} is ${heldOutLoss}`);
  const best = progress.best === null || heldOutLoss < progress.best.heldOutLoss;
  progress.evaluation = { step, heldOutLoss };
  if (best) progress.best = progress.evaluation;
  yield { type: "evaluation", step, heldOutLoss, best };
}

/** The mean loss per token over the documents; yields after every slice of them, so that the caller need not wait for all. */
export async function* evaluateInSlices(
  engine: Engine,
  documents: Iterable<Tokens>,
): AsyncGenerator<void, number, void> {
  const { nats, targets } = yield* sumInSlices(engine, documents);
  return nats / targets;
}

/** A model's loss on held-out text. */
export interface Measurement {
  /** As `evaluateInParts`: nats a token, of the first blockSize tokens of each document. */
  readonly loss: number;
  /** −log2 of the probability of the whole text: the bits of its ideal code under the model. */
  readonly bits: number;
}

/**
 * Measures the loss, and the bits that the whole text costs, also where documents are longer than the model can look
 * back: there it begins anew, behind a BOS. The loss of a token can't be compared between tokenizers, whose tokens are
 * of different lengths; the bits of the same text can. Yields as `evaluateInParts`.
 */
export async function* measureInSlices(
  engine: Engine,
  documents: Sequence<Tokens>,
): AsyncGenerator<void, Measurement, void> {
  const beginnings = yield* sumInSlices(engine, documents);
  const rest = yield* sumInSlices(engine, restarts(documents, engine.config.blockSize));
  return { loss: beginnings.nats / beginnings.targets, bits: (beginnings.nats + rest.nats) / Math.LN2 };
}

/** What comes after the first blockSize tokens of a document, in pieces that start with BOS: `[9, 1, 2, 3, 4, 9]`, 2 → `[9, 3, 4]`, `[9, 9]`. */
export function* restarts(documents: Iterable<Tokens>, blockSize: number): Generator<Tokens, void, void> {
  for (const tokens of documents) {
    for (let start = blockSize + 1; start < tokens.length; start += blockSize) {
      const length = Math.min(blockSize, tokens.length - start) + 1;
      yield Array.from({ length }, (_, i) => tokens[i === 0 ? 0 : start + i - 1]);
    }
  }
}

/** The sum of −log p over the documents, and of how many tokens. */
async function* sumInSlices(
  engine: Engine,
  documents: Iterable<Tokens>,
): AsyncGenerator<void, { nats: number; targets: number }, void> {
  let [nats, targets] = [0, 0];
  const pacer = new Pacer();
  for (const part of slicesOf(documents)) {
    if (pacer.isDue) await pacer.pause();
    const count = countTargets(part, engine.config.blockSize);
    nats += (await engine.evaluate(part)) * count;
    targets += count;
    yield;
  }
  return { nats, targets };
}

function* slicesOf(documents: Iterable<Tokens>): Generator<Tokens[], void, void> {
  const DOCUMENTS_A_PART = 16;
  let part: Tokens[] = [];
  for (const tokens of documents) {
    part.push(tokens);
    if (part.length < DOCUMENTS_A_PART) continue;
    yield part;
    part = [];
  }
  if (part.length > 0) yield part;
}

/** How many tokens of the documents have a loss: at most blockSize each; the first BOS has none. */
export function countTargets(documents: Iterable<Tokens>, blockSize: number): number {
  let count = 0;
  for (const tokens of documents) count += Math.min(blockSize, tokens.length - 1);
  return count;
}

function divergence(what: string): InputError {
  return new InputError(
    `train: ${what}; the training has diverged, try a smaller --learning-rate, or --clip-norm 1`,
    "diverged",
  );
}
