/**
 * Which engine: what was asked for, or what suits the model and the machine.
 */
import { AtomicEngine, atomicWeights } from "../training/atomic.ts";
import type { Gpu } from "../backend/webgpu/device.ts";
import { WASM_ALIGNMENT, wasmBackend, wasmMemory } from "../backend/wasm/wasm.ts";
import type { WasmMemory } from "../backend/wasm/wasm.ts";
import { webgpuAlignment } from "../backend/webgpu/memory.ts";
import { webgpuBackend } from "../backend/webgpu/webgpu.ts";
import { webgpuMemory } from "../backend/webgpu/memory-need.ts";
import type { WebGpuMemory } from "../backend/webgpu/memory-need.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { countParameters } from "../training/engine.ts";
import { EngineLost } from "../training/engine.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import { suitableThreads, tokensPerPass } from "../tensor/sizing.ts";
import { planEngine, TensorEngine } from "../tensor/tensor-engine.ts";
import { checkGpu } from "../backend/webgpu/check.ts";
import type { Machine } from "./machine.ts";

/** What the engine needs to know of the options. */
export type EngineOptions = Pick<
  ResolvedOptions,
  "engine" | "threads" | "strictMath" | "noBlas" | "batchSize" | "precision"
>;

/** The engine that "auto" became, and why. */
export interface ChosenEngine {
  /** Its name. */
  readonly engine: "wasm" | "webgpu";
  /** The reason, for the user. */
  readonly why: string;
  /** The device, if it is a GPU. */
  readonly gpu: Gpu | null;
}

/** Whether a model that may be trained anywhere is better off on the GPU. It is looked for only where it may be. */
export async function chooseEngine(
  config: Config,
  { batchSize, accumulate, strictMath }: Pick<ResolvedOptions, "batchSize" | "accumulate" | "strictMath">,
  machine: Pick<Machine, "findGpu">,
): Promise<ChosenEngine> {
  if (strictMath) return { engine: "wasm", why: "--strict-math: GPUs differ in their last bits", gpu: null };
  const tokens = batchSize * accumulate * config.blockSize;
  const work = 6 * countParameters(config) * tokens;
  if (work < MIN_GPU_WORK) return { engine: "wasm", why: "a step of this model is too small for a GPU", gpu: null };
  const gpu = await machine.findGpu();
  if (typeof gpu === "string") return { engine: "wasm", why: `no GPU: ${gpu}`, gpu: null };
  if (gpu.isSoftware) return { engine: "wasm", why: `${gpu.name} is no GPU but software, which is slower`, gpu: null };
  return { engine: "webgpu", why: "a model of this size learns faster on a GPU", gpu };
}

/**
 * Operations of a step from which on a GPU is faster: it takes about half a millisecond for the smallest, whatever the
 * model, in which a CPU does some 10⁷ to 10⁸.
 */
const MIN_GPU_WORK = 5e8;

/**
 * Opens an engine with these weights. A GPU that fails or has too little memory is no reason to give up: `warn` says so,
 * and the CPU does the work. Throws InputError where its memory can't be had.
 */
export async function openEngine(
  config: Config,
  weights: Tensors,
  options: EngineOptions,
  machine: Machine,
  warn: (message: string) => void,
): Promise<Engine> {
  if (options.engine === "atomic") return new AtomicEngine(config, atomicWeights(config, weights));
  if (options.engine === "webgpu") {
    const gpu = await machine.findGpu();
    const engine = await openOnGpu(config, weights, options, { gpu, machine, warn });
    if (typeof gpu !== "string" && gpu.isSoftware) {
      warn(`${gpu.name} is no GPU but software, a CPU that plays one; --engine wasm is faster`);
    }
    if (typeof engine !== "string") return engine;
    warn(`no GPU: ${engine}; the CPU does the work`);
  }
  machine.prepareWasm();
  const maxTokens = tokensPerPass(config, options.batchSize);
  const threads = threadsOf(config, options, machine);
  const blas = usesBlas(config, options) ? machine.findBlas() : null;
  const backend = wasmBackend({ strictMath: options.strictMath, threads, startThread: machine.startThread, blas });
  try {
    const engine = await TensorEngine.create(backend, config, { maxTokens });
    await engine.loadWeights(weights);
    return engine;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      `the wasm engine can't have the memory for this model (${error.message}); choose a smaller --batch-size or model`,
    );
  }
}

