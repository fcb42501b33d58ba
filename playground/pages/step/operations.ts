/**
 * The operations of a traced step: the vectors that `gpt` and `documentLoss` compute, one after another, for each position.
 * Found by the calls of the trace; their short names are those that the source gives to the results, where it does.
 */
import { idsOf, NONE } from "../../../src/trace/trace.ts";
import type { Trace } from "../../../src/trace/trace.ts";

/** A vector that is computed. */
export interface Operation {
  /** Short name of its result, such as "query". */ readonly name: string;
  /** What it does, in words. */ readonly about: string;
  /** The position in the document, from 0; NONE for the mean over all. */ readonly position: number;
  /** The call, the first of several for relu. */ readonly call: number;
  /** Its first event. */ readonly start: number;
  /** The first event after it. */ readonly end: number;
  /** Ids of its result. */ readonly result: Int32Array;
}

/** The operations of a position in a model of one layer, in their order. */
const ABOUT: readonly (readonly [name: string, about: string])[] = [
  ["embedding", "the token's row of wte plus the position's row of wpe"],
  ["x", "rmsnorm: scaled to a mean square of 1"],
  ["normed", "rmsnorm before attention"],
  ["query", "attn_wq · normed: what this token looks for"],
  ["key", "attn_wk · normed: what it is found by"],
  ["value", "attn_wv · normed: what is read from it"],
  ["attended", "attention: an average of all values so far, weighted by match"],
  ["projected", "attn_wo · attended"],
  ["x + attention", "residual: x stays, attention adds to it"],
  ["normed for MLP", "rmsnorm before the MLP"],
  ["fc1", "mlp_fc1 · normed: 64 features"],
  ["hidden", "relu: negative features become 0"],
  ["fc2", "mlp_fc2 · hidden: back to 16 numbers"],
  ["x + MLP", "residual: x stays, the MLP adds to it"],
  ["logits", "lm_head · x: a score for each next token"],
  ["probabilities", "softmax: scores become probabilities"],
  ["loss", "−log of the probability of the token that came next"],
];

const VECTORS = new Set(["rmsnorm", "linear", "attention", "softmax", "addVectors"]);
const CALLERS = new Set(["gpt", "project", "documentLoss"]);

/** All operations of a step, in their order; the last is the mean of the losses. */
export function operationsOf(trace: Trace): Operation[] {
  const { names, calls } = trace;
  const nameOf = (call: number): string => (call === NONE ? "" : names[calls.name[call]]);
  const operations: Operation[] = [];
  let position = NONE;
  let index = 0;
  const add = (call: number): void => {
    const [name, about] = ABOUT[index++];
    operations.push({ name, about, position, ...extentOf(trace, call) });
  };
  for (let call = 0; call < calls.name.length; call++) {
    const [callee, caller] = [nameOf(call), nameOf(calls.parent[call])];
    if (callee === "gpt") [position, index] = [position + 1, 0];
    if (VECTORS.has(callee) && CALLERS.has(caller)) add(call);
    if (callee === "relu" && ABOUT[index][0] === "hidden") add(call);
    else if (callee === "relu") operations.push(joined(operations.pop()!, extentOf(trace, call)));
    if (callee === "log") add(call);
    // The loss is −1 times the logarithm; the mean follows the last loss.
    if (callee === "scale" && caller === "documentLoss")
      operations.push({ ...operations.pop()!, ...endOf(trace, call) });
    if (callee === "average")
      operations.push({
        name: "mean loss",
        about: "the mean over all positions",
        position: NONE,
        ...extentOf(trace, call),
      });
  }
  return operations;
}

type Extent = Pick<Operation, "call" | "start" | "end" | "result">;

const endOf = (trace: Trace, call: number): Pick<Extent, "end" | "result"> => ({
  end: trace.calls.end[call],
  result: idsOf(trace, trace.calls.result[call]),
});
const extentOf = (trace: Trace, call: number): Extent => ({
  call,
  start: trace.calls.start[call],
  ...endOf(trace, call),
});
const joined = (first: Operation, { end, result }: Extent): Operation => ({
  ...first,
  end,
  result: Int32Array.of(...first.result, ...result),
});
