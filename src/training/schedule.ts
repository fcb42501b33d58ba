/**
 * How the learning rate moves through a training: up in a straight line while it warms up, then as the schedule says.
 */

/** What comes after the warm-up: down to 0 in a straight line, down to 0 along half a cosine, or level. */
export type ScheduleName = "linear" | "cosine" | "constant";

/** The names of all schedules. */
export const SCHEDULES: readonly ScheduleName[] = ["linear", "cosine", "constant"];

/** A learning rate over the steps of a training. */
export interface Schedule {
  /** Steps of the whole training. */
  readonly numSteps: number;
  /** The highest. */
  readonly learningRate: number;
  /** Steps, of `numSteps`, before it is reached: (s + 1) / (warmupSteps + 1) of it, so the first is not lost. Default: 0. */
  readonly warmupSteps?: number;
  /** Default: linear, the reference's. */
  readonly schedule?: ScheduleName;
}

/** The share of the learning rate that is left after `done`, 0 to 1, of the steps behind the warm-up. */
const DECAY: Readonly<Record<ScheduleName, (done: number) => number>> = {
  linear: (done) => 1 - done,
  cosine: (done) => (1 + Math.cos(Math.PI * done)) / 2,
  constant: () => 1,
};

/** The learning rate of a step, which counts from 0: of 4 steps at 0.1, `0.1, 0.075, 0.05, 0.025`. */
export function learningRateAt(
  step: number,
  { numSteps, learningRate, warmupSteps = 0, schedule = "linear" }: Schedule,
): number {
  if (step < warmupSteps) return (learningRate * (step + 1)) / (warmupSteps + 1);
  return learningRate * DECAY[schedule]((step - warmupSteps) / (numSteps - warmupSteps));
}
