/** Losses that networks learn from, and the two ways to move their weights. */
import { Adam, average, dot, log, scale, softmax, Value } from "../../../../src/microgpt.ts";
import type { Vector, Weights } from "../../../../src/microgpt.ts";
import { BLOCK_SIZE } from "./names.ts";
import type { Network } from "./networks.ts";

/** The mean of −log p(next token) over a document's first 16 next tokens, as the core's `documentLoss`. */
export function documentLoss({ start }: Network, tokens: readonly number[]): Value {
  const read = start();
  const positions = Math.min(BLOCK_SIZE, tokens.length - 1);
  const losses = tokens
    .slice(0, positions)
    .map((token, position) => scale(log(softmax(read(token))[tokens[position + 1]]), -1));
  return average(losses);
}

/**
 * The loss of a table of pairs over all training names at once: a pair that occurs n times counts n times, so a step
 * costs the same for any number of names.
 */
export function pairLoss(table: readonly Vector[], counts: readonly (readonly number[])[]): Value {
  const total = counts.flat().reduce((a, b) => a + b, 0);
  const logs = table.flatMap((row) => softmax(row).map(log));
  const shares = counts.flat().map((count) => new Value(-count / total));
  return dot(shares, logs);
}

/** Moves weights after a step and clears their gradients. Steps count from 0. */
export type Update = (step: number, learningRate: number) => void;

/** The core's Adam. */
export function adam(weights: Weights): Update {
  const optimizer = new Adam(weights);
  return (step, learningRate) => optimizer.update(step, learningRate);
}

/** Plain gradient descent: every weight moves by −learningRate · gradient. */
export function descent(weights: Weights): Update {
  const params = Object.values(weights).flat(2);
  return (_step, learningRate) => {
    for (const param of params) {
      param.data -= learningRate * param.grad;
      param.grad = 0;
    }
  };
}
