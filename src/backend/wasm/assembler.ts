/**
 * A WebAssembly assembler: turns functions written as TypeScript expressions into the bytes of a module. It needs no
 * tool chain and ships no binary: kernels are generated at run time, for the shapes of the model.
 *
 * It has only the instructions that the kernels use. It does not check code (the engine's validator does) and does not
 * optimize it (the engine's compiler does). Opcodes: https://webassembly.github.io/spec/core/binary/instructions.html
 *
 *   i32.add(row.get, i32.const(4))  →  [0x20, 0]  [0x41, 4]  [0x6a]
 *                                      local.get  i32.const  i32.add
 */

/** Bytes of instructions, nested. An expression leaves one value on the stack, a statement none. */
export type Code = readonly (number | Code)[];

/** Types of variables: a 32-bit integer, a float, a vector of four floats. */
export type ValueType = "i32" | "f32" | "v128";

const TYPE_BYTES: Readonly<Record<ValueType, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

/** An unsigned integer in LEB128, the encoding of sizes and indices: 300 → [0xac, 0x02]. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** A signed 32-bit integer in LEB128: −1 → [0x7f]. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; rest >>= 7) {
    const isLast = (rest >> 6 === 0 || rest >> 6 === -1) && rest >= -64 && rest < 64;
    bytes.push(isLast ? rest & 0x7f : (rest & 0x7f) | 0x80);
    if (isLast) return bytes;
  }
}

// ── Values ───────────────────────────────────────────────────────────────────────────────────────────────────

/** A local variable of a function; parameters are locals too. */
export class Local {
  /** Index within the function; parameters come first. */
  readonly index: number;
  /** Expression that reads the variable. */
  readonly get: Code;

  /** The variable with this index; `Locals` allocates new ones. */
  constructor(index: number) {
    this.index = index;
    this.get = [0x20, ...unsigned(index)];
  }

  /** Statement that assigns `value`. */
  set(value: Code): Code {
    return [value, 0x21, ...unsigned(this.index)];
  }

  /** Statement `this += by`; i32 only. */
  increase(by: Code): Code {
    return this.set(i32.add(this.get, by));
  }
}

type Unary = (a: Code) => Code;
type Binary = (a: Code, b: Code) => Code;
/** Reads at `pointer + offset`, both in bytes. */
type Load = (pointer: Code, offset?: number) => Code;
/** Writes `value` at `pointer + offset`, both in bytes. */
type Store = (pointer: Code, value: Code, offset?: number) => Code;
type Instructions<Name extends string, Signature> = Readonly<Record<Name, Signature>>;

const binary =
  (...opcode: number[]): Binary =>
  (a, b) => [a, b, opcode];
const unary =
  (...opcode: number[]): Unary =>
  (a) => [a, opcode];
const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
/** A memory operand. Its alignment is a hint that engines ignore, so it is always 2² = 4 bytes. */
const memoryOperand = (offset: number): number[] => [2, ...unsigned(offset)];

/** 32-bit integers: pointers, counts and indices. Comparisons are signed. */
export const i32: Instructions<"add" | "sub" | "mul" | "and" | "equals" | "less" | "atMost", Binary> &
  Instructions<"load", Load> &
  Instructions<"const", (value: number) => Code> = {
  const: (value) => [0x41, ...signed(value)],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  equals: binary(0x46),
  less: binary(0x48),
  /** Signed ≤. */
  atMost: binary(0x4c),
  load: (pointer, offset = 0) => [pointer, 0x28, ...memoryOperand(offset)],
};

const floatBytes = (value: number): number[] => [...new Uint8Array(new Float32Array([value]).buffer)];

/** Single floats. */
export const f32: Instructions<"sub", Binary> &
  Instructions<"fromI32", Unary> &
  Instructions<"load", Load> &
  Instructions<"store", Store> = {
  sub: binary(0x93),
  fromI32: unary(0xb2),
  load: (pointer, offset = 0) => [pointer, 0x2a, ...memoryOperand(offset)],
  store: (pointer, value, offset = 0) => [pointer, value, 0x38, ...memoryOperand(offset)],
};

