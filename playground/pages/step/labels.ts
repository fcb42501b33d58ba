/** A name for every value of a traced step, as the source names it: "layer0.attn_wq[3][5]", "query[3] at position 2". */
import { idsOf, NONE } from "../../../src/trace/trace.ts";
import type { TracedStep } from "../../../src/trace/trace-step.ts";
import type { Operation } from "./operations.ts";

/** The names, by id. */
export function labelsOf(step: TracedStep, operations: readonly Operation[]): readonly string[] {
  const labels = new Array<string>(step.trace.values.data.length).fill("");
  labelWeights(step, labels);
  for (const { name, position, result } of operations) labelAll(labels, result, name, atPosition(position));
  labelVariables(step, operations, labels);
  labelRest(step, labels);
  return labels;
}

const atPosition = (position: number): string => (position === NONE ? "" : ` at position ${position}`);

function labelAll(labels: string[], ids: Int32Array, name: string, suffix: string): void {
  for (const [i, id] of ids.entries()) {
    if (labels[id] === "") labels[id] = ids.length === 1 ? `${name}${suffix}` : `${name}[${i}]${suffix}`;
  }
}

function labelWeights({ matrices }: TracedStep, labels: string[]): void {
  for (const { name, rows, columns, start } of matrices) {
    for (let i = 0; i < rows * columns; i++) labels[start + i] = `${name}[${Math.floor(i / columns)}][${i % columns}]`;
  }
}

/** What is inside an operation: `scores`, `exps`, `inverseRms`. Parameters are names that others gave already. */
function labelVariables({ trace }: TracedStep, operations: readonly Operation[], labels: string[]): void {
  const { variables, calls, names } = trace;
  let next = 0;
  const { end } = operations.at(-1)!;
  for (const [i, tensor] of variables.tensor.entries()) {
    const event = variables.event[i];
    // Backward and Adam make no values.
    if (event >= end) return;
    while (next + 1 < operations.length && operations[next + 1].start <= event) next++;
    const isParameter = calls.start[variables.call[i]] === event;
    if (tensor === NONE || isParameter) continue;
    labelAll(labels, idsOf(trace, tensor), names[variables.name[i]], atPosition(operations[next].position));
  }
}

/** The steps in between have the name of the function that made them; leaves are constants. */
function labelRest({ trace }: TracedStep, labels: string[]): void {
  const { values, events, calls, names } = trace;
  for (const [id, label] of labels.entries()) {
    if (label !== "") continue;
    const isLeaf = values.firstChild[id] === values.firstChild[id + 1];
    const call = events.call[values.event[id]];
    labels[id] = isLeaf ? "a constant" : `a result of ${names[calls.name[call]]}`;
  }
}
