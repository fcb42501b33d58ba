/** What a model and a batch need of a GPU's memory, without one. */
import type { Alignment, Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { BatchBuffer } from "./batch.ts";
import { scratchOf } from "./compiler.ts";
import { guess } from "./matmul.ts";
import { GpuMemoryMap } from "./memory.ts";

/** Bytes on the GPU, by what they are for. */
export interface WebGpuMemory {
  readonly parameters: number;
  readonly gradients: number;
  readonly optimizer: number;
  /** The weights again, in 16 bits. */
  readonly factors: number;
  readonly activations: number;
  /** Parts of sums; the batch's lists. */
  readonly scratch: number;
  readonly total: number;
}

/** The memory of a session, without a GPU. @param segment as `Alignment` has it. */
export function webgpuMemory(
  layout: Layout,
  programs: readonly Program[],
  alignment: Required<Alignment>,
  precision: "f32" | "f16",
): WebGpuMemory {
  const { sizes, bytes } = new GpuMemoryMap(
    layout,
    programs,
    scratchOf(programs, guess),
    alignment,
    precision === "f16",
  );
  const room = new BatchBuffer(programs).bytes;
  const [parameters, gradients, mean, meanSquare, scratch, factors, ...segments] = sizes;
  return {
    parameters,
    gradients,
    optimizer: mean + meanSquare,
    factors,
    activations: segments.reduce((sum, size) => sum + size, 0),
    scratch: scratch + room,
    total: bytes + room,
  };
}
