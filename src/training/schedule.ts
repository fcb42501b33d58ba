/**
 * The learning rate of every step: linear warm-up to the peak, then the schedule. Formulas only: `train.ts` asks for
 * the rate, the options table checks the settings.
 */

/** All schedule names. */
export const SCHEDULES = ["linear", "cosine", "constant"] as const;

/** The schedule after the warm-up: linear decay to 0, half a cosine down to 0, or constant. */
export type ScheduleName = (typeof SCHEDULES)[number];

/** The settings that determine the learning rate of every step. */
export interface Schedule {
  /** Steps of the whole training, warm-up included. */
  readonly numSteps: number;
  /** Peak learning rate. */
  readonly learningRate: number;
  /**
   * Warm-up steps, part of `numSteps`. Step s has (s + 1) / (warmupSteps + 1) of the peak, so the first is not 0.
   * Default: 0.
   */
  readonly warmupSteps?: number;
  /** The schedule after the warm-up. Default: linear, as in the reference. */
  readonly schedule?: ScheduleName;
  /** Plans that an extension of the training replaced, the oldest first. Default: none. */
  readonly pastPlans?: readonly PastPlan[];
}

/** How long a training was to be before it was extended, or shortened: its steps up to `until` keep their learning rates. */
export interface PastPlan {
  /** Steps done when another plan replaced this one. */
  readonly until: number;
  /** Steps of the whole training, by this plan. */
  readonly numSteps: number;
}

/** Fraction of the peak that remains when a fraction `done` of the steps after the warm-up is over. */
const DECAY: Readonly<Record<ScheduleName, (done: number) => number>> = {
  linear: (done) => 1 - done,
  cosine: (done) => (1 + Math.cos(Math.PI * done)) / 2,
  constant: () => 1,
};

/**
 * The learning rate of a step, counted from 0. 4 steps with peak 0.1, linear: 0.1, 0.075, 0.05, 0.025. Extended to 8, the
 * next four are on the line of 8 steps: 0.05, 0.0375, 0.025, 0.0125.
 */
export function learningRateAt(step: number, plan: Schedule): number {
  const { learningRate, warmupSteps = 0, schedule = "linear", pastPlans = [] } = plan;
  const { numSteps } = pastPlans.find(({ until }) => step < until) ?? plan;
  if (step < warmupSteps) return (learningRate * (step + 1)) / (warmupSteps + 1);
  return learningRate * DECAY[schedule]((step - warmupSteps) / (numSteps - warmupSteps));
}

/** Whether a plan that was replaced had ended after so many steps: its end was evaluated. */
export const wasLastStep = (steps: number, { pastPlans = [] }: Pick<Schedule, "pastPlans">): boolean =>
  pastPlans.some(({ until, numSteps }) => until === steps && numSteps === steps);
