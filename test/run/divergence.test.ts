import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AtomicEngine } from "../../src/training/atomic.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../src/training/checkpoint.ts";
import type { Engine, StepResult, Update } from "../../src/training/engine.ts";
import type { Tokens } from "../../src/text/token-sequences.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { newProgress, trainSteps } from "../../src/training/train.ts";
import type { Progress, TrainEvent } from "../../src/training/train.ts";
import { savedSteps } from "../setup/trainer.ts";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

const CONFIG = { vocabSize: 5, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 4 };
const DOCUMENT = [4, 0, 1, 4];
const UPDATE: Update = { step: 0, learningRate: 0.01, weightDecay: 0.1, clipNorm: 1 };
const newEngine = (): AtomicEngine => new AtomicEngine(CONFIG, initWeights(CONFIG, new Random(1)));

describe("an engine's step that is not finite changes nothing", () => {
  test.each([
    ["a NaN", Number.NaN],
    ["an infinite number", Infinity],
    ["a number whose square is infinite", 1e200],
  ])("one weight poisoned with %s", async (_name, poison) => {
    const weights = initWeights(CONFIG, new Random(1));
    weights.lm_head[2][1].data = poison;
    const engine = new AtomicEngine(CONFIG, weights);
    const before = await engine.save();
    const { loss, applied } = await engine.step([[DOCUMENT]], UPDATE);
    expect(applied).toBe(false);
    expect(Number.isFinite(loss) && loss < 1e100).toBe(false);
    expect(await engine.save()).toEqual(before);
  });

  test("a finite loss with a gradient too large to square is skipped too: Adam would remember infinity", async () => {
    const weights = initWeights(CONFIG, new Random(1));
    for (const weight of weights.lm_head.flat()) weight.data = 0; // all tokens are equally likely, whatever comes in
    for (const weight of weights["layer0.mlp_fc2"].flat()) weight.data = 1e160;
    const engine = new AtomicEngine(CONFIG, weights);
    const before = await engine.save();
    expect(await engine.step([[DOCUMENT]], UPDATE)).toEqual({ loss: expect.closeTo(Math.log(5), 12), applied: false });
    expect(await engine.save()).toEqual(before);
  });

  test("the step after a skipped one is as if that had not been", async () => {
    const weights = initWeights(CONFIG, new Random(1));
    const engine = new AtomicEngine(CONFIG, weights);
    const { data } = weights.wte[0][0];
    weights.wte[0][0].data = Number.NaN;
    expect((await engine.step([[DOCUMENT], [[4, 2, 4]]], UPDATE)).applied).toBe(false);
    weights.wte[0][0].data = data;
    expect(await engine.step([[DOCUMENT]], UPDATE)).toEqual(await newEngine().step([[DOCUMENT]], UPDATE));
  });

  test("after steps at a learning rate of 1e6 the loss is soon infinite, and the state still is not", async () => {
    const engine = newEngine();
    const results: StepResult[] = [];
    for (let step = 0; step < 10; step++) {
      const tokens = [4, step % 4, (step + 1) % 4, 4];
      results.push(await engine.step([[tokens]], { step, learningRate: 1e6, weightDecay: 0, clipNorm: null }));
    }
    for (const { loss, applied } of results) expect(applied).toBe(Number.isFinite(loss));
    expect(results.filter(({ applied }) => !applied).length).toBeGreaterThan(0);
    const origin = { config: CONFIG, dataHash: "", tokenizerHash: "", optionsHash: "" };
    const progress = { ...newProgress(), step: 10 };
    const random = new Random(1).getState();
    const bytes = await encodeCheckpoint({ ...origin, progress, random, state: await engine.save() });
    expect(bytes.length).toBeGreaterThan(0);
  });
});

