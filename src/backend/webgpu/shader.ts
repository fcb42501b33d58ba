/**
 * The text of a kernel in WGSL, and what it is bound to. All offsets within a row are constants of the text; where a
 * buffer begins is the binding's, so that the layers of a model share their kernels.
 *
 * A row is a whole number of vec4; what lies in it behind the last column may be anything, and is read as 0.
 */
import type { Buffer, View, Weight } from "../../tensor/instructions.ts";

/** What kernels may use of an adapter. */
export interface Target {
  /** Invocations of the smallest subgroup; 0: no subgroups. */
  readonly subgroup: number;
  /** Whether numbers of 16 bits can be kept. */
  readonly half: boolean;
  /** Invocations of a subgroup, if those have units for matrices of 16 × 16 with factors of 16 bits; 0: they have not. */
  readonly matrices: number;
}

/** What a kernel's text must know of the memory. */
export interface Lookup {
  /** Numbers from row to row. */
  stride(buffer: Buffer): number;
  /** Whether its numbers have 16 bits. */
  isHalf(buffer: Buffer): boolean;
  /** The same numbers, as products are to read them. */
  factorOf(buffer: Buffer): Buffer;
}

/** Rows that a kernel is run over: [from, to) of `rows` in the batch. */
export interface Rows {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

/** A workgroup's number in x, y and z. */
export type Groups = readonly [x: number, y: number, z: number];

export interface ShaderKernel {
  /** The text but for its bindings: `b0`, `b1`, … */
  readonly body: string;
  readonly bindings: readonly Binding[];
  /** Invocations of a workgroup. */
  readonly size: number;
  readonly groups: (rows: Rows) => Groups;
}

export interface Binding {
  readonly buffer: Buffer;
  readonly element: "f32" | "vec4f" | "vec4h";
  readonly written: boolean;
}

/** Collects what a kernel reads and writes while its text is written. */
export class Shader {
  readonly target: Target;
  readonly #memory: Lookup;
  readonly #bindings: { buffer: Buffer; element: Binding["element"]; written: boolean }[] = [];
  readonly #functions = new Map<string, string>();

  constructor(target: Target, memory: Lookup) {
    this.target = target;
    this.#memory = memory;
  }

  read(view: View): ShaderMatrix {
    return this.#matrix(view, false);
  }

  /** A weight, as a factor of a product. */
  factor({ data }: Weight): ShaderMatrix {
    return this.#matrix({ buffer: this.#memory.factorOf(data), column: 0, columns: data.columns }, false);
  }

  /** To write, or to read and write. */
  write(view: View): ShaderMatrix {
    return this.#matrix(view, true);
  }

