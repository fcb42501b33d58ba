/**
 * Merges two instructions when the second is the only reader of the first's result, which then never goes through
 * memory. A table of rules; each returns the merged instruction, or null if it does not match the pair.
 */
import { viewsRead, viewsWritten } from "./instructions.ts";
import type { Instruction, View } from "./instructions.ts";

const same = (a: View, b: View): boolean => a.buffer === b.buffer && a.column === b.column;

/** Called when `second` is the only reader of what `first` writes. */
type Rule = (first: Instruction, second: Instruction) => Instruction | null;

/** relu(x · weightᵀ) */
const linearThenRelu: Rule = (first, second) =>
  first.kernel === "linear" && first.from.plus === undefined && second.kernel === "relu"
    ? { ...first, to: second.to, relu: true }
    : null;

/** x · weightᵀ + b */
const linearThenAdd: Rule = (first, second) =>
  first.kernel === "linear" && first.from.plus === undefined && second.kernel === "add"
    ? { ...first, to: second.to, from: { ...first.from, plus: other(second, first.to.out) } }
    : null;

/** dropout(x) + b */
const dropoutThenAdd: Rule = (first, second) =>
  first.kernel === "dropout" && first.from.plus === undefined && second.kernel === "add"
    ? { ...first, to: second.to, from: { ...first.from, plus: other(second, first.to.out) } }
    : null;

/** dOut · weight, 0 where relu's result was 0 */
const inputGradThenRelu: Rule = (first, second) =>
  first.kernel === "linearInputGrad" && first.from.plus === undefined && second.kernel === "reluGrad"
    ? { ...first, to: second.to, from: { ...first.from, gate: second.from.y } }
    : null;

/** The gradient through rmsnorm + that through the residual connection */
const normGradThenAdd: Rule = (first, second) =>
  first.kernel === "rmsnormGrad" && first.from.plus === undefined && second.kernel === "add"
    ? { ...first, to: second.to, from: { ...first.from, plus: other(second, first.to.out) } }
    : null;

const RULES: readonly Rule[] = [linearThenRelu, linearThenAdd, dropoutThenAdd, inputGradThenRelu, normGradThenAdd];

/** The other operand of a sum. */
function other(sum: Instruction & { kernel: "add" }, view: View): View {
  return same(sum.from.a, view) ? sum.from.b : sum.from.a;
}

/** Applies the rules until none matches. The remaining instructions keep their order. */
export function fuse(instructions: readonly Instruction[]): Instruction[] {
  const fused: Instruction[] = [];
  for (const instruction of instructions) {
    const joined = joinWithEarlier(fused, instruction, instructions);
    if (joined === null) fused.push(instruction);
  }
  return fused;
}

/**
 * Merges `second` with the earlier instruction whose only reader it is; appends the result. Null if no rule matches.
 */
function joinWithEarlier(fused: Instruction[], second: Instruction, all: readonly Instruction[]): Instruction | null {
  for (const view of viewsRead(second)) {
    const index = fused.findLastIndex((first) => viewsWritten(first).some((out) => same(out, view)));
    if (index === -1) continue;
    const readers = all.filter((instruction) => viewsRead(instruction).some(({ buffer }) => buffer === view.buffer));
    if (readers.length !== 1) continue;
    const joined = RULES.map((rule) => rule(fused[index], second)).find((instruction) => instruction !== null);
    if (joined === undefined) continue;
    fused.splice(index, 1);
    fused.push(joined);
    return joined;
  }
  return null;
}