/** An engine that does what the real one does, but for the calls, counted from 0, whose loss is to be NaN. */
function failing(isBad: (call: number) => boolean): { engine: Engine; updates: Update[] } {
  const real = newEngine();
  const updates: Update[] = [];
  let call = 0;
  const engine: Engine = {
    kind: "wasm",
    name: "failing",
    config: CONFIG,
    step: async (batches: readonly (readonly Tokens[])[], update: Update) => {
      if (isBad(call++)) return { loss: Number.NaN, applied: false };
      updates.push(update);
      return await real.step(batches, update);
    },
    evaluate: async (documents) => await real.evaluate(documents),
    reader: () => real.reader(),
    save: async () => await real.save(),
    load: async (state) => await real.load(state),
  };
  return { engine, updates };
}

const SETTINGS = { numSteps: 12, learningRate: 0.01, evalInterval: 100 };

async function train(engine: Engine, progress: Progress = newProgress()): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of trainSteps(engine, [DOCUMENT], [], SETTINGS, progress)) events.push(event);
  return events;
}

const kinds = (events: readonly TrainEvent[]): string => events.map(({ type }) => type[1]).join(""); // t: step, k: skipped

test("one bad step is skipped and counted; Adam counts the others, the learning rate goes on", async () => {
  const progress = newProgress();
  const { engine, updates } = failing((call) => call === 3);
  const events = await train(engine, progress);
  expect(kinds(events)).toBe("tttktttttttt");
  expect(events[3]).toEqual({ type: "skipped", step: 4, skipped: 1, learningRate: 0.01 * (1 - 3 / 12), inFlight: 0 });
  expect(progress).toMatchObject({ step: 12, skipped: 1, skippedInARow: 0 });
  expect(updates.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(updates[3].learningRate).toBe(0.01 * (1 - 4 / 12));
  // The mean loss is that of the steps that were done.
  const losses = events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
  expect(progress.meanLoss).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / 11, 12);
});

test("four in a row, twice, are skipped too", async () => {
  const events = await train(failing((call) => call < 4 || (call > 4 && call < 9)).engine);
  expect(kinds(events)).toBe("kkkktkkkkttt");
});

test("five in a row stop the training with exit code 3, after all five were told", async () => {
  const progress = newProgress();
  const events: TrainEvent[] = [];
  const { engine } = failing((call) => call >= 2);
  const training = (async () => {
    for await (const event of trainSteps(engine, [DOCUMENT], [], SETTINGS, progress)) events.push(event);
  })();
  await expect(training).rejects.toMatchObject({
    name: "InputError",
    exitCode: 3,
    message:
      "train: the last 5 steps, up to 7, had no finite loss or gradients;" +
      " the training has diverged, try a smaller --learning-rate, or --clip-norm 1",
  });
  expect(kinds(events)).toBe("ttkkkkk");
  expect(progress).toMatchObject({ step: 7, skipped: 5, skippedInARow: 5 });
});

test("a training stopped while steps are being skipped remembers how many there were in a row", async () => {
  const progress = newProgress();
  const { engine } = failing((call) => call >= 2);
  for await (const { step } of trainSteps(engine, [DOCUMENT], [], SETTINGS, progress)) if (step === 5) break;
  await expect(train(failing(() => true).engine, progress)).rejects.toThrow("the last 5 steps, up to 7,");
});

test("a held-out loss that is no number stops the training with exit code 3", async () => {
  const engine: Engine = { ...failing(() => false).engine, evaluate: async () => Number.NaN };
  const training = trainSteps(engine, [DOCUMENT], [DOCUMENT], { ...SETTINGS, numSteps: 1 }, newProgress());
  await training.next();
  await training.next();
  await expect(training.next()).rejects.toMatchObject({
    exitCode: 3,
    message: expect.stringMatching(/^train: the held-out loss after step 1 is NaN; the training has diverged/),
  });
});

test("a learning rate that blows the weights up ends in exit code 3", async () => {
  const documents = Array.from({ length: 7 }, (_, i) => [4, i % 4, (3 * i) % 4, 4]);
  const settings = { numSteps: 400, learningRate: 1e200, evalInterval: 100 };
  const wild = (async () => {
    for await (const _ of trainSteps(newEngine(), documents, [], settings, newProgress()));
  })();
  await expect(wild).rejects.toMatchObject({ name: "InputError", exitCode: 3 });
});