/** Vectors of four f32. */
export const f32x4: Instructions<"add" | "sub" | "mul" | "div" | "max" | "less" | "greater", Binary> &
  Instructions<"splat" | "sqrt", Unary> &
  Instructions<"load" | "loadSplat", Load> &
  Instructions<"store", Store> &
  Readonly<{
    /** The constant [0, 0, 0, 0]. */
    zero: Code;
    /** The constant `value` in all four lanes. */
    const: (value: number) => Code;
    /** The constant [a, b, c, d]. */
    lanes: (a: number, b: number, c: number, d: number) => Code;
    /** Lane `lane` as an f32. */
    lane: (vector: Code, lane: number) => Code;
    /** Bits of `a` where the mask is 1, of `b` where it is 0. */
    select: (a: Code, b: Code, mask: Code) => Code;
    /** Four lanes by number: 0–3 are those of `a`, 4–7 those of `b`. */
    shuffle: (a: Code, b: Code, lanes: readonly [number, number, number, number]) => Code;
  }> = {
  splat: unary(...simd(0x13)),
  zero: [...simd(0x0c), ...new Array<number>(16).fill(0)],
  const: (value) => {
    const lane = floatBytes(value);
    return [...simd(0x0c), ...lane, ...lane, ...lane, ...lane];
  },
  lanes: (a, b, c, d) => [...simd(0x0c), ...[a, b, c, d].flatMap((lane) => floatBytes(lane))],
  load: (pointer, offset = 0) => [pointer, ...simd(0x00), ...memoryOperand(offset)],
  /** Loads one f32 into all four lanes. */
  loadSplat: (pointer, offset = 0) => [pointer, ...simd(0x09), ...memoryOperand(offset)],
  store: (pointer, value, offset = 0) => [pointer, value, ...simd(0x0b), ...memoryOperand(offset)],
  lane: (vector, lane) => [vector, ...simd(0x1f), lane],
  add: binary(...simd(0xe4)),
  sub: binary(...simd(0xe5)),
  mul: binary(...simd(0xe6)),
  div: binary(...simd(0xe7)),
  sqrt: unary(...simd(0xe3)),
  /** pmax: `b` where a < b, else `a`. One instruction on x86; `f32x4.max`, which propagates NaN, takes eight. */
  max: binary(...simd(0xeb)),
  less: binary(...simd(0x43)),
  greater: binary(...simd(0x44)),
  select: (a, b, mask) => [a, b, mask, simd(0x52)],
  shuffle: (a, b, lanes) => [
    a,
    b,
    ...simd(0x0d),
    ...lanes.flatMap((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
  ],
};

const integerBytes = (value: number): number[] => [...new Uint8Array(new Int32Array([value]).buffer)];

/** Vectors of four i32, in the same registers. */
export const i32x4: Instructions<"add" | "mul" | "and" | "xor" | "atLeast", Binary> &
  Instructions<"splat", Unary> &
  Instructions<"shiftLeft" | "shiftRight", (a: Code, bits: number) => Code> &
  Instructions<"lanes", (a: number, b: number, c: number, d: number) => Code> = {
  /** The constant [a, b, c, d]. */
  lanes: (a, b, c, d) => [...simd(0x0c), ...[a, b, c, d].flatMap((lane) => integerBytes(lane))],
  splat: unary(...simd(0x11)),
  add: binary(...simd(0xae)),
  mul: binary(...simd(0xb5)),
  and: binary(...simd(0x4e)),
  xor: binary(...simd(0x51)),
  /** Unsigned ≥: all bits of a lane where it holds, else none. */
  atLeast: binary(...simd(0x40)),
  shiftLeft: (a, bits) => [a, i32.const(bits), simd(0xab)],
  /** Unsigned. */
  shiftRight: (a, bits) => [a, i32.const(bits), simd(0xad)],
};

/** a·b + c by relaxed SIMD: rounded once, but twice on machines without a fused multiply-add. */
export const relaxedMultiplyAdd = (a: Code, b: Code, c: Code): Code => [a, b, c, simd(0x105)];

// ── Control ──────────────────────────────────────────────────────────────────────────────────────────────────

const VOID = 0x40;
const END = 0x0b;

/** Statements one after another. */
export const sequence = (...statements: readonly Code[]): Code => statements;

/** if (condition) body else otherwise */
export const when = (condition: Code, body: Code, otherwise: Code = []): Code =>
  otherwise.length === 0 ? [condition, 0x04, VOID, body, END] : [condition, 0x04, VOID, body, 0x05, otherwise, END];

/** do body while (condition): one jump per iteration. */
export const repeatWhile = (condition: Code, body: Code): Code => [0x03, VOID, body, condition, 0x0d, 0, END];

/** for (index = from; index < to; index += step) body; `to` is evaluated before each iteration. */
export const loop = (index: Local, from: Code, to: Code, step: number, body: Code): Code =>
  sequence(
    index.set(from),
    when(
      i32.less(index.get, to),
      repeatWhile(i32.less(index.get, to), sequence(body, index.increase(i32.const(step)))),
    ),
  );

// ── Functions and modules ────────────────────────────────────────────────────────────────────────────────────

interface FunctionEntry {
  readonly name: string;
  readonly parameters: readonly ValueType[];
  readonly locals: readonly ValueType[];
  readonly body: Code;
}

/** Allocates the variables of one function. */
export class Locals {
  /** Types by index, parameters first. */
  readonly types: ValueType[];

  /** Indices continue after those of the parameters. */
  constructor(parameters: readonly ValueType[]) {
    this.types = [...parameters];
  }

  /** A new variable, 0 at the start of the function. */
  new(type: ValueType): Local {
    return new Local(this.types.push(type) - 1);
  }

  /** `count` new variables of one type. */
  many(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.new(type));
  }
}

/** A module over an imported memory (`env.memory`). Its functions return nothing and are exported by name. */
export class ModuleBuilder {
  readonly #functions: FunctionEntry[] = [];

  /**
   * Adds a function. `write` allocates its variables and returns its body.
   * Returns a builder of calls to it from other functions of the module.
   */
  function(
    name: string,
    parameters: readonly ValueType[],
    write: (locals: Locals, ...parameters: Local[]) => Code,
  ): (...values: Code[]) => Code {
    const index = this.#functions.length;
    const locals = new Locals(parameters);
    const body = write(locals, ...parameters.map((_, i) => new Local(i)));
    this.#functions.push({ name, parameters, locals: locals.types.slice(parameters.length), body });
    return (...values) => [values, 0x10, ...unsigned(index)];
  }

  /** The bytes of the module. Sizes are in pages of 64 KiB and describe the imported memory. */
  build(memory: {
    readonly pages: number;
    readonly maxPages: number;
    readonly shared: boolean;
  }): Uint8Array<ArrayBuffer> {
    const functions = this.#functions;
    const limits = [memory.shared ? 3 : 1, ...unsigned(memory.pages), ...unsigned(memory.maxPages)];
    const types = functions.map(({ parameters }) => [0x60, ...list(parameters.map((type) => [TYPE_BYTES[type]])), 0]);
    return Uint8Array.from([
      0x00,
      0x61,
      0x73,
      0x6d,
      1,
      0,
      0,
      0,
      ...section(1, list(types)),
      ...section(2, list([[...text("env"), ...text("memory"), 2, ...limits]])),
      ...section(3, list(functions.map((_, i) => unsigned(i)))),
      ...section(7, list(functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]))),
      ...section(10, list(functions.map((entry) => sized(functionBody(entry))))),
      // Function names, for profilers.
      ...section(0, [
        ...text("name"),
        1,
        ...sized(list(functions.map(({ name }, i) => [...unsigned(i), ...text(name)]))),
      ]),
    ]);
  }
}

function functionBody({ locals, body }: FunctionEntry): number[] {
  const bytes = list(locals.map((type) => [1, TYPE_BYTES[type]]));
  flatten(body, bytes);
  bytes.push(END);
  return bytes;
}

function flatten(code: Code, bytes: number[]): void {
  for (const item of code) {
    if (typeof item === "number") bytes.push(item);
    else flatten(item, bytes);
  }
}

/** Content preceded by its size in bytes. */
const sized = (bytes: readonly number[]): number[] => [...unsigned(bytes.length), ...bytes];
const section = (id: number, content: readonly number[]): number[] => [id, ...sized(content)];
/** The format's `vec`: a count, then the items. */
const list = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => sized([...new TextEncoder().encode(value)]);

/** Whether this engine supports relaxed SIMD, which `relaxedMultiplyAdd` needs. */
export function hasRelaxedSimd(): boolean {
  const module = new ModuleBuilder();
  module.function("probe", ["i32"], (_, pointer) =>
    f32x4.store(pointer.get, relaxedMultiplyAdd(f32x4.zero, f32x4.zero, f32x4.zero)),
  );
  return WebAssembly.validate(module.build({ pages: 1, maxPages: 1, shared: false }));
}
