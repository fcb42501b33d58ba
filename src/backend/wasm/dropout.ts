/**
 * The kernel of dropout. Which numbers it drops is defined in `training/dropout.ts`; this file computes the same bits with
 * integer vectors. Other kernels over rows are in `rows.ts`.
 */
import { dropThreshold, HASH_ROUNDS, keptScale } from "../../training/dropout.ts";
import { f32x4, i32, i32x4, sequence } from "./assembler.ts";
import type { Code, Local, Locals, ModuleBuilder } from "./assembler.ts";
import { forEach, forVectors, plus } from "./vector.ts";

/** `hash32` of four integers at once. Its factors are kept in variables, as the constants of `Exp2`. */
class VectorHash {
  readonly #factors: readonly (Local | null)[];

  /** Allocates the factors in the function that uses it. */
  constructor(locals: Locals) {
    this.#factors = HASH_ROUNDS.map(({ factor }) => (factor === 1 ? null : locals.new("v128")));
  }

  /** Sets the factors; goes at the start of the function. */
  begin(): Code {
    return sequence(
      ...this.#factors.map((local, i) => local?.set(i32x4.splat(i32.const(HASH_ROUNDS[i].factor))) ?? []),
    );
  }

  /** x = hash32(x) */
  apply(x: Local): Code {
    return sequence(
      ...HASH_ROUNDS.map(({ shift }, i) => {
        const mixed = i32x4.xor(x.get, i32x4.shiftRight(x.get, shift));
        const factor = this.#factors[i];
        return x.set(factor === null ? mixed : i32x4.mul(mixed, factor.get));
      }),
    );
  }
}

/** The shape of dropout. */
export interface DropoutShape {
  /** Bytes from row to row of the output. */
  readonly outRow: number;
  /** Bytes from row to row of the input. */
  readonly xRow: number;
  /** Bytes from row to row of `plus`; null: nothing is added. */
  readonly plusRow: number | null;
  /** Probability of being dropped. */
  readonly rate: number;
}

/**
 * Adds the function (out, x, plus, rows, siteSeed, token): out = x / (1 − rate) where kept, 0 where dropped [+ plus]. The
 * first row is that of the step's token number `token`; `training/dropout.ts` says what is kept.
 */
export function addDropout(module: ModuleBuilder, name: string, shape: DropoutShape): void {
  const { outRow, xRow, plusRow, rate } = shape;
  module.function(name, new Array<"i32">(6).fill("i32"), (locals, ...parameters) => {
    const [out, x, more, rows, siteSeed, token] = parameters;
    const [row, offset] = locals.many("i32", 2);
    const [rowSeed, columns, four, bits, threshold, scale] = locals.many("v128", 6);
    const hash = new VectorHash(locals);
    const factor = i32x4.and(scale.get, i32x4.atLeast(bits.get, threshold.get));
    const kept = f32x4.mul(f32x4.load(plus(x, offset)), factor);
    const next = sequence(
      bits.set(i32x4.xor(rowSeed.get, columns.get)),
      hash.apply(bits),
      f32x4.store(plus(out, offset), plusRow === null ? kept : f32x4.add(kept, f32x4.load(plus(more, offset)))),
      columns.set(i32x4.add(columns.get, four.get)),
    );
    return sequence(
      hash.begin(),
      four.set(i32x4.lanes(4, 4, 4, 4)),
      threshold.set(i32x4.splat(i32.const(dropThreshold(rate)))),
      scale.set(f32x4.const(keptScale(rate))),
      forEach(
        row,
        i32.const(0),
        rows.get,
        sequence(
          rowSeed.set(i32x4.xor(i32x4.splat(siteSeed.get), i32x4.splat(i32.add(token.get, row.get)))),
          hash.apply(rowSeed),
          columns.set(i32x4.lanes(0, 1, 2, 3)),
          forVectors(offset, outRow, next),
          out.increase(i32.const(outRow)),
          x.increase(i32.const(xRow)),
          plusRow === null ? [] : more.increase(i32.const(plusRow)),
        ),
      ),
    );
  });
}
