/**
 * Which engine: what was asked for, or what suits the model and the machine.
 */
import { availableParallelism } from "node:os";
import { setFlagsFromString } from "node:v8";
import { AtomicEngine, atomicWeights } from "../atomic.ts";
import { hasRelaxedSimd } from "../backend/wasm-assembler.ts";
import { WASM_ALIGNMENT, wasmBackend, wasmMemory } from "../backend/wasm.ts";
import type { WasmMemory } from "../backend/wasm.ts";
import type { TrainOptions } from "../config.ts";
import { countParameters } from "../engine.ts";
import type { Engine, Tensors, TrainingState } from "../engine.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";
import { findBlas } from "../node/blas.ts";
import { startNodeThread } from "../node/wasm-thread.ts";
import { planEngine, TensorEngine } from "../tensor-engine.ts";

/** A Value of the core takes about 200 bytes with all that hangs on it; this many still fit an ordinary heap. */
const MAX_ATOMIC_PARAMETERS = 2_000_000;

/** What the engine needs to know of the options. */
export type EngineOptions = Pick<TrainOptions, "engine" | "threads" | "strictMath" | "noBlas" | "batchSize">;

/** The options with every "auto" decided: a run remembers what it began with, and goes on with it. */
export function decide(options: TrainOptions): TrainOptions & { readonly batchSize: number } {
  const engine = options.engine === "auto" ? (options.reference || options.noGpu ? "atomic" : "wasm") : options.engine;
  return { ...options, engine, batchSize: options.batchSize ?? (engine === "atomic" || options.reference ? 1 : 64) };
}

/** Throws InputError for a model that the engine can't hold. */
export function checkSize(config: Config, { engine }: EngineOptions): void {
  const parameters = countParameters(config);
  const limit = engine === "atomic" ? MAX_ATOMIC_PARAMETERS : MAX_WASM_PARAMETERS;
  if (parameters <= limit) return;
  const count = (value: number): string => value.toLocaleString("en-US");
  throw new InputError(
    `a model of ${count(parameters)} parameters is too large for the ${engine} engine, which takes` +
      ` ${count(limit)}; choose a smaller --n-embd, --n-layer or --block-size`,
  );
}

/** 4 GiB of WebAssembly memory, with gradients, Adam's means, a packed copy, and something for activations. */
const MAX_WASM_PARAMETERS = 180_000_000;

/** Opens an engine with these weights. Throws InputError where its memory can't be had. */
export async function openEngine(config: Config, weights: Tensors, options: Decided): Promise<Engine> {
  if (options.engine === "atomic") return new AtomicEngine(config, atomicWeights(config, weights));
  enableRelaxedSimd();
  const { maxTokens, threads } = sizes(config, options);
  const blas = usesBlas(config, options) ? findBlas() : null;
  const backend = wasmBackend({ strictMath: options.strictMath, threads, startThread: startNodeThread, blas });
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

/** Parameters below which to load a library takes about as long as it saves in a thousand steps. */
const MIN_BLAS_PARAMETERS = 10_000;

/** By the size alone, so that a run that goes on has the same numbers. */
export const usesBlas = (config: Config, { noBlas, strictMath, engine }: EngineOptions): boolean =>
  !noBlas && !strictMath && engine === "wasm" && countParameters(config) >= MIN_BLAS_PARAMETERS;

type Decided = EngineOptions & { readonly batchSize: number };

/** Tokens that are computed at once, and threads. */
function sizes(config: Config, { batchSize, threads }: Decided): { maxTokens: number; threads: number } {
  const maxTokens = Math.max(config.blockSize, Math.min(batchSize * config.blockSize, MAX_TOKENS));
  return { maxTokens, threads: threads ?? suitableThreads(maxTokens * countParameters(config)) };
}

/** What a training needs: the wasm engine's memory, by what it is for. */
export function engineMemory(config: Config, options: Decided): WasmMemory & { readonly threads: number } {
  const { maxTokens, threads } = sizes(config, options);
  const { layout, programs } = planEngine(WASM_ALIGNMENT, config, { maxTokens });
  return { ...wasmMemory(layout, Object.values(programs), threads), threads };
}

/** The same, with all of a training's state. */
export async function resumeEngine(config: Config, state: TrainingState, options: Decided): Promise<Engine> {
  const engine = await openEngine(config, state.weights, options);
  await engine.load(state);
  return engine;
}

/** Tokens computed at once; a larger batch is cut in parts. */
const MAX_TOKENS = 16_384;

/** Multiplications a step below which a second thread takes longer to start than it saves in a thousand steps. */
const SINGLE_THREAD_WORK = 2e7;

function suitableThreads(work: number): number {
  return work < SINGLE_THREAD_WORK ? 1 : Math.min(availableParallelism(), 16);
}

/** Node 20 has fused multiply-add behind a flag, which can be set while it runs. */
function enableRelaxedSimd(): void {
  if (!hasRelaxedSimd()) setFlagsFromString("--experimental-wasm-relaxed-simd");
}
