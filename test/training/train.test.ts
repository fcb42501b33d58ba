import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AtomicEngine, atomicWeights } from "../../src/training/atomic.ts";
import { dropoutSeedAt } from "../../src/training/dropout.ts";
import { countParameters, weightShapes } from "../../src/training/engine.ts";
import type { Engine, Update } from "../../src/training/engine.ts";
import type { Tokens } from "../../src/text/token-sequences.ts";
import { Adam, documentLoss, initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { batchesOf, countTargets, evaluateInSlices, newProgress, trainSteps } from "../../src/training/train.ts";
import type { TrainEvent, TrainSettings } from "../../src/training/train.ts";
import { byExtent } from "../setup/place.ts";
import { farthest } from "../setup/tensor-models.ts";

const CONFIG = { vocabSize: 5, nEmbd: 4, nHead: 2, nLayer: 2, blockSize: 4 };
const newEngine = (seed: number = 1): AtomicEngine => new AtomicEngine(CONFIG, initWeights(CONFIG, new Random(seed)));
const plain = (step: number): Update => ({ step, learningRate: 0.01, weightDecay: 0, clipNorm: null });
const document = fc.array(fc.nat(CONFIG.vocabSize - 2), { minLength: 1, maxLength: 7 }).map((ids) => [4, ...ids, 4]);

async function collect(
  engine: Engine,
  train: readonly Tokens[],
  heldOut: readonly Tokens[],
  settings: Partial<TrainSettings> & { numSteps: number },
): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  const all = { learningRate: 0.01, evalInterval: 2, ...settings };
  for await (const event of trainSteps(engine, train, heldOut, all, newProgress())) events.push(event);
  return events;
}

test("the shapes of the weights are those that the core makes, in the same order", () => {
  const weights = Object.entries(initWeights(CONFIG, new Random(1)));
  const shapes = weights.map(([name, rows]) => [name, [rows.length, rows[0].length]]);
  expect([...weightShapes(CONFIG)]).toEqual(shapes);
  expect(countParameters(CONFIG)).toBe(weights.flatMap(([, rows]) => rows.flat()).length);
});

test("a step of one document is the core's own step, to the last bit", async () => {
  const weights = initWeights(CONFIG, new Random(5));
  const adam = new Adam(weights);
  const engine = newEngine(5);
  for (const [step, tokens] of [
    [4, 0, 1, 4],
    [4, 3, 3, 2, 1, 0, 4],
    [4, 2, 4],
  ].entries()) {
    const loss = documentLoss(weights, CONFIG, tokens);
    loss.backward();
    adam.update(step, 0.01);
    expect(await engine.step([[tokens]], plain(step))).toEqual({ loss: loss.data, applied: true });
  }
  const saved = [...(await engine.save()).weights.values()].flatMap(({ data }) => [...data]);
  expect(saved).toEqual(adam.params.map(({ data }) => data));
});

test("a batch's loss is the mean over its tokens: long documents weigh more than short ones", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(document, { minLength: 1, maxLength: 4 }), async (batch) => {
      const weights = initWeights(CONFIG, new Random(2));
      const positions = batch.map((tokens) => countTargets([tokens], CONFIG.blockSize));
      const total = positions.reduce((sum, count) => sum + count, 0);
      const losses = batch.map((tokens) => documentLoss(weights, CONFIG, tokens).data);
      const expected = losses.reduce((sum, loss, i) => sum + (loss * positions[i]) / total, 0);
      expect((await newEngine(2).step([batch], plain(0))).loss).toBeCloseTo(expected, 12);
      expect(await newEngine(2).evaluate(batch)).toBeCloseTo(expected, 12);
    }),
    { numRuns: 200 },
  );
});

/** The gradient of a step's loss: Adam's running mean after one step from zero is 0.15 of it. */
async function gradient(batches: readonly (readonly Tokens[])[], update?: Partial<Update>): Promise<number[]> {
  const engine = newEngine(3);
  await engine.step(batches, { ...plain(0), ...update });
  return [...(await engine.save()).adamMean.values()].flatMap(({ data }) => Array.from(data, (mean) => mean / 0.15));
}

