/**
 * Decisions by a model's size alone, before anything is allocated: the largest model per engine, tokens per pass,
 * threads.
 */
import { countParameters } from "../training/engine.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";

/**
 * Parameters of the largest model per engine.
 * - atomic: a `Value` takes about 200 bytes with all that it refers to; this many fit an ordinary heap.
 * - wasm: 4 GiB of WebAssembly memory for weights, gradients, Adam's means, a packed copy and some activations.
 * - native: what wasm takes, which does the work where there is no compiler.
 * - webgpu: the size of a checkpoint, which is written from one array of bytes.
 */
const MAX_PARAMETERS = { atomic: 2_000_000, wasm: 180_000_000, native: 180_000_000, webgpu: 500_000_000 } as const;

/** Throws InputError for a model that is too large for the engine. */
export function checkSize(config: Config, engine: keyof typeof MAX_PARAMETERS): void {
  const parameters = countParameters(config);
  const limit = MAX_PARAMETERS[engine];
  if (parameters <= limit) return;
  const count = (value: number): string => value.toLocaleString("en-US");
  throw new InputError(
    `a model of ${count(parameters)} parameters is too large for the ${engine} engine, which takes` +
      ` ${count(limit)}; choose a smaller --n-embd, --n-layer or --block-size`,
  );
}

/** Maximum tokens of a pass, which bounds the memory of activations; a larger batch takes several passes. */
const MAX_TOKENS = 16_384;

/** Maximum tokens of a pass, for batches of `batchSize` documents. */
export const tokensPerPass = ({ blockSize }: Config, batchSize: number): number =>
  Math.max(blockSize, Math.min(batchSize * blockSize, MAX_TOKENS));

/** Multiplications per pass below which a second thread takes longer to start than it saves in a thousand steps. */
const MIN_SHARED_WORK = 2e7;
const MAX_THREADS = 16;

/**
 * Number of threads for a training: one for a small model, where a barrier takes longer than the work that it divides.
 * @param cores number of cores that may be used.
 */
export function suitableThreads(config: Config, batchSize: number, cores: number): number {
  const work = tokensPerPass(config, batchSize) * countParameters(config);
  return work < MIN_SHARED_WORK ? 1 : Math.min(cores, MAX_THREADS);
}
