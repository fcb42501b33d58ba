/**
 * The backend on a GPU, through WebGPU: in a page `navigator.gpu`, in Node Dawn (`node/webgpu.ts`). Kernels are WGSL,
 * written for the shapes of the program; a step is recorded and submitted at once, and nobody waits for it: the GPU
 * itself decides whether its numbers are finite.
 */
import type { Backend, PackedTokens, ProgramOutput, RunOptions, Session } from "../../tensor/backend.ts";
import type { StepResult, Update } from "../../training/engine.ts";
import type { Buffer } from "../../tensor/instructions.ts";
import type { Alignment, Layout } from "../../tensor/layout.ts";
import type { Program } from "../../tensor/program.ts";
import { fromHalf, toHalf } from "./half.ts";
import { BatchBuffer, SLOT } from "./batch.ts";
import type { StepUniforms } from "./batch.ts";
import { ShaderCompiler, makeKernels, scratchOf, shapesOf } from "./compiler.ts";
import type { ChooseTile, Dispatch } from "./compiler.ts";
import type { Gpu, Watch } from "./device.ts";
import { guess, smallest, withMatrices } from "./matmul.ts";
import type { TileChoice } from "./matmul.ts";
import { tuneTiles } from "./tune.ts";
import type { TuningStore } from "./tune.ts";
import { F32, GpuMemoryMap, webgpuAlignment } from "./memory.ts";
import type { ShaderKernel } from "./shader.ts";
import { MAX_AHEAD, STATE } from "./weights.ts";

/** Numbers of GPUBufferUsage and GPUMapMode, whose names are not there in Node. */
const [MAP_READ, COPY_SRC, COPY_DST, UNIFORM, STORAGE] = [0x1, 0x4, 0x8, 0x40, 0x80];

interface Ready {
  readonly phases: readonly { readonly windowed: boolean; readonly dispatches: readonly Dispatch[] }[];
  readonly losses: readonly Dispatch[];
  readonly update: readonly Dispatch[];
  readonly refresh: readonly Dispatch[];
}

/** What a session is made of. */
interface SessionParts {
  readonly gpu: Gpu;
  readonly memory: GpuMemoryMap;
  readonly buffers: readonly GPUBuffer[];
  readonly room: BatchBuffer;
  /** The packed tokens and the numbers of a run. */
  readonly roomBuffer: GPUBuffer;
  readonly runLayout: GPUBindGroupLayout;
  readonly ready: ReadonlyMap<Program, Ready>;
  /** Whether activations are kept in 16 bits. */
  readonly half: boolean;
}

class WebGpuSession implements Session {
  readonly bytes: number;
  readonly maxInFlight = 4;
  readonly #device: GPUDevice;
  readonly #watch: Watch;
  readonly #memory: GpuMemoryMap;
  readonly #buffers: readonly GPUBuffer[];
  readonly #room: BatchBuffer;
  readonly #roomBuffer: GPUBuffer;
  readonly #runGroup: GPUBindGroup;
  readonly #ready: ReadonlyMap<Program, Ready>;
  /** Whether activations are kept in 16 bits. */
  readonly #half: boolean;
  /** For results of steps on their way: as many as may be begun before the first has ended. */
  readonly #outbox: GPUBuffer[] = [];
  /** Whether the next step is the first since the weights were written. */
  #fresh = true;

