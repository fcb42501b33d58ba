/**
 * The training loop: steps, and evaluations at intervals. Uses neither disk nor terminal (`run/` does) and leaves the
 * arithmetic to the engine. It yields each event and waits, so the caller can save, print or stop between steps.
 */
import type { Engine, StepResult } from "./engine.ts";
import type { Sequence, Tokens } from "../text/token-sequences.ts";
import { dropoutSeedAt } from "./dropout.ts";
import { divergence, ExplosionWatch, MAX_SKIPPED_IN_A_ROW } from "./divergence.ts";
import { isEnded, isEvaluationStep, OverfittingWatch } from "./evaluations.ts";
import type { EvaluationSettings } from "./evaluations.ts";
import { Pacer } from "./pacer.ts";
import { learningRateAt, wasLastStep } from "./schedule.ts";
import type { Schedule } from "./schedule.ts";

/** Settings of the training loop. */
export interface TrainSettings extends Schedule, EvaluationSettings {
  /** As in `Update`. Default: 0, off. */
  readonly weightDecay?: number;
  /** As in `Update`. Default: null, off. */
  readonly clipNorm?: number | null;
  /** Seed of the run, which the random bits of dropout are made from. Default: 0. */
  readonly seed?: number;
  /** Stop after this many steps, with an evaluation; the schedule still extends to `numSteps`. Default: null, off. */
  readonly until?: number | null;
  /**
   * Whether no further step may be in flight when `step` has ended, so that the caller can save or stop there. Default:
   * true for every step.
   */
  readonly mustDrain?: (step: number) => boolean;
}

/** The progress of a training: plain JSON, stored in every checkpoint. */
export interface Progress {
  /** Steps done, skipped ones included. */
  step: number;
  /** Steps skipped because their loss or a gradient was not finite; the weights did not change. */
  skipped: number;
  /** Steps skipped since the last applied one. */
  skippedInARow: number;
  /** Moving mean of the training loss in nats per token, over about the last hundred steps; null before the first. */
  meanLoss: number | null;
  /** The last evaluation; null before the first. */
  evaluation: Evaluation | null;
  /** The evaluation with the lowest loss; null before the first. */
  best: Evaluation | null;
}

/** The result of an evaluation on held-out documents. */
export interface Evaluation {
  /** Steps done before it. */
  readonly step: number;
  /** Mean loss on the held-out documents, in nats per token. */
  readonly heldOutLoss: number;
}

/** The progress of a training that has not started. */
export const newProgress = (): Progress => ({
  step: 0,
  skipped: 0,
  skippedInARow: 0,
  meanLoss: null,
  evaluation: null,
  best: null,
});

/** An event of the training loop. */
export type TrainEvent =
  /**
   * A step is done; `step` counts from 1, `tokens` counts its targets, `inFlight` the later steps already started. After
   * absurd losses (`ExplosionWatch`) the weights are not worth saving.
   */
  | {
      type: "step";
      isDoubtful?: true;
      step: number;
      loss: number;
      meanLoss: number;
      learningRate: number;
      tokens: number;
      inFlight: number;
    }
  /** A step was skipped: its loss or a gradient was not finite. `skipped` counts all such steps so far. */
  | { type: "skipped"; isDoubtful?: true; step: number; skipped: number; learningRate: number; inFlight: number }
  /** A slice of an evaluation is done. A training stopped here repeats the evaluation when resumed. */
  | { type: "evaluating"; step: number }
  /**
   * An evaluation is done; `best`: its loss is the lowest so far. `overfitting`: it shows, for the first time, that the
   * model is learning the text by heart (`OverfittingWatch`). `exploding`: likewise, that the losses are absurd, far above that of
   * guessing (`ExplosionWatch`).
   */
  | {
      type: "evaluation";
      step: number;
      heldOutLoss: number;
      best: boolean;
      overfitting?: true;
      exploding?: true;
    };

/** Whether no step is in flight at this event. */
export const isDrained = (event: TrainEvent): boolean => !("inFlight" in event) || event.inFlight === 0;

