/** From instructions to dispatches: the kernels' text, compiled each once, and what each is bound to. */
import type { Buffer, Instruction, InstructionOf, KernelName, View } from "../../tensor/instructions.ts";
import { roundUp } from "../../tensor/instructions.ts";
import type { Program } from "../../tensor/program.ts";
import { attention, attentionKeyValueGrad, attentionQueryGrad } from "./attention.ts";
import { RUN, SLOT } from "./batch.ts";
import type { BatchBuffer } from "./batch.ts";
import { addParts, linear, linearInputGrad, linearWeightGrad } from "./matmul.ts";
import type { TileChoice, Shape } from "./matmul.ts";
import type { GpuMemoryMap, Scratch } from "./memory.ts";
import { crossEntropy, crossEntropyGrad, embed, relu, reluGrad, rmsnorm, rmsnormGrad, sum } from "./rows.ts";
import { inRows, Shader } from "./shader.ts";
import type { ShaderKernel, Target } from "./shader.ts";
import { adam, decide, embedGrad, STATE, sumLosses, sumSquares } from "./weights.ts";

/** Which tile a product of a shape is computed with. */
export type ChooseTile = (shape: Shape) => TileChoice;

/** All kernels of a program, in order. */
export interface KernelList {
  readonly phases: readonly { readonly windowed: boolean; readonly kernels: readonly ShaderKernel[] }[];
  /** After each batch of a step, and after the last. */
  readonly losses: readonly ShaderKernel[];
  readonly update: readonly ShaderKernel[];
  /** After weights were written. */
  readonly refresh: readonly ShaderKernel[];
}

export interface KernelSettings {
  readonly memory: GpuMemoryMap;
  readonly target: Target;
  readonly choose: ChooseTile;
  /** Whether activations, and what products read of the weights, are kept in 16 bits. */
  readonly half: boolean;
  readonly program: Program;
}

const newShader = ({ memory, target }: KernelSettings): Shader => new Shader(target, memory);

type Makers = {
  readonly [Name in KernelName]: (instruction: InstructionOf<Name>, setting: KernelSettings) => ShaderKernel[];
};

/** A maker of one kernel that needs nothing but the instruction. */
const one =
  <Name extends KernelName>(make: (shader: Shader, instruction: InstructionOf<Name>) => ShaderKernel) =>
  (instruction: InstructionOf<Name>, setting: KernelSettings): ShaderKernel[] => [
    make(newShader(setting), instruction),
  ];

const MAKERS: Makers = {
  embed: one(embed),
  rmsnorm: one(rmsnorm),
  rmsnormGrad: one(rmsnormGrad),
  relu: one(relu),
  reluGrad: one(reluGrad),
  add: one(sum),
  crossEntropy: one(crossEntropy),
  crossEntropyGrad(instruction, setting) {
    const shader = newShader(setting);
    // Before the kernel's own bindings or after them: it is all the same.
    const scale = setting.half ? ` * ${shader.scalars(setting.memory.state, false).at("0u", `${STATE.scale}u`)}` : "";
    return [crossEntropyGrad(shader, instruction, scale)];
  },
  embedGrad: one(embedGrad),
  attention: one(attention),
  attentionGrad: (instruction, setting) => [
    attentionQueryGrad(newShader(setting), instruction, setting.memory.along),
    attentionKeyValueGrad(newShader(setting), instruction, setting.memory.along),
  ],
  linear: (instruction, setting) => [
    linear(newShader(setting), instruction, setting.choose(shapeOf(instruction, setting.program))),
  ],
  linearInputGrad: (instruction, setting) => [
    linearInputGrad(newShader(setting), instruction, setting.choose(shapeOf(instruction, setting.program))),
  ],
  linearWeightGrad(instruction, setting) {
    const { weight } = instruction;
    const choice = setting.choose(shapeOf(instruction, setting.program));
    const columns = weight.shape[1];
    const sums = { buffer: setting.memory.partsOf(weight.name, columns), column: 0, columns };
    const product = linearWeightGrad(newShader(setting), instruction, choice, sums);
    return choice.parts === 1 ? [product] : [product, addParts(newShader(setting), weight, choice.parts, sums)];
  },
  adam: () => [], // all weights at once
};

type ProductInstruction =
  | InstructionOf<"linear">
  | InstructionOf<"linearInputGrad">
  | InstructionOf<"linearWeightGrad">;

/** The shape of a product, with the rows of the largest batch. */
export function shapeOf(instruction: ProductInstruction, { maxTokens, windowRows }: Program): Shape {
  const [outputs, inputs] = instruction.weight.shape;
  const views = [...Object.values(instruction.to), ...Object.values(instruction.from)];
  const rows = views.some(({ buffer }) => buffer.rows === "window") ? windowRows : maxTokens;
  if (instruction.kernel === "linear") return { form: "linear", rows, columns: outputs, depth: inputs };
  if (instruction.kernel === "linearInputGrad") return { form: "inputGrad", rows, columns: inputs, depth: outputs };
  return { form: "weightGrad", rows: outputs, columns: inputs, depth: rows };
}

/** The shapes of a program's products. */
export const shapesOf = (program: Program): Shape[] =>
  instructionsOf(program).flatMap((instruction) =>
    instruction.kernel === "linear" ||
    instruction.kernel === "linearInputGrad" ||
    instruction.kernel === "linearWeightGrad"
      ? [shapeOf(instruction, program)]
      : [],
  );

export const instructionsOf = ({ phases }: Program): readonly Instruction[] =>
  phases.flatMap(({ sections }) => sections.flatMap(({ instructions }) => instructions));

