import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTrainer } from "../../src/index-node.ts";
import { Run } from "../../src/node/run-directory.ts";
import { microgptHere, trained, workspace, writeWords } from "../setup/microgpt.ts";
import { checkpointPath, fingerprint, savedSteps } from "../setup/trainer.ts";

interface Line {
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly heldOutLoss?: number;
}

const linesOf = (run: string): Line[] =>
  readFileSync(join(run, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
const resultOf = (run: string): { numSteps: number; measured: { step: number; bestStep: number }[] } =>
  JSON.parse(readFileSync(join(run, "result.json"), "utf8")) as ReturnType<typeof resultOf>;

const EVERY = ["--save-interval", "5"];
/** A run of 30 steps, extended to 50. */
async function extended(): Promise<{ run: string; stdout: string; before: Line[] }> {
  const { run } = trained(...EVERY);
  const samples = readFileSync(join(run, "samples.txt"), "utf8");
  const before = linesOf(run);
  const { exitCode, stdout, stderr } = await microgptHere(["resume", run, "--num-steps", "50"]);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  expect(readFileSync(join(run, "samples.txt"), "utf8")).not.toBe(samples);
  return { run, stdout, before };
}

describe("resume --num-steps extends a finished training", () => {
  test("the lines up to the old end stay, those after it are a trainer's on the schedule of all 50 steps", async () => {
    const { run, stdout, before } = await extended();
    expect(stdout).toMatch(
      /^the training now has 50 steps instead of 30: step 31 has learning rate 0\.004, on the linear schedule of all 50\n/,
    );
    const lines = linesOf(run);
    expect(lines.slice(0, before.length)).toEqual(before);
    const after = lines.slice(before.length);
    expect(after.map(({ step }) => step)).toEqual(
      [...Array.from({ length: 20 }, (_, i) => 31 + i), 40, 50].toSorted((a, b) => a - b),
    );

    const texts = [readFileSync(writeWords(workspace()), "utf8")];
    const options = { nEmbd: 4, nHead: 2, blockSize: 8, evalInterval: 10 };
    const first = await createTrainer(texts, { ...options, numSteps: 30 });
    await first.run();
    const second = await createTrainer(texts, { ...options, numSteps: 50 });
    await second.restore(await first.state());
    const found: Line[] = [];
    for (let event = await second.step(); event !== null; event = await second.step()) {
      const { step } = event;
      if (event.type === "step") found.push({ step, loss: event.loss, learningRate: event.learningRate });
      else if (event.type === "evaluation") found.push({ step, heldOutLoss: event.heldOutLoss });
    }
    expect(after).toEqual(found);
  });

  test("the result is measured at the new end, too; the best model stays while it is the best", async () => {
    const { run } = trained(...EVERY, "--learning-rate", "0"); // nothing is learnt: the first is the best
    const config = join(run, "config.json");
    const model = readFileSync(join(run, "model.safetensors"));
    expect((await microgptHere(["resume", run, "--num-steps", "40"])).exitCode).toBe(0);
    expect(resultOf(run)).toMatchObject({ numSteps: 40, measured: [{ step: 30 }, { step: 40 }] });
    expect(JSON.parse(readFileSync(config, "utf8"))).toMatchObject({
      options: { numSteps: 40 },
      pastPlans: [{ until: 30, numSteps: 30 }],
    });
    const evaluations = linesOf(run).filter(({ heldOutLoss }) => heldOutLoss !== undefined);
    const best = evaluations.toSorted((x, y) => x.heldOutLoss! - y.heldOutLoss!)[0];
    expect(best.step).toBe(10);
    expect(resultOf(run).measured.map(({ bestStep }) => bestStep)).toEqual([best.step, best.step]);
    expect(readFileSync(join(run, "model.safetensors")).equals(model)).toBe(true);
  });

  test("twice, and to fewer steps than planned: each part keeps its rates", async () => {
    const { run } = await extended();
    expect((await microgptHere(["resume", run, "--num-steps", "80"])).exitCode).toBe(0);
    const rates = linesOf(run).flatMap(({ learningRate }) => learningRate ?? []);
    const line = (from: number, to: number, total: number): number[] =>
      Array.from({ length: to - from }, (_, i) => 0.01 * (1 - (from + i) / total));
    expect(rates).toEqual([...line(0, 30, 30), ...line(30, 50, 50), ...line(50, 80, 80)]);
  });

  test("--tokens is a budget for what is added", async () => {
    const { run } = trained(...EVERY);
    const { train } = await createTrainer([readFileSync(writeWords(workspace()), "utf8")], { blockSize: 8 }).then(
      ({ data }) => data,
    );
    let targets = 0;
    for (let i = 0; i < train.length; i++) targets += Math.min(8, train.at(i).length - 1);
    const perStep = (64 * targets) / train.length;
    expect((await microgptHere(["resume", run, "--tokens", String(Math.round(12 * perStep))])).exitCode).toBe(0);
    expect(resultOf(run)).toMatchObject({ numSteps: 42 });
  });
});

describe("an extended training is repeated to the same bytes", () => {
  test("killed between the change of config.json and the first save", async () => {
    const { run } = await extended();
    const { run: again } = trained(...EVERY);
    const opened = Run.openToTrain(again);
    opened.extend(30, 50);
    opened.close();
    expect((await microgptHere(["resume", again])).exitCode).toBe(0);
    expect(withoutPaths(again)).toEqual(withoutPaths(run));
  });

  test.each([45, 35, 30, 15])("from the checkpoint of step %i, before the extension or after it", async (step) => {
    const { run } = trained(...EVERY, "--keep", "99");
    expect((await microgptHere(["resume", run, "--num-steps", "50"])).exitCode).toBe(0);
    const expected = fingerprint(run);
    for (const saved of savedSteps(run)) if (saved > step) rmSync(checkpointPath(run, saved));
    if (step < 30) rmSync(join(run, "model.safetensors"));
    const { exitCode, stderr } = await microgptHere(["resume", run]);
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    expect(fingerprint(run)).toEqual(expected);
  });

  test("before its first save, a run that is extended has no history", async () => {
    const { run } = trained(...EVERY);
    for (const saved of savedSteps(run)) rmSync(checkpointPath(run, saved));
    rmSync(join(run, "model.safetensors"));
    expect((await microgptHere(["resume", run, "--num-steps", "50"])).exitCode).toBe(0);
    const { run: straight } = trained(...EVERY, "--num-steps", "50");
    expect(withoutPaths(run)).toEqual(withoutPaths(straight));
  });
});

/** The hashes of a run's files but for config.json, which names its data. */
const withoutPaths = (run: string): Record<string, string> => ({ ...fingerprint(run), "config.json": "" });

describe("what cannot be extended is refused in one sentence, and stays as it was", () => {
  test.each([
    [
      ["--num-steps", "20"],
      /: --num-steps 20: \S+run has done 30 steps; give at least 30, the steps of the whole training$/,
    ],
    [
      ["--num-steps", "50", "--seconds", "1"],
      /--num-steps, --tokens and --seconds all say when to stop; give one of them$/,
    ],
    [["--tokens", "50", "--seconds", "1"], /--tokens and --seconds both say when to stop; drop one of them$/],
    [["--num-steps", "0"], /--num-steps: expected a whole number from 1 to 1000000000, got "0"$/],
  ])("%j", async (more, message) => {
    const { run } = trained(...EVERY);
    const before = fingerprint(run);
    const { exitCode, stderr } = await microgptHere(["resume", run, ...more]);
    expect(exitCode).toBe(2);
    expect(stderr.trimEnd()).toMatch(message);
    expect(fingerprint(run)).toEqual(before);
  });

  test("a run whose newest checkpoint is damaged", async () => {
    const { run } = trained(...EVERY);
    writeFileSync(checkpointPath(run, 30), "damaged");
    const { exitCode, stderr } = await microgptHere(["resume", run, "--num-steps", "50"]);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /its newest checkpoint is damaged; microgpt resume \S+ makes it again, then it can be extended\n$/,
    );
    expect((await microgptHere(["resume", run])).exitCode).toBe(0);
    expect((await microgptHere(["resume", run, "--num-steps", "50"])).exitCode).toBe(0);
  });

  test("a history that was changed by hand is not the run's", async () => {
    const { run } = await extended();
    const config = join(run, "config.json");
    const text = readFileSync(config, "utf8");
    writeFileSync(config, text.replace('"until": 30', '"until": 29'));
    const { exitCode, stderr } = await microgptHere(["resume", run]);
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/config\.json is not what the run began with/)]);
    writeFileSync(config, text.replace('"until": 30', '"until": "30"'));
    const damaged = await microgptHere(["sample", run]);
    expect(damaged.stderr).toMatch(
      /config\.json: `pastPlans` must be a list of \{ until, numSteps \} with whole numbers\n$/,
    );
  });
});
