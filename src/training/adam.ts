/** Adam's numbers for one step, the corrections for its beginning worked out (Kingma & Ba 2015, algorithm 1). */
import type { Update } from "./engine.ts";

const [BETA1, BETA2, EPSILON] = [0.85, 0.99, 1e-8];

/** What undoes, `step` steps after the first, that Adam's means began at 0. */
export interface Corrections {
  /** learningRate / (1 − beta1^t) */
  readonly stepSize: number;
  /** 1 / (1 − beta2^t) */
  readonly squareScale: number;
}

/** The bias corrections of a step. */
export function correctionsAt(step: number, learningRate: number): Corrections {
  return {
    stepSize: learningRate / (1 - power(BETA1, step + 1)),
    squareScale: 1 / (1 - power(BETA2, step + 1)),
  };
}

/** What a step is told. */
export interface AdamNumbers extends Corrections {
  /** 1 − learningRate · weightDecay */
  readonly shrink: number;
  /** What gradients are multiplied by: 1, or less where they are clipped. */
  readonly gradientScale: number;
  /** Decay of the mean of gradients. */
  readonly beta1: number;
  /** Decay of the mean of their squares. */
  readonly beta2: number;
  /** Added to the root of the mean square. */
  readonly epsilon: number;
}

/** @param norm the length of all gradients as one vector. */
export function adamNumbers({ step, learningRate, weightDecay, clipNorm }: Update, norm: number): AdamNumbers {
  return {
    ...correctionsAt(step, learningRate),
    shrink: 1 - learningRate * weightDecay,
    gradientScale: clipNorm === null || norm <= clipNorm ? 1 : clipNorm / norm,
    beta1: BETA1,
    beta2: BETA2,
    epsilon: EPSILON,
  };
}

/** By multiplication alone: `**` may differ by the last bit from one JavaScript engine to another. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let [square, rest] = [base, exponent]; rest > 0; [square, rest] = [square * square, Math.floor(rest / 2)]) {
    if (rest % 2 === 1) result *= square;
  }
  return result;
}