test("a diverged run keeps its last good checkpoint and model, names them, and can be used and resumed", async () => {
  const directory = workspace();
  const data = writeWords(directory);
  // The atomic engine: it takes the logarithm of a probability that is 0; the others, of a sum that never is.
  const wild = ["--engine", "atomic", "--learning-rate", "1000", "--save-interval", "1", "--val-fraction", "0"];
  const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...TINY, ...wild];
  const run = join(directory, "run");
  const { exitCode, stderr } = await microgptHere(args);
  expect(exitCode).toBe(3);
  expect(stderr).toMatch(
    /^(?:microgpt: warning: step \d+ is skipped: its loss or a gradient is not a finite number .*\n){5}/,
  );
  const message =
    /^microgpt: train: the last 5 steps, up to (\d+), had no finite .* run keeps the last good checkpoint, of step (\d+) and the model of step \2$/m;
  const [, last, kept] = message.exec(stderr.replaceAll(run, "run")) ?? [];
  expect(Number(kept)).toBe(Number(last) - 5);

  const saved = readdirSync(join(run, "checkpoints")).toSorted();
  expect(saved.at(-1)).toBe(`step-${kept.padStart(6, "0")}.safetensors`);
  const { progress } = await decodeCheckpoint(readFileSync(join(run, "checkpoints", saved.at(-1)!)));
  expect(progress).toMatchObject({ step: Number(kept), skipped: 0 });

  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  expect(lines).toHaveLength(Number(last));
  for (const line of lines.slice(-5)) expect(JSON.parse(line)).toMatchObject({ skipped: true });
  expect(JSON.parse(lines.at(-5)!)).toEqual({
    step: Number(kept) + 1,
    skipped: true,
    learningRate: expect.any(Number),
  });

  expect((await microgptHere(["sample", run])).exitCode).toBe(0);
  expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 3, stderr });
  expect(readdirSync(join(run, "checkpoints")).toSorted()).toEqual(saved);
});

/** An engine whose losses are written down: of step n, from 1, and of the held-out documents after it. */
function scripted(lossAt: (step: number) => number, heldOutAt: (step: number) => number = lossAt): Engine {
  const real = newEngine();
  let step = 0;
  return {
    ...failing(() => false).engine,
    step: async () => await Promise.resolve({ loss: lossAt(++step), applied: true }),
    evaluate: async () => await Promise.resolve(heldOutAt(step)),
    save: async () => await real.save(),
  };
}

