/**
 * What the WASM kernels have in common: multiply-add, exp, transposition, loops over a row.
 */
import { f32x4, i32, i32x4, Local, Locals, loop, relaxedMultiplyAdd, repeatWhile, sequence } from "./wasm-assembler.ts";
import type { Code } from "./wasm-assembler.ts";

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

/**
 * e^x of four numbers at once: x = n·ln 2 + r, 2^n by the exponent's bits, e^r by the polynomial of Cephes' expf
 * (Moshier), of relative error below 2e-7. Below −87.3 the result stays at e^−87.3; NaN stays NaN.
 *
 * The constants are variables: V8 makes a vector constant anew at every use, in four instructions.
 */
export class Exp {
  readonly #n: Local;
  readonly #y: Local;
  readonly #fma: MultiplyAdd;
  readonly #constants: readonly (readonly [Local, Code])[];

  constructor(locals: Locals, fma: MultiplyAdd) {
    this.#n = locals.new("v128");
    this.#y = locals.new("v128");
    this.#fma = fma;
    const polynomial = [
      1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.50000001201,
    ];
    const floats = [-87.3, 88.3, Math.LOG2E, -0.693359375, 2.1219444e-4, 1, ...polynomial];
    this.#constants = [...floats.map(f32x4.const), i32x4.const(127)].map((code) => [locals.new("v128"), code]);
  }

  /** At the start of the function. */
  begin(): Code {
    return sequence(...this.#constants.map(([local, code]) => local.set(code)));
  }

  /** x = e^x */
  apply(x: Local): Code {
    const [n, y, fma] = [this.#n, this.#y, this.#fma];
    const constants = this.#constants.map(([local]) => local.get);
    const [low, high, log2e, ln2High, ln2Low, one, first, ...rest] = constants.slice(0, -1);
    const bias = constants.at(-1)!;
    return sequence(
      x.set(f32x4.min(f32x4.max(x.get, low), high)),
      n.set(f32x4.nearest(f32x4.mul(x.get, log2e))),
      x.set(fma(n.get, ln2High, x.get)),
      x.set(fma(n.get, ln2Low, x.get)),
      y.set(first),
      ...rest.map((coefficient) => y.set(fma(y.get, x.get, coefficient))),
      y.set(fma(fma(y.get, x.get, one), x.get, one)),
      x.set(f32x4.mul(y.get, i32x4.shiftLeft(i32x4.add(i32x4.truncate(n.get), bias), 23))),
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
