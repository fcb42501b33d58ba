/**
 * Kernels that work row by row on activations: embedding, RMSNorm, sums, loss. Attention has its own files; kernels over
 * weights are in `weights.ts`.
 *
 * Rows are padded with zeros to a multiple of 8 numbers. Every kernel keeps the padding of its output at zero, because
 * the products read it. The mean of RMSNorm and the softmax of the loss use the true number of columns.
 */
import { RMSNORM_EPSILON } from "../constants.ts";
import { f32, f32x4, i32, sequence } from "./assembler.ts";
import type { Code, Local, ModuleBuilder } from "./assembler.ts";
import {
  Exp2,
  F32,
  forEach,
  forVectors,
  LANES,
  LOWEST,
  maxLanes,
  plus,
  POWER_OF_ZERO,
  sumLanes,
  V128,
} from "./vector.ts";
import type { MultiplyAdd } from "./vector.ts";

/** The shape of a kernel whose operands all have the same row length. */
export interface RowShape {
  /** Bytes from row to row. */
  readonly rowBytes: number;
}

/**
 * Adds the function (out, tokens, positions, tokenTable, positionTable, rows):
 * out[t] = tokenTable[tokens[t]] + positionTable[positions[t]]
 */
export function addEmbed(module: ModuleBuilder, name: string, { rowBytes }: RowShape): void {
  module.function(name, new Array<"i32">(6).fill("i32"), (locals, ...parameters) => {
    const [out, tokens, positions, tokenTable, positionTable, rows] = parameters;
    const [row, offset, a, b] = locals.many("i32", 4);
    const tableRow = (table: Local, ids: Local): Code =>
      i32.add(table.get, i32.mul(i32.load(ids.get), i32.const(rowBytes)));
    return forEach(
      row,
      i32.const(0),
      rows.get,
      sequence(
        a.set(tableRow(tokenTable, tokens)),
        b.set(tableRow(positionTable, positions)),
        forVectors(
          offset,
          rowBytes,
          f32x4.store(plus(out, offset), f32x4.add(f32x4.load(plus(a, offset)), f32x4.load(plus(b, offset)))),
        ),
        out.increase(i32.const(rowBytes)),
        tokens.increase(i32.const(F32)),
        positions.increase(i32.const(F32)),
      ),
    );
  });
}

/** The shape of RMSNorm. */
export interface NormShape {
  /** Numbers of a row, without padding. */
  readonly columns: number;
  /** Bytes from row to row of the output. */
  readonly outRow: number;
  /** Bytes from row to row of the input. */
  readonly xRow: number;
}

/** inverseRoot = (mean of x² + ε)^-½, in every lane. The padding is 0 and adds nothing to the sum. */
function setInverseRoot(inverseRoot: Local, x: Local, offset: Local, shape: NormShape, fma: MultiplyAdd): Code {
  const value = f32x4.load(plus(x, offset));
  return sequence(
    inverseRoot.set(f32x4.zero),
    forVectors(offset, shape.xRow, inverseRoot.set(fma(value, value, inverseRoot.get))),
    sumLanes(inverseRoot),
    inverseRoot.set(
      f32x4.div(
        f32x4.const(1),
        f32x4.sqrt(f32x4.add(f32x4.mul(inverseRoot.get, f32x4.const(1 / shape.columns)), f32x4.const(RMSNORM_EPSILON))),
      ),
    ),
  );
}

/** Adds the function (out, x, rows): out = x · r, where r = (mean of x² + ε)^-½ per row. */
export function addRmsnorm(module: ModuleBuilder, name: string, shape: NormShape, fma: MultiplyAdd): void {
  module.function(name, ["i32", "i32", "i32"], (locals, out, x, rows) => {
    const [row, offset] = locals.many("i32", 2);
    const r = locals.new("v128");
    return forEach(
      row,
      i32.const(0),
      rows.get,
      sequence(
        setInverseRoot(r, x, offset, shape, fma),
        forVectors(offset, shape.xRow, f32x4.store(plus(out, offset), f32x4.mul(f32x4.load(plus(x, offset)), r.get))),
        out.increase(i32.const(shape.outRow)),
        x.increase(i32.const(shape.xRow)),
      ),
    );
  });
}

/**
 * Adds the function (out, x, dOut, plus, rows): out = dOut · r − x · r³ / n · Σ(dOut · x) [+ plus], where n is the number
 * of columns and r as in `addRmsnorm`. With `plusRow` null nothing is added.
 */
export function addRmsnormGrad(
  module: ModuleBuilder,
  name: string,
  shape: NormShape & { readonly dOutRow: number; readonly plusRow: number | null },
  fma: MultiplyAdd,
): void {
  const { columns, outRow, xRow, dOutRow, plusRow } = shape;
  module.function(name, new Array<"i32">(5).fill("i32"), (locals, out, x, dOut, more, rows) => {
    const [row, offset] = locals.many("i32", 2);
    const [r, factor] = locals.many("v128", 2); // factor = −r³ / n · Σ(dOut · x)
    const [input, dy] = [f32x4.load(plus(x, offset)), f32x4.load(plus(dOut, offset))];
    const value = fma(input, factor.get, f32x4.mul(dy, r.get));
    return forEach(
      row,
      i32.const(0),
      rows.get,
      sequence(
        setInverseRoot(r, x, offset, shape, fma),
        factor.set(f32x4.zero),
        forVectors(offset, xRow, factor.set(fma(dy, input, factor.get))),
        sumLanes(factor),
        factor.set(
          f32x4.mul(factor.get, f32x4.mul(f32x4.mul(r.get, r.get), f32x4.mul(r.get, f32x4.const(-1 / columns)))),
        ),
        forVectors(
          offset,
          xRow,
          f32x4.store(plus(out, offset), plusRow === null ? value : f32x4.add(value, f32x4.load(plus(more, offset)))),
        ),
        out.increase(i32.const(outRow)),
        x.increase(i32.const(xRow)),
        dOut.increase(i32.const(dOutRow)),
        plusRow === null ? [] : more.increase(i32.const(plusRow)),
      ),
    );
  });
}

