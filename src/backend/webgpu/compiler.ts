/**
 * From instructions to dispatches, in two halves: `makeKernels` turns a program into kernels as text, without a device;
 * `ShaderCompiler` compiles them and binds them to the GPU's buffers. It submits nothing: that is `session.ts`.
 *
 *   Program        KernelList            Dispatch
 *   instruction ─→ 0, 1 or 2 kernels ─→ pipeline + bind group + dispatch size
 *                  (text, bindings)      the layers of a model have equal texts and share pipelines
 */
import type { Buffer, Instruction, InstructionOf, KernelName, View } from "../../tensor/instructions.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Program } from "../../tensor/program.ts";
import { attention, attentionKeyValueGrad, attentionQueryGrad } from "./attention.ts";
import { RUN, SLOT_BYTES } from "./batch.ts";
import type { BatchBuffer } from "./batch.ts";
import { addChunks, linear, linearInputGrad, linearWeightGrad } from "./matmul.ts";
import type { GpuMemoryMap, ScratchSizes } from "./memory.ts";
import { crossEntropy, crossEntropyGrad, embed, relu, reluGrad, rmsnorm, rmsnormGrad, sum } from "./rows.ts";
import { dispatchOf, Shader } from "./shader.ts";
import type { ShaderKernel, Target } from "./shader.ts";
import type { Shape, TileChoice } from "./tiles.ts";
import { adam, decide, embedGrad, STATE, sumLosses, sumSquares } from "./weights.ts";

/** Picks the tile that a product of a shape is computed with. */
export type ChooseTile = (shape: Shape) => TileChoice;

/** The kernels of a program, in the order in which they run. */
export interface KernelList {
  /** One entry per phase of the program; a windowed phase runs its kernels for each window. */
  readonly phases: readonly { readonly windowed: boolean; readonly kernels: readonly ShaderKernel[] }[];
  /** Run after each pass of a training step: they add up the losses. */
  readonly losses: readonly ShaderKernel[];
  /** Run after the last pass of a training step: Adam for all weights. */
  readonly update: readonly ShaderKernel[];
  /** Run after the host wrote weights: they renew the f16 copies. */
  readonly refresh: readonly ShaderKernel[];
}

/** What the kernels' text depends on. */
export interface KernelSettings {
  /** Strides, precisions and scratch buffers. */
  readonly memory: GpuMemoryMap;
  /** The adapter's features. */
  readonly target: Target;
  /** Picks the tiles of the products. */
  readonly choose: ChooseTile;
  /** Whether activations, and the weights that products read, are f16. */
  readonly half: boolean;
  /** The program to make kernels for. */
  readonly program: Program;
}

const newShader = ({ memory, target }: KernelSettings): Shader => new Shader(target, memory);

type Makers = {
  readonly [Name in KernelName]: (instruction: InstructionOf<Name>, settings: KernelSettings) => ShaderKernel[];
};

/** The maker for an instruction that is one kernel and needs no settings. */
const single =
  <Name extends KernelName>(make: (shader: Shader, instruction: InstructionOf<Name>) => ShaderKernel) =>
  (instruction: InstructionOf<Name>, settings: KernelSettings): ShaderKernel[] => [
    make(newShader(settings), instruction),
  ];

/** How each instruction becomes kernels. */
const MAKERS: Makers = {
  embed: single(embed),
  rmsnorm: single(rmsnorm),
  rmsnormGrad: single(rmsnormGrad),
  relu: single(relu),
  reluGrad: single(reluGrad),
  add: single(sum),
  crossEntropy: single(crossEntropy),
  crossEntropyGrad(instruction, settings) {
    const shader = newShader(settings);
    const scale = settings.half ? ` * ${shader.scalars(settings.memory.state, false).at("0u", `${STATE.scale}u`)}` : "";
    return [crossEntropyGrad(shader, instruction, scale)];
  },
  embedGrad: single(embedGrad),
  attention: single(attention),
  attentionGrad: (instruction, settings) => [
    attentionQueryGrad(newShader(settings), instruction, settings.memory.outDots),
    attentionKeyValueGrad(newShader(settings), instruction, settings.memory.outDots),
  ],
  linear: (instruction, settings) => [
    linear(newShader(settings), instruction, settings.choose(shapeOf(instruction, settings.program))),
  ],
  linearInputGrad: (instruction, settings) => [
    linearInputGrad(newShader(settings), instruction, settings.choose(shapeOf(instruction, settings.program))),
  ],
  linearWeightGrad(instruction, settings) {
    const { weight } = instruction;
    const choice = settings.choose(shapeOf(instruction, settings.program));
    const columns = weight.shape[1];
    const sums = wholeOf(settings.memory.chunkSumsOf(weight.name, columns));
    const product = linearWeightGrad(newShader(settings), instruction, choice, sums);
    return choice.chunks === 1 ? [product] : [product, addChunks(newShader(settings), weight, choice.chunks, sums)];
  },
  adam: () => [], // one kernel updates all weights, see makeKernels
};

