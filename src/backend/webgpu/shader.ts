/**
 * Builds the WGSL text of a kernel and collects the buffers that it binds. It knows no instruction: `rows.ts`,
 * `matmul.ts`, `attention.ts` and `weights.ts` write the kernels, and `compiler.ts` compiles them.
 *
 * Offsets within a row are constants of the text; where a buffer starts is up to its binding. The layers of a model
 * therefore share one text, and one pipeline, per kernel.
 *
 * A row is a whole number of vec4. With 6 columns:
 *
 *   vector     │      0      │      1      │
 *   column     │ 0  1  2  3  │ 4  5  ·  ·  │   The padding may hold anything; `load` reads it as 0.
 */
import type { Buffer, View, Weight } from "../../tensor/instructions.ts";

/** The features of an adapter that kernels use. */
export interface Target {
  /** Invocations in the smallest subgroup; 0: subgroups are not available. */
  readonly subgroup: number;
  /** Whether buffers can hold f16. */
  readonly half: boolean;
  /** Invocations in a subgroup that multiplies 16 × 16 matrices, f16 in and f32 out; 0: it has no matrix units. */
  readonly matrices: number;
}

/** What a kernel's text depends on in the memory map. */
export interface Lookup {
  /** Numbers from the start of one row to the next. */
  stride(buffer: Buffer): number;
  /** Whether the buffer holds f16. */
  isHalf(buffer: Buffer): boolean;
  /** The copy of a weight that products read: f16 if there is one, else the weight itself. */
  factorOf(buffer: Buffer): Buffer;
}

/** The rows that a kernel computes. */
export interface RowRange {
  /** First row. */
  readonly from: number;
  /** One past the last row. */
  readonly to: number;
  /** All rows of the batch, `to` or more. */
  readonly rows: number;
}

/** Workgroups of a dispatch in x, y and z. */
export type DispatchSize = readonly [x: number, y: number, z: number];

/** A kernel as text, not yet compiled. */
export interface ShaderKernel {
  /** WGSL without the declarations of its bindings `b0`, `b1`, … */
  readonly body: string;
  /** What `b0`, `b1`, … are bound to. */
  readonly bindings: readonly Binding[];
  /** Invocations per workgroup. */
  readonly size: number;
  /** Workgroups needed for a range of rows. */
  readonly dispatchSize: (rows: RowRange) => DispatchSize;
}

/** A buffer that a kernel uses. */
export interface Binding {
  /** The program's buffer, or one of the scratch buffers. */
  readonly buffer: Buffer;
  /** Element type of the array in WGSL. */
  readonly element: "f32" | "vec4f" | "vec4h";
  /** Whether the kernel writes to it. */
  readonly written: boolean;
}

/** Collects bindings and helper functions while a kernel's text is written. One object per kernel. */
export class Shader {
  /** The adapter's features. */
  readonly target: Target;
  readonly #memory: Lookup;
  readonly #bindings: { buffer: Buffer; element: Binding["element"]; written: boolean }[] = [];
  readonly #functions = new Map<string, string>();

  /** @param memory tells strides and precisions. */
  constructor(target: Target, memory: Lookup) {
    this.target = target;
    this.#memory = memory;
  }

  /** Binds a view for reading. */
  read(view: View): ShaderMatrix {
    return this.#matrix(view, false);
  }

  /** Binds a weight for reading, in the precision that products use. */
  factor({ data }: Weight): ShaderMatrix {
    return this.#matrix({ buffer: this.#memory.factorOf(data), column: 0, columns: data.columns }, false);
  }

  /** Binds a view for writing, or for reading and writing. */
  write(view: View): ShaderMatrix {
    return this.#matrix(view, true);
  }

