import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTrainer, decodeRun, load, loadRun, resumeTrainer, train, VERSION } from "../../src/index-node.ts";
import type { Model, Trainer, TrainerOptions } from "../../src/index.ts";
import { readRunFiles } from "../../src/node/run-files.ts";
import { decodeModel } from "../../src/training/checkpoint.ts";
import { microgpt, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { REAL } from "../setup/native.ts";

const WORDS = "ba ce di fo gu ka le mi bace cedi difo fogu guka kale lemi miba".split(" ");
const SMALL: TrainerOptions = { nEmbd: 8, nHead: 2, blockSize: 8, numSteps: 30, evalInterval: 10, batchSize: 4 };

/** Native code, where there is a compiler. */
const NATIVE_TOO: [string, readonly string[], TrainerOptions][] =
  REAL === null ? [] : [["native code", ["--engine", "native"], { engine: "native" }]];

const trained: Promise<Model> = train(WORDS, SMALL);

/** A run of the command, of the same texts and options as the library's. */
function commandRun(data: string, directory: string, ...more: string[]): string {
  const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...TINY, ...more];
  expect(microgpt(args)).toMatchObject({ exitCode: 0, stderr: "" });
  return join(directory, "run");
}

describe("the same numbers as the command", () => {
  test.each<[string, readonly string[], TrainerOptions]>([
    ["the defaults", [], {}],
    ["the atomic engine", ["--engine", "atomic"], { engine: "atomic" }],
    [
      "strict, with a schedule, accumulated",
      "--strict-math --schedule cosine --warmup-steps 3 --accumulate 2".split(" "),
      {
        strictMath: true,
        schedule: "cosine",
        warmupSteps: 3,
        accumulate: 2,
      },
    ],
    [
      "merges, in windows",
      ["--tokenizer", "bpe", "--bpe-merges", "5", "--stream"],
      { tokenizer: "bpe", bpeMerges: 5, stream: true },
    ],
    ["exactly the reference", ["--reference"], { reference: true }],
    ...NATIVE_TOO,
  ])("%s: losses, weights, what is written and what it costs", async (_, flags, more) => {
    const directory = workspace();
    const data = writeWords(directory);
    const run = commandRun(data, directory, ...flags);
    const losses: number[] = [];
    const options = { nEmbd: 4, nHead: 2, blockSize: 8, numSteps: 30, evalInterval: 10, ...more };
    const model = await train([readFileSync(data, "utf8")], { ...options, onStep: ({ loss }) => losses.push(loss) });
    const metrics = readFileSync(join(run, "metrics.jsonl"), "utf8").trim().split("\n");
    const told = metrics.map((line) => JSON.parse(line) as { loss?: number }).flatMap(({ loss }) => loss ?? []);
    expect(losses).toEqual(told);
    const { weights, step, heldOutLoss, dataHash } = await decodeModel(readFileSync(join(run, "model.safetensors")));
    expect({ step: model.step, heldOutLoss: model.heldOutLoss }).toEqual({ step, heldOutLoss });
    expect([...model.weights]).toEqual([...weights]);
    const complete = microgpt(["complete", run, "b", "--seed", "3", "--temperature", "0.9", "--json"]);
    expect(await model.generate({ prefix: "b", seed: 3, temperature: 0.9 })).toBe(
      (JSON.parse(complete.stdout) as { text: string }).text,
    );
    const again = await loadRun(readRunFiles(run));
    expect(await again.logits("ba")).toEqual(await model.logits("ba"));
    expect(dataHash).toMatch(/^[0-9a-f]{64}$/);
  });
});

test("a model writes, streams, names what is next and measures; the same seed writes the same text", async () => {
  const model = await trained;
  const text = await model.generate({ prefix: "ba", seed: 7 });
  expect(text).toMatch(/^ba[a-z]*$/);
  expect(await model.generate({ prefix: "ba", seed: 7 })).toBe(text);
  let streamed = "ba";
  for await (const piece of model.stream({ prefix: "ba", seed: 7 })) streamed += piece;
  expect(streamed).toBe(text);
  const next = await model.nextTokens("b", 3);
  expect(next).toHaveLength(3);
  expect(next[0].probability).toBeGreaterThanOrEqual(next[1].probability);
  const everything = await model.nextTokens("b", 100);
  expect(everything.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 6);
  const { loss, bitsPerByte, documents } = await model.evaluate(["ba", "ce"]);
  expect(documents).toBe(2);
  // Each of two documents of 2 bytes costs 3 tokens: as many as bytes, the end counted.
  expect(bitsPerByte).toBeCloseTo(loss / Math.LN2, 10);
});

test("a model is one file: saved, loaded, the same logits; damaged or another file is refused in words", async () => {
  const model = await trained;
  const bytes = await model.save();
  const again = await load(bytes);
  expect(await again.logits("ba")).toEqual(await model.logits("ba"));
  expect(again.options).toEqual(model.options);
  expect(await again.save()).toEqual(bytes);
  const damaged = bytes.slice();
  damaged[damaged.length - 1] ^= 1;
  await expect(load(damaged)).rejects.toMatchObject({ name: "InputError", code: "bad-input" });
  await expect(load(new Uint8Array(10))).rejects.toMatchObject({ name: "InputError" });
});