/** The engine on the GPU, or why it can't be. */
async function openOnGpu(
  config: Config,
  weights: Tensors,
  { batchSize, precision }: EngineOptions,
  { gpu, machine, warn }: { gpu: Gpu | string; machine: Machine; warn: (message: string) => void },
): Promise<Engine | string> {
  if (typeof gpu === "string") return gpu;
  try {
    const maxTokens = tokensPerPass(config, batchSize);
    const noHalf = precision === "f16" ? await faultOfHalf(gpu) : null;
    if (noHalf !== null) warn(`--precision f16: ${gpu.name} ${noHalf}; f32 instead`);
    const isHalf = precision === "f16" && noHalf === null;
    const asked = isHalf ? ({ precision, matrices: await trustedMatrices(gpu) } as const) : {};
    // Software is slow to try, and nobody waits for it twice.
    const isWorthTuning = !gpu.isSoftware && countParameters(config) * batchSize * config.blockSize > MIN_TUNED_WORK;
    const tuning = isWorthTuning ? machine.openTuning() : null;
    const backend = webgpuBackend(gpu, tuning === null ? asked : { ...asked, tuning });
    const engine = await TensorEngine.create(backend, config, { maxTokens, maxLogits: MAX_GPU_LOGITS });
    await engine.loadWeights(weights);
    return engine;
  } catch (error) {
    if (error instanceof RangeError || error instanceof EngineLost) return `${gpu.name}: ${error.message}`;
    throw error;
  }
}

/** Why the GPU can't be asked for 16 bits; null if it can. */
async function faultOfHalf(gpu: Gpu): Promise<string | null> {
  if (!gpu.target.half) return "has no numbers of 16 bits (shader-f16)";
  const fault = await checkGpu(gpu, { precision: "f16" });
  return fault === null ? null : `can't be trusted with 16 bits: ${fault}`;
}

/** Parameters × tokens of a step: below, a training is over before the trying has paid. */
const MIN_TUNED_WORK = 1e9;

/** Units for matrices that can't do a small product do no large one. */
async function trustedMatrices(gpu: Gpu): Promise<"large" | "none"> {
  if (gpu.target.matrices === 0) return "none";
  return (await checkGpu(gpu, { precision: "f16", matrices: "all" })) === null ? "large" : "none";
}

/** 256 MiB of f32. */
const MAX_GPU_LOGITS = 2 ** 26;

/** Parameters below which to load a library takes about as long as it saves in a thousand steps. */
const MIN_BLAS_PARAMETERS = 10_000;

/** By the size alone, so that a run that goes on has the same numbers. */
export const usesBlas = (
  config: Config,
  { noBlas, strictMath, engine }: Pick<EngineOptions, "noBlas" | "strictMath" | "engine">,
): boolean => !noBlas && !strictMath && engine === "wasm" && countParameters(config) >= MIN_BLAS_PARAMETERS;

/** The threads that were asked for, or those that suit the model. */
const threadsOf = (config: Config, { batchSize, threads }: EngineOptions, { cores }: Pick<Machine, "cores">): number =>
  threads ?? suitableThreads(config, batchSize, cores);

/** What a training needs: the wasm engine's memory, by what it is for. */
export function engineMemory(
  config: Config,
  options: EngineOptions,
  machine: Pick<Machine, "cores">,
): WasmMemory & { readonly threads: number } {
  const maxTokens = tokensPerPass(config, options.batchSize);
  const threads = threadsOf(config, options, machine);
  const { layout, programs } = planEngine(WASM_ALIGNMENT, config, { maxTokens });
  return { ...wasmMemory(layout, Object.values(programs), threads), threads };
}

/** What a training needs on a GPU whose buffers are as large as those of most. */
export function gpuMemory(config: Config, { batchSize, precision }: EngineOptions): WebGpuMemory {
  const alignment = webgpuAlignment(LARGE_BUFFER);
  const maxTokens = tokensPerPass(config, batchSize);
  const { layout, programs } = planEngine(alignment, config, { maxTokens, maxLogits: MAX_GPU_LOGITS });
  return webgpuMemory(layout, Object.values(programs), alignment, precision);
}

const LARGE_BUFFER = 2 ** 30;

/** The same as `openEngine`, with all of a training's state. */
export async function resumeEngine(
  config: Config,
  state: TrainingState,
  options: EngineOptions,
  machine: Machine,
  warn: (message: string) => void,
): Promise<Engine> {
  const engine = await openEngine(config, state.weights, options, machine, warn);
  await engine.load(state);
  return engine;
}