type ProductInstruction =
  | InstructionOf<"linear">
  | InstructionOf<"linearInputGrad">
  | InstructionOf<"linearWeightGrad">;

/** The shape of a product, for the largest batch of its program. */
export function shapeOf(instruction: ProductInstruction, { maxTokens, windowRows }: Program): Shape {
  const [outputs, inputs] = instruction.weight.shape;
  const views = [...Object.values(instruction.to), ...Object.values(instruction.from)];
  const rows = views.some(({ buffer }) => buffer.rows === "window") ? windowRows : maxTokens;
  if (instruction.kernel === "linear") return { form: "linear", rows, columns: outputs, depth: inputs };
  if (instruction.kernel === "linearInputGrad") return { form: "inputGrad", rows, columns: inputs, depth: outputs };
  return { form: "weightGrad", rows: outputs, columns: inputs, depth: rows };
}

/** The shapes of a program's products, with repetitions. */
export const shapesOf = (program: Program): Shape[] =>
  instructionsOf(program).flatMap((instruction) =>
    instruction.kernel === "linear" ||
    instruction.kernel === "linearInputGrad" ||
    instruction.kernel === "linearWeightGrad"
      ? [shapeOf(instruction, program)]
      : [],
  );

/** All instructions of a program's phases, in order. */
export const instructionsOf = ({ phases }: Program): readonly Instruction[] =>
  phases.flatMap(({ sections }) => sections.flatMap(({ instructions }) => instructions));

/** The scratch memory that the kernels of the programs need, as large as the most demanding of them. */
export function scratchSizes(programs: readonly Program[], choose: ChooseTile): ScratchSizes {
  let [chunkSums, heads] = [0, 0];
  for (const program of programs) {
    for (const instruction of instructionsOf(program)) {
      if (instruction.kernel === "attentionGrad") heads = Math.max(heads, instruction.heads.count);
      if (instruction.kernel !== "linearWeightGrad") continue;
      const [rows, columns] = instruction.weight.shape;
      const { chunks } = choose(shapeOf(instruction, program));
      if (chunks > 1) chunkSums = Math.max(chunkSums, chunks * rows * roundUp(columns, 4));
    }
  }
  return { chunkSums, heads, rows: Math.max(0, ...programs.map(({ maxTokens }) => maxTokens)) };
}

/** A view of all columns of a buffer. */
const wholeOf = (buffer: Buffer): View => ({ buffer, column: 0, columns: buffer.columns });

/** Copies all weights to their f16 copies. */
function copyWeights(shader: Shader, { flat: { data }, flatFactors }: GpuMemoryMap): ShaderKernel {
  const vectors = data.columns / 4;
  const [to, from] = [shader.write(wholeOf(flatFactors)), shader.read(wholeOf(data))];
  return shader.kernel(
    `  let i = (group.x + group.y * groups.x) * 64u + local;
  if (i < ${vectors}u) { ${to.store("0u", "i", from.load("0u", "i"))} }`,
    64,
    () => dispatchOf(Math.ceil(vectors / 64)),
  );
}

/** The kernels of a program. */
export function makeKernels(settings: KernelSettings): KernelList {
  const { memory, program } = settings;
  const kernelsOf = (instruction: Instruction): ShaderKernel[] => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each entry takes instructions of its own name
    const make = MAKERS[instruction.kernel] as (instruction: Instruction, settings: KernelSettings) => ShaderKernel[];
    return make(instruction, settings);
  };
  const phases = program.phases.map(({ windowed, sections }) => ({
    windowed,
    kernels: sections.flatMap(({ instructions }) => instructions.flatMap(kernelsOf)),
  }));
  const refresh = settings.half && memory.flat.data.columns > 0 ? [copyWeights(newShader(settings), memory)] : [];
  if (program.kind !== "training") return { phases, losses: [], update: [], refresh };
  const { data, grad, adamMean, adamMeanSquare } = memory.flat;
  const vectors = data.columns / 4;
  const squares = newShader(settings);
  const update = newShader(settings);
  const flat = {
    data: update.write(wholeOf(data)),
    grad: update.read(wholeOf(grad)),
    mean: update.write(wholeOf(adamMean)),
    meanSquare: update.write(wholeOf(adamMeanSquare)),
    factors: memory.flatFactors === data ? null : update.write(wholeOf(memory.flatFactors)),
  };
  return {
    phases,
    losses: [sumLosses(newShader(settings), program.result, memory.state)],
    update: [
      sumSquares(squares, squares.read(wholeOf(grad)), vectors, memory.partials),
      decide(newShader(settings), memory.partials, memory.state, settings.half),
      adam(update, flat, vectors, memory.state),
    ],
    refresh,
  };
}

