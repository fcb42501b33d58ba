/**
 * What the WASM kernels have in common: multiply-add, exp, transposition, loops over a row.
 */
import { f32x4, i32, i32x4, Local, Locals, loop, relaxedMultiplyAdd, repeatWhile, sequence } from "./assembler.ts";
import type { Code } from "./assembler.ts";

/** a·b + c, four at once; how it is rounded is the module's choice. */
export type MultiplyAdd = (a: Code, b: Code, c: Code) => Code;

/** Rounded once, by relaxed SIMD. */
export const fusedMultiplyAdd: MultiplyAdd = relaxedMultiplyAdd;
/** Rounded twice: the same bits on every machine. */
export const strictMultiplyAdd: MultiplyAdd = (a, b, c) => f32x4.add(f32x4.mul(a, b), c);

/** Bytes of an f32, and of a vector of four. */
export const F32 = 4;
export const V128 = 16;

/** `pointer + index · bytes` */
export const indexed = (pointer: Code, index: Code, bytes: number): Code =>
  bytes === 1 ? i32.add(pointer, index) : i32.add(pointer, i32.mul(index, i32.const(bytes)));

/** for (row = from; row < to; row++), for the usual case. */
export const forEach = (row: Local, from: Code, to: Code, body: Code): Code => loop(row, from, to, 1, body);

/** The sum of a vector's lanes in every lane, always as (0 + 2) + (1 + 3). */
export function sumLanes(vector: Local): Code {
  return sequence(
    vector.set(f32x4.add(vector.get, f32x4.shuffle(vector.get, vector.get, [2, 3, 0, 1]))),
    vector.set(f32x4.add(vector.get, f32x4.shuffle(vector.get, vector.get, [1, 0, 3, 2]))),
  );
}

/** The largest of a vector's lanes in every lane. */
export function maxLanes(vector: Local): Code {
  return sequence(
    vector.set(f32x4.max(vector.get, f32x4.shuffle(vector.get, vector.get, [2, 3, 0, 1]))),
    vector.set(f32x4.max(vector.get, f32x4.shuffle(vector.get, vector.get, [1, 0, 3, 2]))),
  );
}

/** Where all lanes of a sum are the same: `0, 1, 2, 3` plus the splat of an index, to compare with a limit. */
export const LANES: Code = f32x4.lanes(0, 1, 2, 3);

/** Stands for −∞, which has no place in sums and products. */
export const LOWEST = -3e38;

/** What `Exp2` makes 0 of. */
export const POWER_OF_ZERO = -127;

/**
 * 2^x of four numbers at once, for x below 127: x = n + r with |r| ≤ ½, 2^n by the exponent's bits, 2^r by a polynomial
 * (minimax, with 2^0 = 1; relative error below 2e-7). Below −126.5 the result is 0; NaN stays NaN.
 *
 * The constants are variables: V8 makes a vector constant anew at every use, in four instructions.
 */
export class Exp2 {
  readonly #n: Local;
  readonly #y: Local;
  readonly #fma: MultiplyAdd;
  readonly #constants: readonly (readonly [Local, Code])[];

  constructor(locals: Locals, fma: MultiplyAdd) {
    this.#n = locals.new("v128");
    this.#y = locals.new("v128");
    this.#fma = fma;
    // Added to x, it leaves round(x) in the last bits of the sum.
    const rounder = 1.5 * 2 ** 23;
    const polynomial = [0.0013264727, 0.0096715127, 0.0555073374, 0.2402224208, 0.6931469776];
    const numbers = [POWER_OF_ZERO, rounder, 1, ...polynomial].map(f32x4.const);
    this.#constants = numbers.map((code) => [locals.new("v128"), code]);
  }

  /** At the start of the function. */
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
      // The bits of 1 are those of 2^0; n, shifted, adds to the exponent. At −127 they are those of 0.
      x.set(f32x4.mul(y.get, i32x4.add(i32x4.shiftLeft(n.get, 23), one))),
    );
  }
}

/** Four vectors as rows → as columns. */
export function transpose4(rows: readonly Local[], columns: readonly Local[]): Code {
  const [a, b, c, d] = rows.map(({ get }) => get);
  const [w, x, y, z] = columns;
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

/** The body for every vector of a row of `bytes`, at `offset` from the row's pointer; at least one. */
export function forVectors(offset: Local, bytes: number, body: Code): Code {
  return sequence(
    offset.set(i32.const(0)),
    repeatWhile(i32.less(offset.get, i32.const(bytes)), sequence(body, offset.increase(i32.const(V128)))),
  );
}
