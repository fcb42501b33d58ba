/**
 * Takes a logit apart. Every block adds to the residual stream, and `lm_head` reads the last sum without a norm between,
 * so a logit is exactly the sum of what each part of the model adds:
 *
 *   logit = lm_head[target] · (token + position + Σ head outputs + Σ MLP outputs)
 *
 * That is the direct effect. A part also changes what later blocks read: see `withoutHeads` (`attention-weights.ts`) and
 * `withoutMlps` for what happens without it.
 */
import type { Config } from "../microgpt.ts";
import type { Tensor, Tensors } from "../training/engine.ts";

/** A part of the model that adds to the residual stream. */
export type LogitSource =
  | { readonly kind: "token" }
  | { readonly kind: "position" }
  | { readonly kind: "head"; readonly layer: number; readonly head: number }
  | { readonly kind: "mlp"; readonly layer: number };

/** What a part adds to a logit. */
export interface LogitContribution {
  /** The part. "token" and "position" share the embedding, after its norm. */
  readonly source: LogitSource;
  /** Its term of the sum. */
  readonly logit: number;
}

/** A forward pass to take apart. */
export interface ForwardPass {
  /** The model's dimensions. */
  readonly config: Config;
  /** Its weights. */
  readonly weights: Tensors;
  /** The tokens that it read, from position 0, [T]. */
  readonly tokens: ArrayLike<number>;
  /** `TensorEngine.activations` of these tokens. */
  readonly activations: Tensors;
}

/**
 * What each part adds to the logit of `target` after the token at `position`, in the order of computation. The sum is the
 * logit, to the rounding of the engine's activations.
 */
export function logitContributions(pass: ForwardPass, position: number, target: number): LogitContribution[] {
  const { config, weights } = pass;
  const direction = rowOf(weights.get("lm_head")!, target); // [C]
  const layers = Array.from({ length: config.nLayer }, (_, layer) => ofLayer(pass, layer, position, direction));
  return [...ofEmbedding(pass, position, direction), ...layers.flat()];
}

/** The norm divides token and position by the same number, so each keeps a share of its own. */
function ofEmbedding({ weights, tokens }: ForwardPass, position: number, direction: Numbers): LogitContribution[] {
  const token = rowOf(weights.get("wte")!, tokens[position]); // [C]
  const place = rowOf(weights.get("wpe")!, position); // [C]
  const sum = Float64Array.from(token, (value, i) => value + place[i]);
  const inverseRms = (dot(sum, sum) / sum.length + 1e-5) ** -0.5;
  return [
    { source: { kind: "token" }, logit: inverseRms * dot(direction, token) },
    { source: { kind: "position" }, logit: inverseRms * dot(direction, place) },
  ];
}

function ofLayer(pass: ForwardPass, layer: number, position: number, direction: Numbers): LogitContribution[] {
  const { nEmbd, nHead } = pass.config;
  const size = nEmbd / nHead;
  const term = (activation: string, weight: string): Float64Array => {
    const input = rowOf(pass.activations.get(`layer${layer}.${activation}`)!, position);
    // direction · (W · input) = (direction · W) · input: one number per input, and a head's are side by side.
    return pullBack(direction, pass.weights.get(`layer${layer}.${weight}`)!).map((value, i) => value * input[i]);
  };
  const attended = term("attended", "attn_wo"); // [C]
  const heads = Array.from({ length: nHead }, (_, head): LogitContribution => {
    const logit = total(attended.subarray(head * size, (head + 1) * size));
    return { source: { kind: "head", layer, head }, logit };
  });
  return [...heads, { source: { kind: "mlp", layer }, logit: total(term("hidden", "mlp_fc2")) }];
}

/**
 * Weights of the same model with the MLPs of some layers switched off: their `mlp_fc2` is 0. Shares the rest. Throws
 * RangeError for a layer that the model does not have.
 */
export function withoutMlps(weights: Tensors, layers: readonly number[]): Tensors {
  const changed = new Map(weights);
  for (const layer of layers) {
    const name = `layer${layer}.mlp_fc2`;
    const tensor = changed.get(name);
    if (tensor === undefined) throw new RangeError(`withoutMlps: the model has no layer ${layer}`);
    const { shape, data } = tensor;
    changed.set(name, { shape, data: data.slice().fill(0) });
  }
  return changed;
}

type Numbers = Tensor["data"];

const rowOf = ({ shape, data }: Tensor, row: number): Numbers => data.subarray(row * shape[1], (row + 1) * shape[1]);

function total(numbers: Numbers): number {
  let sum = 0;
  for (const value of numbers) sum += value;
  return sum;
}

function dot(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** x · W: [rows], [rows, columns] → [columns]. */
function pullBack(x: Numbers, { shape: [rows, columns], data }: Tensor): Float64Array {
  const result = new Float64Array(columns);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) result[c] += x[r] * data[r * columns + c];
  return result;
}