// ── On a device ──────────────────────────────────────────────────────────────────────────────────────────────

/** A kernel that is compiled and bound. */
export interface Dispatch {
  /** The compiled kernel. */
  readonly pipeline: GPUComputePipeline;
  /** Bind group 1: the buffers that it reads and writes. Group 0 has the layout `runLayout`. */
  readonly bindings: GPUBindGroup;
  /** Workgroups needed for a range of rows. */
  readonly dispatchSize: ShaderKernel["dispatchSize"];
}

/** GPUShaderStage.COMPUTE: Node does not define the constants of WebGPU. */
const COMPUTE = 4;

/** Compiles the kernels of a session, each text once, and binds them to its buffers. */
export class ShaderCompiler {
  /** Layout of bind group 0, the batch buffer: a slot as a uniform with a dynamic offset, and the lists. */
  readonly runLayout: GPUBindGroupLayout;
  readonly #device: GPUDevice;
  readonly #target: Target;
  readonly #memory: GpuMemoryMap;
  readonly #buffers: readonly GPUBuffer[];
  /** WGSL that every kernel begins with. */
  readonly #preamble: string;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  /** @param buffers the GPU buffers of the memory map, in its order. */
  constructor(
    device: GPUDevice,
    target: Target,
    memory: GpuMemoryMap,
    buffers: readonly GPUBuffer[],
    batchBuffer: BatchBuffer,
  ) {
    this.#device = device;
    this.#target = target;
    this.#memory = memory;
    this.#buffers = buffers;
    this.#preamble = RUN + batchBuffer.accessors;
    this.runLayout = device.createBindGroupLayout({
      entries: [
        {
          binding: 0,
          visibility: COMPUTE,
          buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: SLOT_BYTES },
        },
        { binding: 1, visibility: COMPUTE, buffer: { type: "read-only-storage" } },
      ],
    });
  }

  /** Compiles and binds a kernel. Rejects if the driver does not accept its text. */
  async compile(kernel: ShaderKernel): Promise<Dispatch> {
    const { bindings } = kernel;
    const locations = bindings.map(({ buffer }) => this.#memory.locationOf(buffer));
    // WebGPU allows one usage per GPU buffer and dispatch: if one binding of it is writable, all of them must be.
    const written = new Set(locations.filter((_, i) => bindings[i].written).map(({ index }) => index));
    const modes = locations.map(({ index }) => (written.has(index) ? "read_write" : "read"));
    const declared = bindings.map(
      ({ element }, i) => `@group(1) @binding(${i}) var<storage, ${modes[i]}> b${i}: array<${element}>;\n`,
    );
    const layout = this.#layout(modes);
    const text = `${this.#header(kernel)}${this.#preamble}${declared.join("")}${kernel.body}`;
    const entries = locations.map(({ index, offset, size }, binding) => ({
      binding,
      resource: { buffer: this.#buffers[index], offset, size },
    }));
    return {
      pipeline: await this.#pipeline(text, layout),
      bindings: this.#device.createBindGroup({ layout, entries }),
      dispatchSize: kernel.dispatchSize,
    };
  }

  /** The directives that a kernel needs. They precede all declarations. */
  #header({ body, bindings }: ShaderKernel): string {
    const usesSubgroups = this.#target.subgroup > 0 && body.includes("subgroupShuffle");
    // Lanes of a row group always reach a shuffle together, which the WGSL compiler cannot prove.
    const subgroups = usesSubgroups ? "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n" : "";
    if (body.includes("subgroupMatrixLoad")) {
      // Whole subgroups reach a matrix operation together, which the WGSL compiler cannot prove.
      return `enable f16;\nenable subgroups;\nenable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);\n`;
    }
    return bindings.some(({ element }) => element === "vec4h") ? `enable f16;\n${subgroups}` : subgroups;
  }

  #pipeline(code: string, layout: GPUBindGroupLayout): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(code);
    if (pipeline === undefined) {
      pipeline = this.#device.createComputePipelineAsync({
        layout: this.#device.createPipelineLayout({ bindGroupLayouts: [this.runLayout, layout] }),
        compute: { module: this.#device.createShaderModule({ code }) },
      });
      this.#pipelines.set(code, pipeline);
    }
    return pipeline;
  }

  #layout(modes: readonly string[]): GPUBindGroupLayout {
    const key = modes.join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = this.#device.createBindGroupLayout({
        entries: modes.map((mode, binding) => ({
          binding,
          visibility: COMPUTE,
          buffer: { type: mode === "read" ? "read-only-storage" : "storage" },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}
