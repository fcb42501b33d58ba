/**
 * What a GPU needs of the library: a device that passes the check, an engine on it, its memory. Loaded by `import()`, only
 * where a GPU is looked for: the kernels are a quarter of the code that a page needs to train.
 */
import { checkGpu } from "../backend/webgpu/check.ts";
import { openGpu } from "../backend/webgpu/device.ts";
import type { Gpu, GpuAdapters } from "../backend/webgpu/device.ts";
import { webgpuMemory } from "../backend/webgpu/memory-need.ts";
import type { WebGpuMemory } from "../backend/webgpu/memory-need.ts";
import { webgpuAlignment } from "../backend/webgpu/memory.ts";
import { webgpuBackend } from "../backend/webgpu/webgpu.ts";
import type { Config } from "../microgpt.ts";
import { planEngine } from "../tensor/engine-plan.ts";
import { tokensPerPass } from "../tensor/sizing.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import { countParameters, EngineLost } from "../training/engine.ts";
import type { Engine, Tensors } from "../training/engine.ts";
import type { EngineOptions } from "./engines.ts";
import type { Machine } from "./machine.ts";

/** A device that passed the check against the CPU, or the reason why not. @param webgpu as `navigator.gpu`. */
export async function openCheckedGpu(webgpu: GpuAdapters): Promise<Gpu | string> {
  try {
    const gpu = await openGpu(webgpu);
    if (gpu === null) return "no adapter was found";
    const fault = await checkGpu(gpu);
    if (fault === null) return gpu;
    gpu.device.destroy();
    return `${gpu.name} failed the check: ${fault}`;
  } catch (error) {
    if (error instanceof RangeError) return `the adapter is too small: ${error.message}`;
    if (error instanceof EngineLost) return `the adapter failed: ${error.message}`;
    throw error;
  }
}

/**
 * Opens an engine on a device, which it takes over: closing the engine destroys the device. Resolves to the reason, as the
 * end of a sentence, if the device fails or has too little memory.
 */
export async function openOnGpu(
  config: Config,
  weights: Tensors,
  { batchSize, precision, dropout }: EngineOptions,
  { gpu, machine, warn }: { gpu: Gpu; machine: Machine; warn: (message: string) => void },
): Promise<Engine | string> {
  try {
    const maxTokens = tokensPerPass(config, batchSize);
    const noHalf = precision === "f16" ? await faultOfHalf(gpu) : null;
    if (noHalf !== null) warn(`--precision f16: ${gpu.name} ${noHalf}; using f32 instead`);
    const isHalf = precision === "f16" && noHalf === null;
    const half = isHalf ? ({ precision, matrices: await trustedMatrices(gpu) } as const) : {};
    // Tuning a software adapter takes too long.
    const isWorthTuning = !gpu.isSoftware && countParameters(config) * batchSize * config.blockSize > MIN_TUNED_WORK;
    const tuning = isWorthTuning ? machine.openTuning() : null;
    const asked = { ...half, ownsDevice: true };
    const backend = webgpuBackend(gpu, tuning === null ? asked : { ...asked, tuning });
    const engine = await TensorEngine.create(backend, config, { maxTokens, maxLogits: MAX_GPU_LOGITS, dropout });
    await engine.loadWeights(weights);
    return engine;
  } catch (error) {
    gpu.device.destroy();
    if (error instanceof RangeError || error instanceof EngineLost) return `${gpu.name}: ${error.message}`;
    throw error;
  }
}

/** Why the GPU cannot compute with 16 bits; null if it can. Ends a sentence about the GPU. */
async function faultOfHalf(gpu: Gpu): Promise<string | null> {
  if (!gpu.target.half) return "does not support 16-bit floats (shader-f16)";
  const fault = await checkGpu(gpu, { precision: "f16" });
  return fault === null ? null : `failed the check with 16 bits: ${fault}`;
}

/** Parameters × tokens per step below which tuning costs more time than it saves. */
const MIN_TUNED_WORK = 1e9;

/** Matrix units that fail the check on small products are not used for large ones either. */
async function trustedMatrices(gpu: Gpu): Promise<"large" | "none"> {
  if (gpu.target.matrices === 0) return "none";
  return (await checkGpu(gpu, { precision: "f16", matrices: "all" })) === null ? "large" : "none";
}

/** Logits held at once: 256 MiB of f32. */
const MAX_GPU_LOGITS = 2 ** 26;

/** Bytes that a training needs on a GPU, by purpose, with the buffer size limit that most GPUs have. */
export function gpuMemory(config: Config, { batchSize, precision, dropout }: EngineOptions): WebGpuMemory {
  const alignment = webgpuAlignment(LARGE_BUFFER);
  const maxTokens = tokensPerPass(config, batchSize);
  const limits = { maxTokens, maxLogits: MAX_GPU_LOGITS, dropout };
  const { layout, programs } = planEngine(alignment, config, limits);
  return webgpuMemory(layout, Object.values(programs), alignment, precision);
}

const LARGE_BUFFER = 2 ** 30;
