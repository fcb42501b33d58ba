/**
 * One training step of src/microgpt.ts, recorded: `documentLoss`, `backward`, `update`, as its `main` calls them. The
 * numbers are those of a plain step, to the bit. The model that it starts from is copied and stays as it is.
 */
import type { Config, Matrix, Vector, Weights } from "../microgpt.ts";
import { tracedCore } from "./microgpt-traced.ts";
import { Recorder } from "./recorder.ts";
import type { Core } from "./recorder.ts";
import { idsOf } from "./trace.ts";
import type { Trace } from "./trace.ts";

/** A model in training: what a step depends on. */
export interface TracedModel {
  /** Its size. */ readonly config: Config;
  /** Its weights, as `initWeights` makes them. */ readonly weights: Weights;
  /** Adam's m of each weight, [weights]. */ readonly mean: Float64Array;
  /** Adam's v of each weight, [weights]. */ readonly meanSquare: Float64Array;
}

/** Where a matrix of weights begins among the values of a trace. */
export interface TracedMatrix {
  /** Such as "layer0.attn_wq". */ readonly name: string;
  /** Height. */ readonly rows: number;
  /** Width. */ readonly columns: number;
  /** Id of its first value; the others follow row by row. */ readonly start: number;
}

/** A step that was traced. */
export interface TracedStep {
  /** What happened. */ readonly trace: Trace;
  /** The weights' matrices, in Adam's order. */ readonly matrices: readonly TracedMatrix[];
  /** The document that it learned from, BOS at both ends. */ readonly tokens: readonly number[];
  /** Steps count from 0. */ readonly step: number;
  /** What Adam was given. */ readonly learningRate: number;
  /** Id of the loss. */ readonly loss: number;
  /** The weights after the step, [weights]. */ readonly after: Float64Array<ArrayBuffer>;
}

/** Traces one step on a document of at least 2 tokens. */
export function traceStep(
  { config, weights, mean, meanSquare }: TracedModel,
  { tokens, step, learningRate }: Pick<TracedStep, "tokens" | "step" | "learningRate">,
): TracedStep {
  const recorder = new Recorder();
  const core = tracedCore(recorder);
  const copy = copied(core, weights);
  const adam = new core.Adam(copy);
  adam.mean.set(mean);
  adam.meanSquare.set(meanSquare);
  recorder.begin(adam.params);
  core.documentLoss(copy, config, tokens).backward();
  recorder.keepGradients();
  adam.update(step, learningRate);
  const trace = recorder.end();
  // The first call is that of documentLoss.
  const [loss] = idsOf(trace, trace.calls.result[0]);
  const after = Float64Array.from(adam.params, ({ data }) => data);
  return { trace, matrices: matricesOf(weights), tokens, step, learningRate, loss, after };
}

/** The same numbers as values of the traced core, which report themselves. */
function copied(core: Core, weights: Weights): Weights {
  const row = (values: Vector): Vector => values.map(({ data }) => new core.Value(data));
  const matrix = (rows: Matrix): Matrix => rows.map(row);
  return Object.fromEntries(Object.entries(weights).map(([name, rows]) => [name, matrix(rows)]));
}

function matricesOf(weights: Weights): TracedMatrix[] {
  let start = 0;
  return Object.entries(weights).map(([name, matrix]) => {
    const [rows, columns] = [matrix.length, matrix[0].length];
    start += rows * columns;
    return { name, rows, columns, start: start - rows * columns };
  });
}
