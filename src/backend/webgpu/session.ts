/**
 * A session on the GPU: one model's buffers and compiled programs. It uploads batches, records command buffers and
 * reads results back. It compiles nothing: `webgpu.ts` hands over pipelines and bind groups.
 *
 * A training step is one command buffer, submitted without waiting for the GPU:
 *
 *   queue    writeBuffer → batch buffer
 *            submit ┌ compute pass
 *                   │   phase 0            slot 0 (batch)       its kernels
 *                   │   phase 1, windowed  slot 1 (window 0)    its kernels
 *                   │                      slot 2 (window 1)    its kernels
 *                   │   …
 *                   │   losses             slot 0               sumLosses
 *                   │   update             slot 0               sumSquares, decide, adam
 *                   └ copy of the state → readback buffer
 *   host     mapAsync(readback buffer) → loss, applied
 *
 * A batch of several passes takes a writeBuffer and a command buffer for each, and the last one has the update. The
 * queue keeps their order, so a pass cannot overwrite the batch buffer of the one before.
 */
import type { PackedTokens, ProgramOutput, RunOptions, Session } from "../../tensor/backend.ts";
import type { StepResult, Update } from "../../training/engine.ts";
import type { Buffer } from "../../tensor/instructions.ts";
import type { Program } from "../../tensor/program.ts";
import { SLOT_BYTES } from "./batch.ts";
import type { BatchBuffer, StepUniforms } from "./batch.ts";
import type { Dispatch } from "./compiler.ts";
import type { Gpu, Watch } from "./device.ts";
import { fromHalf, toHalf } from "./half.ts";
import { F32 } from "./memory.ts";
import type { GpuMemoryMap } from "./memory.ts";
import type { RowRange } from "./shader.ts";
import { MAX_IN_FLIGHT, STATE } from "./weights.ts";

/** Flags of GPUBufferUsage, and GPUMapMode.READ: Node does not define the constants of WebGPU. */
const [MAP_READ, COPY_DST, READ] = [0x1, 0x8, 0x1];

/** Numbers of the state that the host reads after a step: the first of `STATE`. */
const READ_BACK = 4;

/** The dispatches of a program, in the order of `KernelList`. */
export interface CompiledProgram {
  /** One entry per phase of the program. */
  readonly phases: readonly { readonly windowed: boolean; readonly dispatches: readonly Dispatch[] }[];
  /** After each pass of a training step. */
  readonly losses: readonly Dispatch[];
  /** After the last pass of a training step. */
  readonly update: readonly Dispatch[];
  /** After the host wrote weights. */
  readonly refresh: readonly Dispatch[];
}

/** What a session is made of. It owns the GPU buffers and destroys them when it is closed. */
export interface SessionResources {
  /** The device, which other sessions may share. */
  readonly gpu: Gpu;
  /** Where the programs' buffers are. */
  readonly memory: GpuMemoryMap;
  /** The GPU buffers of `memory`, in its order. */
  readonly buffers: readonly GPUBuffer[];
  /** The host's copy of the batch buffer. */
  readonly batchBuffer: BatchBuffer;
  /** The batch buffer itself. */
  readonly gpuBatchBuffer: GPUBuffer;
  /** Layout of the batch buffer's bind group. */
  readonly runLayout: GPUBindGroupLayout;
  /** The programs that the session was opened with. */
  readonly compiled: ReadonlyMap<Program, CompiledProgram>;
  /** Whether activations, and the weights that products read, are f16. */
  readonly half: boolean;
  /** Whether `close` destroys the device, too. */
  readonly ownsDevice: boolean;
}

/** One model on a GPU. */
export class WebGpuSession implements Session {
  /** Bytes of the GPU buffers, without those for readback. */
  readonly bytes: number;
  /** Steps that may be submitted before the result of the first is known. `MAX_IN_FLIGHT` leaves a margin. */
  readonly maxInFlight = 4;
  readonly #device: GPUDevice;
  readonly #watch: Watch;
  readonly #memory: GpuMemoryMap;
  readonly #buffers: readonly GPUBuffer[];
  readonly #batchBuffer: BatchBuffer;
  readonly #gpuBatchBuffer: GPUBuffer;
  readonly #runGroup: GPUBindGroup;
  readonly #compiled: ReadonlyMap<Program, CompiledProgram>;
  readonly #half: boolean;
  readonly #ownsDevice: boolean;
  /** Buffers for the state of steps in flight; those in use are taken out. */
  readonly #readbacks: GPUBuffer[] = [];
  /** Whether the next step is the first since weights were written. */
  #fresh = true;