  constructor({ gpu, memory, buffers, room, roomBuffer, runLayout, ready, half }: SessionParts) {
    const { device, watch } = gpu;
    this.#device = device;
    this.#watch = watch;
    this.#memory = memory;
    this.#buffers = buffers;
    this.#room = room;
    this.#roomBuffer = roomBuffer;
    this.#ready = ready;
    this.#half = half;
    const { memory: scratch, offset } = memory.spot(memory.state);
    device.queue.writeBuffer(buffers[scratch], offset + STATE.scale * F32, new Float32Array([1]));
    this.bytes = memory.bytes + room.bytes;
    const lists = room.slots * SLOT;
    this.#runGroup = device.createBindGroup({
      layout: runLayout,
      entries: [
        { binding: 0, resource: { buffer: roomBuffer, size: SLOT } },
        { binding: 1, resource: { buffer: roomBuffer, offset: lists } },
      ],
    });
    for (let i = 0; i < MAX_AHEAD; i++) {
      this.#outbox.push(device.createBuffer({ size: 4 * F32, usage: MAP_READ | COPY_DST }));
    }
  }

  async run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput> {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.#send(program, batch, options, null);
    const rows = this.#encode(pass, program, batch, options.firstRow);
    pass.end();
    const { memory, offset, stride } = this.#memory.spot(program.result.buffer);
    const count = (rows - options.firstRow) * stride;
    const staging = this.#copyOut(encoder, memory, offset + options.firstRow * stride * F32, count * F32);
    this.#device.queue.submit([encoder.finish()]);
    return { data: await this.#take(staging), stride, gradientSquares: 0 };
  }

  async step(program: Program, passes: Iterable<PackedTokens>, tokens: number, update: Update): Promise<StepResult> {
    const outbox = this.#outbox.pop();
    if (outbox === undefined)
      throw new RangeError(`step: at most ${MAX_AHEAD} steps may be begun before one has ended`);
    const { losses, update: ending } = this.#ready.get(program)!;
    // Gradients in 16 bits are those of the sum over the tokens.
    const told = { ...update, fresh: this.#fresh, unscale: this.#half ? 1 / tokens : 1 };
    const lossScale = this.#half ? 1 : 1 / tokens;
    this.#fresh = false;
    let [encoder, accumulate] = [this.#device.createCommandEncoder(), false];
    let pass = encoder.beginComputePass();
    for (const batch of passes) {
      if (accumulate) {
        pass.end();
        this.#device.queue.submit([encoder.finish()]);
        encoder = this.#device.createCommandEncoder();
        pass = encoder.beginComputePass();
      }
      this.#send(program, batch, { firstRow: 0, lossScale, accumulate }, told);
      const rows = this.#encode(pass, program, batch, 0);
      for (const dispatch of losses) dispatchOn(pass, dispatch, { from: 0, to: rows, rows });
      accumulate = true;
    }
    for (const dispatch of ending) dispatchOn(pass, dispatch, { from: 0, to: 1, rows: 1 });
    pass.end();
    const { memory, offset } = this.#memory.spot(this.#memory.state);
    encoder.copyBufferToBuffer(this.#buffers[memory], offset, outbox, 0, 4 * F32);
    this.#device.queue.submit([encoder.finish()]);
    await this.#watch.until(outbox.mapAsync(1));
    const state = new Float32Array(outbox.getMappedRange());
    const result = { loss: state[STATE.loss] / tokens, applied: state[STATE.applied] === 1 };
    outbox.unmap();
    this.#outbox.push(outbox);
    return result;
  }

  /** Sends the batch and the numbers of the run, after all that was submitted and before all that will be. */
  #send(program: Program, batch: PackedTokens, options: RunOptions, told: StepUniforms | null): void {
    this.#device.queue.writeBuffer(this.#roomBuffer, 0, this.#room.fill(program, batch, options, told));
  }

  /** Records the phases of a program; returns the rows of the batch. */
  #encode(pass: GPUComputePassEncoder, program: Program, { documents }: PackedTokens, firstRow: number): number {
    const rows = documents[documents.length - 1];
    for (const { windowed, dispatches } of this.#ready.get(program)!.phases) {
      const step = windowed ? program.windowRows : Math.max(rows, 1);
      for (let [from, slot] = [firstRow, Number(windowed)]; from < rows; from += step, slot++) {
        pass.setBindGroup(0, this.#runGroup, [slot * SLOT]);
        const part = { from, to: Math.min(rows, from + step), rows };
        for (const dispatch of dispatches) dispatchOn(pass, dispatch, part);
      }
    }
    pass.setBindGroup(0, this.#runGroup, [0]);
    return rows;
  }

  async read(buffer: Buffer, rows: number = Number(buffer.rows)): Promise<Float32Array> {
    const { memory, offset, stride, half } = this.#memory.spot(buffer);
    const encoder = this.#device.createCommandEncoder();
    const staging = this.#copyOut(encoder, memory, offset, rows * stride * (half ? F32 / 2 : F32));
    this.#device.queue.submit([encoder.finish()]);
    const taken = await this.#take(staging);
    const data = half ? Float32Array.from(new Uint16Array(taken.buffer), fromHalf) : taken;
    const copy = new Float32Array(rows * buffer.columns);
    for (let r = 0; r < rows; r++) copy.set(data.subarray(r * stride, r * stride + buffer.columns), r * buffer.columns);
    return copy;
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    const { memory, offset, stride, half } = this.#memory.spot(buffer);
    const rows = data.length / buffer.columns;
    const numbers = new Float32Array(rows * stride);
    for (let i = 0; i < data.length; i++) {
      numbers[Math.floor(i / buffer.columns) * stride + (i % buffer.columns)] = data[i];
    }
    const words = half ? Uint16Array.from(numbers, toHalf) : numbers;
    this.#device.queue.writeBuffer(this.#buffers[memory], offset, words);
  }

  async weightsChanged(): Promise<void> {
    this.#fresh = true;
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, this.#runGroup, [0]);
    const [{ refresh }] = this.#ready.values();
    for (const dispatch of refresh) dispatchOn(pass, dispatch, { from: 0, to: 1, rows: 1 });
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  close(): void {
    for (const buffer of [...this.#buffers, this.#roomBuffer, ...this.#outbox]) buffer.destroy();
  }

  #copyOut(encoder: GPUCommandEncoder, memory: number, offset: number, size: number): GPUBuffer {
    const staging = this.#device.createBuffer({ size: Math.max(size, 4), usage: MAP_READ | COPY_DST });
    if (size > 0) encoder.copyBufferToBuffer(this.#buffers[memory], offset, staging, 0, size);
    return staging;
  }

  async #take(staging: GPUBuffer): Promise<Float32Array> {
    await this.#watch.until(staging.mapAsync(1));
    const copy = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return copy;
  }
}

function dispatchOn(
  pass: GPUComputePassEncoder,
  { pipeline, bindings, groups }: Dispatch,
  rows: { readonly from: number; readonly to: number; readonly rows: number },
): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(1, bindings);
  pass.dispatchWorkgroups(...groups(rows));
}

export interface WebGpuOptions {
  /** Which tiles products are computed with; default: a guess by their shapes. */
  readonly choose?: ChooseTile;
  /** Instead: those that are fastest here, found by trying and kept there. */
  readonly tuning?: TuningStore;
  /**
   * f16: activations, and what products read of the weights, are kept in 16 bits where the adapter has them; all sums and
   * the weights themselves stay in 32. Default: f32.
   */
  readonly precision?: "f32" | "f16";
  /**
   * With f16: whether the adapter's units for matrices, if it has them, do the products: those that are large enough,
   * all, or none. Default: none; they are an experiment (`checkGpu` tries them out).
   */
  readonly matrices?: "large" | "all" | "none";
}

/** Throws RangeError, when opened, for memory that the GPU has not; EngineLost, from then on, if the GPU fails. */
export function webgpuBackend(gpu: Gpu, options: WebGpuOptions = {}): Backend {
  const { choose = gpu.isSoftware ? smallest : guess, tuning, precision = "f32" } = options;
  const half = precision === "f16" && gpu.target.half;
  const matrices = half && gpu.target.matrices > 0 ? (options.matrices ?? "none") : "none";
  const finish = (found: ChooseTile): ChooseTile =>
    matrices === "none" ? found : withMatrices(found, matrices === "all");
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.device.limits;
  const alignment = webgpuAlignment(Math.min(maxBufferSize, maxStorageBufferBindingSize));
  return {
    name: `webgpu${half ? " in f16" : ""}${matrices === "none" ? "" : " on matrix units"}, ${gpu.name}`,
    ...alignment,
    async open(layout, programs) {
      if (tuning === undefined) return await open(gpu, layout, programs, { alignment, choose: finish(choose), half });
      const backendWith = (choice: TileChoice): Backend => webgpuBackend(gpu, { choose: () => choice, precision });
      const shapes = programs.filter(({ kind }) => kind === "training").flatMap(shapesOf);
      const tuned = await tuneTiles(backendWith, `${gpu.name}, ${precision}`, shapes, tuning);
      return await open(gpu, layout, programs, { alignment, choose: finish(tuned), half });
    },
  };
}

async function open(
  gpu: Gpu,
  layout: Layout,
  programs: readonly Program[],
  { alignment, choose, half }: { alignment: Required<Alignment>; choose: ChooseTile; half: boolean },
): Promise<Session> {
  const { device, target, watch } = gpu;
  const memory = new GpuMemoryMap(layout, programs, scratchOf(programs, choose), alignment, half);
  const room = new BatchBuffer(programs);
  const { buffers, roomBuffer } = await allocate(gpu, memory, room);
  const compiler = new ShaderCompiler(device, target, memory, buffers, room);
  const compileAll = (kernels: readonly ShaderKernel[]): Promise<Dispatch[]> =>
    Promise.all(kernels.map((kernel) => compiler.compile(kernel)));
  const compile = async (program: Program): Promise<Ready> => {
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
  const ready = await watch.until(
    Promise.all(programs.map(async (program) => [program, await compile(program)] as const)),
  );
  const { runLayout } = compiler;
  return new WebGpuSession({ gpu, memory, buffers, room, roomBuffer, runLayout, ready: new Map(ready), half });
}

/** Asks for the memory, and whether it is there: a buffer that could not be had says nothing by itself. */
async function allocate(
  { device, watch }: Gpu,
  memory: GpuMemoryMap,
  room: BatchBuffer,
): Promise<{ buffers: readonly GPUBuffer[]; roomBuffer: GPUBuffer }> {
  const has = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
  const largest = Math.max(memory.largest, room.bytes);
  if (largest > has)
    throw new RangeError(`a buffer needs ${mebibytes(largest)}, and the GPU's largest has ${mebibytes(has)}`);
  const filters = ["out-of-memory", "validation"] as const;
  for (const filter of filters) device.pushErrorScope(filter);
  const buffers = memory.sizes.map((size) => device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST }));
  const roomBuffer = device.createBuffer({ size: room.bytes, usage: STORAGE | UNIFORM | COPY_DST });
  const errors = await watch.until(Promise.all(filters.map(() => device.popErrorScope())));
  const error = errors.find((one) => one !== null);
  if (error === undefined) return { buffers, roomBuffer };
  for (const buffer of [...buffers, roomBuffer]) buffer.destroy();
  const need = mebibytes(memory.bytes + room.bytes);
  throw new RangeError(`the model and a batch need ${need}, which the GPU does not have: ${error.message}`);
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20).toLocaleString("en-US")} MiB`;
