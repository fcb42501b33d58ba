/**
 * Chooses and opens engines: the one that was asked for, or the one that suits the model and the machine.
 */
import { AtomicEngine, atomicWeights } from "../training/atomic.ts";
import type { Gpu } from "../backend/webgpu/device.ts";
import { WASM_ALIGNMENT, wasmBackend, wasmMemory } from "../backend/wasm/wasm.ts";
import type { WasmMemory } from "../backend/wasm/wasm.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { countParameters } from "../training/engine.ts";
import { EngineLost } from "../training/engine.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import type { TextModel } from "../training/sample.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import { suitableThreads, tokensPerPass } from "../tensor/sizing.ts";
import { Streams } from "../tensor/streams.ts";
import { planEngine } from "../tensor/engine-plan.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import type { Machine } from "./machine.ts";

/** The options that affect the engine. */
export type EngineOptions = Pick<
  ResolvedOptions,
  "engine" | "threads" | "strictMath" | "noBlas" | "batchSize" | "precision" | "dropout"
> & {
  /** As in `EngineLimits`; the wasm engine alone has them. */
  readonly streams?: number;
};

/** The engine that "auto" resolved to, and why. */
export interface ChosenEngine {
  /** Its name. */
  readonly engine: "wasm" | "webgpu";
  /** The reason, for the user; null where a GPU would not matter. */
  readonly why: string | null;
  /** The device, if it is a GPU. */
  readonly gpu: Gpu | null;
}

/** Resolves "auto". Looks for a GPU only if the model is large enough for one to be faster. */
export async function chooseEngine(
  config: Config,
  { batchSize, accumulate, strictMath }: Pick<ResolvedOptions, "batchSize" | "accumulate" | "strictMath">,
  machine: Pick<Machine, "findGpu">,
): Promise<ChosenEngine> {
  const tokens = batchSize * accumulate * config.blockSize;
  const work = 6 * countParameters(config) * tokens;
  if (work < MIN_GPU_WORK) return { engine: "wasm", why: null, gpu: null };
  if (strictMath) return { engine: "wasm", why: "--strict-math: GPUs differ in their last bits", gpu: null };
  const gpu = await machine.findGpu();
  if (typeof gpu === "string") return { engine: "wasm", why: `no GPU: ${gpu}`, gpu: null };
  if (gpu.isSoftware) {
    gpu.device.destroy();
    return { engine: "wasm", why: `${gpu.name} runs in software, which is slower`, gpu: null };
  }
  return { engine: "webgpu", why: "a model of this size trains faster on a GPU", gpu };
}

/**
 * Operations per step above which a GPU is faster. Its smallest step takes about 0.5 ms, in which a CPU does 10⁷ to 10⁸
 * operations.
 */
const MIN_GPU_WORK = 5e8;

/**
 * Opens an engine with these weights. If the GPU fails or has too little memory, warns and falls back to the wasm
 * engine. Throws InputError if that cannot allocate its memory.
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
    const engine = await findAndOpenGpu(config, weights, options, machine, warn);
    if (typeof engine !== "string") return engine;
    warn(`no GPU: ${engine}; using the CPU instead`);
  }
  machine.prepareWasm();
  const maxTokens = tokensPerPass(config, options.batchSize);
  const threads = threadsOf(config, options, machine);
  const blas = usesBlas(config, options) ? machine.findBlas() : null;
  const { streams = 0, dropout } = options;
  const backend = wasmBackend({ strictMath: options.strictMath, threads, startThread: machine.startThread, blas });
  try {
    const engine = await TensorEngine.create(backend, config, { maxTokens, streams, dropout });
    await engine.loadWeights(weights);
    return engine;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      `the wasm engine cannot allocate memory for this model (${error.message}); choose a smaller --batch-size or model`,
    );
  }
}

/**
 * Opens a model that generates `streams` texts at once, each with the bits that it has alone: in WebAssembly, or one after
 * another with the atomic engine. Throws as `openEngine`.
 */
export async function openStreams(
  config: Config,
  weights: Tensors,
  options: EngineOptions,
  streams: number,
  machine: Machine,
): Promise<TextModel> {
  const name = options.engine === "atomic" ? "atomic" : "wasm";
  const writing = { ...options, engine: name, batchSize: streams, noBlas: true, streams } as const;
  const engine = await openEngine(config, weights, writing, machine, () => undefined);
  return engine instanceof TensorEngine ? new Streams(engine) : engine;
}

/** An engine on the machine's GPU, or the reason why there is none. */
async function findAndOpenGpu(
  config: Config,
  weights: Tensors,
  options: EngineOptions,
  machine: Machine,
  warn: (message: string) => void,
): Promise<Engine | string> {
  const gpu = await machine.findGpu();
  if (typeof gpu === "string") return gpu;
  const { openOnGpu } = await import("./gpu.ts");
  const engine = await openOnGpu(config, weights, options, { gpu, machine, warn });
  if (gpu.isSoftware) warn(`${gpu.name} runs in software, on the CPU; --engine wasm is faster`);
  return engine;
}

/** Parameters below which loading a BLAS costs about as much time as it saves in a thousand steps. */
const MIN_BLAS_PARAMETERS = 10_000;

/**
 * Whether the engine uses a BLAS if there is one: by the model's size alone, so that a resumed run has the same
 * numbers.
 */
export const usesBlas = (
  config: Config,
  { noBlas, strictMath, engine }: Pick<EngineOptions, "noBlas" | "strictMath" | "engine">,
): boolean => !noBlas && !strictMath && engine === "wasm" && countParameters(config) >= MIN_BLAS_PARAMETERS;

/** The threads that were asked for, or those that suit the model. */
const threadsOf = (config: Config, { batchSize, threads }: EngineOptions, { cores }: Pick<Machine, "cores">): number =>
  threads ?? suitableThreads(config, batchSize, cores);

/** Bytes that a training needs in the wasm engine, by purpose. */
export function engineMemory(
  config: Config,
  options: EngineOptions,
  machine: Pick<Machine, "cores">,
): WasmMemory & { readonly threads: number } {
  const maxTokens = tokensPerPass(config, options.batchSize);
  const threads = threadsOf(config, options, machine);
  const { layout, programs } = planEngine(WASM_ALIGNMENT, config, { maxTokens, dropout: options.dropout });
  return { ...wasmMemory(layout, Object.values(programs), threads), threads };
}

/** As `openEngine`, with a training's whole state: weights and Adam's moments. */
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

/**
 * Opens an engine in place of a lost one, with the state of the last snapshot: on another device the first time; on the CPU
 * after that, and where no device can be opened. Gives no warnings: the caller's, of the loss, is enough.
 * @param losses how many engines this training has lost, this one included.
 */
export async function replaceEngine(
  config: Config,
  state: TrainingState,
  options: EngineOptions,
  machine: Machine,
  losses: number,
): Promise<Engine> {
  const onCpu = { ...options, engine: "wasm" as const };
  try {
    return await resumeEngine(config, state, losses > 1 ? onCpu : options, machine, () => {});
  } catch (error) {
    if (!(error instanceof EngineLost)) throw error;
    return await resumeEngine(config, state, onCpu, machine, () => {});
  }
}

/** The warning about a lost engine. @param step the last one done. @param resumed the step of the snapshot. */
export const lossWarning = ({ message }: EngineLost, step: number, resumed: number, engine: Engine): string =>
  `GPU lost at step ${step} (${message}); resumed from step ${resumed} on ${engine.name}`;