  /** A whole buffer, as scalars. */
  scalars(buffer: Buffer, written: boolean): Scalars {
    return new Scalars(this.#bind(buffer, "f32", written), this.#memory.stride(buffer), buffer.rows === "window");
  }

  /** Adds a function that the text calls; twice the same name: once. */
  define(name: string, text: string): void {
    this.#functions.set(name, text);
  }

  /** @param size invocations of a workgroup. `declared`: the text outside of `main`. */
  kernel(body: string, size: number, groups: ShaderKernel["groups"], declared = ""): ShaderKernel {
    const text = `${[...this.#functions.values(), declared].join("\n")}
@compute @workgroup_size(${size})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
${body}
}`;
    return { body: text, bindings: this.#bindings, size, groups };
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
    const lie = { stride: this.#memory.stride(buffer) / 4, first: column / 4, isHalf, mask };
    return new ShaderMatrix(name, columns, buffer.rows === "window", lie);
  }

  /** Views of one buffer share its binding: two that may be written must not overlap. */
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

/** Where a row of the batch lies in a buffer that may have only a window's. */
const rowIn = (row: string, windowed: boolean): string => (windowed ? `(${row} - run.begin)` : row);

/** How a view's numbers lie: vectors from row to row, the first of a row; what hides those behind the last column. */
interface Lie {
  readonly stride: number;
  readonly first: number;
  readonly isHalf: boolean;
  readonly mask: string | null;
}

/** The text to reach a view, vec4 by vec4. Rows are counted in the batch, also in a window. */
export class ShaderMatrix {
  readonly columns: number;
  /** In a row, the last one perhaps not full. */
  readonly vectors: number;
  readonly #name: string;
  readonly #windowed: boolean;
  readonly #lie: Lie;

  constructor(name: string, columns: number, windowed: boolean, lie: Lie) {
    this.columns = columns;
    this.vectors = Math.ceil(columns / 4);
    this.#name = name;
    this.#windowed = windowed;
    this.#lie = lie;
  }

  /** The vec4 `at` of a row, 0 behind the last column. */
  load(row: string, at: string): string {
    const { isHalf, mask } = this.#lie;
    const text = isHalf ? `vec4f(${this.#entry(row, at)})` : this.#entry(row, at);
    return mask === null ? text : `${mask}(${text}, ${at})`;
  }

  store(row: string, at: string, value: string): string {
    return `${this.#entry(row, at)} = ${this.#lie.isHalf ? `vec4h(${value})` : value};`;
  }

  #entry(row: string, at: string): string {
    const first = this.#lie.first === 0 ? "" : ` + ${this.#lie.first}u`;
    return `${this.#name}[${rowIn(row, this.#windowed)} * ${this.#lie.stride}u${first} + ${at}]`;
  }
}

/** The same, number by number. */
export class Scalars {
  readonly #name: string;
  readonly #stride: number;
  readonly #windowed: boolean;

  constructor(name: string, stride: number, windowed: boolean) {
    this.#name = name;
    this.#stride = stride;
    this.#windowed = windowed;
  }

  at(row: string, column: string): string {
    return `${this.#name}[${rowIn(row, this.#windowed)} * ${this.#stride}u + ${column}]`;
  }
}

/** `lines` for each index below the count, one after another: the compilers of drivers do not unroll by themselves. */
export const unroll = (count: number, lines: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => lines(index)).join("\n");

/** The least power of two that is not below the value. */
export const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, value)));

/** Workgroups in a row are at most so many in every adapter; more lie in further rows. */
const MAX_GROUPS = 65_535;

/** So many workgroups that `group.x + group.y * groups.x` counts them: a few more, if they are very many. */
export function inRows(count: number): Groups {
  const rows = Math.max(1, Math.ceil(count / MAX_GROUPS));
  return [Math.ceil(count / rows), rows, 1];
}

/** Invocations that work on one row together, and rows of a workgroup. */
export interface RowGroup {
  readonly lanes: number;
  readonly rows: number;
  readonly size: number;
}

/** A team for rows of so many vectors. */
export function rowGroupFor(vectors: number, most = 64): RowGroup {
  const lanes = Math.min(most, powerOfTwo(vectors));
  const size = Math.max(64, lanes);
  return { lanes, rows: size / lanes, size };
}

/** How invocations find their `row` and `lane`; rows past the last are `valid == false`, and must not be written. */
export const teamRow = ({ lanes, rows }: RowGroup): string => `
  let lane = local % ${lanes}u;
  let place = run.begin + (group.x + group.y * groups.x) * ${rows}u + local / ${lanes}u;
  let valid = place < run.end;
  let row = min(place, run.end - 1u);`;

export const teamGroups =
  ({ rows }: RowGroup): ShaderKernel["groups"] =>
  ({ from, to }) =>
    inRows(Math.ceil((to - from) / rows));

/**
 * Defines `name(value, local)`: the sum, or the maximum, over the lanes of a team, the same in all of them and in the
 * same order always. All invocations of the workgroup must call it.
 */
export function defineReduction(
  shader: Shader,
  name: string,
  team: RowGroup,
  combine: (a: string, b: string) => string,
): void {
  if (team.lanes === 1) {
    shader.define(name, `fn ${name}(value: f32, local: u32) -> f32 { return value; }`);
  } else if (team.lanes <= shader.target.subgroup) {
    const steps: string[] = [];
    for (let distance = 1; distance < team.lanes; distance *= 2) {
      steps.push(`  all = ${combine("all", `subgroupShuffleXor(all, ${distance}u)`)};`);
    }
    shader.define(
      name,
      `fn ${name}(value: f32, local: u32) -> f32 {\n  var all = value;\n${steps.join("\n")}\n  return all;\n}`,
    );
  } else {
    shader.define("shared", `var<workgroup> shared_numbers: array<f32, ${team.size}>;`);
    const steps: string[] = [];
    for (let distance = team.lanes / 2; distance >= 1; distance /= 2) {
      const [own, other] = ["shared_numbers[local]", `shared_numbers[local + ${distance}u]`];
      steps.push(`  if (local % ${team.lanes}u < ${distance}u) { ${own} = ${combine(own, other)}; }
  workgroupBarrier();`);
    }
    shader.define(
      name,
      `fn ${name}(value: f32, local: u32) -> f32 {
  workgroupBarrier();
  shared_numbers[local] = value;
  workgroupBarrier();
${steps.join("\n")}
  return shared_numbers[local - local % ${team.lanes}u];
}`,
    );
  }
}

export const add = (a: string, b: string): string => `${a} + ${b}`;
export const largest = (a: string, b: string): string => `max(${a}, ${b})`;
