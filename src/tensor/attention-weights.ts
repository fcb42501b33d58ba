/**
 * For looking into a model: attention weights, recomputed because no engine stores them, and models without some heads.
 */
import type { Config } from "../microgpt.ts";
import type { Tensor, Tensors } from "../training/engine.ts";

/**
 * The attention weights of a layer, recomputed from its activations: one matrix [T, T] per head, a row per query, a
 * column per key. Entries after the query are 0, and every row sums to 1.
 * @param query `layerL.query` of `TensorEngine.activations`, [T, nEmbd].
 * @param key `layerL.key`, [T, nEmbd].
 * @param statistics `layerL.attention`, [T, 2 · nHead]: for each head the largest query · key of the row, and
 * 1 / Σ exp((query · key − largest) / √headSize).
 * @param nHead number of heads.
 */
export function attentionWeights(query: Tensor, key: Tensor, statistics: Tensor, nHead: number): Tensor[] {
  const [T, nEmbd] = query.shape;
  const size = nEmbd / nHead;
  return Array.from({ length: nHead }, (_, head) => {
    const data = new Float64Array(T * T);
    for (let q = 0; q < T; q++) {
      const [largest, inverseSum] = [0, 1].map((i) => statistics.data[2 * (q * nHead + head) + i]);
      for (let k = 0; k <= q; k++) {
        let dot = 0;
        for (let c = head * size; c < (head + 1) * size; c++)
          dot += query.data[q * nEmbd + c] * key.data[k * nEmbd + c];
        data[q * T + k] = Math.exp((dot - largest) / Math.sqrt(size)) * inverseSum;
      }
    }
    return { shape: [T, T], data };
  });
}

/** `attentionWeights` of a layer in a forward pass. @param activations of `TensorEngine.activations`. */
export function layerAttention(activations: Tensors, layer: number, nHead: number): Tensor[] {
  const [query, key, statistics] = ["query", "key", "attention"].map((name) =>
    activations.get(`layer${layer}.${name}`)!,
  );
  return attentionWeights(query, key, statistics, nHead);
}

/** Identifies an attention head. */
export interface HeadName {
  /** Layer, counted from 0. */
  readonly layer: number;
  /** Head within the layer, counted from 0. */
  readonly head: number;
}

/**
 * Weights of the same model with some heads switched off: the columns of `attn_wo` that read them are 0. Copies what it
 * changes and shares the rest. Throws RangeError for a head that the model does not have.
 */
export function withoutHeads(weights: Tensors, { nEmbd, nHead, nLayer }: Config, heads: readonly HeadName[]): Tensors {
  const changed = new Map(weights);
  const size = nEmbd / nHead;
  for (const { layer, head } of heads) {
    if (!(layer >= 0 && layer < nLayer && head >= 0 && head < nHead)) {
      throw new RangeError(
        `withoutHeads: got layer ${layer}, head ${head}; the model has ${nLayer} layers of ${nHead} heads`,
      );
    }
    const name = `layer${layer}.attn_wo`;
    const { shape, data } = changed.get(name)!;
    const copy = data.slice();
    for (let row = 0; row < shape[0]; row++) copy.fill(0, row * nEmbd + head * size, row * nEmbd + (head + 1) * size);
    changed.set(name, { shape, data: copy });
  }
  return changed;
}