test(
  "a batch in another order has the same gradient, and so have two batches put together by their tokens",
  { tags: ["cases"] },
  async () => {
    const batches = fc.tuple(fc.array(document, { minLength: 1 }), fc.array(document, { minLength: 1 }));
    await fc.assert(
      fc.asyncProperty(batches, async ([first, second]) => {
        const whole = await gradient([[...first, ...second]]);
        const reversed = await gradient([[...first, ...second].toReversed()]);
        const accumulated = await gradient([first, second]);
        const [a, b] = [await gradient([first]), await gradient([second])];
        const [countA, countB] = [countTargets(first, CONFIG.blockSize), countTargets(second, CONFIG.blockSize)];
        const together = a.map((value, i) => (value * countA + b[i] * countB) / (countA + countB));
        for (const other of [reversed, accumulated, together]) expect(farthest(other, whole)).toBeLessThan(0.5e-12);
      }),
      { numRuns: byExtent(40, 200) },
    );
  },
);

test("a step of batches follows the text's own loss over all their tokens: finite differences agree within 1e-6", async () => {
  const batches = [
    [
      [4, 0, 1, 4],
      [4, 2, 4],
    ],
    [[4, 3, 3, 2, 1, 0, 4]],
  ];
  const documents = batches.flat();
  const weights = initWeights(CONFIG, new Random(3));
  const found = await gradient(batches);
  const loss = (): number => {
    const counts = documents.map((tokens) => countTargets([tokens], CONFIG.blockSize));
    const sum = documents.reduce(
      (total, tokens, i) => total + documentLoss(weights, CONFIG, tokens).data * counts[i],
      0,
    );
    return sum / counts.reduce((total, count) => total + count, 0);
  };
  for (const [i, param] of Object.values(weights).flat(2).entries()) {
    if (i % 7 > 0) continue;
    const { data } = param;
    const [up, down] = [1e-5, -1e-5].map((nudge) => ((param.data = data + nudge), loss()));
    param.data = data;
    expect(found[i]).toBeCloseTo((up - down) / 2e-5, 6);
  }
});

test("clipping scales a long gradient down to the norm, and leaves a short one as it is", async () => {
  const batches = [[[4, 0, 1, 4]]];
  const full = await gradient(batches);
  const norm = Math.hypot(...full);
  const clipped = await gradient(batches, { clipNorm: norm / 10 });
  for (const [i, value] of clipped.entries()) expect(value).toBeCloseTo(full[i] / 10, 14);
  expect(await gradient(batches, { clipNorm: norm * 1.01 })).toEqual(full);
});

const weightsOf = async (engine: Engine): Promise<number[]> =>
  [...(await engine.save()).weights.values()].flatMap(({ data }) => [...data]);

test("weight decay shrinks every weight by learning rate times decay, before Adam's own step and beside it", async () => {
  const [engine, decaying] = [newEngine(4), newEngine(4)];
  const before = await weightsOf(engine);
  await engine.step([[[4, 0, 1, 4]]], plain(0));
  await decaying.step([[[4, 0, 1, 4]]], { ...plain(0), weightDecay: 0.5 });
  const [without, decayed] = [await weightsOf(engine), await weightsOf(decaying)];
  for (const [i, weight] of before.entries()) expect(decayed[i]).toBeCloseTo(without[i] - weight * 0.01 * 0.5, 14);
});

test("a saved state in a new engine goes on with the very same numbers", async () => {
  const [engine, copy] = [newEngine(1), newEngine(2)];
  await engine.step([[[4, 0, 1, 4]]], plain(0));
  const state = await engine.save();
  await copy.load(state);
  const goOn = async (one: Engine): Promise<unknown[]> => [
    await one.step([[[4, 1, 4]]], plain(1)),
    await one.step([[[4, 2, 4]]], plain(2)),
  ];
  const losses = await goOn(engine);
  expect(await goOn(copy)).toEqual(losses);
  // The saved state is a copy: training on must not have changed it.
  const third = new AtomicEngine(CONFIG, atomicWeights(CONFIG, state.weights));
  await third.load(state);
  expect(await third.step([[[4, 1, 4]]], plain(1))).toEqual(losses[0]);
});

