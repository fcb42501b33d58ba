/**
 * What a trace says about learning: in which order backward visits values, and what Adam computes for each weight. Read
 * from the variables of src/microgpt.ts (`value`, `mHat`, …), never computed again: the numbers are the run's own.
 */
import { idsOf, NONE } from "./trace.ts";
import type { Trace } from "./trace.ts";

/** Backward's visits, in their order. At a visit, the value's gradient is complete and flows to its children. */
export interface Visits {
  /** The event of each visit. */ readonly events: Int32Array;
  /** The value visited. */ readonly ids: Int32Array;
}

/** What Adam computes for each weight, [weights] each. */
export interface AdamReadings {
  /** The event at which it turns to the weight. */ readonly event: Int32Array;
  /** m, the running mean of gradients, with this step's. */ readonly mean: Float64Array;
  /** v, the running mean of squared gradients, with this step's. */ readonly meanSquare: Float64Array;
  /** m without its bias towards 0. */ readonly mHat: Float64Array;
  /** v without its bias towards 0. */ readonly vHat: Float64Array;
  /** The event at which the weight moves. */ readonly moved: Int32Array;
  /** The weight after the update. */ readonly data: Float64Array;
}

/** The visits of `backward`. */
export function visitsOf(trace: Trace): Visits {
  const found = settingsOf(trace, "backward", "value");
  const { event, tensor } = trace.variables;
  return { events: found.map((i) => event[i]), ids: found.map((i) => idsOf(trace, tensor[i])[0]) };
}

/** The numbers of `update`. */
export function adamOf(trace: Trace): AdamReadings {
  const numbers = (name: string): Float64Array =>
    Float64Array.from(settingsOf(trace, "update", name), (i) => trace.variables.number[i]);
  const events = (name: string): Int32Array => settingsOf(trace, "update", name).map((i) => trace.variables.event[i]);
  return {
    event: events("param"),
    moved: events("param.data"),
    mean: numbers("this.mean[i]"),
    meanSquare: numbers("this.meanSquare[i]"),
    mHat: numbers("mHat"),
    vHat: numbers("vHat"),
    data: numbers("param.data"),
  };
}

/** Indices of the settings of a variable in the calls of a function. */
function settingsOf({ names, calls, variables }: Trace, functionName: string, variable: string): Int32Array {
  const [callee, name] = [names.indexOf(functionName), names.indexOf(variable)];
  const found: number[] = [];
  for (let i = 0; i < variables.event.length; i++) {
    const call = variables.call[i];
    if (variables.name[i] === name && call !== NONE && calls.name[call] === callee) found.push(i);
  }
  return Int32Array.from(found);
}