/** Adds the function (out, a, b, rows): out = a + b, for sums that fusion could not merge into another kernel. */
export function addSum(module: ModuleBuilder, name: string, { rowBytes }: RowShape): void {
  module.function(name, ["i32", "i32", "i32", "i32"], (locals, out, a, b, rows) => {
    const [row, offset] = locals.many("i32", 2);
    const value = f32x4.add(f32x4.load(plus(a, offset)), f32x4.load(plus(b, offset)));
    return forEach(
      row,
      i32.const(0),
      rows.get,
      sequence(
        forVectors(offset, rowBytes, f32x4.store(plus(out, offset), value)),
        ...[out, a, b].map((pointer) => pointer.increase(i32.const(rowBytes))),
      ),
    );
  });
}

/**
 * Adds the function (statistics, logits, targets, rows, lossScale). Per row of logits [V], with the powers
 * e^(logit − max) and Σ their sum: statistics = [Σ, max − logit of the target], so the loss is log(first) + second.
 * With `grad`, the logits become their gradient: (power / Σ − [1 for the target]) · lossScale.
 */
export function addCrossEntropy(
  module: ModuleBuilder,
  name: string,
  shape: {
    readonly columns: number;
    readonly logitsRow: number;
    readonly statisticsRow: number;
    readonly grad: boolean;
  },
  fma: MultiplyAdd,
): void {
  const { columns, logitsRow, statisticsRow, grad } = shape;
  module.function(name, ["i32", "i32", "i32", "i32", "f32"], (locals, statistics, logits, targets, rows, lossScale) => {
    const [row, offset, target] = locals.many("i32", 3);
    const [max, sum, value, log2e, least, zeroPower] = locals.many("v128", 6);
    const exp = new Exp2(locals, fma);
    const targetLogit = locals.new("f32");
    const here = plus(logits, offset);
    // The bytes of full vectors, and the columns of a last vector that is not full. Its other lanes count as −∞ in the
    // maximum and as 0 in the sum.
    const whole = Math.floor(columns / 4) * V128;
    const tail = columns % 4;
    const tailMask = f32x4.greater(f32x4.const(tail), LANES);
    // Powers below 2^-100 become 0: multiplied by the loss scale they would be denormal, and arithmetic on denormals is
    // many times slower.
    const expOf = (load: Code): Code =>
      sequence(
        value.set(f32x4.mul(f32x4.sub(load, max.get), log2e.get)),
        value.set(f32x4.select(zeroPower.get, value.get, f32x4.less(value.get, least.get))),
        exp.apply(value),
      );
    const overWhole = (body: Code): Code => (whole === 0 ? [] : forVectors(offset, whole, body));
    const overTail = (body: Code): Code => (tail === 0 ? [] : sequence(offset.set(i32.const(whole)), body));
    const clearPadding = sequence(
      ...Array.from({ length: (logitsRow - Math.ceil(columns / 4) * V128) / V128 }, (_, i) =>
        f32x4.store(logits.get, f32x4.zero, Math.ceil(columns / 4) * V128 + i * V128),
      ),
    );
    const keep = grad ? f32x4.store(here, value.get) : [];
    const rowByRow = forEach(
      row,
      i32.const(0),
      rows.get,
      sequence(
        max.set(f32x4.const(LOWEST)),
        overWhole(max.set(f32x4.max(max.get, f32x4.load(here)))),
        overTail(max.set(f32x4.max(max.get, f32x4.select(f32x4.load(here), f32x4.const(LOWEST), tailMask)))),
        maxLanes(max),
        target.set(i32.add(logits.get, i32.mul(i32.load(targets.get), i32.const(F32)))),
        targetLogit.set(f32.load(target.get)),
        sum.set(f32x4.zero),
        overWhole(sequence(expOf(f32x4.load(here)), sum.set(f32x4.add(sum.get, value.get)), keep)),
        overTail(
          sequence(
            expOf(f32x4.load(here)),
            value.set(f32x4.select(value.get, f32x4.zero, tailMask)),
            sum.set(f32x4.add(sum.get, value.get)),
            keep,
          ),
        ),
        sumLanes(sum),
        f32.store(statistics.get, f32x4.lane(sum.get, 0)),
        f32.store(statistics.get, f32.sub(f32x4.lane(max.get, 0), targetLogit.get), F32),
        grad
          ? sequence(
              sum.set(f32x4.div(f32x4.splat(lossScale.get), sum.get)),
              forVectors(
                offset,
                Math.ceil(columns / 4) * V128,
                f32x4.store(here, f32x4.mul(f32x4.load(here), sum.get)),
              ),
              f32.store(target.get, f32.sub(f32.load(target.get), lossScale.get)),
              clearPadding,
            )
          : [],
        statistics.increase(i32.const(statisticsRow)),
        logits.increase(i32.const(logitsRow)),
        targets.increase(i32.const(F32)),
      ),
    );
    const constants = sequence(
      log2e.set(f32x4.const(Math.LOG2E)),
      least.set(f32x4.const(-100)),
      zeroPower.set(f32x4.const(POWER_OF_ZERO)),
    );
    return sequence(exp.begin(), constants, rowByRow);
  });
}
