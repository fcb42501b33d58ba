/**
 * Looks into a model: attention, losses with heads switched off, what adds up to a logit, matrices. Pure functions of the
 * weights that the engine holds: where they change them, they put them back. The worker calls them between two steps.
 */
import {
  evaluateInSlices,
  logitContributions,
  nextTokenProbabilities,
  withoutHeads,
  withoutMlps,
} from "../../src/index.ts";
import { layerAttention } from "../../src/tensor/attention-weights.ts";
import type { Config, HeadName, LogitSource, TensorEngine, Tensors, Tokenizer, Tokens } from "../../src/index.ts";
import type { Contribution, ContributionRequest, Inspection, Parts } from "./protocol.ts";

/** Asks something of an engine while it holds other weights, and puts back its own, to the bit. */
export async function withWeights<Answer>(
  engine: TensorEngine,
  change: (weights: Tensors) => Tensors,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const weights = await engine.weights();
  await engine.loadWeights(change(weights));
  try {
    return await ask();
  } finally {
    await engine.loadWeights(weights);
  }
}

/** BOS and the tokens of a text, as many as the model reads: [T]. Pieces that are not in the vocabulary are dropped. */
export const idsOf = (tokenizer: Tokenizer, text: string, { blockSize }: Config): number[] =>
  [tokenizer.bos, ...tokenizer.encode(text).ids].slice(0, blockSize);

/** Runs a text through the model with some heads switched off. Throws RangeError for a head that the model lacks. */
export function inspect(
  engine: TensorEngine,
  tokenizer: Tokenizer,
  { text, heads }: { readonly text: string; readonly heads: readonly HeadName[] },
): Promise<Inspection> {
  const { config } = engine;
  const ids = idsOf(tokenizer, text, config);
  const ask = async (): Promise<Inspection> => {
    const activations = await engine.activations(ids);
    const logits = Float32Array.from(activations.get("logits")!.data); // [T · V]
    return {
      text,
      ids,
      tokens: ids.map((id) => tokenizer.token(id)),
      attention: Array.from({ length: config.nLayer }, (_, layer) => attentionOf(activations, layer, config)),
      logits,
      losses: lossesOf(ids, logits, config.vocabSize),
    };
  };
  return heads.length === 0 ? ask() : withWeights(engine, (weights) => withoutHeads(weights, config, heads), ask);
}

/** Per head, [T · T]. */
const attentionOf = (activations: Tensors, layer: number, { nHead }: Config): Float32Array[] =>
  layerAttention(activations, layer, nHead).map(({ data }) => Float32Array.from(data));

/** −log p of each next token, [T − 1]; `logits` [T · vocabSize]. */
function lossesOf(ids: readonly number[], logits: Float32Array, vocabSize: number): Float32Array {
  return Float32Array.from(ids.slice(1), (id, t) => -Math.log(probabilityOf(logitsAt(logits, t, vocabSize), id)));
}

const logitsAt = (logits: Float32Array, t: number, vocabSize: number): Float32Array =>
  logits.subarray(t * vocabSize, (t + 1) * vocabSize);

/** The probability of a token at temperature 1. @param logits [vocabSize]. */
const probabilityOf = (logits: ArrayLike<number>, id: number): number =>
  nextTokenProbabilities(logits, { temperature: 1, topK: null, topP: null })[id];

/**
 * Held-out loss in nats per token with some heads switched off. Throws Error if nothing is held out, RangeError for a head
 * that the model lacks.
 */
export async function heldOutLoss(
  engine: TensorEngine,
  heldOut: Iterable<Tokens>,
  heads: readonly HeadName[],
): Promise<number> {
  const ask = async (): Promise<number> => {
    const slices = evaluateInSlices(engine, heldOut);
    let slice = await slices.next();
    while (slice.done !== true) slice = await slices.next();
    if (Number.isNaN(slice.value)) throw new Error("There is no held-out loss: all documents are trained on.");
    return slice.value;
  };
  if (heads.length === 0) return await ask();
  return await withWeights(engine, (weights) => withoutHeads(weights, engine.config, heads), ask);
}

/**
 * What adds up to the logit of `target` after the token at `position`, and the token's probability without each head and
 * MLP. Throws RangeError for a target outside the vocabulary, or a position outside the text.
 */
export async function contributions(
  engine: TensorEngine,
  tokenizer: Tokenizer,
  { text, position, target }: Omit<ContributionRequest, "at">,
): Promise<Parts> {
  const { config } = engine;
  if (!(target >= 0 && target < config.vocabSize)) {
    throw new RangeError(`contributions: got token ${target}; the vocabulary has ${config.vocabSize}`);
  }
  const all = idsOf(tokenizer, text, config);
  if (!(position >= 0 && position < all.length)) {
    throw new RangeError(`contributions: got position ${position}; the text has ${all.length} tokens`);
  }
  const tokens = all.slice(0, position + 1);
  const weights = await engine.weights();
  const activations = await engine.activations(tokens);
  const parts = logitContributions({ config, weights, tokens, activations }, position, target);
  const found: Contribution[] = [];
  for (const { source, logit } of parts) {
    const without = withoutPart(weights, config, source);
    const ask = async (): Promise<number> => probabilityOf((await engine.logits(tokens)).at(-1)!, target);
    const probabilityWithout = without === null ? null : await withWeights(engine, () => without, ask);
    found.push({ name: nameOf(source), logit, probabilityWithout });
  }
  const logits = (await engine.logits(tokens))[position];
  return { parts: found, logit: logits[target], probability: probabilityOf(logits, target) };
}

/** The model without a part; null for the embeddings, without which there is nothing to compute. */
function withoutPart(weights: Tensors, config: Config, source: LogitSource): Tensors | null {
  switch (source.kind) {
    case "token":
    case "position":
      return null;
    case "head":
      return withoutHeads(weights, config, [source]);
    case "mlp":
      return withoutMlps(weights, [source.layer]);
    default:
      return source satisfies never;
  }
}

/** For the visitor. */
function nameOf(source: LogitSource): string {
  switch (source.kind) {
    case "token":
      return "token embedding";
    case "position":
      return "position embedding";
    case "head":
      return `layer ${source.layer}, head ${source.head}`;
    case "mlp":
      return `layer ${source.layer}, MLP`;
    default:
      return source satisfies never;
  }
}
