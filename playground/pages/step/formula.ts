/** How a value was computed, with its numbers in place: "0.12 · 0.5 + … = 0.31". By the function that made it. */
import { childrenOf } from "../../../src/trace/trace.ts";
import type { Trace } from "../../../src/trace/trace.ts";
import { factor, short } from "../../widgets/numbers.ts";
import { lastAt } from "./story.ts";

/** The function of microgpt.ts that made a value; null for a weight or a constant. */
export function makerOf({ values, events, calls, names }: Trace, id: number): string | null {
  const isLeaf = values.firstChild[id] === values.firstChild[id + 1];
  return isLeaf ? null : names[calls.name[events.call[values.event[id]]]];
}

const TERMS = 3;

/** The formula; null for a leaf. */
export function formulaOf(trace: Trace, id: number): string | null {
  const maker = makerOf(trace, id);
  if (maker === null) return null;
  const { children } = childrenOf(trace, id);
  const numbers = Array.from(children, (child) => factor(trace.values.data[child]));
  const exponent = maker === "pow" ? exponentOf(trace, id) : 0;
  return `${rightSide(maker, numbers, exponent)} = ${short(trace.values.data[id])}`;
}

/** The n of aⁿ: a plain number, which the call that made the value was given. */
function exponentOf({ values, variables, names }: Trace, id: number): number {
  const name = names.indexOf("n");
  let i = lastAt(variables.event, values.event[id]);
  while (i >= 0 && variables.name[i] !== name) i--;
  return variables.number[i];
}

function rightSide(maker: string, [a, b = "", ...rest]: readonly string[], exponent: number): string {
  switch (maker) {
    case "add":
      return `${a} + ${b}`;
    case "sub":
      return `${a} − ${b}`;
    case "mul":
      return `${a} · ${b}`;
    case "exp":
      return `e^${a}`;
    case "log":
      return `ln ${a}`;
    case "relu":
      return `max(0, ${a})`;
    case "pow":
      return `${a}^${factor(exponent)}`;
    default:
      return dotOf([a, b, ...rest]);
  }
}

/** a₀·b₀ + a₁·b₁ + …: the children are all of a, then all of b. */
function dotOf(numbers: readonly string[]): string {
  const half = numbers.length / 2;
  const terms = Array.from({ length: Math.min(half, TERMS) }, (_, i) => `${numbers[i]}·${numbers[half + i]}`);
  const more = half > TERMS ? ` + … (${half} products)` : "";
  return terms.join(" + ") + more;
}