/**
 * Trains from `progress`, which it updates in place, to the last step or an early end. At an event with `inFlight` 0 the engine is idle: it
 * can be saved, and the caller can stop by leaving the loop. Lets the event loop run every 10 ms.
 *
 * A step whose loss or gradients are not finite is skipped. Throws InputError (code `diverged`) after five in a row, if
 * the held-out loss is not finite, or if the weights have exploded in finite numbers (`ExplosionWatch`).
 * @param train documents as tokens; must not be empty.
 * @param heldOut likewise; empty: no evaluations.
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
    heldOut.length > 0 &&
    (step === lastStep || wasLastStep(step, settings) || isEvaluationStep(step, settings, heldOut.length));
  const mustWait = (step: number): boolean =>
    step >= lastStep || isEvaluated(step) || (settings.mustDrain?.(step) ?? true);
  const inFlight: StartedStep[] = [];
  const watch = new ExplosionWatch(engine.config.vocabSize);
  const overfitting = new OverfittingWatch();
  const pacer = new Pacer();
  for (;;) {
    if (pacer.isDue) await pacer.pause();
    if (inFlight.length === 0) {
      if (isEvaluated(progress.step) && progress.evaluation?.step !== progress.step) {
        const evaluation = yield* evaluateStep(engine, heldOut, progress, watch, progress.step >= lastStep);
        yield {
          ...evaluation,
          ...(overfitting.take(progress) ? { overfitting: true } : {}),
          ...(watch.hasBegun() ? { exploding: true } : {}),
        };
      }
      if (progress.step >= lastStep || isEnded(settings, progress)) {
        if (heldOut.length === 0) watch.end(progress.step);
        return;
      }
    }
    const mayStart = (step: number): boolean => inFlight.length <= (engine.maxInFlight ?? 0) && !mustWait(step);
    while (inFlight.length === 0 || mayStart(progress.step + inFlight.length)) {
      inFlight.push(startStep(engine, train, settings, progress, progress.step + inFlight.length));
    }
    const event = await endStep(engine, inFlight.shift()!, progress, inFlight.length);
    if (event.type === "step") watch.take(event.loss);
    yield watch.isDoubtful ? { ...event, isDoubtful: true } : event;
    watch.check(progress.step);
    if (progress.skippedInARow >= MAX_SKIPPED_IN_A_ROW) {
      throw divergence(
        `the last ${progress.skippedInARow} steps, up to ${progress.step}, had no finite loss or gradients`,
      );
    }
  }
}

/** A step in flight. */
interface StartedStep {
  readonly batches: readonly (readonly Tokens[])[];
  readonly learningRate: number;
  readonly result: Promise<StepResult>;
}

function startStep(
  engine: Engine,
  train: Sequence<Tokens>,
  settings: TrainSettings,
  { skipped }: Progress,
  step: number,
): StartedStep {
  const { weightDecay = 0, clipNorm = null, seed = 0 } = settings;
  const batches = batchesOf(train, step, settings);
  const learningRate = learningRateAt(step, settings);
  // Skipped steps do not count for Adam's bias correction: they added nothing to its means.
  const update = { step: step - skipped, learningRate, weightDecay, clipNorm, dropoutSeed: dropoutSeedAt(seed, step) };
  const result = engine.step(batches, update);
  result.catch(() => undefined); // no unhandled rejection: `endStep` awaits it, in order
  return { batches, learningRate, result };
}

async function endStep(
  engine: Engine,
  { batches, learningRate, result }: StartedStep,
  progress: Progress,
  inFlight: number,
): Promise<Extract<TrainEvent, { inFlight: number }>> {
  const { loss, applied } = await result;
  const step = ++progress.step;
  progress.skippedInARow = applied ? 0 : progress.skippedInARow + 1;
  if (!applied) return { type: "skipped", step, skipped: ++progress.skipped, learningRate, inFlight };
  // The mean of the first hundred losses, then an exponential moving mean with weight 1/100.
  const before = progress.meanLoss ?? loss;
  const meanLoss = before + (loss - before) / Math.min(step - progress.skipped, 100);
  progress.meanLoss = meanLoss;
  const tokens = countTargets(batches.flat(), engine.config.blockSize);
  return { type: "step", step, loss, meanLoss, learningRate, tokens, inFlight };
}

