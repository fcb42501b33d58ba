/**
 * Building blocks of the kernels, one level above the assembler: multiply-add, sums over lanes, exp, transposition,
 * loops over a row. It knows vectors and pointers, but no matrix and no instruction of a program.
 */
import { EXP2 } from "../constants.ts";
import { f32x4, i32, i32x4, loop, relaxedMultiplyAdd, repeatWhile, sequence } from "./assembler.ts";
import type { Code, Local, Locals } from "./assembler.ts";

/** a·b + c on four lanes. All kernels of a module use the same rounding. */
export type MultiplyAdd = (a: Code, b: Code, c: Code) => Code;

/** Rounded once where the machine has a fused multiply-add: fast, but bits differ between machines. */
export const fusedMultiplyAdd: MultiplyAdd = relaxedMultiplyAdd;
/** Rounded after the product and after the sum: the same bits on every machine. */
export const strictMultiplyAdd: MultiplyAdd = (a, b, c) => f32x4.add(f32x4.mul(a, b), c);

/** Bytes of an f32. */
export const F32 = 4;
/** Bytes of a vector of four f32. */
export const V128 = 16;

/** `pointer + offset`, both in bytes. */
export const plus = (pointer: Local, offset: Local): Code => i32.add(pointer.get, offset.get);

/** `index · bytes` */
export const times = (index: Code, bytes: number): Code => i32.mul(index, i32.const(bytes));

/** `pointer + index · bytes` */
export const indexed = (pointer: Local, index: Code, bytes: number): Code => i32.add(pointer.get, times(index, bytes));

/** for (row = from; row < to; row++) body */
export const forEach = (row: Local, from: Code, to: Code, body: Code): Code => loop(row, from, to, 1, body);

/** vector = the sum of its lanes, in every lane; always added as (0 + 2) + (1 + 3). */
export function sumLanes(vector: Local): Code {
  return sequence(
    vector.set(f32x4.add(vector.get, f32x4.shuffle(vector.get, vector.get, [2, 3, 0, 1]))),
    vector.set(f32x4.add(vector.get, f32x4.shuffle(vector.get, vector.get, [1, 0, 3, 2]))),
  );
}

/** vector = the largest of its lanes, in every lane. */
export function maxLanes(vector: Local): Code {
  return sequence(
    vector.set(f32x4.max(vector.get, f32x4.shuffle(vector.get, vector.get, [2, 3, 0, 1]))),
    vector.set(f32x4.max(vector.get, f32x4.shuffle(vector.get, vector.get, [1, 0, 3, 2]))),
  );
}

/** The constant [0, 1, 2, 3]: the index of each lane, to compare with a limit. */
export const LANES: Code = f32x4.lanes(0, 1, 2, 3);

/** Used in place of −∞, whose differences and products can be NaN. */
export const LOWEST = -3e38;

/** `Exp2` maps it, and anything below, to 0. */
export const POWER_OF_ZERO = -127;

/**
 * 2^x of four numbers at once, for x < 127: x = n + r with n = round(x) and |r| ≤ ½. 2^n is made by shifting n into the
 * exponent bits, 2^r by a minimax polynomial with 2^0 = 1 exactly; relative error below 2e-7. Below −126.5 the result
 * is 0; NaN stays NaN.
 *
 * The constants are kept in variables: V8 rebuilds a vector constant at every use, in four instructions.
 */
export class Exp2 {
  readonly #n: Local;
  readonly #y: Local;
  readonly #fma: MultiplyAdd;
  readonly #constants: readonly (readonly [Local, Code])[];

  /** Allocates the constants and two temporaries in the function that uses it. */
  constructor(locals: Locals, fma: MultiplyAdd) {
    this.#n = locals.new("v128");
    this.#y = locals.new("v128");
    this.#fma = fma;
    // x + 1.5 · 2^23 has round(x) in its low bits: the spacing of floats there is 1.
    const rounder = 1.5 * 2 ** 23;
    const numbers = [POWER_OF_ZERO, rounder, 1, ...EXP2.slice(0, -1)].map(f32x4.const);
    this.#constants = numbers.map((code) => [locals.new("v128"), code]);
  }

  /** Sets the constants; goes at the start of the function. */
  begin(): Code {
    return sequence(...this.#constants.map(([local, code]) => local.set(code)));
  }

  /** x = 2^x */
  apply(x: Local): Code {
    const [n, y] = [this.#n, this.#y];
    const [low, rounder, one, first, ...rest] = this.#constants.map(([local]) => local.get);
    return sequence(
      x.set(f32x4.max(x.get, low)),
      n.set(f32x4.add(x.get, rounder)),
      x.set(f32x4.sub(x.get, f32x4.sub(n.get, rounder))),
      y.set(first),
      ...[...rest, one].map((coefficient) => y.set(this.#fma(y.get, x.get, coefficient))),
      // The bits of 1.0 plus n shifted into the exponent are those of 2^n; at n = −127 they are those of 0.
      x.set(f32x4.mul(y.get, i32x4.add(i32x4.shiftLeft(n.get, 23), one))),
    );
  }
}

/** Transposes a 4×4 matrix in place: `rows[r]` lane c ↔ `rows[c]` lane r. `spare` are four temporaries. */
export function transpose4(rows: readonly Local[], spare: readonly Local[]): Code {
  const [a, b, c, d] = rows.map(({ get }) => get);
  const [w, x, y, z] = spare;
  const low = (p: Code, q: Code): Code => f32x4.shuffle(p, q, [0, 4, 1, 5]);
  const high = (p: Code, q: Code): Code => f32x4.shuffle(p, q, [2, 6, 3, 7]);
  return sequence(
    w.set(low(a, b)), // a0 b0 a1 b1
    x.set(high(a, b)), // a2 b2 a3 b3
    y.set(low(c, d)),
    z.set(high(c, d)),
    rows[0].set(f32x4.shuffle(w.get, y.get, [0, 1, 4, 5])),
    rows[1].set(f32x4.shuffle(w.get, y.get, [2, 3, 6, 7])),
    rows[2].set(f32x4.shuffle(x.get, z.get, [0, 1, 4, 5])),
    rows[3].set(f32x4.shuffle(x.get, z.get, [2, 3, 6, 7])),
  );
}

/** for (offset = 0; offset < bytes; offset += 16) body: each vector of a row. The body runs at least once. */
export function forVectors(offset: Local, bytes: number, body: Code): Code {
  return sequence(
    offset.set(i32.const(0)),
    repeatWhile(i32.less(offset.get, i32.const(bytes)), sequence(body, offset.increase(i32.const(V128)))),
  );
}
