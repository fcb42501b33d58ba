/**
 * Decides whether a GPU can be trusted: a small model takes a training step on it and on the reference backend, and
 * their results must agree. Drivers do miscompile kernels. It measures no speed; that is for `tune.ts`.
 */
import { referenceBackend } from "../reference.ts";
import type { Gpu } from "./device.ts";
import { webgpuBackend } from "./webgpu.ts";
import type { WebGpuOptions } from "./webgpu.ts";
import type { Tensors } from "../../training/engine.ts";
import { initTensors } from "../../training/engine.ts";
import { Random } from "../../random.ts";
import { TensorEngine } from "../../tensor/tensor-engine.ts";

/** Sizes that are not multiples of vectors or tiles, so that masks and edges are exercised. */
const CONFIG = { vocabSize: 21, nEmbd: 36, nHead: 2, nLayer: 1, blockSize: 12 };
/** Tokens per document. */
const LENGTHS = [9, 2, 14, 6];

/**
 * Upper bounds of the normalised squared error Σ (a − b)² / Σ a², the same as in the conformance suite. Correct f32
 * sums are a thousand times closer, wrong ones a thousand times farther off.
 */
const TOLERANCES = {
  f32: { logits: 1e-9, gradients: 1e-7, losses: 1e-9 },
  // Stored f16 gradients are scaled. Errors in them show in the loss after the step.
  f16: { logits: 5e-4, gradients: Infinity, losses: 1e-5 },
} as const;

/**
 * Compares a GPU with the CPU. Resolves to null if they agree, else to the reason as the end of a sentence: "its logits
 * differ from …". Throws EngineLost if the device fails.
 * @param asked precision and matrix units to check; default: f32 without matrix units.
 */
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
    const tolerance = TOLERANCES[precision][what];
    // Not `error > tolerance`: that is false for NaN.
    if (!(error <= tolerance)) {
      const found = `normalised error ${error.toExponential(1)}, expected at most ${tolerance}`;
      return `its ${what} differ from the CPU's (${found})`;
    }
  }
  return null;
}

const numbersOf = (tensors: Tensors): number[] => [...tensors.values()].flatMap(({ data }) => [...data]);

function normalisedError(expected: readonly number[], actual: readonly number[]): number {
  const square = (sum: number, value: number): number => sum + value ** 2;
  return expected.map((value, i) => value - actual[i]).reduce(square, 0) / expected.reduce(square, 0);
}
