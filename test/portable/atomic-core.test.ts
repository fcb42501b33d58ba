import { expect, test } from "vitest";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { buildVocabulary, encode, initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import type { RandomState } from "../../src/random.ts";
import reference from "../fixtures/reference.json" with { type: "json" };
import { PLACE } from "../setup/place.ts";

const vocabulary = buildVocabulary(["abcdefghijklmnopqrstuvwxyz"]);

// Not bit for bit: Math.exp and Math.log may differ by one ulp between JavaScript engines, and from C's.
test.each(reference)(`in ${PLACE}: the first ten losses of microgpt.py, seed $seed, within 1e-12`, async (run) => {
  const random = Random.fromState(run.afterShuffle as unknown as RandomState);
  const engine = new AtomicEngine(run.config, initWeights(run.config, random));
  const losses: number[] = [];
  for (const [step, document] of run.documents.split(" ").slice(0, 10).entries()) {
    const learningRate = 0.01 * (1 - step / run.losses.length);
    const update = { step, learningRate, weightDecay: 0, clipNorm: null };
    losses.push((await engine.step([[encode(vocabulary, document)]], update)).loss);
  }
  const errors = losses.map((loss, step) => Math.abs(loss - run.losses[step]));
  expect(errors).toHaveLength(10);
  expect(Math.max(...errors)).toBeLessThanOrEqual(1e-12);
});