/** What the kernels of the programs need beside the programs' own memory. */
export function scratchOf(programs: readonly Program[], choose: ChooseTile): Scratch {
  let [parts, heads] = [0, 0];
  for (const program of programs) {
    for (const instruction of instructionsOf(program)) {
      if (instruction.kernel === "attentionGrad") heads = Math.max(heads, instruction.heads.count);
      if (instruction.kernel !== "linearWeightGrad") continue;
      const [rows, columns] = instruction.weight.shape;
      const { parts: count } = choose(shapeOf(instruction, program));
      if (count > 1) parts = Math.max(parts, count * rows * roundUp(columns, 4));
    }
  }
  return { parts, heads, rows: Math.max(0, ...programs.map(({ maxTokens }) => maxTokens)) };
}

/** All of a buffer, as a view. */
const all = (buffer: Buffer): View => ({ buffer, column: 0, columns: buffer.columns });

/** The weights in 16 bits. */
function copyWeights(shader: Shader, { flat: { data }, flatFactors }: GpuMemoryMap): ShaderKernel {
  const vectors = data.columns / 4;
  const [to, from] = [shader.write(all(flatFactors)), shader.read(all(data))];
  return shader.kernel(
    `  let i = (group.x + group.y * groups.x) * 64u + local;
  if (i < ${vectors}u) { ${to.store("0u", "i", from.load("0u", "i"))} }`,
    64,
    () => inRows(Math.ceil(vectors / 64)),
  );
}

export function makeKernels(setting: KernelSettings): KernelList {
  const { memory, program } = setting;
  const kernelsOf = (instruction: Instruction): ShaderKernel[] => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each row of the table takes its own kind
    const make = MAKERS[instruction.kernel] as (instruction: Instruction, setting: KernelSettings) => ShaderKernel[];
    return make(instruction, setting);
  };
  const phases = program.phases.map(({ windowed, sections }) => ({
    windowed,
    kernels: sections.flatMap(({ instructions }) => instructions.flatMap(kernelsOf)),
  }));
  const refresh = setting.half && memory.flat.data.columns > 0 ? [copyWeights(newShader(setting), memory)] : [];
  if (program.kind !== "training") return { phases, losses: [], update: [], refresh };
  const { data, grad, adamMean, adamMeanSquare } = memory.flat;
  const vectors = data.columns / 4;
  const squares = newShader(setting);
  const update = newShader(setting);
  const flat = {
    data: update.write(all(data)),
    grad: update.read(all(grad)),
    mean: update.write(all(adamMean)),
    meanSquare: update.write(all(adamMeanSquare)),
    factors: memory.flatFactors === data ? null : update.write(all(memory.flatFactors)),
  };
  return {
    phases,
    losses: [sumLosses(newShader(setting), program.result, memory.state)],
    update: [
      sumSquares(squares, squares.read(all(grad)), vectors, memory.partials),
      decide(newShader(setting), memory.partials, memory.state, setting.half),
      adam(update, flat, vectors, memory.state),
    ],
    refresh,
  };
}

// ── On a device ──────────────────────────────────────────────────────────────────────────────────────────────

/** A kernel that is ready to run. */
export interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly groups: ShaderKernel["groups"];
}

/** GPUShaderStage.COMPUTE: the names are not there in Node. */
const COMPUTE = 4;

/** Compiles kernels, each text once, and binds them to the memory. */
export class ShaderCompiler {
  readonly runLayout: GPUBindGroupLayout;
  readonly #device: GPUDevice;
  readonly #target: Target;
  readonly #memory: GpuMemoryMap;
  readonly #buffers: readonly GPUBuffer[];
  readonly #declared: string;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(
    device: GPUDevice,
    target: Target,
    memory: GpuMemoryMap,
    buffers: readonly GPUBuffer[],
    room: BatchBuffer,
  ) {
    this.#device = device;
    this.#target = target;
    this.#memory = memory;
    this.#buffers = buffers;
    this.#declared = RUN + room.declared;
    this.runLayout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: COMPUTE, buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: SLOT } },
        { binding: 1, visibility: COMPUTE, buffer: { type: "read-only-storage" } },
      ],
    });
  }

  async compile(kernel: ShaderKernel): Promise<Dispatch> {
    const { bindings } = kernel;
    const spots = bindings.map(({ buffer }) => this.#memory.spot(buffer));
    // A buffer of the GPU that is written anywhere in a dispatch must be bound for writing everywhere in it.
    const written = new Set(spots.filter((_, i) => bindings[i].written).map(({ memory }) => memory));
    const modes = spots.map(({ memory }) => (written.has(memory) ? "read_write" : "read"));
    const declared = bindings.map(
      ({ element }, i) => `@group(1) @binding(${i}) var<storage, ${modes[i]}> b${i}: array<${element}>;\n`,
    );
    const layout = this.#layout(modes);
    const text = `${this.#header(kernel)}${this.#declared}${declared.join("")}${kernel.body}`;
    const entries = spots.map(({ memory, offset, size }, binding) => ({
      binding,
      resource: { buffer: this.#buffers[memory], offset, size },
    }));
    return {
      pipeline: await this.#pipeline(text, layout),
      bindings: this.#device.createBindGroup({ layout, entries }),
      groups: kernel.groups,
    };
  }

  #header({ body, bindings }: ShaderKernel): string {
    const usesSubgroups = this.#target.subgroup > 0 && body.includes("subgroupShuffle");
    // A team's lanes go the same ways together, which the compiler can't know.
    const subgroups = usesSubgroups ? "enable subgroups;\ndiagnostic(off, subgroup_uniformity);\n" : "";
    if (body.includes("subgroupMatrixLoad")) {
      // Every subgroup goes the same way, which the compiler can't know.
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
