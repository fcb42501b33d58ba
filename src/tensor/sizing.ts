/** What suits a model, by its size alone: how many tokens go through it at once, on how many threads, and its limits. */
import { countParameters } from "../training/engine.ts";
import { InputError } from "../errors.ts";
import type { Config } from "../microgpt.ts";

/**
 * atomic: a Value of the core takes about 200 bytes with all that it holds; this many still fit an ordinary heap.
 * wasm: 4 GiB of WebAssembly memory, with gradients, Adam's means, a packed copy, and something for activations.
 * webgpu: a checkpoint that one file's bytes can hold.
 */
const MAX_PARAMETERS = { atomic: 2_000_000, wasm: 180_000_000, webgpu: 500_000_000 } as const;

/** Throws InputError for a model that the engine can't hold. */
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

/** Tokens that go through the model at once; a larger batch takes several passes. */
const MAX_TOKENS = 16_384;

/** Tokens of a pass, for batches of so many documents. */
export const tokensPerPass = ({ blockSize }: Config, batchSize: number): number =>
  Math.max(blockSize, Math.min(batchSize * blockSize, MAX_TOKENS));

/** Multiplications per step below which a second thread takes longer to start than it saves in a thousand steps. */
const MIN_SHARED_WORK = 2e7;
const MAX_THREADS = 16;

/**
 * Threads that suit a training: one for a small model, where a barrier takes longer than the work it divides.
 * @param cores of the machine, or those that it may use.
 */
export function suitableThreads(config: Config, batchSize: number, cores: number): number {
  const work = tokensPerPass(config, batchSize) * countParameters(config);
  return work < MIN_SHARED_WORK ? 1 : Math.min(cores, MAX_THREADS);
}
