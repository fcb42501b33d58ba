/**
 * Which engine trains: a rule, by the sizes of the model and of the training alone, and by what the machine has. Nothing is
 * timed, so a command chooses the same each time; what was chosen is stored in the run, whose numbers depend on it.
 */
import type { Gpu } from "../backend/webgpu/device.ts";
import type { Config } from "../microgpt.ts";
import type { ResolvedOptions } from "../options/resolve.ts";
import { countParameters } from "../training/engine.ts";
import type { Machine } from "./machine.ts";

/** The engine that "auto" resolved to, and why. */
export interface ChosenEngine {
  /** Its name. */
  readonly engine: "wasm" | "native" | "webgpu";
  /** The reason, for the user; null where another engine would not matter. */
  readonly why: string | null;
  /** The device, if it is a GPU. */
  readonly gpu: Gpu | null;
}

/** The options that say how large a training is, and which engines may do it. */
export type TrainingSize = Pick<
  ResolvedOptions,
  "batchSize" | "accumulate" | "numSteps" | "tokens" | "seconds" | "strictMath"
>;

/** Resolves "auto". Looks for a GPU only if the model is large enough for one to be faster. */
export async function chooseEngine(
  config: Config,
  options: TrainingSize,
  machine: Pick<Machine, "findGpu" | "native">,
): Promise<ChosenEngine> {
  const gpu = await chooseGpu(config, options, machine);
  if (gpu !== null && typeof gpu !== "string")
    return { engine: "webgpu", why: "a model of this size trains faster on a GPU", gpu };
  const { engine, why } = chooseCpu(config, options, machine);
  const reasons = [gpu, why].filter((reason) => reason !== null);
  return { engine, why: reasons.length === 0 ? null : reasons.join("; "), gpu: null };
}

/**
 * Operations per step above which a GPU is faster. Its smallest step takes about 0.5 ms, in which a CPU does 10⁷ to 10⁸
 * operations.
 */
const MIN_GPU_WORK = 5e8;

/** A GPU for the training; why not; or null where one would not matter. */
async function chooseGpu(
  config: Config,
  { batchSize, accumulate, strictMath }: TrainingSize,
  machine: Pick<Machine, "findGpu">,
): Promise<Gpu | string | null> {
  if (6 * countParameters(config) * batchSize * accumulate * config.blockSize < MIN_GPU_WORK) return null;
  if (strictMath) return "--strict-math: GPUs differ in their last bits";
  const gpu = await machine.findGpu();
  if (typeof gpu === "string") return `no GPU: ${gpu}`;
  if (!gpu.isSoftware) return gpu;
  gpu.device.destroy();
  return `${gpu.name} runs in software, which is slower`;
}

/**
 * Operations of a whole training above which native code is faster although it is compiled first, for about a second the
 * first time. WebAssembly takes several seconds for as many.
 */
const MIN_NATIVE_WORK = 1e11;
/** The same for a budget of time: compiling takes less than a tenth of it. */
const MIN_NATIVE_SECONDS = 10;

/** The engine on the CPU that suits a training, and why where it matters. */
export function chooseCpu(
  config: Config,
  options: TrainingSize,
  { native }: Pick<Machine, "native">,
): Pick<ChosenEngine, "why"> & { readonly engine: "wasm" | "native" } {
  if (native === null || options.strictMath || !isLong(config, options)) return { engine: "wasm", why: null };
  const missing = native.missing();
  if (missing === null) return { engine: "native", why: "a training of this length is faster as native code" };
  return { engine: "wasm", why: `no native code, which is faster: ${missing}` };
}

const isLong = (config: Config, options: TrainingSize): boolean =>
  options.seconds === null ? trainingWork(config, options) >= MIN_NATIVE_WORK : options.seconds >= MIN_NATIVE_SECONDS;

/**
 * Floating-point operations of a whole training, at most: per token, forward and backward, 6 for each weight, and in each
 * layer 12 per column for each of up to blockSize earlier tokens, of which there are half as many on average.
 */
function trainingWork(config: Config, { batchSize, accumulate, numSteps, tokens }: TrainingSize): number {
  const { nLayer, nEmbd, blockSize } = config;
  const perToken = 6 * (countParameters(config) + nLayer * nEmbd * blockSize);
  return perToken * (tokens ?? numSteps * batchSize * accumulate * blockSize);
}

/** Why a page has no native code. */
export const NO_COMPILERS = "this platform has no C compiler";
