/**
 * Kernels over weights: gradients of the embedding tables, sums of squares, Adam's step. Each works on the rows that its
 * worker owns; products with weights are in `matmul.ts`, kernels over tokens in `rows.ts`.
 */
import type { AdamNumbers } from "../../training/adam.ts";
import { f32, f32x4, i32, repeatWhile, sequence, when } from "./assembler.ts";
import type { Code, ModuleBuilder } from "./assembler.ts";
import type { RowShape } from "./rows.ts";
import { F32, forEach, forVectors, plus, sumLanes, V128 } from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/**
 * Adds the function (grad, dOut, ids, tokens, from, to, accumulate): grad[ids[t]] += dOut[t] for each token t whose id is
 * in [from, to). Unless `accumulate`, these rows are set to 0 first. `grad` points to row 0.
 */
export function addEmbedGrad(module: ModuleBuilder, name: string, { rowBytes }: RowShape): void {
  module.function(name, new Array<"i32">(7).fill("i32"), (locals, ...parameters) => {
    const [grad, dOut, ids, tokens, from, to, accumulate] = parameters;
    const [t, offset, id, target] = locals.many("i32", 4);
    const rowAt = (row: Code): Code => i32.add(grad.get, i32.mul(row, i32.const(rowBytes)));
    const clear = forEach(
      id,
      from.get,
      to.get,
      sequence(target.set(rowAt(id.get)), forVectors(offset, rowBytes, f32x4.store(plus(target, offset), f32x4.zero))),
    );
    const add = f32x4.store(
      plus(target, offset),
      f32x4.add(f32x4.load(plus(target, offset)), f32x4.load(plus(dOut, offset))),
    );
    return sequence(
      when(i32.equals(accumulate.get, i32.const(0)), clear),
      forEach(
        t,
        i32.const(0),
        tokens.get,
        sequence(
          id.set(i32.load(ids.get)),
          when(
            i32.and(i32.atMost(from.get, id.get), i32.less(id.get, to.get)),
            sequence(target.set(rowAt(id.get)), forVectors(offset, rowBytes, add)),
          ),
          ids.increase(i32.const(F32)),
          dOut.increase(i32.const(rowBytes)),
        ),
      ),
    );
  });
}

/** Adds the function (grad, result, bytes, units): result[u] = Σ grad² over unit u; a unit is `bytes` long. */
export function addSquares(module: ModuleBuilder, name: string, fma: MultiplyAdd): void {
  module.function(name, ["i32", "i32", "i32", "i32"], (locals, grad, result, bytes, units) => {
    const [unit, end] = locals.many("i32", 2);
    const [sum, value] = locals.many("v128", 2);
    return forEach(
      unit,
      i32.const(0),
      units.get,
      sequence(
        sum.set(f32x4.zero),
        end.set(i32.add(grad.get, bytes.get)),
        repeatWhile(
          i32.less(grad.get, end.get),
          sequence(
            value.set(f32x4.load(grad.get)),
            sum.set(fma(value.get, value.get, sum.get)),
            grad.increase(i32.const(V128)),
          ),
        ),
        sumLanes(sum),
        f32.store(result.get, f32x4.lane(sum.get, 0)),
        result.increase(i32.const(F32)),
      ),
    );
  });
}

/** The numbers that `addAdam` reads, in order. 1 − beta is computed in f64, before it is rounded to f32. */
export const adamList = (adam: AdamNumbers): number[] => [
  adam.stepSize,
  adam.squareScale,
  adam.shrink,
  adam.gradientScale,
  adam.beta1,
  adam.beta2,
  adam.epsilon,
  1 - adam.beta1,
  1 - adam.beta2,
];

/**
 * Adds the function (weight, grad, mean, meanSquare, bytes, numbers): Adam's step for `bytes` of a weight, a multiple of
 * 16. `numbers` points to `adamList`. With g = grad · gradientScale:
 *
 *   mean       = beta1 · mean + (1 − beta1) · g
 *   meanSquare = beta2 · meanSquare + (1 − beta2) · g²
 *   weight     = weight · shrink − stepSize · mean / (√(meanSquare · squareScale) + epsilon)
 */
export function addAdam(module: ModuleBuilder, name: string, fma: MultiplyAdd): void {
  module.function(name, new Array<"i32">(6).fill("i32"), (locals, ...parameters) => {
    const [weight, grad, mean, meanSquare, bytes, numbers] = parameters;
    const offset = locals.new("i32");
    const constants = locals.many("v128", 9);
    const [stepSize, squareScale, shrink, gradientScale, ...betas] = constants.map(({ get }) => get);
    const [beta1, beta2, epsilon, oneMinusBeta1, oneMinusBeta2] = betas;
    const [g, m, v] = locals.many("v128", 3);
    const step = f32x4.div(f32x4.mul(stepSize, m.get), f32x4.add(f32x4.sqrt(f32x4.mul(v.get, squareScale)), epsilon));
    return sequence(
      ...constants.map((constant, i) => constant.set(f32x4.loadSplat(numbers.get, i * F32))),
      offset.set(i32.const(0)),
      when(
        i32.less(offset.get, bytes.get),
        repeatWhile(
          i32.less(offset.get, bytes.get),
          sequence(
            g.set(f32x4.mul(f32x4.load(plus(grad, offset)), gradientScale)),
            m.set(fma(beta1, f32x4.load(plus(mean, offset)), f32x4.mul(oneMinusBeta1, g.get))),
            v.set(fma(beta2, f32x4.load(plus(meanSquare, offset)), f32x4.mul(oneMinusBeta2, f32x4.mul(g.get, g.get)))),
            f32x4.store(plus(mean, offset), m.get),
            f32x4.store(plus(meanSquare, offset), v.get),
            f32x4.store(plus(weight, offset), f32x4.sub(f32x4.mul(f32x4.load(plus(weight, offset)), shrink), step)),
            offset.increase(i32.const(V128)),
          ),
        ),
      ),
    );
  });
}