describe("numbers that are finite, but absurd: guessing has a loss of ln 5 = 1.6 here", () => {
  const HUGE = 1e9;
  const FINE = 1.5;
  interface Row {
    readonly losses: (step: number) => number;
    readonly heldOut?: (step: number) => number;
    /** The message; null: it trains to the end. */
    readonly says: RegExp | null;
    /** Steps that were told. */
    readonly steps: number;
    /** The step of the best weights; null: there are none. */
    readonly best: number | null;
  }
  const until = (last: number, first: number, then: number) => (step: number) => (step <= last ? first : then);
  test.each<[string, Row]>([
    ["nineteen huge losses, then good ones", { losses: until(19, HUGE, FINE), says: null, steps: 100, best: 50 }],
    [
      "twenty huge losses",
      {
        losses: until(9, FINE, HUGE),
        says: /the last 20 steps, up to 29, had losses above 8388608;/,
        steps: 29,
        best: null,
      },
    ],
    [
      "losses of 2,000 times guessing, which recover",
      { losses: until(70, 3000, FINE), says: null, steps: 100, best: 100 },
    ],
    [
      "the same, which do not",
      {
        losses: () => 3000,
        says: /the held-out loss after step 100 is 3\.00e\+3, where guessing has 1\.61;/,
        steps: 100,
        best: null,
      },
    ],
    [
      "an explosion after a good beginning: the best weights stay",
      { losses: until(60, FINE, 100), says: /held-out loss after step 100 is 100, where/, steps: 100, best: 50 },
    ],
    [
      "a held-out loss that no f32 logits can come back from",
      {
        losses: () => FINE,
        heldOut: () => HUGE,
        says: /the held-out loss after step 50 is 1\.00e\+9/,
        steps: 50,
        best: null,
      },
    ],
    [
      "no sensible held-out loss at any evaluation",
      {
        losses: () => FINE,
        heldOut: () => 40,
        says: /the held-out loss after step 100 is 40.0, where/,
        steps: 100,
        best: null,
      },
    ],
    [
      "text learnt by heart, whose held-out loss gets bad: no explosion",
      { losses: () => 0.001, heldOut: until(50, FINE, 40), says: null, steps: 100, best: 50 },
    ],
    ["losses that are just not absurd", { losses: () => 20, says: null, steps: 100, best: 50 }],
  ])("%s", async (_name, { losses, heldOut, says, steps, best }) => {
    const progress = newProgress();
    const settings = { numSteps: 100, learningRate: 0.01, evalInterval: 50 };
    let told = 0;
    const training = (async () => {
      for await (const { type } of trainSteps(scripted(losses, heldOut), [DOCUMENT], [DOCUMENT], settings, progress)) {
        if (type === "step") told++;
      }
    })();
    if (says === null) await training;
    else await expect(training).rejects.toMatchObject({ exitCode: 3, message: expect.stringMatching(says) });
    expect({ told, best: progress.best?.step ?? null }).toEqual({ told: steps, best });
  });

  test("with nothing held out, the losses of the last steps decide", async () => {
    const settings = { numSteps: 100, learningRate: 0.01, evalInterval: 50 };
    const run = async (lossAt: (step: number) => number): Promise<void> => {
      for await (const _ of trainSteps(scripted(lossAt), [DOCUMENT], [], settings, newProgress()));
    };
    await run(until(70, 3000, FINE));
    await run((step) => (step % 10 === 0 ? 3000 : FINE));
    await expect(run(() => 3000)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /^train: half of the last steps, up to 100, had losses above 20.0, where guessing has 1.61;/,
      ),
    });
  });
});

test.each([
  ["1000", 3],
  // From a held-out loss of 1,660 it recovers while the learning rate falls, and is better than letter counts in the end.
  ["3", 0],
  ["0.3", 0],
])("with a learning rate of %s a training ends with exit code %d", async (learningRate, expected) => {
  const directory = workspace();
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TINY];
  const more = ["--num-steps", "400", "--learning-rate", learningRate, "--num-samples", "0"];
  const { exitCode, stderr } = await microgptHere([...args, ...more]);
  expect(exitCode).toBe(expected);
  const diverged = /^microgpt: train: [^\n]*; the training has diverged, try a smaller --learning-rate, [^\n]*\n$/;
  expect(stderr).toMatch(expected === 0 ? /^$/ : diverged);
});

test("weights that explode after a good beginning replace neither the last good checkpoint nor the best model", async () => {
  const directory = workspace();
  const run = join(directory, "run");
  // The learning rate rises by 0.2 per step, without an end in sight.
  const rising = ["--learning-rate", "1000", "--warmup-steps", "5000", "--save-interval", "1", "--eval-interval", "1"];
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TINY, ...rising];
  const { exitCode, stderr } = await microgptHere([...args, "--num-steps", "6000"]);
  expect(exitCode).toBe(3);
  const [, kept, model] =
    /keeps the last good checkpoint, of step (\d+) and the model of step (\d+)$/m.exec(stderr) ?? [];
  const losses = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n").map(readLoss);
  const lossAt = (step: number): number => losses.find((line) => line.step === step && line.loss !== undefined)!.loss!;
  const absurd = 10 * Math.log(15); // fourteen letters and BOS
  expect(lossAt(Number(kept))).toBeLessThan(absurd);
  expect(Number(model)).toBeLessThanOrEqual(Number(kept));
  expect(Number(kept)).toBeLessThan(100);
  expect(losses.at(-1)!.step).toBeLessThan(6000);
  for (const step of savedSteps(run)) expect(lossAt(step)).toBeLessThan(absurd);
  expect((await microgptHere(["sample", run, "--num-samples", "1"])).exitCode).toBe(0);
});

const readLoss = (line: string): { step: number; loss?: number } => JSON.parse(line) as { step: number; loss?: number };
