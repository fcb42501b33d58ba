/**
 * `microgpt resume RUN --num-steps N`: a training gets another number of steps, and with it another schedule from its
 * newest checkpoint on. The steps before keep their learning rates (`PastPlan` in training/schedule.ts).
 */
import { InputError, showPath } from "../errors.ts";
import { clockOf, stepsFor } from "../library/budget.ts";
import type { TrainingData } from "../library/training-data.ts";
import type { Run } from "../node/run-directory.ts";
import { checkTogether } from "../options/option-rules.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import type { ExtendOptions } from "../options/train-options.ts";
import type { Engine } from "../training/engine.ts";
import type { Ranks } from "../training/ranks.ts";
import { learningRateAt } from "../training/schedule.ts";
import { grouped } from "./format.ts";
import type { Reporter } from "./reporter.ts";

/** The options of a run with another budget. */
export const withBudget = (
  options: ResolvedOptions,
  { numSteps, tokens, seconds }: ExtendOptions,
): ResolvedOptions => ({
  ...options,
  numSteps: numSteps ?? options.numSteps,
  tokens,
  seconds,
});

/** Whether a budget is given at all. */
export const isExtended = ({ numSteps, tokens, seconds }: ExtendOptions): boolean =>
  numSteps !== null || tokens !== null || seconds !== null;

/** Throws InputError for a budget that the run cannot have, before its text is read. */
export function checkExtension(run: Run, extension: ExtendOptions): void {
  const { numSteps, tokens, seconds } = extension;
  if (!isExtended(extension)) return;
  if (numSteps !== null && (tokens !== null || seconds !== null)) {
    throw new InputError("--num-steps, --tokens and --seconds all say when to stop; give one of them");
  }
  checkTogether(withBudget(run.options, extension));
  const done = run.savedStep ?? 0;
  if (numSteps !== null && numSteps < done) {
    throw new InputError(
      `--num-steps ${numSteps}: ${showPath(run.path)} has done ${done} steps; give at least ${done}, the steps of the whole training`,
    );
  }
}

/** A training that is to be extended. */
interface Extended {
  readonly data: TrainingData;
  /** With the state after `done` steps. */
  readonly engine: Engine;
  /** The steps of the newest checkpoint; null: there is none. */
  readonly done: number | null;
  /** The processes that share it; null: this one alone. Rank 0 writes. */
  readonly ranks: Ranks | null;
}

/**
 * Extends a run whose engine has the state after `done` steps, those of its newest checkpoint; null: it has none. Seconds are converted to steps by a trial, which is
 * undone. Throws InputError if a checkpoint newer than `done` cannot be read: it would have another history.
 */
export async function extendRun(
  run: Run,
  extension: ExtendOptions,
  { data, engine, done, ranks }: Extended,
  reporter: Reporter,
): Promise<void> {
  if (run.savedStep !== done) {
    const path = showPath(run.path);
    throw new InputError(
      `${path}: its newest checkpoint is damaged; microgpt resume ${path} makes it again, then it can be extended`,
    );
  }
  const before = run.options.numSteps;
  const { numSteps } = extension;
  const budget = { ...withBudget(run.options, extension), warmupSteps: 0 };
  const total = numSteps ?? (done ?? 0) + (await stepsFor(budget, data, engine, clockOf(ranks)));
  checkTogether(withBudget(run.options, { numSteps: total, tokens: null, seconds: null }));
  if (total === before) return;
  if (ranks === null || ranks.rank === 0) run.extend(done, total);
  else run.extendInMemory(done, total);
  reporter.note(changeText(run.options, before, done ?? 0));
}

function changeText({ numSteps, schedule, ...options }: ResolvedOptions, before: number, done: number): string {
  const steps = `the training now has ${grouped(numSteps)} steps instead of ${grouped(before)}`;
  if (numSteps === done) return `${steps}: it ends here`;
  const rate = Number(learningRateAt(done, { ...options, numSteps, schedule }).toPrecision(3));
  return `${steps}: step ${grouped(done + 1)} has learning rate ${rate}, on the ${schedule} schedule of all ${grouped(numSteps)}`;
}
