/** The weights of attention, which no engine keeps, from what it keeps; and models with heads switched off. */
import type { Config } from "../microgpt.ts";
import type { Tensor, Tensors } from "../training/engine.ts";

/**
 * How much each token looks at each earlier one, recomputed from activations: for each head [T, T], rows are queries,
 * columns keys; what lies after the query is 0, and every row sums to 1.
 * @param query, key [T, nEmbd]. @param statistics [T, 2 · nHead], as `layerL.attention` of `TensorEngine.activations`:
 * for each head the largest query · key of the row, and 1 / Σ exp((query · key − largest) / √headSize).
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

/** An attention head: layers and heads count from 0. */
export interface HeadName {
  /** Counted from 0. */
  readonly layer: number;
  /** Counted from 0, within its layer. */
  readonly head: number;
}

/**
 * The weights of a model whose `heads` add nothing: the columns of `attn_wo` that read them are 0. A copy where
 * something changes. Throws RangeError for a head that the model does not have.
 */
export function withoutHeads(weights: Tensors, { nEmbd, nHead, nLayer }: Config, heads: readonly HeadName[]): Tensors {
  const changed = new Map(weights);
  const size = nEmbd / nHead;
  for (const { layer, head } of heads) {
    if (!(layer >= 0 && layer < nLayer && head >= 0 && head < nHead)) {
      throw new RangeError(`withoutHeads: the model has ${nLayer} layers of ${nHead} heads, got ${layer}, ${head}`);
    }
    const name = `layer${layer}.attn_wo`;
    const { shape, data } = changed.get(name)!;
    const copy = data.slice();
    for (let row = 0; row < shape[0]; row++) copy.fill(0, row * nEmbd + head * size, row * nEmbd + (head + 1) * size);
    changed.set(name, { shape, data: copy });
  }
  return changed;
}
