/**
 * The backend on a GPU, through WebGPU: `navigator.gpu` in a page, Dawn in Node (`node/webgpu.ts`). This file allocates
 * the buffers and compiles the programs of a session, once; `session.ts` then runs them. Unlike in the WebAssembly
 * backend, no step waits for the host: the GPU itself decides whether a step is applied.
 *
 *   device.ts     the adapter and its device           check.ts    compares a GPU's results with the CPU's
 *   memory.ts     layout of the GPU buffers            batch.ts    layout of the buffer for per-run data
 *   compiler.ts   instructions → WGSL → pipelines      shader.ts   builds the text of a kernel
 *     rows.ts, matmul.ts, matrices.ts, attention.ts, weights.ts    the kernels
 *     tiles.ts, tune.ts                                            tile sizes: estimated, measured
 *   session.ts    records and submits command buffers
 */
import type { Backend, Session } from "../../tensor/backend.ts";
import type { Alignment, Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { BatchBuffer } from "./batch.ts";
import { ShaderCompiler, makeKernels, scratchSizes, shapesOf } from "./compiler.ts";
import type { ChooseTile, Dispatch } from "./compiler.ts";
import type { Gpu } from "./device.ts";
import { withMatrices } from "./matrices.ts";
import { GpuMemoryMap, webgpuAlignment } from "./memory.ts";
import { WebGpuSession } from "./session.ts";
import type { CompiledProgram } from "./session.ts";
import type { ShaderKernel } from "./shader.ts";
import { guess, smallest } from "./tiles.ts";
import type { TileChoice } from "./tiles.ts";
import { tuneTiles } from "./tune.ts";
import type { TuningStore } from "./tune.ts";

/** Flags of GPUBufferUsage: Node does not define the constants of WebGPU. */
const [COPY_SRC, COPY_DST, UNIFORM, STORAGE] = [0x4, 0x8, 0x40, 0x80];

/** How a GPU computes. */
export interface WebGpuOptions {
  /** Picks the tile of each product. Default: an estimate by its shape; on a software adapter, the smallest tile. */
  readonly choose?: ChooseTile;
  /** Measures the tiles of training's products on this GPU when a session is opened, and keeps the results here. */
  readonly tuning?: TuningStore;
  /**
   * "f16": activations, and the weights that products read, are stored in f16 if the adapter supports it; sums,
   * the weights themselves and Adam's means stay f32. Default: "f32".
   */
  readonly precision?: "f32" | "f16";
  /**
   * With "f16": which products run on matrix units (tensor cores), if the adapter has them: those large enough to gain
   * from it, all, or none. Experimental: try them with `checkGpu` first. Default: "none".
   */
  readonly matrices?: "large" | "all" | "none";
  /** Whether closing a session destroys the device, which nothing else uses. Default: false. */
  readonly ownsDevice?: boolean;
}

/**
 * A backend on this GPU. `open` throws RangeError if the GPU has too little memory; `open` and every call of a session
 * throw EngineLost once the device fails.
 * @example
 * const gpu = await openGpu(navigator.gpu);
 * if (gpu !== null) {
 *   const engine = await TensorEngine.create(webgpuBackend(gpu), config, { maxTokens: 4096 });
 * }
 */
export function webgpuBackend(gpu: Gpu, options: WebGpuOptions = {}): Backend {
  const { choose = gpu.isSoftware ? smallest : guess, tuning, precision = "f32", ownsDevice = false } = options;
  const half = precision === "f16" && gpu.target.half;
  const matrices = half && gpu.target.matrices > 0 ? (options.matrices ?? "none") : "none";
  const onMatrices = (tiles: ChooseTile): ChooseTile =>
    matrices === "none" ? tiles : withMatrices(tiles, matrices === "all");
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const alignment = webgpuAlignment(Math.min(maxBufferSize, maxStorageBufferBindingSize));
  return {
    kind: "webgpu",
    name: `webgpu${half ? " in f16" : ""}${matrices === "none" ? "" : " on matrix units"}, ${gpu.name}`,
    ...alignment,
    async open(layout, programs) {
      const how = { alignment, half, ownsDevice };
      if (tuning === undefined) return await open(gpu, layout, programs, { ...how, choose: onMatrices(choose) });
      const backendWith = (choice: TileChoice): Backend => webgpuBackend(gpu, { choose: () => choice, precision });
      const shapes = programs.filter(({ kind }) => kind === "training").flatMap(shapesOf);
      const tuned = await tuneTiles(backendWith, `${gpu.name}, ${precision}`, shapes, tuning);
      return await open(gpu, layout, programs, { ...how, choose: onMatrices(tuned) });
    },
  };
}

/** `WebGpuOptions`, decided. */
interface HowToOpen {
  readonly alignment: Required<Alignment>;
  readonly choose: ChooseTile;
  readonly half: boolean;
  readonly ownsDevice: boolean;
}

async function open(
  gpu: Gpu,
  layout: Layout,
  programs: readonly Program[],
  { alignment, choose, half, ownsDevice }: HowToOpen,
): Promise<Session> {
  const { device, target, watch } = gpu;
  const memory = new GpuMemoryMap(layout, programs, scratchSizes(programs, choose), alignment, half);
  const batchBuffer = new BatchBuffer(programs);
  const { buffers, gpuBatchBuffer } = await allocate(gpu, memory, batchBuffer);
  const compiler = new ShaderCompiler(device, target, memory, buffers, batchBuffer);
  const compileAll = (kernels: readonly ShaderKernel[]): Promise<Dispatch[]> =>
    Promise.all(kernels.map((kernel) => compiler.compile(kernel)));
  const compile = async (program: Program): Promise<CompiledProgram> => {
    const { phases, losses, update, refresh } = makeKernels({ memory, target, choose, half, program });
    return {
      phases: await Promise.all(
        phases.map(async ({ windowed, kernels }) => ({ windowed, dispatches: await compileAll(kernels) })),
      ),
      losses: await compileAll(losses),
      update: await compileAll(update),
      refresh: await compileAll(refresh),
    };
  };
  const entries = programs.map(async (program) => [program, await compile(program)] as const);
  const compiled = new Map(await watch.until(Promise.all(entries)));
  const { runLayout } = compiler;
  return new WebGpuSession({
    gpu,
    memory,
    buffers,
    batchBuffer,
    gpuBatchBuffer,
    runLayout,
    compiled,
    half,
    ownsDevice,
  });
}

/**
 * Creates the GPU buffers, in error scopes: createBuffer itself reports neither lack of memory nor a size over a limit.
 * Throws RangeError where there is too little.
 */
async function allocate(
  { device, watch }: Gpu,
  memory: GpuMemoryMap,
  batchBuffer: BatchBuffer,
): Promise<{ buffers: readonly GPUBuffer[]; gpuBatchBuffer: GPUBuffer }> {
  const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
  const largest = Math.max(memory.largest, batchBuffer.bytes);
  if (largest > limit)
    throw new RangeError(`a buffer needs ${mebibytes(largest)}, and the GPU's limit is ${mebibytes(limit)}`);
  const filters = ["out-of-memory", "validation"] as const;
  for (const filter of filters) device.pushErrorScope(filter);
  const buffers = memory.sizes.map((size) => device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST }));
  const gpuBatchBuffer = device.createBuffer({ size: batchBuffer.bytes, usage: STORAGE | UNIFORM | COPY_DST });
  const errors = await watch.until(Promise.all(filters.map(() => device.popErrorScope())));
  const error = errors.find((one) => one !== null);
  if (error === undefined) return { buffers, gpuBatchBuffer };
  for (const buffer of [...buffers, gpuBatchBuffer]) buffer.destroy();
  const need = mebibytes(memory.bytes + batchBuffer.bytes);
  throw new RangeError(`the model and a batch need ${need}, which the GPU does not have: ${error.message}`);
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
