/**
 * The matrices that Look inside shows. Weights and gradients are read from an engine; what the last step changed is computed
 * from Adam's means, so that no step has to keep a copy of the weights before it.
 */
import { learningRateAt } from "../../src/index.ts";
import type { ResolvedOptions, Tensor, Tensors, TrainerState } from "../../src/index.ts";
import { adamNumbers } from "../../src/training/adam.ts";
import type { Matrix } from "./protocol.ts";

/** A matrix as plain data. Throws RangeError for an unknown name. */
export function matrixOf(tensors: Tensors, name: string): Matrix {
  const { shape, data } = tensorOf(tensors, name);
  return { name, rows: shape[0], columns: shape[1], data: Float32Array.from(data) };
}

/**
 * w after the last step − w before it, from w' = shrink · w − stepSize · m / (√(v · squareScale) + ε). Equal to the true
 * difference within the rounding of f32. Throws RangeError before the first step.
 */
export function lastUpdateOf({ progress, training }: TrainerState, options: ResolvedOptions, name: string): Matrix {
  if (progress.step === 0) throw new RangeError("There is no update yet: do a step first.");
  const step = progress.step - 1;
  const learningRate = learningRateAt(step, options);
  const update = { step: step - progress.skipped, learningRate, weightDecay: options.weightDecay, clipNorm: null };
  const { stepSize, squareScale, shrink, epsilon } = adamNumbers(update, 0);
  const weights = tensorOf(training.weights, name);
  const mean = tensorOf(training.adamMean, name).data;
  const meanSquare = tensorOf(training.adamMeanSquare, name).data;
  const data = Float32Array.from(weights.data, (after, i) => {
    const move = (stepSize * mean[i]) / (Math.sqrt(meanSquare[i] * squareScale) + epsilon);
    return after - (after + move) / shrink;
  });
  return { name, rows: weights.shape[0], columns: weights.shape[1], data };
}

function tensorOf(tensors: Tensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`The model has no matrix named ${name}.`);
  return tensor;
}