test("the learning rate falls in a straight line, and documents come round in order", async () => {
  const train = [
    [4, 0, 4],
    [4, 1, 1, 1, 1, 1, 4],
    [4, 2, 2, 4],
  ];
  const events = await collect(newEngine(), train, [], { numSteps: 5, learningRate: 0.1 });
  expect(events.map((event) => event.type)).toEqual(Array.from({ length: 5 }, () => "step"));
  const steps = events.flatMap((event) => (event.type === "step" ? [event] : []));
  expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5]);
  expect(steps.map(({ tokens }) => tokens)).toEqual([2, 4, 3, 2, 4]);
  steps.forEach(({ learningRate }, i) => expect(learningRate).toBeCloseTo(0.1 * (1 - i / 5), 15));
  const mean = steps.reduce((sum, { loss }) => sum + loss, 0) / 5;
  expect(steps[4].meanLoss).toBeCloseTo(mean, 12);
});

test("a step takes batch after batch of the documents, which come round", async () => {
  const train = Array.from({ length: 5 }, (_, i) => [4, ...Array.from({ length: i }, () => 0), 4]);
  const numbers = (step: number, batchSize: number, accumulate: number): number[][] =>
    batchesOf(train, step, { batchSize, accumulate }).map((batch) =>
      batch.map((tokens) => train.indexOf(tokens as number[])),
    );
  expect(numbers(0, 2, 2)).toEqual([[0, 1], [2, 3]]); // prettier-ignore
  expect(numbers(1, 2, 2)).toEqual([[4, 0], [1, 2]]); // prettier-ignore
  expect(numbers(0, 7, 1)).toEqual([[0, 1, 2, 3, 4, 0, 1]]);
  expect(numbers(8, 1, 1)).toEqual([[3]]);
  const [event] = await collect(newEngine(), train, [], { numSteps: 1, batchSize: 2, accumulate: 2 });
  expect(event).toMatchObject({ type: "step", tokens: 1 + 2 + 3 + 4 });
});

test("as one batch or accumulated, the same documents give the same training within 1e-10", async () => {
  const train = Array.from({ length: 7 }, (_, i) => [4, i % 4, (i * 3) % 4, 4]);
  const losses = async (batchSize: number, accumulate: number): Promise<number[]> => {
    const events = await collect(newEngine(), train, [], { numSteps: 10, batchSize, accumulate });
    return events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
  };
  const expected = await losses(6, 1);
  for (const found of [await losses(3, 2), await losses(1, 6)]) {
    for (const [i, loss] of found.entries()) expect(loss).toBeCloseTo(expected[i], 10);
  }
});

test("held-out documents are evaluated at the interval and at the end, and the best is known", async () => {
  const heldOut = Array.from({ length: 40 }, (_, i) => [4, i % 4, 4]);
  const events = await collect(newEngine(), [[4, 0, 4]], heldOut, { numSteps: 5, evalInterval: 2 });
  const evaluations = events.flatMap((event) => (event.type === "evaluation" ? [event] : []));
  expect(evaluations.map(({ step }) => step)).toEqual([2, 4, 5]);
  expect(evaluations[0].best).toBe(true);
  for (const [i, { heldOutLoss, best }] of evaluations.entries()) {
    const before = evaluations.slice(0, i).map((earlier) => earlier.heldOutLoss);
    expect(best).toBe(before.every((earlier) => heldOutLoss < earlier));
  }
});

test("an evaluation in parts is the evaluation of the whole", async () => {
  const documents = Array.from({ length: 50 }, (_, i) => [
    4,
    ...Array.from({ length: i % 6 }, (_unused, j) => j % 4),
    4,
  ]);
  const parts = evaluateInSlices(newEngine(), documents);
  let [part, breaths] = [await parts.next(), 0];
  for (; part.done !== true; part = await parts.next()) breaths++;
  expect(part.value).toBeCloseTo(await newEngine().evaluate(documents), 12);
  expect(breaths).toBe(4); // 16 documents a part
});

