/**
 * A traced step as something to play: which values exist at an event, and where to stop at each of four zooms. The event
 * is the one clock: at event e, line e runs, and what it makes is there. No DOM.
 */
import { adamOf, visitsOf } from "../../../src/trace/readings.ts";
import type { AdamReadings, Visits } from "../../../src/trace/readings.ts";
import { NONE, stackAt } from "../../../src/trace/trace.ts";
import type { Trace } from "../../../src/trace/trace.ts";
import type { TracedStep } from "../../../src/trace/trace-step.ts";
import { labelsOf } from "./labels.ts";
import { operationsOf } from "./operations.ts";
import type { Operation } from "./operations.ts";
import type { StepData } from "./protocol.ts";

/** How closely the page looks. */
export type Zoom = "step" | "operation" | "matrix" | "number";
/** All zooms, from far to near. */
export const ZOOMS: readonly Zoom[] = ["step", "operation", "matrix", "number"];

/** The three parts of a step. */
export type Phase = "forward" | "backward" | "adam";

/** A step and its clock. */
export class Story {
  readonly data: StepData;
  readonly step: TracedStep;
  readonly trace: Trace;
  readonly operations: readonly Operation[];
  readonly labels: readonly string[];
  readonly visits: Visits;
  readonly adam: AdamReadings;
  /** The event at which each value's gradient is complete, [values]; NONE where backward never comes. */
  readonly visitOf: Int32Array;
  /** The first events of `backward` and `update`. */
  readonly starts: { readonly backward: number; readonly adam: number };
  readonly #operationStarts: readonly number[];
  readonly #stops: Record<Zoom, Int32Array>;

  constructor(data: StepData) {
    [this.data, this.step, this.trace] = [data, data.step, data.step.trace];
    this.operations = operationsOf(this.trace);
    this.#operationStarts = this.operations.map(({ start }) => start);
    this.labels = labelsOf(this.step, this.operations);
    this.visits = visitsOf(this.trace);
    this.adam = adamOf(this.trace);
    this.visitOf = new Int32Array(this.trace.values.data.length).fill(NONE);
    this.visits.ids.forEach((id, visit) => (this.visitOf[id] = this.visits.events[visit]));
    this.starts = { backward: this.#startOf("backward"), adam: this.#startOf("update") };
    this.#stops = { step: this.#phases(), operation: this.#turns(), matrix: this.#elements(), number: this.#all() };
  }

  /** The last event. */
  get end(): number {
    return this.trace.events.line.length - 1;
  }

  /** Number of weights. */
  get weights(): number {
    return this.step.after.length;
  }

  /** The events at which a zoom stops, ascending; the first is 0, the last the end. */
  stops(zoom: Zoom): Int32Array {
    return this.#stops[zoom];
  }

  /** The line that a zoom lights: far away that of an outer function, near that of the innermost. */
  lineAt(event: number, zoom: Zoom): number {
    const { events } = this.trace;
    const stack = stackAt(this.trace, event);
    const operation = this.operations[this.operationAt(event)]?.call ?? NONE;
    const depth = { step: 0, operation: 1, matrix: Math.max(1, stack.indexOf(operation)), number: stack.length }[zoom];
    const call = stack[Math.min(depth, stack.length - 1)];
    let at = event;
    while (events.call[at] !== call) at--;
    return events.line[at];
  }

  /** The part of the step that an event belongs to. */
  phaseAt(event: number): Phase {
    if (event < this.starts.backward) return "forward";
    return event < this.starts.adam ? "backward" : "adam";
  }

  /** The number of a value at an event; null before it is made. Adam changes a weight's. */
  dataAt(id: number, event: number): number | null {
    const { data, event: made } = this.trace.values;
    if (made[id] > event) return null;
    return id < this.weights && this.isUpdated(id, event) ? this.step.after[id] : data[id];
  }

  /** The gradient of a value; null before it is complete. */
  gradAt(id: number, event: number): number | null {
    return this.visitOf[id] === NONE || this.visitOf[id] > event ? null : this.trace.values.grad[id];
  }

  /** Whether Adam has moved a weight. */
  isUpdated(weight: number, event: number): boolean {
    return event >= this.adam.moved[weight];
  }

  /** The weight that Adam changes at an event; NONE outside of `update`. */
  weightAt(event: number): number {
    return lastAt(this.adam.event, event);
  }

  /** The operation at an event: the one that runs, or, in backward, the one whose value is visited. NONE in Adam. */
  operationAt(event: number): number {
    const phase = this.phaseAt(event);
    if (phase === "adam") return NONE;
    const moment = phase === "forward" ? event : this.trace.values.event[this.valueAt(event)];
    return Math.max(0, lastAt(this.#operationStarts, moment));
  }

  /** The value that an event is about: the last one made, visited or updated. */
  valueAt(event: number): number {
    const phase = this.phaseAt(event);
    if (phase === "adam") return Math.max(0, this.weightAt(event));
    if (phase === "forward") return Math.max(0, lastAt(this.trace.values.event, event));
    const visit = lastAt(this.visits.events, event);
    return visit === NONE ? this.step.loss : this.visits.ids[visit];
  }

  #startOf(name: string): number {
    const { calls, names } = this.trace;
    return calls.start[calls.name.indexOf(names.indexOf(name))];
  }

  /** Each token and its loss, the mean, backward, Adam. */
  #phases(): Int32Array {
    const ends = this.operations.filter(({ name }) => name === "embedding" || name === "loss" || name === "mean loss");
    const events = ends.map(({ name, start, end }) => (name === "embedding" ? start : end - 1));
    return ascending([0, ...events, this.starts.backward, this.starts.adam, this.end]);
  }

  /** Each operation twice, when it is done and when its gradients are; then each matrix of weights. */
  #turns(): Int32Array {
    const done = this.operations.map(({ end }) => end - 1);
    const complete = this.operations.map(({ result }) => Math.max(...result.map((id) => this.visitOf[id])));
    const matrices = this.step.matrices.map(({ start }) => this.adam.event[start]);
    return ascending([...this.#phases(), ...done, ...complete.filter((event) => event !== NONE), ...matrices]);
  }

  /** Each element of each operation when it is made and when its gradient is complete; then each row of weights. */
  #elements(): Int32Array {
    const ids = this.operations.flatMap(({ result }) => [...result]);
    const made = ids.map((id) => this.trace.values.event[id]);
    const complete = ids.map((id) => this.visitOf[id]).filter((event) => event !== NONE);
    const rows = this.step.matrices.flatMap(({ rows: count, columns, start }) =>
      Array.from({ length: count }, (_, row) => this.adam.event[start + row * columns]),
    );
    return ascending([...this.#turns(), ...made, ...complete, ...rows]);
  }

  #all(): Int32Array {
    return Int32Array.from({ length: this.end + 1 }, (_, event) => event);
  }
}

const ascending = (events: readonly number[]): Int32Array => Int32Array.from(new Set(events)).toSorted();

/** Index of the last of ascending numbers that is at most `limit`; NONE if there is none. */
export function lastAt(numbers: ArrayLike<number>, limit: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
