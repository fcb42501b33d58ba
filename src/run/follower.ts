/**
 * A rank other than the first: it takes part in each computation of a training (`training.ts` on rank 0) in the same order, and
 * writes and says nothing. What it decides by is the same on all ranks: options, progress, losses and agreed stops.
 */
import type { ResolvedOptions } from "../options/resolve.ts";
import { openEngine } from "../library/engines.ts";
import type { Machine } from "../library/machine.ts";
import type { TrainingData } from "../library/training-data.ts";
import type { Engine, Tensors } from "../training/engine.ts";
import { trainSteps } from "../training/train.ts";
import type { Evaluation, Progress } from "../training/train.ts";
import { isComplete, measureUntil } from "./outcome.ts";
import type { StopRequest } from "./signals.ts";

/** What a follower has of a training. */
export interface FollowedTraining {
  /** The same as on rank 0. */
  readonly options: ResolvedOptions;
  /** The same as on rank 0. */
  readonly data: TrainingData;
  /** With the same weights. */
  readonly engine: Engine;
  /** Where it starts; kept up to date. */
  readonly progress: Progress;
  /** The best weights so far; null: none. */
  readonly best: { readonly evaluation: Evaluation; readonly weights: Tensors } | null;
  /** The machine, with the ranks. */
  readonly machine: Machine;
}

/** Follows a training to `lastStep`, or to an agreed stop, whose exit code it resolves to; else to 0. */
export async function follow(training: FollowedTraining, lastStep: number, stop: StopRequest): Promise<number> {
  const { options, data, engine, progress, machine } = training;
  let { best } = training;
  const settings = { ...options, until: lastStep };
  const heldOut = data.heldOut.slice(0, options.evalDocuments);
  for await (const event of trainSteps(engine, data.train, heldOut, settings, progress)) {
    if (event.type === "evaluation" && event.best) best = { evaluation: event, weights: (await engine.save()).weights };
    if (await stop.heard()) break;
  }
  if (stop.exitCode !== null && !isComplete(options, data, progress, lastStep)) return stop.exitCode;
  if (best === null) return 0;
  const isCurrent = best.evaluation.step === progress.step;
  const measured = isCurrent ? engine : await openEngine(data.config, best.weights, options, machine, () => {});
  await measureUntil(measured, data.heldOut, stop);
  return stop.exitCode ?? 0;
}