test("a training stopped in the middle of an evaluation evaluates again and ends the same", async () => {
  const heldOut = Array.from({ length: 40 }, (_, i) => [4, i % 4, 4]);
  const settings = { numSteps: 4, learningRate: 0.01, evalInterval: 2 };
  const [whole, stopped] = [newProgress(), newProgress()];
  const engine = newEngine();
  for await (const _ of trainSteps(newEngine(), [[4, 0, 4]], heldOut, settings, whole));
  for await (const event of trainSteps(engine, [[4, 0, 4]], heldOut, settings, stopped)) {
    if (event.type === "evaluating") break;
  }
  expect(stopped).toMatchObject({ step: 2, evaluation: null });
  for await (const _ of trainSteps(engine, [[4, 0, 4]], heldOut, settings, stopped));
  expect(stopped).toEqual(whole);
});

describe("an engine that begins steps before the last has ended", () => {
  /** What was begun and what had ended, in order; steps end one by one, whenever somebody waits. */
  function farAway(maxInFlight: number): { engine: Engine; log: string[] } {
    const near = newEngine();
    const log: string[] = [];
    let last: Promise<unknown> = Promise.resolve();
    const engine: Engine = {
      kind: "webgpu",
      name: "far away",
      config: CONFIG,
      maxInFlight,
      step: (batches, update) => {
        log.push(`+${update.step}`);
        const result = last.then(async () => await near.step(batches, update));
        last = result;
        return result;
      },
      evaluate: async (documents) => {
        log.push("evaluate");
        return await near.evaluate(documents);
      },
      reader: () => near.reader(),
      save: async () => await near.save(),
      load: async (state) => await near.load(state),
    };
    return { engine, log };
  }

  const texts = [
    [4, 0, 1, 4],
    [4, 3, 2, 4],
    [4, 1, 1, 4],
  ];
  const settings = { numSteps: 9, learningRate: 0.01, evalInterval: 4 };

  test("the events are those of one that doesn't, and nothing is inFlight where an evaluation is due, or a stop", async () => {
    const { engine, log } = farAway(2);
    const mustDrain = (step: number): boolean => step === 6;
    const events: TrainEvent[] = [];
    const inFlight: number[] = [];
    for await (const event of trainSteps(engine, texts, texts, { ...settings, mustDrain }, newProgress())) {
      if (event.type === "step") log.push(`-${event.step - 1}`);
      if (event.type === "step") inFlight.push(event.inFlight);
      events.push(event.type === "step" ? { ...event, inFlight: 0 } : event);
    }
    expect(events).toEqual(await collect(newEngine(), texts, texts, settings));
    expect(inFlight).toEqual([2, 2, 1, 0, 1, 0, 1, 0, 0]);
    expect(log.join(" ")).toBe("+0 +1 +2 -0 +3 -1 -2 -3 evaluate +4 +5 -4 -5 +6 +7 -6 -7 evaluate +8 -8 evaluate");
  });

  test("each step is given a dropout seed of its own, made from the run's seed, whichever step comes first", async () => {
    const { engine } = farAway(2);
    const seeds: (number | undefined)[] = [];
    const listening: Engine = {
      ...engine,
      step: (batches, update) => {
        seeds.push(update.dropoutSeed);
        return engine.step(batches, update);
      },
    };
    const progress = { ...newProgress(), step: 3, skipped: 1 };
    for await (const event of trainSteps(listening, texts, [], { ...settings, seed: 7 }, progress)) {
      expect(event.type).toBe("step");
    }
    expect(seeds).toEqual([3, 4, 5, 6, 7, 8].map((step) => dropoutSeedAt(7, step)));
    expect(new Set(seeds).size).toBe(6);
  });

  test("unless it is told where the listener may stop, it begins one at a time", async () => {
    const { engine, log } = farAway(2);
    await collect(engine, texts, [], settings);
    expect(log).toEqual(Array.from({ length: 9 }, (_, step) => `+${step}`));
  });

  test("a step that fails is told in its turn, and those after it trouble nobody", async () => {
    const { engine } = farAway(3);
    const failing: Engine = {
      ...engine,
      step: async (batches, update) => {
        if (update.step >= 5) throw new Error(`step ${update.step} has failed`);
        return await engine.step(batches, update);
      },
    };
    const progress = newProgress();
    const train = async (): Promise<void> => {
      const steps = trainSteps(failing, texts, [], { ...settings, mustDrain: () => false }, progress);
      for await (const event of steps) expect(event.type).toBe("step");
    };
    await expect(train()).rejects.toThrow("step 5 has failed");
    expect(progress.step).toBe(5);
  });
});
