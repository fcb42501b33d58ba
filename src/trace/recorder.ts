/**
 * Listens to `microgpt-traced.ts` and keeps what it reports in columns of numbers (`trace.ts`). It knows nothing of GPTs:
 * lines, calls, values, variables. Between `begin` and `end` only; the traced file also runs, unheard, before and after.
 */
import { doubles, integers } from "./column.ts";
import { NONE } from "./trace.ts";
import type { Trace } from "./trace.ts";

/** What src/microgpt.ts exports. */
export type Core = typeof import("../microgpt.ts");

/** What the recorder sees of a Value. */
export interface RecordedValue {
  /** Its number. */ readonly data: number;
  /** d(loss)/d(value). */ readonly grad: number;
  /** What it was computed from. */ readonly children: readonly RecordedValue[];
  /** d(value)/d(child) for each. */ readonly localGrads: readonly number[];
}

const newColumns = () => ({
  events: { line: integers(), call: integers() },
  calls: { name: integers(), parent: integers(), start: integers(), end: integers(), result: integers() },
  values: { data: doubles(), event: integers(), firstChild: integers(), children: integers(), localGrads: doubles() },
  tensors: { rank: integers(), rows: integers(), columns: integers(), start: integers(), ids: integers() },
  variables: { event: integers(), name: integers(), tensor: integers(), number: doubles() },
});

type Arrays<Groups extends Record<string, Record<string, { toArray(): unknown }>>> = {
  [Group in keyof Groups]: { [Name in keyof Groups[Group]]: ReturnType<Groups[Group][Name]["toArray"]> };
};

/** Columns → typed arrays of their length, in the same groups. */
function arraysOf<Groups extends Record<string, Record<string, { toArray(): unknown }>>>(
  groups: Groups,
): Arrays<Groups> {
  const entries = Object.entries(groups).map(([group, columns]) => {
    const arrays = Object.entries(columns).map(([name, column]) => [name, column.toArray()] as const);
    return [group, Object.fromEntries(arrays)] as const;
  });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop above is the type's
  return Object.fromEntries(entries) as Arrays<Groups>;
}

/** Records one step. */
export class Recorder {
  #isOn = false;
  #columns = newColumns();
  #names = new Map<string, number>();
  #values: RecordedValue[] = [];
  /** The ids of values. */
  #ids = new Map<unknown, number>();
  /** The tensors of vectors and matrices; one that has grown since gets another. */
  #tensors = new Map<unknown, number>();
  #call = NONE;
  #grads = new Float64Array(0);

  /** Starts to listen. @param weights the values that are there before, in Adam's order: ids 0 and on */
  begin(weights: readonly RecordedValue[]): void {
    [this.#columns, this.#names, this.#values] = [newColumns(), new Map(), []];
    [this.#ids, this.#tensors, this.#call] = [new Map(), new Map(), NONE];
    this.#isOn = true;
    for (const weight of weights) this.made(weight);
  }

  /** Keeps the gradients as they are now: after backward, before Adam clears them. */
  keepGradients(): void {
    this.#grads = Float64Array.from(this.#values, ({ grad }) => grad);
  }

  /** Stops listening. @returns the record */
  end(): Trace {
    this.#isOn = false;
    const { events, calls, values, tensors, variables } = this.#columns;
    values.firstChild.push(values.children.length);
    return {
      names: [...this.#names.keys()],
      ...arraysOf({ events, calls, tensors, variables }),
      values: { ...arraysOf({ values }).values, grad: this.#grads },
    };
  }

  /** A line begins to run. */
  at(line: number): void {
    if (!this.#isOn) return;
    this.#columns.events.line.push(line);
    this.#columns.events.call.push(this.#call);
  }

  /** A call of a function begins, at the function's line. */
  enter(name: string, line: number): void {
    if (!this.#isOn) return;
    const { calls, events } = this.#columns;
    calls.name.push(this.#nameOf(name));
    calls.parent.push(this.#call);
    calls.start.push(events.line.length);
    calls.end.push(NONE);
    calls.result.push(NONE);
    this.#call = calls.name.length - 1;
    this.at(line);
  }

  /** The call ends. @returns its result */
  leave<Result>(result: Result): Result {
    if (!this.#isOn) return result;
    const { calls, events } = this.#columns;
    calls.end.put(this.#call, events.line.length);
    calls.result.put(this.#call, this.#tensorOf(result));
    this.#call = calls.parent.get(this.#call);
    return result;
  }

  /** A variable has a new value. What is neither a number nor made of values is not kept. */
  set(name: string, value: unknown): void {
    if (!this.#isOn) return;
    const isNumber = typeof value === "number";
    const tensor = isNumber ? NONE : this.#tensorOf(value);
    if (tensor === NONE && !isNumber) return;
    const { variables, events } = this.#columns;
    variables.event.push(events.line.length - 1);
    variables.name.push(this.#nameOf(name));
    variables.tensor.push(tensor);
    variables.number.push(isNumber ? value : Number.NaN);
  }

  /** A Value is made. */
  made(value: RecordedValue): void {
    if (!this.#isOn) return;
    const { values, events } = this.#columns;
    this.#ids.set(value, this.#values.length);
    this.#values.push(value);
    values.data.push(value.data);
    values.event.push(events.line.length - 1);
    values.firstChild.push(values.children.length);
    for (const child of value.children) values.children.push(this.#ids.get(child)!);
    for (const localGrad of value.localGrads) values.localGrads.push(localGrad);
  }

  #nameOf(name: string): number {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    this.#names.set(name, this.#names.size);
    return this.#names.size - 1;
  }

  /** The tensor of a value, an array of values or an array of such arrays; NONE for anything else. */
  #tensorOf(value: unknown): number {
    if (typeof value !== "object") return NONE;
    if (this.#ids.has(value)) return this.#newTensor(0, [[value]], value);
    if (!Array.isArray(value) || value.length === 0) return NONE;
    if (this.#ids.has(value[0])) return this.#newTensor(1, [value], value);
    const [first]: readonly unknown[] = value;
    return Array.isArray(first) && this.#ids.has(first[0]) ? this.#newTensor(2, value, value) : NONE;
  }

  #newTensor(rank: number, rows: readonly (readonly unknown[])[], object: unknown): number {
    const { tensors } = this.#columns;
    const known = this.#tensors.get(object);
    const [height, width] = [rows.length, rows[0].length];
    if (known !== undefined && tensors.rows.get(known) === height && tensors.columns.get(known) === width) return known;
    this.#tensors.set(object, tensors.rank.length);
    tensors.rank.push(rank);
    tensors.rows.push(height);
    tensors.columns.push(width);
    tensors.start.push(tensors.ids.length);
    for (const row of rows) for (const value of row) tensors.ids.push(this.#ids.get(value)!);
    return tensors.rank.length - 1;
  }
}
