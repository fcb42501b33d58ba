/** How much GPU memory a model and its batches take: the sizes of `memory.ts` and `batch.ts`, without a GPU. */
import type { Alignment, Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { BatchBuffer } from "./batch.ts";
import { scratchSizes } from "./compiler.ts";
import { GpuMemoryMap } from "./memory.ts";
import { guess } from "./tiles.ts";

/** Bytes on the GPU, by purpose. */
export interface WebGpuMemory {
  /** The weights, f32. */
  readonly parameters: number;
  /** Their gradients. */
  readonly gradients: number;
  /** Adam's two running means. */
  readonly optimizer: number;
  /** The f16 copy of the weights. */
  readonly factors: number;
  /** What depends on the batch: activations and their gradients. */
  readonly activations: number;
  /** Partial sums of the kernels, and the batch buffer. */
  readonly scratch: number;
  /** All of them together. */
  readonly total: number;
}

/**
 * The memory of a session with these programs. After tuning, `scratch` may differ by the chunks that were chosen.
 * @param alignment as given by `webgpuAlignment`.
 */
export function webgpuMemory(
  layout: Layout,
  programs: readonly Program[],
  alignment: Required<Alignment>,
  precision: "f32" | "f16",
): WebGpuMemory {
  const scratchOfKernels = scratchSizes(programs, guess);
  const { sizes, bytes } = new GpuMemoryMap(layout, programs, scratchOfKernels, alignment, precision === "f16");
  const batchBytes = new BatchBuffer(programs).bytes;
  const [parameters, gradients, mean, meanSquare, scratch, factors, ...segments] = sizes;
  return {
    parameters,
    gradients,
    optimizer: mean + meanSquare,
    factors,
    activations: segments.reduce((sum, size) => sum + size, 0),
    scratch: scratch + batchBytes,
    total: bytes + batchBytes,
  };
}