test("a trainer goes step by step, pauses, and ends where a training in one go ends", async () => {
  const trainer = await createTrainer(WORDS, SMALL);
  expect(await trainer.step()).toMatchObject({ type: "step", step: 1 });
  const before = await trainer.snapshot();
  const told: number[] = [];
  const paused = await createTrainer(WORDS, {
    ...SMALL,
    onStep: ({ step }) => (step === 5 ? paused.pause() : told.push(step)),
  });
  await paused.run();
  expect(paused.progress.step).toBe(5);
  expect(paused.isDone).toBe(false);
  await paused.run();
  await trainer.run();
  expect([trainer.isDone, paused.isDone, await paused.step()]).toEqual([true, true, null]);
  const whole = (await trained).weights;
  expect([...(await paused.model()).weights]).toEqual([...whole]);
  expect([...(await trainer.model()).weights]).toEqual([...whole]);
  expect([...before]).not.toEqual([...whole]);
  trainer.close();
});

test("a signal ends a training with its reason, also from a timer in the middle of it", async () => {
  await expect(train(WORDS, { ...SMALL, signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
  const controller = new AbortController();
  const endless = train(WORDS, { ...SMALL, numSteps: 1_000_000_000, signal: controller.signal });
  setTimeout(() => controller.abort(new Error("later")), 1);
  await expect(endless).rejects.toThrow("later");
});

test("a training in memory is a run that the command resumes, to the same end", async () => {
  const directory = workspace();
  const trainer = await createTrainer(WORDS, { ...SMALL, numSteps: 40, dropout: 0.2 });
  while (trainer.progress.step < 20) await trainer.step();
  for (const [name, bytes] of await trainer.files()) {
    mkdirSync(dirname(join(directory, "run", name)), { recursive: true });
    writeFileSync(join(directory, "run", name), bytes);
  }
  const files = readRunFiles(join(directory, "run"));
  expect((await decodeRun(files)).checkpoint?.progress.step).toBe(20);
  const resumed = microgpt(["resume", join(directory, "run"), "--runs-dir", directory]);
  expect(resumed).toMatchObject({ exitCode: 0, stderr: "" });
  await trainer.run();
  const { weights } = await decodeModel(readFileSync(join(directory, "run", "model.safetensors")));
  expect([...(await trainer.model()).weights]).toEqual([...weights]);
});

test("merges are told one by one, and are the tokenizer's", async () => {
  const merges: string[] = [];
  const options: TrainerOptions = { ...SMALL, numSteps: 1, tokenizer: "bpe", bpeMerges: 3 };
  const model = await train(WORDS, { ...options, onMerge: ({ left, right }) => merges.push(left + right) });
  expect(merges).toHaveLength(3);
  const { vocabSize } = model.config;
  expect(merges.toReversed()).toEqual(
    [2, 3, 4].map((back) => model.tokenizer.token(vocabSize - back).replace("</w>", " ")),
  );
});

test.each<[string, object, RegExp]>([
  ["a name that is not an option", { nEmdb: 3 }, /"nEmdb"/],
  ["a value out of range", { nEmbd: 0 }, /--n-embd: expected a whole number from 1/],
  ["options that contradict each other", { nEmbd: 5, nHead: 2 }, /does not divide/],
  ["an option of the command", { data: ["x"] }, /data is an option of the command only/],
])("%s is refused with an InputError", async (_, options, message) => {
  await expect(train(WORDS, options)).rejects.toMatchObject({
    name: "InputError",
    code: "bad-input",
    message: expect.stringMatching(message),
  });
});

test("no text is refused; the version is the package's", async () => {
  await expect(train([])).rejects.toMatchObject({ name: "InputError" });
  expect(VERSION).toMatch(/^\d+\.\d+\.\d+$/);
});

describe("a trainer that returns to an earlier moment", () => {
  const lossesTo = async (trainer: Trainer, step: number): Promise<number[]> => {
    const losses: number[] = [];
    while (trainer.progress.step < step) {
      const event = await trainer.step();
      if (event?.type === "step") losses.push(event.loss);
    }
    return losses;
  };

  test("repeats the steps after it with the same bits, evaluations and best weights included", async () => {
    const trainer = await createTrainer(WORDS, SMALL);
    await lossesTo(trainer, 7);
    const moment = await trainer.state();
    const first = await lossesTo(trainer, 25);
    const best = (await trainer.model()).heldOutLoss;
    await trainer.restore(moment);
    expect(trainer.progress.step).toBe(7);
    expect(trainer.progress.evaluation).toBeNull();
    expect(await lossesTo(trainer, 25)).toEqual(first);
    expect((await trainer.model()).heldOutLoss).toBe(best);
    trainer.close();
  });

  test.each([0, 0.3])("resumes from its own files to the same bits, with dropout %d", async (dropout) => {
    const trainer = await createTrainer(WORDS, { ...SMALL, dropout });
    await lossesTo(trainer, 12);
    const files = await trainer.files();
    const rest = await lossesTo(trainer, 30);
    const resumed = await resumeTrainer(files);
    expect(resumed.progress.step).toBe(12);
    expect(await lossesTo(resumed, 30)).toEqual(rest);
    resumed.close();
    trainer.close();
  });

  test("says that the texts are others, or missing", async () => {
    const trainer = await createTrainer(WORDS, SMALL);
    await lossesTo(trainer, 1);
    const files = new Map(await trainer.files());
    const pages = [...files.keys()].filter((name) => name.startsWith("pages/"));
    for (const name of pages) files.delete(name);
    await expect(resumeTrainer(files)).rejects.toThrow("does not hold its texts");
    await expect(resumeTrainer(files, ["other", "words"])).rejects.toThrow("not those that the run began with");
    trainer.close();
  });
});
