/**
 * The numbers inside a GPT of the core, for one text. Nothing is computed a second time: every `Value` remembers what it
 * was computed from, so the attention weights and the residual stream are read from the graph of the logits themselves.
 * For models of one block.
 */
import { dot, softmax } from "../../../../src/microgpt.ts";
import type { Value, Vector } from "../../../../src/microgpt.ts";
import type { CoreNetwork } from "./networks.ts";

/** What a position of a text went through. Vectors have the model's width, 16. */
export interface Position {
  readonly token: number;
  /** The token's embedding, a row of `wte`. */
  readonly embedding: readonly number[];
  /** The position's embedding, a row of `wpe`. */
  readonly place: readonly number[];
  /** x before the block: their sum, normalized. */
  readonly first: readonly number[];
  /** What attention adds to x. */
  readonly attentionAdds: readonly number[];
  /** x between attention and MLP. */
  readonly middle: readonly number[];
  /** What the MLP adds to x. */
  readonly mlpAdds: readonly number[];
  /** x after the block. */
  readonly last: readonly number[];
  /** [heads][positions so far], each row sums to 1. */
  readonly attention: readonly (readonly number[])[];
  /** The MLP's hidden units [64], after ReLU. */
  readonly hidden: readonly number[];
  /** A score per next token. */
  readonly logits: readonly number[];
  /** The next tokens that x points to before, between and after attention and MLP: [3][vocabSize] probabilities. */
  readonly guesses: readonly (readonly number[])[];
}

/** Runs tokens through a model. @param tokens at least one, at most blockSize. */
export function anatomyOf(network: CoreNetwork, tokens: readonly number[]): readonly Position[] {
  const read = network.start();
  return tokens.map((token) => positionOf(network, token, read(token)));
}

function positionOf({ config, weights }: CoreNetwork, token: number, logits: Vector): Position {
  const last = secondOf(logits[0]); // a logit is dot(row of lm_head, x)
  const [mlpAdds, middle] = terms(last);
  const [attentionAdds, first] = terms(middle);
  const hidden = secondOf(mlpAdds[0]); // dot(row of mlp_fc2, hidden)
  const attended = secondOf(attentionAdds[0]); // dot(row of attn_wo, attended)
  const headDim = config.nEmbd / config.nHead;
  const heads = attended.filter((_, i) => i % headDim === 0).map((value) => firstOf(value)); // dot(weights, column)
  const [embedding, place] = terms(first.map(({ children }) => children[0])); // first is normalized: mul(sum, …)
  const guess = (x: readonly Value[]): readonly number[] =>
    softmax(weights.lm_head.map((row) => dot(row, [...x]))).map(({ data }) => data);
  return {
    token,
    embedding: numbers(embedding),
    place: numbers(place),
    first: numbers(first),
    attentionAdds: numbers(attentionAdds),
    middle: numbers(middle),
    mlpAdds: numbers(mlpAdds),
    last: numbers(last),
    attention: heads.map((head) => numbers(head)),
    hidden: numbers(hidden),
    logits: numbers(logits),
    guesses: [first, middle, last].map((x) => guess(x)),
  };
}

/**
 * How much each hidden unit adds to each logit when it is 1: [hidden][vocabSize], exact because only `lm_head` follows
 * the last block.
 */
export function unitEffects({ config, weights }: CoreNetwork): number[][] {
  const fc2 = weights[`layer${config.nLayer - 1}.mlp_fc2`]; // [nEmbd][hidden]
  return fc2[0].map((_, unit) =>
    weights.lm_head.map((row) => row.reduce((sum, weight, i) => sum + weight.data * fc2[i][unit].data, 0)),
  );
}

const numbers = (vector: readonly Value[]): number[] => vector.map(({ data }) => data);
/** The two factors of a `dot`, whose children are the first and then the second. */
const firstOf = ({ children }: Value): readonly Value[] => children.slice(0, children.length / 2);
const secondOf = ({ children }: Value): readonly Value[] => children.slice(children.length / 2);
/** The two terms of each sum in a vector of sums. */
const terms = (sums: readonly Value[]): readonly [readonly Value[], readonly Value[]] => [
  sums.map(({ children }) => children[0]),
  sums.map(({ children }) => children[1]),
];
