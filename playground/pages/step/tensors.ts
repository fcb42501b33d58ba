/** The vectors and matrices that take part in an operation: what it is given, what it makes on the way, its result. */
import { childrenOf, idsOf, NONE } from "../../../src/trace/trace.ts";
import type { Operation } from "./operations.ts";
import { lastAt } from "./story.ts";
import type { Story } from "./story.ts";

/** A vector or a matrix that the page draws. */
export interface Drawn {
  /** Its name in the source. */ readonly name: string;
  /** 1 for a vector. */ readonly rows: number;
  /** Width. */ readonly columns: number;
  /** Ids of its values, row by row. */ readonly ids: readonly number[];
  /** Whether the operation is given it, makes it on the way, or returns it. */ readonly role:
    | "input"
    | "inner"
    | "output";
}

/** Inner vectors are those of the head that runs at `event`. */
export function tensorsOf(story: Story, operation: Operation, event: number): Drawn[] {
  const { variables, tensors, names } = story.trace;
  const found = new Map<string, Drawn>();
  const last = Math.min(event, operation.end - 1);
  for (let i = lastAt(variables.event, operation.start - 1) + 1; i <= lastAt(variables.event, last); i++) {
    const tensor = variables.tensor[i];
    const isOwn = variables.call[i] === operation.call;
    if (!isOwn || tensor === NONE || tensors.rank[tensor] === 0 || names[variables.name[i]] === "row") continue;
    const role = variables.event[i] === operation.start ? "input" : "inner";
    const name = role === "input" ? inputName(story, tensor, names[variables.name[i]]) : names[variables.name[i]];
    found.set(name, {
      name,
      role,
      rows: tensors.rows[tensor],
      columns: tensors.columns[tensor],
      ids: [...idsOf(story.trace, tensor)],
    });
  }
  const result = [...operation.result];
  if (found.size === 0) found.set("input", elementwise(story, result));
  return [...found.values(), { name: operation.name, rows: 1, columns: result.length, ids: result, role: "output" }];
}

/** What relu and the loss are given: each element of the result has one of its own. */
function elementwise({ trace, labels }: Story, result: readonly number[]): Drawn {
  const ids = result.map((id) => childrenOf(trace, id).children[0]);
  return { name: labels[ids[0]].replace(FIRST, ""), rows: 1, columns: ids.length, ids, role: "input" };
}

/** The index in a label of a vector's first element. */
const FIRST = /\[0\](?= at position|$)/;

/** A matrix of weights has its own name; a vector adds what it is outside. */
function inputName({ step, trace, labels }: Story, tensor: number, name: string): string {
  const [first] = idsOf(trace, tensor);
  const matrix = step.matrices.find(({ start, rows, columns }) => first >= start && first < start + rows * columns);
  const outside = matrix?.name ?? labels[first].replace(FIRST, "");
  return outside === name ? name : `${name} = ${outside}`;
}