  /** Binds a whole f32 buffer for access number by number. */
  scalars(buffer: Buffer, written: boolean): Scalars {
    return new Scalars(this.#bind(buffer, "f32", written), this.#memory.stride(buffer), buffer.rows === "window");
  }

  /** Adds a WGSL function, or another declaration. A second definition of a name replaces the first. */
  define(name: string, text: string): void {
    this.#functions.set(name, text);
  }

  /**
   * The finished kernel.
   * @param body statements of `main`; `group`, `groups` and `local` are its arguments.
   * @param size invocations per workgroup.
   * @param declared module-scope declarations.
   */
  kernel(body: string, size: number, dispatchSize: ShaderKernel["dispatchSize"], declared = ""): ShaderKernel {
    const text = `${[...this.#functions.values(), declared].join("\n")}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
${body}
}`;
    return { body: text, bindings: this.#bindings, size, dispatchSize };
  }

  #matrix(view: View, written: boolean): ShaderMatrix {
    const { buffer, column, columns } = view;
    const isHalf = this.#memory.isHalf(buffer);
    const name = this.#bind(buffer, isHalf ? "vec4h" : "vec4f", written);
    const mask = columns % 4 === 0 ? null : `within${columns}`;
    if (mask !== null) {
      const text = `fn ${mask}(value: vec4f, at: u32) -> vec4f {
  return select(vec4f(), value, vec4u(4u * at) + vec4u(0u, 1u, 2u, 3u) < vec4u(${columns}u));
}`;
      this.define(mask, text);
    }
    const layout = { stride: this.#memory.stride(buffer) / 4, first: column / 4, isHalf, mask };
    return new ShaderMatrix(name, columns, buffer.rows === "window", layout);
  }

  /** Views of one buffer share its binding, because two writable bindings must not overlap. */
  #bind(buffer: Buffer, element: Binding["element"], written: boolean): string {
    let index = this.#bindings.findIndex((binding) => binding.buffer === buffer && binding.element === element);
    if (index < 0) {
      index = this.#bindings.length;
      this.#bindings.push({ buffer, element, written: false });
    }
    this.#bindings[index].written ||= written;
    return `b${index}`;
  }
}

/** Index, within its buffer, of a row counted in the batch: some buffers hold only the current window. */
const rowIn = (row: string, windowed: boolean): string => (windowed ? `(${row} - run.begin)` : row);

/** How the rows of a view are stored. */
interface VectorLayout {
  /** Vectors from the start of one row to the next. */
  readonly stride: number;
  /** The view's first vector within a row. */
  readonly first: number;
  /** Whether the numbers are f16. */
  readonly isHalf: boolean;
  /** Name of the WGSL function that zeroes the padding; null: there is no padding. */
  readonly mask: string | null;
}

/** WGSL expressions for access to a view, vec4 by vec4. Rows are counted in the batch, even within a window. */
export class ShaderMatrix {
  /** Numbers per row, without padding. */
  readonly columns: number;
  /** Vectors per row, including a partial last one. */
  readonly vectors: number;
  readonly #name: string;
  readonly #windowed: boolean;
  readonly #layout: VectorLayout;

  /**
   * @param name of the binding.
   * @param windowed whether the buffer holds only the rows of the current window.
   */
  constructor(name: string, columns: number, windowed: boolean, layout: VectorLayout) {
    this.columns = columns;
    this.vectors = Math.ceil(columns / 4);
    this.#name = name;
    this.#windowed = windowed;
    this.#layout = layout;
  }

  /** An expression: vector `at` of a row as vec4f, 0 past the last column. */
  load(row: string, at: string): string {
    const { isHalf, mask } = this.#layout;
    const text = isHalf ? `vec4f(${this.#entry(row, at)})` : this.#entry(row, at);
    return mask === null ? text : `${mask}(${text}, ${at})`;
  }

  /** A statement that stores a vec4f as vector `at` of a row. */
  store(row: string, at: string, value: string): string {
    return `${this.#entry(row, at)} = ${this.#layout.isHalf ? `vec4h(${value})` : value};`;
  }

  #entry(row: string, at: string): string {
    const first = this.#layout.first === 0 ? "" : ` + ${this.#layout.first}u`;
    return `${this.#name}[${rowIn(row, this.#windowed)} * ${this.#layout.stride}u${first} + ${at}]`;
  }
}

/** WGSL expressions for access to a buffer, number by number. */
export class Scalars {
  readonly #name: string;
  readonly #stride: number;
  readonly #windowed: boolean;

  /** @param stride numbers from row to row. */
  constructor(name: string, stride: number, windowed: boolean) {
    this.#name = name;
    this.#stride = stride;
    this.#windowed = windowed;
  }

  /** A reference to one number, to read or to assign. */
  at(row: string, column: string): string {
    return `${this.#name}[${rowIn(row, this.#windowed)} * ${this.#stride}u + ${column}]`;
  }
}

/** The text of a loop, written out: the shader compilers of drivers do not unroll reliably. */
export const unroll = (count: number, lines: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => lines(index)).join("\n");

