/**
 * How the learning rate goes over a training: a rise at the start, then a fall.
 */
export type Schedule = "linear" | "cosine" | "constant";

export interface ScheduleSettings {
  readonly numSteps: number;
  /** The highest learning rate. */
  readonly learningRate: number;
  /** Steps in which it rises in a straight line; the schedule covers the steps after them. */
  readonly warmupSteps: number;
  readonly schedule: Schedule;
}

/**
 * The learning rate of a step; steps count from 0. After 4 steps of warm-up to 0.01 and with 8 in all, linear:
 * 0.0025 0.005 0.0075 0.01, 0.01 0.0075 0.005 0.0025. Without warm-up and linear it is the reference's.
 */
export function learningRateAt(step: number, settings: ScheduleSettings): number {
  const { numSteps, learningRate, warmupSteps, schedule } = settings;
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps;
  const done = (step - warmupSteps) / (numSteps - warmupSteps);
  switch (schedule) {
    case "linear":
      return learningRate * (1 - done);
    case "cosine":
      return (learningRate * (1 + Math.cos(Math.PI * done))) / 2;
    case "constant":
      return learningRate;
    default:
      return schedule satisfies never;
  }
}