/**
 * The batches of a step, counted from 0: documents in the order of `train`, which repeats. With 5 documents and two
 * batches of two, step 1 takes the documents `[[4, 0], [1, 2]]`.
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
  watch: ExplosionWatch,
  isLast: boolean,
): AsyncGenerator<TrainEvent, Extract<TrainEvent, { type: "evaluation" }>, void> {
  const { step } = progress;
  const slices = evaluateInSlices(engine, heldOut);
  let slice = await slices.next();
  for (; slice.done !== true; slice = await slices.next()) yield { type: "evaluating", step };
  const heldOutLoss = slice.value;
  if (!Number.isFinite(heldOutLoss)) throw divergence(`the held-out loss after step ${step} is ${heldOutLoss}`);
  const isAbsurd = watch.isAbsurdOf(heldOutLoss, progress, isLast);
  const best = !isAbsurd && (progress.best === null || heldOutLoss < progress.best.heldOutLoss);
  progress.evaluation = { step, heldOutLoss };
  if (best) progress.best = progress.evaluation;
  return { type: "evaluation", step, heldOutLoss, best };
}

/**
 * Returns the mean loss in nats per token over the documents. Yields after every slice of documents, where a caller may
 * stop.
 */
export async function* evaluateInSlices(
  engine: Engine,
  documents: Iterable<Tokens>,
): AsyncGenerator<void, number, void> {
  const { nats, targets } = yield* sumInSlices(engine, documents);
  return nats / targets;
}

/** A model's loss on held-out text. */
export interface Measurement {
  /** As `evaluateInSlices`: nats per token, over the first blockSize targets of each document. */
  readonly loss: number;
  /** −log₂ of the probability of the whole text: its length in bits, ideally coded by the model. */
  readonly bits: number;
}

/**
 * Measures the loss, and the bits of the whole text. Where a document is longer than blockSize, the model starts again
 * after a BOS. Losses per token are not comparable between tokenizers, because their tokens differ in length; bits of
 * the same text are. Yields as `evaluateInSlices`.
 */
export async function* measureInSlices(
  engine: Engine,
  documents: Sequence<Tokens>,
): AsyncGenerator<void, Measurement, void> {
  const beginnings = yield* sumInSlices(engine, documents);
  const rest = yield* sumInSlices(engine, restarts(documents, engine.config.blockSize));
  return { loss: beginnings.nats / beginnings.targets, bits: (beginnings.nats + rest.nats) / Math.LN2 };
}

/**
 * The tokens beyond the first blockSize targets of each document, in pieces that start with BOS: `[9, 1, 2, 3, 4, 9]`,
 * 2 → `[9, 3, 4]`, `[9, 9]`.
 */
export function* restarts(documents: Iterable<Tokens>, blockSize: number): Generator<Tokens, void, void> {
  for (const tokens of documents) {
    for (let start = blockSize + 1; start < tokens.length; start += blockSize) {
      const length = Math.min(blockSize, tokens.length - start) + 1;
      yield Array.from({ length }, (_, i) => tokens[i === 0 ? 0 : start + i - 1]);
    }
  }
}

/** The sum of −log p over the documents, in nats, and the number of targets. */
async function* sumInSlices(
  engine: Engine,
  documents: Iterable<Tokens>,
): AsyncGenerator<void, { nats: number; targets: number }, void> {
  let [nats, targets] = [0, 0];
  const pacer = new Pacer();
  for (const slice of slicesOf(documents)) {
    if (pacer.isDue) await pacer.pause();
    const count = countTargets(slice, engine.config.blockSize);
    nats += (await engine.evaluate(slice)) * count;
    targets += count;
    yield;
  }
  return { nats, targets };
}

function* slicesOf(documents: Iterable<Tokens>): Generator<Tokens[], void, void> {
  const DOCUMENTS_PER_SLICE = 16;
  let slice: Tokens[] = [];
  for (const tokens of documents) {
    slice.push(tokens);
    if (slice.length < DOCUMENTS_PER_SLICE) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

/** Number of targets, that is tokens with a loss: at most blockSize per document, not counting the leading BOS. */
export function countTargets(documents: Iterable<Tokens>, blockSize: number): number {
  let count = 0;
  for (const tokens of documents) count += Math.min(blockSize, tokens.length - 1);
  return count;
}
