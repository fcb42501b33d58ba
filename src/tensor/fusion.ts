/**
 * Fusion: two instructions become one where the first's result goes to the second alone, so that it never travels
 * through memory. A table of pairs; each says what the one instruction is, or null where the pair doesn't match.
 */
import { viewsRead, viewsWritten } from "./instructions.ts";
import type { Instruction, View } from "./instructions.ts";

const same = (a: View, b: View): boolean => a.buffer === b.buffer && a.column === b.column;

/** `second` reads what `first` writes, and nobody else does. */
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

/** The gradient through a linear layer and the relu before it. */
const inputGradThenRelu: Rule = (first, second) =>
  first.kernel === "linearInputGrad" && first.from.plus === undefined && second.kernel === "reluGrad"
    ? { ...first, to: second.to, from: { ...first.from, gate: second.from.y } }
    : null;

/** The gradient through a norm, and what came past it on the residual stream. */
const normGradThenAdd: Rule = (first, second) =>
  first.kernel === "rmsnormGrad" && first.from.plus === undefined && second.kernel === "add"
    ? { ...first, to: second.to, from: { ...first.from, plus: other(second, first.to.out) } }
    : null;

const RULES: readonly Rule[] = [linearThenRelu, linearThenAdd, inputGradThenRelu, normGradThenAdd];

/** The other side of a sum. */
function other(sum: Instruction & { kernel: "add" }, view: View): View {
  return same(sum.from.a, view) ? sum.from.b : sum.from.a;
}

/** Applies the rules as long as one matches. The order of the rest stays. */
export function fuse(instructions: readonly Instruction[]): Instruction[] {
  const fused: Instruction[] = [];
  for (const instruction of instructions) {
    const joined = joinWithEarlier(fused, instruction, instructions);
    if (joined === null) fused.push(instruction);
  }
  return fused;
}

/** Looks for the instruction whose result this one is alone to read; puts the joined one here, in this one's place. */
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