/** The smallest power of two that is at least the value: 5 → 8, 0 → 1. */
export const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, value)));

/** Limit on each dimension of a dispatch that every adapter supports. */
const MAX_WORKGROUPS = 65_535;

/**
 * A dispatch of at least `count` workgroups, numbered by `group.x + group.y * groups.x`. Above 65,535 it takes several
 * rows of workgroups and may have a few more than `count`, so kernels check their bounds.
 */
export function dispatchOf(count: number): DispatchSize {
  const rows = Math.max(1, Math.ceil(count / MAX_WORKGROUPS));
  return [Math.ceil(count / rows), rows, 1];
}

/** How a workgroup is divided among rows: a row group is the invocations that share one row. */
export interface RowGroup {
  /** Invocations per row, a power of two. */
  readonly lanes: number;
  /** Rows per workgroup. */
  readonly rows: number;
  /** Invocations per workgroup: lanes · rows. */
  readonly size: number;
}

/** The row group for rows of this many vectors. @param most upper bound on the lanes. */
export function rowGroupFor(vectors: number, most = 64): RowGroup {
  const lanes = Math.min(most, powerOfTwo(vectors));
  const size = Math.max(64, lanes);
  return { lanes, rows: size / lanes, size };
}

/**
 * Statements that set `lane`, `row` and `valid`. Row groups past the last row repeat it, so that they reach the same
 * barriers; they have `valid == false` and must not write.
 */
export const findRow = ({ lanes, rows }: RowGroup): string => `
  let lane = local % ${lanes}u;
  let own_row = run.begin + (group.x + group.y * groups.x) * ${rows}u + local / ${lanes}u;
  let valid = own_row < run.end;
  let row = min(own_row, run.end - 1u);`;

/** The dispatch with one row group per row. */
export const rowGroupDispatch =
  ({ rows }: RowGroup): ShaderKernel["dispatchSize"] =>
  ({ from, to }) =>
    dispatchOf(Math.ceil((to - from) / rows));

/**
 * Defines `name(value, local)`: the sum, or the maximum, over the lanes of a row group. Every lane gets the result, and
 * the order of the additions is fixed. All invocations of the workgroup must call it.
 *
 *   lanes    0  1  2  3  4  5  6  7
 *            └──┘  └──┘  └──┘  └──┘      With subgroups: shuffles at distance 1, 2, 4, …
 *            └─────┘     └─────┘         Without: workgroup memory at distance …, 4, 2, 1,
 *            └───────────┘               with a barrier after each.
 *
 * @param combine the WGSL expression for two values: `add` or `maximum`.
 */
export function defineReduction(
  shader: Shader,
  name: string,
  rowGroup: RowGroup,
  combine: (a: string, b: string) => string,
): void {
  if (rowGroup.lanes === 1) {
    shader.define(name, `fn ${name}(value: f32, local: u32) -> f32 { return value; }`);
  } else if (rowGroup.lanes <= shader.target.subgroup) {
    const levels: string[] = [];
    for (let distance = 1; distance < rowGroup.lanes; distance *= 2) {
      levels.push(`  all = ${combine("all", `subgroupShuffleXor(all, ${distance}u)`)};`);
    }
    shader.define(
      name,
      `fn ${name}(value: f32, local: u32) -> f32 {\n  var all = value;\n${levels.join("\n")}\n  return all;\n}`,
    );
  } else {
    shader.define("shared", `var<workgroup> shared_numbers: array<f32, ${rowGroup.size}>;`);
    const levels: string[] = [];
    for (let distance = rowGroup.lanes / 2; distance >= 1; distance /= 2) {
      const [own, other] = ["shared_numbers[local]", `shared_numbers[local + ${distance}u]`];
      levels.push(`  if (local % ${rowGroup.lanes}u < ${distance}u) { ${own} = ${combine(own, other)}; }
  workgroupBarrier();`);
    }
    shader.define(
      name,
      `fn ${name}(value: f32, local: u32) -> f32 {
  workgroupBarrier();
  shared_numbers[local] = value;
  workgroupBarrier();
${levels.join("\n")}
  return shared_numbers[local - local % ${rowGroup.lanes}u];
}`,
    );
  }
}

/** WGSL: a + b. */
export const add = (a: string, b: string): string => `${a} + ${b}`;
/** WGSL: the larger of a and b. */
export const maximum = (a: string, b: string): string => `max(${a}, ${b})`;
