/**
 * What a recorder leaves: everything that happened in one training step, as columns of numbers. Plain data, so a worker can
 * transfer it (`buffersOf`). An *event* is a moment: a line begins to run. Calls, values and variables name the event
 * at which they began; ids, calls and events are indices that count from 0, and NONE where there is none.
 */

/** No call, event or tensor. */
export const NONE = -1;

type Integers = Int32Array<ArrayBuffer>;
type Doubles = Float64Array<ArrayBuffer>;

/** One training step of microgpt.ts, recorded. */
export interface Trace {
  /** Names of functions and variables; the columns `name` are indices of this list. */
  readonly names: readonly string[];
  /** In the order in which they happened, [events]. */
  readonly events: {
    /** Line of src/microgpt.ts, from 1. */ readonly line: Integers;
    /** The call that it is part of; its `parent`s are the function stack. */ readonly call: Integers;
  };
  /** Calls of functions that have a name, in the order in which they began, [calls]. */
  readonly calls: {
    /** The function. */ readonly name: Integers;
    /** The call that made this one, or NONE. */ readonly parent: Integers;
    /** Its first event, the function's own line. */ readonly start: Integers;
    /** The first event after it. */ readonly end: Integers;
    /** What it returned, a tensor, or NONE. */ readonly result: Integers;
  };
  /** Every Value, first the weights in Adam's order, then in the order in which they were made, [values]. */
  readonly values: {
    /** Its number when it was made. */ readonly data: Doubles;
    /** d(loss)/d(value) when backward was done. */ readonly grad: Doubles;
    /** The event that made it; NONE for a weight, which was there before. */ readonly event: Integers;
    /** Its children are `children[firstChild[id]]` up to `children[firstChild[id + 1]]`, [values + 1]. */
    readonly firstChild: Integers;
    /** Ids of children. */ readonly children: Integers;
    /** d(value)/d(child) for each child. */ readonly localGrads: Doubles;
  };
  /** Scalars, vectors and matrices of values, each recorded once, [tensors]. */
  readonly tensors: {
    /** 0, 1 or 2. */ readonly rank: Integers;
    /** 1 for a scalar or a vector. */ readonly rows: Integers;
    /** 1 for a scalar. */ readonly columns: Integers;
    /** The ids are `ids[start]` and what follows, row by row. */ readonly start: Integers;
    /** Ids of values. */ readonly ids: Integers;
  };
  /** Every new value of a variable that holds a number or values, [settings]. */
  readonly variables: {
    /** The event after which it has the value. */ readonly event: Integers;
    /** The variable, as the source writes it, such as `this.mean[i]`. */ readonly name: Integers;
    /** The values that it holds, or NONE for a plain number. */ readonly tensor: Integers;
    /** The plain number; NaN for a tensor. */ readonly number: Doubles;
  };
}

/** The memory of a trace, to transfer it with `postMessage`. */
export function buffersOf({ events, calls, values, tensors, variables }: Trace): ArrayBuffer[] {
  return [events, calls, values, tensors, variables].flatMap((columns) =>
    Object.values(columns).map((column: Integers | Doubles) => column.buffer),
  );
}

/** Ids of a tensor's values, row by row; a view. */
export function idsOf({ tensors }: Trace, tensor: number): Int32Array {
  const start = tensors.start[tensor];
  return tensors.ids.subarray(start, start + tensors.rows[tensor] * tensors.columns[tensor]);
}

/** Ids of the children of a value, and its derivative by each; views. */
export function childrenOf({ values }: Trace, id: number): { children: Int32Array; localGrads: Float64Array } {
  const [start, end] = [values.firstChild[id], values.firstChild[id + 1]];
  return { children: values.children.subarray(start, end), localGrads: values.localGrads.subarray(start, end) };
}

/** A value that another one was computed into, and the derivative of that other. */
export interface Parent {
  /** The parent. */ readonly id: number;
  /** d(parent)/d(value). */ readonly localGrad: number;
}

/** The parents of a value, in the order in which they were made; one that has it twice is there twice. */
export function parentsOf({ values }: Trace, id: number): Parent[] {
  const parents: Parent[] = [];
  let parent = 0;
  for (let i = 0; i < values.children.length; i++) {
    while (values.firstChild[parent + 1] <= i) parent++;
    if (values.children[i] === id) parents.push({ id: parent, localGrad: values.localGrads[i] });
  }
  return parents;
}

/** The calls that an event is part of, the outermost first. */
export function stackAt({ events, calls }: Trace, event: number): number[] {
  const stack: number[] = [];
  for (let call = events.call[event]; call !== NONE; call = calls.parent[call]) stack.unshift(call);
  return stack;
}
