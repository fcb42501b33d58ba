import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { referenceBackend } from "../../src/backend/reference.ts";
import type { Backend } from "../../src/tensor/backend.ts";
import { TensorEngine } from "../../src/tensor/tensor-engine.ts";
import { divide } from "../../src/training/ranks.ts";
import { newProgress, trainSteps } from "../../src/training/train.ts";
import type { TrainEvent, TrainSettings } from "../../src/training/train.ts";
import { Random } from "../../src/random.ts";
import { NATIVE } from "../setup/native-backend.ts";
import { ranksHere } from "../setup/ranks.ts";
import { hashOf, newAtomic, newTensorEngine, strictWasm, wasm, weightsOf, farthest } from "../setup/tensor-models.ts";

/** The smallest largest share of all divisions, by trying each. */
function smallestShare(tokens: readonly number[], ranks: number): number {
  const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
  if (ranks === 1) return sum(tokens);
  const firsts = Array.from({ length: tokens.length + 1 }, (_, first) => first);
  return Math.min(
    ...firsts.map((first) => Math.max(sum(tokens.slice(0, first)), smallestShare(tokens.slice(first), ranks - 1))),
  );
}

describe("documents are divided", () => {
  const anyTokens = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 });

  test("each to one rank, in order, and no other division has a smaller largest share", () => {
    fc.assert(
      fc.property(anyTokens, fc.integer({ min: 1, max: 5 }), (tokens, ranks) => {
        const bounds = divide(tokens, ranks);
        expect(bounds).toHaveLength(ranks + 1);
        expect([bounds[0], bounds[ranks]]).toEqual([0, tokens.length]);
        expect(bounds.toSorted((a, b) => a - b)).toEqual(bounds);
        const shares = bounds.slice(1).map((end, rank) => tokens.slice(bounds[rank], end));
        const largest = Math.max(...shares.map((share) => share.reduce((sum, count) => sum + count, 0)));
        expect(largest).toBe(smallestShare(tokens, ranks));
      }),
    );
  });

  test("as in its example", () => {
    expect(divide([4, 1, 1, 5, 2], 2)).toEqual([0, 3, 5]);
    expect(divide([3], 4)).toEqual([0, 1, 1, 1, 1]);
  });
});

const CONFIG = { vocabSize: 13, nEmbd: 12, nHead: 3, nLayer: 2, blockSize: 9 };
const random = new Random(7);
/** Ragged documents, some longer than the block. */
const DOCUMENTS = Array.from({ length: 31 }, () =>
  Array.from({ length: 2 + random.randbelow(12) }, () => random.randbelow(CONFIG.vocabSize)),
);
const [TRAIN, HELD_OUT] = [DOCUMENTS.slice(0, 21), DOCUMENTS.slice(21)];
const SETTINGS = { numSteps: 10, learningRate: 0.01, schedule: "linear", warmupSteps: 0, evalInterval: 5 } as const;

async function run(engine: TensorEngine, settings: TrainSettings): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of trainSteps(engine, TRAIN, HELD_OUT, settings, newProgress())) events.push(event);
  return events;
}

const lossesOf = (events: readonly TrainEvent[]): number[] =>
  events.flatMap((event) => ("loss" in event ? [event.loss] : "heldOutLoss" in event ? [event.heldOutLoss] : []));

/** Trains alone, and by ranks. */
async function train(
  backend: Backend,
  size: number,
  settings: TrainSettings,
  dropout = 0,
  config = CONFIG,
): Promise<{ alone: TensorEngine; engines: TensorEngine[]; losses: number[][] }> {
  const limits = { maxTokens: 40, dropout };
  const state = await newAtomic(config, 42).save();
  const alone = await newTensorEngine(backend, config, 42, limits);
  const engines = await Promise.all(
    ranksHere(size).map(async (ranks) => {
      const engine = await TensorEngine.create(backend, config, limits, ranks);
      await engine.load(state);
      return engine;
    }),
  );
  const expected = await run(alone, settings);
  const events = await Promise.all(engines.map((engine) => run(engine, settings)));
  for (const of of events) expect(of).toEqual(events[0]);
  return { alone, engines, losses: [lossesOf(expected), lossesOf(events[0])] };
}

const RANKED: readonly (readonly [string, Backend, number])[] = [
  ["reference", referenceBackend, 1e-12],
  ["wasm", wasm, 1e-5],
  ["strict wasm", strictWasm, 1e-5],
  ...NATIVE.map(([name, backend]) => [name, backend, 1e-5] as const),
];

describe.each(RANKED)("on the %s backend", (_name, backend, bound) => {
  test.each([2, 3, 4])(
    `%i ranks lose what one process loses, within ${bound}, and hold the same bits`,
    async (size) => {
      const settings = { ...SETTINGS, batchSize: 7, accumulate: 2, clipNorm: 0.5, weightDecay: 0.1 };
      const { alone, engines, losses } = await train(backend, size, settings);
      expect(losses[0]).toHaveLength(10 + 2);
      expect(farthest(losses[0], losses[1])).toBeLessThan(bound);
      expect(farthest(await weightsOf(alone), await weightsOf(engines[0]))).toBeLessThan(100 * bound);
      const hashes = await Promise.all(engines.map(hashOf));
      expect(new Set(hashes).size).toBe(1);
    },
  );

  test("a rank without a document adds nothing to the gradients", async () => {
    const { losses } = await train(backend, 4, { ...SETTINGS, batchSize: 1 });
    expect(farthest(losses[0], losses[1])).toBeLessThan(bound);
  });

  test("dropout drops the same numbers, whichever rank computes them", async () => {
    const { losses } = await train(backend, 3, { ...SETTINGS, batchSize: 7, seed: 5 }, 0.3);
    expect(farthest(losses[0], losses[1])).toBeLessThan(bound);
  });
});

test("the ranks agree on when to stop, on the numbers of the first, and on which of them differs", async () => {
  const ranks = ranksHere(3);
  const onAll = <Result>(ask: (one: (typeof ranks)[number]) => Promise<Result>): Promise<Result[]> =>
    Promise.all(ranks.map(ask));
  ranks[2].wish = 143;
  expect(ranks.map(({ agreedStop }) => agreedStop)).toEqual([null, null, null]);
  expect(await onAll((one) => one.sum([one.rank, 1]))).toEqual([
    [3, 3],
    [3, 3],
    [3, 3],
  ]);
  expect(ranks.map(({ agreedStop }) => agreedStop)).toEqual([143, 143, 143]);
  expect(await onAll((one) => one.ofFirst(5 - one.rank))).toEqual([5, 5, 5]);
  expect(await onAll((one) => one.findOther("00ff00ff0123"))).toEqual([null, null, null]);
  const hash = (rank: number): string => (rank === 2 ? "00ff00ff0124" : "00ff00ff0123");
  expect(await onAll((one) => one.findOther(hash(one.rank)))).toEqual([2, 2, 2]);
});

test("gradients whose sum begins during the backward pass, of three layers and of several passes, are the same", async () => {
  const config = { ...CONFIG, nEmbd: 84, nLayer: 3 };
  const settings = { ...SETTINGS, numSteps: 3, batchSize: 12 };
  const { losses } = await train(wasm, 2, settings, 0, config);
  expect(farthest(losses[0], losses[1])).toBeLessThan(1e-5);
});
