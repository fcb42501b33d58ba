/**
 * The GPT as a graph of tensors: the same names and order as `gpt` in microgpt.ts, with a shape on every line. It
 * computes nothing; `program.ts` turns the graph into instructions.
 *
 * T tokens of a pass, end to end; C nEmbd; V vocabSize. Rows are independent except in attention, which stays within a
 * document.
 */
import type { Config } from "../microgpt.ts";
import type { Dropout, Heads, Weight } from "./instructions.ts";
import type { TensorNode } from "./ops.ts";

const tensor = (op: TensorNode["op"], columns: number, inputs: TensorNode[], weights: Weight[] = []): TensorNode => ({
  op,
  columns,
  inputs,
  weights,
  heads: null,
  dropout: null,
  from: 0,
});

const embed = (tokenTable: Weight, positionTable: Weight): TensorNode =>
  tensor("embed", tokenTable.shape[1], [], [tokenTable, positionTable]);
const rmsnorm = (x: TensorNode): TensorNode => tensor("rmsnorm", x.columns, [x]);
const linear = (x: TensorNode, weight: Weight): TensorNode => tensor("linear", weight.shape[0], [x], [weight]);
const relu = (x: TensorNode): TensorNode => tensor("relu", x.columns, [x]);
const drop = (x: TensorNode, dropout: Dropout): TensorNode => ({ ...tensor("dropout", x.columns, [x]), dropout });
const add = (a: TensorNode, b: TensorNode): TensorNode => tensor("add", a.columns, [a, b]);
const crossEntropy = (logits: TensorNode): TensorNode => tensor("crossEntropy", 2, [logits]);
const attention = (query: TensorNode, key: TensorNode, value: TensorNode, heads: Heads): TensorNode => ({
  ...tensor("attention", query.columns, [query, key, value]),
  heads,
});
/** x [T, n·count] → `count` views of its columns, [T, n] each. */
const split = (x: TensorNode, count: number): TensorNode[] =>
  Array.from({ length: count }, (_, i) => {
    const columns = x.columns / count;
    return { ...tensor("columns", columns, [x]), from: i * columns };
  });

/** Called with each activation and its name while the model is built. */
export type NameActivation = (name: string, activation: TensorNode) => void;

/**
 * The tokens of a pass → the logits of each next token [T, V]. `weights` by name; `heads` says how C divides into
 * heads. Calls `name` with `x0` after the embeddings; for layer L with `layerL.query`, `.key`, `.value`, `.attended`,
 * `.afterAttention`, `.hidden` and `.afterMlp`; and with `logits`.
 * @param rate of dropout, in training: on x0 and on what each block adds to the residual stream, as in GPT-2.
 */
export function gpt(
  weights: ReadonlyMap<string, Weight>,
  { nLayer }: Config,
  heads: Heads,
  rate = 0,
  name: NameActivation = () => {},
): TensorNode {
  const weight = (key: string): Weight => weights.get(key)!;
  let sites = 0;
  const dropped = (branch: TensorNode): TensorNode => (rate === 0 ? branch : drop(branch, { site: sites++, rate }));
  let x = dropped(rmsnorm(embed(weight("wte"), weight("wpe")))); // [T, C]
  name("x0", x);
  for (let layer = 0; layer < nLayer; layer++) {
    const project = (input: TensorNode, key: string): TensorNode => linear(input, weight(`layer${layer}.${key}`));
    const normed = rmsnorm(x); // [T, C]
    const [query, key, value] = split(project(normed, "attn_wqkv"), 3); // [T, C] each, views of one product [T, 3·C]
    const attended = attention(query, key, value, heads); // [T, C]
    const afterAttention = add(dropped(project(attended, "attn_wo")), x); // [T, C]
    const hidden = relu(project(rmsnorm(afterAttention), "mlp_fc1")); // [T, 4·C]
    x = add(dropped(project(hidden, "mlp_fc2")), afterAttention); // [T, C]
    const activations = { query, key, value, attended, afterAttention, hidden, afterMlp: x };
    for (const [short, activation] of Object.entries(activations)) name(`layer${layer}.${short}`, activation);
  }
  const logits = linear(x, weight("lm_head")); // [T, V]
  name("logits", logits);
  return logits;
}

/** Logits [T, V] → the loss of each token as two statistics [T, 2] (`crossEntropy` in `instructions.ts`). */
export const loss = (logits: TensorNode): TensorNode => crossEntropy(logits);
