/**
 * Opens engines: the one that was chosen (`choose-engine.ts`), or, where the machine cannot, WebAssembly in its place.
 */
import { AtomicEngine, atomicWeights } from "../training/atomic.ts";
import { NativeUnavailable } from "../backend/native/unavailable.ts";
import { WASM_ALIGNMENT, wasmBackend, wasmMemory } from "../backend/wasm/wasm.ts";
import type { WasmMemory } from "../backend/wasm/wasm.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { sha256 } from "../training/checkpoint.ts";
import { EngineLost } from "../training/engine.ts";
import type { Engine, Tensors, TrainingState } from "../training/engine.ts";
import type { Ranks } from "../training/ranks.ts";
import type { TextModel } from "../training/sample.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import { suitableThreads, tokensPerPass } from "../tensor/sizing.ts";
import { Streams } from "../tensor/streams.ts";
import { planEngine } from "../tensor/engine-plan.ts";
import { TensorEngine } from "../tensor/tensor-engine.ts";
import type { Backend } from "../tensor/backend.ts";
import { NO_COMPILERS } from "./choose-engine.ts";
import type { Machine } from "./machine.ts";

/** The options that affect the engine. */
export type EngineOptions = Pick<
  ResolvedOptions,
  "engine" | "threads" | "keepC" | "strictMath" | "batchSize" | "precision" | "dropout"
> & {
  /** As in `EngineLimits`; the wasm engine alone has them. */
  readonly streams?: number;
};

/**
 * Opens an engine with these weights. If the GPU fails or has too little memory, or native code cannot be made, warns and
 * falls back to the wasm engine. Throws InputError if that cannot allocate its memory, or if another rank has another engine.
 */
export async function openEngine(
  config: Config,
  weights: Tensors,
  options: EngineOptions,
  machine: Machine,
  warn: (message: string) => void,
): Promise<Engine> {
  const engine = await openHere({ config, weights, options, machine, warn });
  const { ranks = null } = machine;
  if (ranks !== null) await mustBeAlike(ranks, engine);
  return engine;
}

/** Gradients of other engines are laid out in another way. Throws InputError, on all ranks, if one has another. */
async function mustBeAlike(ranks: Ranks, { kind }: Engine): Promise<void> {
  const other = await ranks.findOther(await sha256(kind));
  if (other === null) return;
  throw new InputError(
    `rank ${other} has another engine than rank 0; install the same compiler and koffi there, or give all ranks --engine wasm`,
    "machine",
  );
}

/** What an engine is opened with, as in `openEngine`. */
interface Opening {
  readonly config: Config;
  readonly weights: Tensors;
  readonly options: EngineOptions;
  readonly machine: Machine;
  readonly warn: (message: string) => void;
}

async function openHere(opening: Opening): Promise<Engine> {
  const { config, weights, options, machine, warn } = opening;
  if (options.engine === "atomic") return new AtomicEngine(config, atomicWeights(config, weights));
  if (options.engine === "webgpu") {
    const engine = await findAndOpenGpu(opening);
    if (typeof engine !== "string") return engine;
    warn(`no GPU: ${engine}; using the CPU instead`);
  }
  if (options.engine === "native") {
    const engine = await compileAndOpen(opening);
    if (typeof engine !== "string") return engine;
    warn(`no native code: ${engine}; using WebAssembly instead, which is slower and differs in the last digits`);
  }
  machine.prepareWasm();
  const onWasm: Opening = { ...opening, options: { ...options, engine: "wasm" } };
  const threads = threadsOf(config, options, machine);
  const { strictMath } = options;
  const backend = wasmBackend({ strictMath, threads, startThread: machine.startThread });
  return await openOnCpu(backend, onWasm);
}

/** A native engine, or the reason why there is none, as a clause. Throws as `openEngine`. */
async function compileAndOpen(opening: Opening): Promise<Engine | string> {
  const { config, options, machine, warn } = opening;
  if (machine.native === null) return NO_COMPILERS;
  const threads = threadsOf(config, options, machine);
  try {
    const backend = await machine.native.backend({ threads, keepC: options.keepC, warn });
    return await openOnCpu(backend, opening);
  } catch (error) {
    if (error instanceof NativeUnavailable) return error.message;
    throw error;
  }
}

async function openOnCpu(backend: Backend, { config, weights, options, machine }: Opening): Promise<Engine> {
  const { streams = 0, dropout, batchSize } = options;
  const maxTokens = tokensPerPass(config, batchSize);
  try {
    const engine = await TensorEngine.create(backend, config, { maxTokens, streams, dropout }, machine.ranks);
    await engine.loadWeights(weights);
    return engine;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(
      `the ${options.engine} engine cannot allocate memory for this model (${error.message}); choose a smaller --batch-size or model`,
    );
  }
}

/** Options with the engine that was opened, where another has taken the place of the one that they name. */
export const openedOptions = <Options extends Pick<EngineOptions, "engine">>(
  options: Options,
  { kind }: Engine,
): Options => (kind === options.engine ? options : { ...options, engine: "wasm" });

/**
 * The options of an engine that only generates. It runs in WebAssembly wherever native code did the training: compiling takes
 * a second, in which WebAssembly writes more than a sample. @param usesGpu whether a run of the GPU generates there, too.
 */
export const writingOptions = <Options extends Pick<EngineOptions, "engine">>(
  options: Options,
  usesGpu: boolean,
): Options => ({
  ...options,
  engine: options.engine === "atomic" || (usesGpu && options.engine === "webgpu") ? options.engine : "wasm",
});

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
  const writing = writingOptions({ ...options, batchSize: streams, streams }, false);
  const engine = await openEngine(config, weights, writing, machine, () => undefined);
  return engine instanceof TensorEngine ? new Streams(engine) : engine;
}

/** An engine on the machine's GPU, or the reason why there is none. */
async function findAndOpenGpu({ config, weights, options, machine, warn }: Opening): Promise<Engine | string> {
  const gpu = await machine.findGpu();
  if (typeof gpu === "string") return gpu;
  const { openOnGpu } = await import("./gpu.ts");
  const engine = await openOnGpu(config, weights, options, { gpu, machine, warn });
  if (gpu.isSoftware) warn(`${gpu.name} runs in software, on the CPU; --engine wasm is faster`);
  return engine;
}

/** The threads that were asked for, or those that suit the model and this rank's share of a batch. */
export const threadsOf = (
  config: Config,
  { batchSize, threads }: EngineOptions,
  { cores, ranks }: Pick<Machine, "cores" | "ranks">,
): number => threads ?? suitableThreads(config, Math.ceil(batchSize / (ranks?.size ?? 1)), cores);

/** Bytes by purpose, for a number of threads. */
export interface EngineMemory extends WasmMemory {
  /** The number of threads. */
  readonly threads: number;
}

/** Bytes that a training needs in the wasm engine, by purpose. */
export function engineMemory(config: Config, options: EngineOptions, machine: Pick<Machine, "cores">): EngineMemory {
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
