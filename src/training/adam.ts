/**
 * The scalars of one Adam step (Kingma & Ba 2015, algorithm 1), computed here for every tensor backend; only
 * WebGPU clips on the GPU. The loop over the weights is each backend's own:
 *
 *   m ← β1·m + (1 − β1)·g      v ← β2·v + (1 − β2)·g²      w ← shrink·w − stepSize·m / (√(v·squareScale) + ε)
 */
import type { Update } from "./engine.ts";

const [BETA1, BETA2, EPSILON] = [0.85, 0.99, 1e-8];

/** Bias corrections: they undo that Adam's means start at 0. t = step + 1. */
export interface Corrections {
  /** learningRate / (1 − β1^t). */
  readonly stepSize: number;
  /** 1 / (1 − β2^t). */
  readonly squareScale: number;
}

/** The bias corrections of a step, counted from 0. */
export function correctionsAt(step: number, learningRate: number): Corrections {
  return {
    stepSize: learningRate / (1 - power(BETA1, step + 1)),
    squareScale: 1 / (1 - power(BETA2, step + 1)),
  };
}

/** The scalars of one step. */
export interface AdamNumbers extends Corrections {
  /** 1 − learningRate · weightDecay: decoupled weight decay (AdamW) multiplies the weights by it before the update. */
  readonly shrink: number;
  /** Factor of the gradients: below 1 if they are clipped, otherwise 1. */
  readonly gradientScale: number;
  /** β1, the share of the running mean of gradients that is kept. */
  readonly beta1: number;
  /** β2, the share of the running mean of squared gradients that is kept. */
  readonly beta2: number;
  /** ε, added to the root of the mean square. */
  readonly epsilon: number;
}

/** The scalars of an update. `norm`: the Euclidean norm of all gradients as one vector. */
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

/** Powers by multiplication: `**` may differ in the last bit between JavaScript engines. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let [square, rest] = [base, exponent]; rest > 0; [square, rest] = [square * square, Math.floor(rest / 2)]) {
    if (rest % 2 === 1) result *= square;
  }
  return result;
}
