import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { anatomyOf, unitEffects } from "../../playground/pages/learn/model/anatomy.ts";
import { countPairs } from "../../playground/pages/learn/model/counting.ts";
import { documentLoss } from "../../playground/pages/learn/model/learning.ts";
import { beginningOf, BLOCK_SIZE, namesOf } from "../../playground/pages/learn/model/names.ts";
import { coreNetwork } from "../../playground/pages/learn/model/networks.ts";
import { climb, measure, recipeOf, RUNGS, training } from "../../playground/pages/learn/model/rungs.ts";
import type { Recipe, RungName } from "../../playground/pages/learn/model/rungs.ts";
import { Tracer } from "../../playground/pages/learn/model/trace.ts";
import { predictorOf } from "../../playground/pages/learn/model/networks.ts";
import { Adam, documentLoss as coreLoss } from "../../src/microgpt.ts";
import type { Value } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { baselines } from "../../src/text/baselines.ts";

const names = namesOf(readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8"));
const trained = RUNGS.filter(({ name }) => recipeOf(name, names) !== null).map(({ name }) => name);

/** The first steps of a rung's training. */
function begin(name: RungName, steps: number): Recipe {
  const recipe = recipeOf(name, names)!;
  for (const { step } of training(recipe)) if (step > steps) break;
  for (const weight of weightsOf(recipe)) weight.grad = 0;
  return recipe;
}

const weightsOf = ({ network }: Recipe): Value[] => Object.values(network.weights).flat(2);

describe("the names", () => {
  test("no evaluated name is a training name, and both have only the letters a to z", () => {
    const { characters } = names.vocabulary;
    expect(characters.join("")).toBe("abcdefghijklmnopqrstuvwxyz");
    const text = (tokens: readonly number[]): string =>
      tokens
        .slice(1, -1)
        .map((token) => characters[token])
        .join("");
    expect(names.heldOut).toHaveLength(400);
    expect(names.heldOut.filter((tokens) => names.known.has(text(tokens)))).toEqual([]);
  });

  test("a typed beginning keeps only the letters that the model knows, and fits into it", () => {
    expect(beginningOf(names, "Zoë 2")).toEqual([26, 25, 14]);
    expect(beginningOf(names, "a".repeat(99))).toHaveLength(BLOCK_SIZE);
  });
});

describe("counting", () => {
  test("gives the losses of src/text/baselines.ts, which counts on its own", () => {
    const expected = baselines(names.train, names.heldOut, names.vocabSize, BLOCK_SIZE);
    expect(climb("uniform", names).heldOutLoss).toBeCloseTo(expected.uniform, 12);
    expect(climb("letters", names).heldOutLoss).toBeCloseTo(expected.unigram, 12);
    expect(climb("pairs", names).heldOutLoss).toBeCloseTo(expected.bigram, 12);
  });

  test("every name has a first letter and an end: as many pairs leave BOS as enter it", () => {
    const counts = countPairs(names);
    const { bos } = names.vocabulary;
    const ended = names.train.filter((tokens) => tokens.length - 1 <= BLOCK_SIZE).length;
    expect(counts[bos].reduce((a, b) => a + b, 0)).toBe(names.train.length);
    expect(counts.reduce((sum, row) => sum + row[bos], 0)).toBe(ended);
  });
});

describe("learning by gradients", () => {
  test("a table of pairs comes within 0.005 nats of counting them, on names it has not seen", () => {
    const [counted, learned] = [climb("pairs", names), climb("pair-descent", names)];
    expect(Math.abs(learned.heldOutLoss - counted.heldOutLoss)).toBeLessThan(0.005);
    // From blind: the distance is not small because there was little to learn.
    expect(climb("uniform", names).heldOutLoss - learned.heldOutLoss).toBeGreaterThan(0.8);
  });

  test.each(trained)("%s: the gradient of 40 weights is a finite difference of the loss", (name) => {
    const recipe = begin(name, 3);
    recipe.loss(5).backward();
    const random = new Random(1);
    const weights = weightsOf(recipe);
    const difference = (weight: Value): number => {
      const { data } = weight;
      const h = 1e-5;
      const at = (value: number): number => {
        weight.data = value;
        return recipe.loss(5).data;
      };
      const slope = (at(data + h) - at(data - h)) / (2 * h);
      weight.data = data;
      return slope;
    };
    const chosen = Array.from({ length: 40 }, () => weights[random.randbelow(weights.length)]);
    for (const weight of chosen) expect(weight.grad).toBeCloseTo(difference(weight), 7);
    expect(chosen.filter(({ grad }) => Math.abs(grad) > 1e-7).length).toBeGreaterThan(5);
  });

  test.each(trained)("%s: the same seed gives the same losses, to the last bit, and they fall", (name) => {
    const losses = (): number[] => {
      const recipe = recipeOf(name, names)!;
      const all: number[] = [];
      for (const { step, loss } of training(recipe)) {
        all.push(loss);
        if (step === 60) break;
      }
      return all;
    };
    const [first, again] = [losses(), losses()];
    expect(again).toEqual(first);
    const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
    expect(mean(first.slice(-20))).toBeLessThan(mean(first.slice(0, 20)) - 0.1);
  });

  test("the GPT with its cache has the core's own loss; without the sight of earlier letters, another", () => {
    const make = (looksBack: boolean): ReturnType<typeof coreNetwork> =>
      coreNetwork(names, new Random(42), { nHead: 4, nLayer: 1, looksBack });
    const [seeing, blind] = [make(true), make(false)];
    const expected = coreLoss(seeing.weights, seeing.config, names.train[0]).data;
    expect(documentLoss(seeing, names.train[0]).data).toBe(expected);
    expect(documentLoss(blind, names.train[0]).data).not.toBe(expected);
  });

  test("a GPT that can't look back reads a letter as if nothing but its position came before it", () => {
    const { start } = coreNetwork(names, new Random(42), { nHead: 4, nLayer: 1, looksBack: false });
    const after = (tokens: readonly number[]): number[] => {
      const read = start();
      return tokens.map((token) => read(token).map(({ data }) => data)).at(-1)!;
    };
    expect(after([26, 0, 5])).toEqual(after([26, 7, 5]));
    expect(after([26, 0, 5])).not.toEqual(after([26, 5]));
  });

  test("a sample is marked as known exactly if it is a training name", () => {
    const recipe = begin("four-heads", 30);
    const { samples } = measure(
      "four-heads",
      { predictor: predictorOf(recipe.network), network: recipe.network },
      names,
      30,
    );
    expect(samples).toHaveLength(8);
    for (const { text, isKnown } of samples) expect(isKnown).toBe(names.known.has(text));
  });
});

describe("the inside of the trained model, read from the graph of its logits", () => {
  const network = coreNetwork(names, new Random(3), { nHead: 4, nLayer: 1, looksBack: true });
  const positions = anatomyOf(network, beginningOf(names, "emma"));

  test("each head's weights sum to 1 and have one entry per letter so far", () => {
    for (const [i, { attention }] of positions.entries()) {
      expect(attention).toHaveLength(4);
      for (const head of attention) {
        expect(head).toHaveLength(i + 1);
        expect(head.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      }
    }
  });

  test("the head's weights are softmax(query · key / 2) of the weights and the normalized x", () => {
    const matrix = (name: string): number[][] =>
      network.weights[`layer0.${name}`].map((row) => row.map(({ data }) => data));
    const times = (rows: readonly number[][], x: readonly number[]): number[] =>
      rows.map((row) => row.reduce((sum, weight, i) => sum + weight * x[i], 0));
    const normed = positions.map(({ first }) => {
      const rms = Math.sqrt(first.reduce((sum, value) => sum + value ** 2, 0) / first.length + 1e-5);
      return first.map((value) => value / rms);
    });
    const [query, keys] = [times(matrix("attn_wq"), normed.at(-1)!), normed.map((x) => times(matrix("attn_wk"), x))];
    for (let head = 0; head < 4; head++) {
      const part = (x: readonly number[]): number[] => x.slice(4 * head, 4 * head + 4);
      const scores = keys.map((key) => Math.exp(part(key).reduce((sum, k, i) => sum + k * part(query)[i], 0) / 2));
      const total = scores.reduce((a, b) => a + b);
      const expected = scores.map((score) => score / total);
      for (const [i, weight] of positions.at(-1)!.attention[head].entries())
        expect(weight).toBeCloseTo(expected[i], 10);
    }
  });

  test("x is what it was plus what attention and MLP add, and the logits are lm_head times x", () => {
    const { first, attentionAdds, middle, mlpAdds, last, logits } = positions[2];
    for (const i of first.keys()) {
      expect(middle[i]).toBeCloseTo(first[i] + attentionAdds[i], 12);
      expect(last[i]).toBeCloseTo(middle[i] + mlpAdds[i], 12);
    }
    const row = network.weights.lm_head[4].map(({ data }) => data);
    expect(row.reduce((sum, weight, i) => sum + weight * last[i], 0)).toBeCloseTo(logits[4], 12);
  });

  test("the hidden units' effects, each times its activity, sum to what the MLP adds to a logit", () => {
    const { hidden, mlpAdds } = positions[3];
    const effects = unitEffects(network);
    for (const [token, row] of network.weights.lm_head.entries()) {
      const expected = row.reduce((sum, { data }, i) => sum + data * mlpAdds[i], 0);
      const summed = hidden.reduce((sum, activity, unit) => sum + activity * effects[unit][token], 0);
      expect(summed).toBeCloseTo(expected, 12);
    }
  });
});

test("the traced means are those of the core's Adam", () => {
  const recipe = recipeOf("four-heads", names)!;
  const { network } = recipe;
  const tracer = new Tracer(network);
  const optimizer = new Adam(network.weights);
  const index = optimizer.params.indexOf(network.weights.lm_head[16][0]);
  const [means, meanSquares]: [number[], number[]] = [[], []];
  for (let step = 0; step < 5; step++) {
    recipe.loss(step).backward();
    tracer.record();
    optimizer.update(step, 0.01);
    means.push(optimizer.mean[index]);
    meanSquares.push(optimizer.meanSquare[index]);
  }
  const trace = tracer.traces.find(({ label }) => label === "lm_head[16][0]")!;
  expect(trace.means).toEqual(means);
  expect(trace.meanSquares).toEqual(meanSquares);
  expect(trace.values.at(-1)).not.toBe(trace.values[0]);
});
