/** Whether a GPU can be trusted: a small model learns a step on it and on the CPU, and both must come to the same. */
import { referenceBackend } from "../reference.ts";
import type { Gpu } from "./device.ts";
import { webgpuBackend } from "./webgpu.ts";
import type { WebGpuOptions } from "./webgpu.ts";
import type { Tensors } from "../../training/engine.ts";
import { initTensors } from "../../training/engine.ts";
import { Random } from "../../random.ts";
import { TensorEngine } from "../../tensor/tensor-engine.ts";

/** Odd sizes, so that whatever is cut off or filled up is in it. */
const CONFIG = { vocabSize: 21, nEmbd: 36, nHead: 2, nLayer: 1, blockSize: 12 };
const LENGTHS = [9, 2, 14, 6];

/**
 * The most that the normalised squared error, Σ (a − b)² / Σ a², may be: what the conformance suite allows. Right sums of
 * f32 are a thousand times closer, wrong ones a thousand times farther.
 */
const TOLERANCES = {
  f32: { logits: 1e-9, gradients: 1e-7, losses: 1e-9 },
  // Gradients are scaled then, and seen in the loss after the step.
  f16: { logits: 5e-4, gradients: Infinity, losses: 1e-5 },
} as const;

/** Resolves to null if it can, else to a sentence without a beginning. Throws EngineLost if it fails altogether. */
export async function checkGpu(
  gpu: Gpu,
  asked: Pick<WebGpuOptions, "precision" | "matrices"> = {},
): Promise<string | null> {
  const { precision = "f32" } = asked;
  const random = new Random(1);
  const weights = initTensors(CONFIG, random, Float32Array);
  const documents = LENGTHS.map((length) => Array.from({ length }, () => random.randbelow(CONFIG.vocabSize)));
  const results = await Promise.all(
    [referenceBackend, webgpuBackend(gpu, asked)].map(async (backend) => {
      const engine = await TensorEngine.create(backend, CONFIG, { maxTokens: 64 });
      await engine.loadWeights(weights);
      const logits = await engine.logits(documents[2].slice(0, CONFIG.blockSize));
      const update = { step: 0, learningRate: 0.01, weightDecay: 0, clipNorm: null };
      const { loss } = await engine.step([documents], update);
      const gradients = await engine.gradients();
      const after = await engine.evaluate(documents);
      engine.close();
      return { logits: logits.flat(), gradients: numbersOf(gradients), losses: [loss, after] };
    }),
  );
  const [expected, actual] = results;
  for (const what of ["logits", "gradients", "losses"] as const) {
    const error = normalisedError(expected[what], actual[what]);
    // What is no number is not within, either.
    if (!(error <= TOLERANCES[precision][what]))
      return `its ${what} are not the CPU's (normalised error ${error.toExponential(1)})`;
  }
  return null;
}

const numbersOf = (tensors: Tensors): number[] => [...tensors.values()].flatMap(({ data }) => [...data]);

function normalisedError(expected: readonly number[], actual: readonly number[]): number {
  const square = (sum: number, value: number): number => sum + value ** 2;
  return expected.map((value, i) => value - actual[i]).reduce(square, 0) / expected.reduce(square, 0);
}
