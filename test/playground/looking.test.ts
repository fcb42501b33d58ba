import { describe, expect, test } from "vitest";
import { lastUpdateOf, matrixOf } from "../../playground/run/matrices.ts";
import { contributions, heldOutLoss, inspect } from "../../playground/run/looking.ts";
import { documentLoss, emptyCache, gpt, softmax, Value } from "../../src/microgpt.ts";
import type { Config } from "../../src/microgpt.ts";
import { withoutHeads } from "../../src/tensor/attention-weights.ts";
import type { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { charTokenizer } from "../../src/text/tokenizers/char.ts";
import { AtomicEngine, atomicWeights } from "../../src/training/atomic.ts";
import type { Tensors } from "../../src/training/engine.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { newProgress } from "../../src/training/train.ts";
import { newTensorEngine, update, wasm } from "../setup/tensor-models.ts";

const tokenizer = charTokenizer([..."abcdefgh"]);
const CONFIG: Config = { vocabSize: 9, nEmbd: 6, nHead: 2, nLayer: 2, blockSize: 8 };
const [BOS, TEXT, IDS] = [8, "bedda", [8, 1, 4, 3, 3, 0]];
const HELD_OUT = [
  [8, 1, 4, 8],
  [8, 2, 2, 5, 7, 1, 8],
];

async function newModel(seed: number): Promise<{ engine: TensorEngine; weights: Tensors }> {
  const engine = await newTensorEngine(wasm, CONFIG, seed);
  const weights = new Map(
    [...(await engine.weights())].map(([name, { shape, data }]) => [name, { shape, data: data.map((w) => 5 * w) }]),
  );
  await engine.loadWeights(weights);
  return { engine, weights };
}

/** The atomic core's probabilities after each token: [T][vocabSize]. */
function atomicProbabilities(weights: Tensors, ids: readonly number[]): number[][] {
  const cache = emptyCache(CONFIG.nLayer);
  const values = atomicWeights(CONFIG, weights);
  return ids.map((id, t) => softmax(gpt(values, CONFIG, id, t, cache)).map(({ data }) => data));
}

/** The weights with some numbers of a matrix at 0. */
function zeroed(weights: Tensors, name: string, isZero: (column: number) => boolean): Tensors {
  const { shape, data } = weights.get(name)!;
  return new Map(weights).set(name, { shape, data: data.map((w, i) => (isZero(i % shape[1]) ? 0 : w)) });
}

describe("a text through the model", () => {
  test("its tokens, losses and logits are the atomic core's, and every attention row sums to 1", async () => {
    const { engine, weights } = await newModel(1);
    const { ids, tokens, attention, logits, losses } = await inspect(engine, tokenizer, { text: TEXT, heads: [] });
    expect(ids).toEqual(IDS);
    expect(tokens.slice(1).join("")).toBe(TEXT);
    const expected = atomicProbabilities(weights, IDS);
    expect([...losses]).toEqual(IDS.slice(1).map((id, t) => expect.closeTo(-Math.log(expected[t][id]), 4)));
    const own = softmax(Array.from(logits.subarray(9 * 5), (logit) => new Value(logit))).map(({ data }) => data);
    expect(own).toEqual(expected[5].map((p) => expect.closeTo(p, 5)));
    expect(attention.map((heads) => heads.length)).toEqual([2, 2]);
    for (const head of attention.flat()) {
      expect(head).toHaveLength(36);
      for (let q = 0; q < 6; q++) expect(head.subarray(6 * q, 6 * q + 6).reduce((a, b) => a + b)).toBeCloseTo(1, 5);
    }
  });

  test("without heads it is the model without them, and then the model again", async () => {
    const { engine, weights } = await newModel(2);
    const head = { layer: 1, head: 0 };
    const { losses } = await inspect(engine, tokenizer, { text: TEXT, heads: [head] });
    const expected = atomicProbabilities(
      zeroed(weights, "layer1.attn_wo", (column) => column < 3),
      IDS,
    );
    expect([...losses]).toEqual(IDS.slice(1).map((id, t) => expect.closeTo(-Math.log(expected[t][id]), 4)));
    expect(await engine.weights()).toEqual(weights);
  });

  test("a long text is cut to what the model reads, an unknown letter dropped, an empty text is BOS", async () => {
    const { engine } = await newModel(3);
    const idsOf = async (text: string): Promise<readonly number[]> =>
      (await inspect(engine, tokenizer, { text, heads: [] })).ids;
    expect(await idsOf("abcdefghabcd")).toEqual([BOS, 0, 1, 2, 3, 4, 5, 6]);
    expect(await idsOf("a?b")).toEqual([BOS, 0, 1]);
    expect(await idsOf("")).toEqual([BOS]);
  });
});

describe("held-out loss", () => {
  test("with and without a head it is the atomic core's", async () => {
    const { engine, weights } = await newModel(4);
    const head = { layer: 0, head: 1 };
    for (const heads of [[], [head]]) {
      const atomic = new AtomicEngine(CONFIG, atomicWeights(CONFIG, withoutHeads(weights, CONFIG, heads)));
      expect(await heldOutLoss(engine, HELD_OUT, heads)).toBeCloseTo(await atomic.evaluate(HELD_OUT), 4);
    }
    expect(await engine.weights()).toEqual(weights);
  });

  test("the model is itself again after a head that it lacks, and nothing held out is said", async () => {
    const { engine, weights } = await newModel(5);
    await expect(heldOutLoss(engine, HELD_OUT, [{ layer: 2, head: 0 }])).rejects.toThrow("the model has 2 layers");
    expect(await engine.weights()).toEqual(weights);
    await expect(heldOutLoss(engine, [], [])).rejects.toThrow("There is no held-out loss");
  });
});

describe("why a token", () => {
  test("the parts sum to its logit, to 1e-4", async () => {
    const { engine, weights } = await newModel(6);
    const cache = emptyCache(CONFIG.nLayer);
    const values = atomicWeights(CONFIG, weights);
    const logits = IDS.map((id, t) => gpt(values, CONFIG, id, t, cache)).at(-1)!;
    for (let target = 0; target < 9; target++) {
      const { parts, logit: own } = await contributions(engine, tokenizer, { text: TEXT, position: 5, target });
      const sum = parts.reduce((total, { logit }) => total + logit, 0);
      expect(Math.abs(own - logits[target].data)).toBeLessThan(1e-4);
      expect(Math.abs(sum - logits[target].data)).toBeLessThan(1e-4);
    }
    expect(await engine.weights()).toEqual(weights);
  });

  test("the probability without a part is the atomic core's with its weights at 0", async () => {
    const { engine, weights } = await newModel(7);
    const without = (changed: Tensors): unknown => expect.closeTo(atomicProbabilities(changed, IDS).at(-1)![3], 5);
    const ofLayer = (layer: number): (readonly [string, unknown])[] => [
      [`layer ${layer}, head 0`, without(zeroed(weights, `layer${layer}.attn_wo`, (column) => column < 3))],
      [`layer ${layer}, head 1`, without(zeroed(weights, `layer${layer}.attn_wo`, (column) => column >= 3))],
      [`layer ${layer}, MLP`, without(zeroed(weights, `layer${layer}.mlp_fc2`, () => true))],
    ];
    const { parts: found, probability } = await contributions(engine, tokenizer, {
      text: TEXT,
      position: 5,
      target: 3,
    });
    expect(probability).toEqual(without(weights));
    expect(found.map(({ name, probabilityWithout }) => [name, probabilityWithout])).toEqual([
      ["token embedding", null],
      ["position embedding", null],
      ...ofLayer(0),
      ...ofLayer(1),
    ]);
  });

  test("a token outside the vocabulary is refused", async () => {
    const { engine } = await newModel(8);
    const ask = (position: number, target: number) =>
      contributions(engine, tokenizer, { text: TEXT, position, target });
    await expect(ask(5, 9)).rejects.toThrow("got token 9");
    await expect(ask(6, 0)).rejects.toThrow("got position 6; the text has 6 tokens");
  });

  test("at an earlier position it is that of the text up to there", async () => {
    const { engine } = await newModel(11);
    const earlier = await contributions(engine, tokenizer, { text: TEXT, position: 2, target: 4 });
    expect(earlier).toEqual(await contributions(engine, tokenizer, { text: "be", position: 2, target: 4 }));
  });
});

describe("matrices", () => {
  test("weights, gradients and updates of a step are the atomic core's", async () => {
    const { engine, weights } = await newModel(9);
    const atomic = new AtomicEngine(CONFIG, atomicWeights(CONFIG, weights));
    const values = atomicWeights(CONFIG, weights);
    const documents = [[...IDS, BOS]];
    await Promise.all([engine.step([documents], update(0)), atomic.step([documents], update(0))]);
    const name = "layer1.mlp_fc1";
    const after = (await atomic.save()).weights.get(name)!.data;
    const state = { progress: { ...newProgress(), step: 1 }, training: await engine.save(), best: null };
    const options = { ...initialOptions(TRAIN_OPTIONS), schedule: "constant" as const };
    const found = {
      weights: matrixOf(state.training.weights, name),
      gradients: matrixOf(await engine.gradients(), name),
      updates: lastUpdateOf(state, resolveOptions(options), name),
    };
    const of = (kind: keyof typeof found): number[] => {
      const { rows, columns, data } = found[kind];
      expect([rows, columns]).toEqual([24, 6]);
      return [...data];
    };
    expect(of("weights")).toEqual(Array.from(after, (w) => expect.closeTo(w, 4)));
    const difference = Array.from(after, (w, i) => w - values[name].flat()[i].data);
    expect(of("updates")).toEqual(difference.map((d) => expect.closeTo(d, 4)));
    documentLoss(values, CONFIG, [...IDS, BOS]).backward();
    expect(of("gradients")).toEqual(values[name].flat().map(({ grad }) => expect.closeTo(grad, 4)));
  });
});