  /** @param resources belong to the session from now on; the device only if `ownsDevice` says so. */
  constructor(resources: SessionResources) {
    const { gpu, memory, buffers, batchBuffer, gpuBatchBuffer, runLayout, compiled, half, ownsDevice } = resources;
    const { device, watch } = gpu;
    this.#device = device;
    this.#watch = watch;
    this.#memory = memory;
    this.#buffers = buffers;
    this.#batchBuffer = batchBuffer;
    this.#gpuBatchBuffer = gpuBatchBuffer;
    this.#compiled = compiled;
    this.#half = half;
    this.#ownsDevice = ownsDevice;
    const writeNumber = (buffer: Buffer, index: number, value: number): void => {
      const { index: at, offset } = memory.locationOf(buffer);
      device.queue.writeBuffer(buffers[at], offset + index * F32, new Float32Array([value]));
    };
    writeNumber(memory.state, STATE.scale, 1);
    for (const [site, buffer] of memory.sites.entries()) writeNumber(buffer, 0, site);
    this.bytes = memory.bytes + batchBuffer.bytes;
    const lists = batchBuffer.slots * SLOT_BYTES;
    this.#runGroup = device.createBindGroup({
      layout: runLayout,
      entries: [
        { binding: 0, resource: { buffer: gpuBatchBuffer, size: SLOT_BYTES } },
        { binding: 1, resource: { buffer: gpuBatchBuffer, offset: lists } },
      ],
    });
    for (let i = 0; i < MAX_IN_FLIGHT; i++) {
      this.#readbacks.push(device.createBuffer({ size: READ_BACK * F32, usage: MAP_READ | COPY_DST }));
    }
  }

  async run(program: Program, batch: PackedTokens, options: RunOptions): Promise<ProgramOutput> {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.#upload(program, batch, options, null);
    const rows = this.#recordPhases(pass, program, batch, options.firstRow);
    pass.end();
    const { index, offset, stride } = this.#memory.locationOf(program.result.buffer);
    const count = (rows - options.firstRow) * stride;
    const staging = this.#copyOut(encoder, index, offset + options.firstRow * stride * F32, count * F32);
    this.#device.queue.submit([encoder.finish()]);
    return { data: await this.#readStaging(staging), stride };
  }

  async step(program: Program, passes: Iterable<PackedTokens>, tokens: number, update: Update): Promise<StepResult> {
    const readback = this.#readbacks.pop();
    if (readback === undefined)
      throw new RangeError(`step: ${MAX_IN_FLIGHT} steps are in flight, which is the limit; await one of them first`);
    const { losses, update: ending } = this.#compiled.get(program)!;
    // f16 gradients are of the summed loss, so that small ones do not vanish; the update divides by the tokens.
    const uniforms = { ...update, fresh: this.#fresh, unscale: this.#half ? 1 / tokens : 1 };
    const lossScale = this.#half ? 1 : 1 / tokens;
    this.#fresh = false;
    const { dropoutSeed = 0 } = update;
    let [encoder, firstToken, accumulate] = [this.#device.createCommandEncoder(), 0, false];
    let pass = encoder.beginComputePass();
    for (const batch of passes) {
      if (accumulate) {
        pass.end();
        this.#device.queue.submit([encoder.finish()]);
        encoder = this.#device.createCommandEncoder();
        pass = encoder.beginComputePass();
      }
      this.#upload(program, batch, { firstRow: 0, lossScale, accumulate, dropoutSeed, firstToken }, uniforms);
      const rows = this.#recordPhases(pass, program, batch, 0);
      for (const dispatch of losses) record(pass, dispatch, { from: 0, to: rows, rows });
      firstToken += rows;
      accumulate = true;
    }
    for (const dispatch of ending) record(pass, dispatch, { from: 0, to: 1, rows: 1 });
    pass.end();
    const { index, offset } = this.#memory.locationOf(this.#memory.state);
    encoder.copyBufferToBuffer(this.#buffers[index], offset, readback, 0, READ_BACK * F32);
    this.#device.queue.submit([encoder.finish()]);
    await this.#watch.until(readback.mapAsync(READ));
    const state = new Float32Array(readback.getMappedRange());
    const result = { loss: state[STATE.loss] / tokens, applied: state[STATE.applied] === 1 };
    readback.unmap();
    this.#readbacks.push(readback);
    return result;
  }

  /** Writes the batch buffer, after the work submitted so far and before the next submit. */
  #upload(program: Program, batch: PackedTokens, options: RunOptions, uniforms: StepUniforms | null): void {
    const words = this.#batchBuffer.fill(program, batch, options, uniforms);
    this.#device.queue.writeBuffer(this.#gpuBatchBuffer, 0, words);
  }

  /** Records the phases of a program and leaves slot 0 bound. Returns the rows of the batch. */
  #recordPhases(pass: GPUComputePassEncoder, program: Program, { documents }: PackedTokens, firstRow: number): number {
    const rows = documents[documents.length - 1];
    for (const { windowed, dispatches } of this.#compiled.get(program)!.phases) {
      const step = windowed ? program.windowRows : Math.max(rows, 1);
      for (let [from, slot] = [firstRow, Number(windowed)]; from < rows; from += step, slot++) {
        pass.setBindGroup(0, this.#runGroup, [slot * SLOT_BYTES]);
        const range = { from, to: Math.min(rows, from + step), rows };
        for (const dispatch of dispatches) record(pass, dispatch, range);
      }
    }
    pass.setBindGroup(0, this.#runGroup, [0]);
    return rows;
  }

  async read(buffer: Buffer, rows: number = Number(buffer.rows)): Promise<Float32Array> {
    const { index, offset, stride, half } = this.#memory.locationOf(buffer);
    const encoder = this.#device.createCommandEncoder();
    const staging = this.#copyOut(encoder, index, offset, rows * stride * (half ? F32 / 2 : F32));
    this.#device.queue.submit([encoder.finish()]);
    const raw = await this.#readStaging(staging);
    const data = half ? Float32Array.from(new Uint16Array(raw.buffer), fromHalf) : raw;
    const copy = new Float32Array(rows * buffer.columns);
    for (let r = 0; r < rows; r++) copy.set(data.subarray(r * stride, r * stride + buffer.columns), r * buffer.columns);
    return copy;
  }

  async write(buffer: Buffer, data: ArrayLike<number>): Promise<void> {
    const { index, offset, stride, half } = this.#memory.locationOf(buffer);
    const rows = data.length / buffer.columns;
    const numbers = new Float32Array(rows * stride);
    for (let i = 0; i < data.length; i++) {
      numbers[Math.floor(i / buffer.columns) * stride + (i % buffer.columns)] = data[i];
    }
    const words = half ? Uint16Array.from(numbers, toHalf) : numbers;
    this.#device.queue.writeBuffer(this.#buffers[index], offset, words);
  }

  async weightsChanged(): Promise<void> {
    this.#fresh = true;
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, this.#runGroup, [0]);
    const [{ refresh }] = this.#compiled.values();
    for (const dispatch of refresh) record(pass, dispatch, { from: 0, to: 1, rows: 1 });
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  close(): void {
    for (const buffer of [...this.#buffers, this.#gpuBatchBuffer, ...this.#readbacks]) buffer.destroy();
    if (this.#ownsDevice) this.#device.destroy();
  }

  /** Records a copy of `size` bytes of a GPU buffer to a new one that can be mapped. */
  #copyOut(encoder: GPUCommandEncoder, index: number, offset: number, size: number): GPUBuffer {
    const staging = this.#device.createBuffer({ size: Math.max(size, 4), usage: MAP_READ | COPY_DST });
    if (size > 0) encoder.copyBufferToBuffer(this.#buffers[index], offset, staging, 0, size);
    return staging;
  }

  /** The contents of such a copy, which is destroyed. */
  async #readStaging(staging: GPUBuffer): Promise<Float32Array> {
    await this.#watch.until(staging.mapAsync(READ));
    const copy = new Float32Array(staging.getMappedRange().slice(0));
    staging.destroy();
    return copy;
  }
}

/** Records one dispatch for a range of rows. */
function record(pass: GPUComputePassEncoder, { pipeline, bindings, dispatchSize }: Dispatch, rows: RowRange): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(1, bindings);
  pass.dispatchWorkgroups(...dispatchSize(rows));
}
