import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { StuckWatch } from "../../src/run/stuck.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { newProgress } from "../../src/training/train.ts";
import type { Progress } from "../../src/training/train.ts";
import { microgptHere, workspace } from "../setup/microgpt.ts";

const BASELINES = { uniform: 3.3, unigram: 2.8, bigram: 2.5 };
const options = (learningRate: number) => resolveOptions({ ...initialOptions(TRAIN_OPTIONS), learningRate });
const after = (step: number, heldOutLoss: number): Progress => ({
  ...newProgress(),
  step,
  best: { step, heldOutLoss },
});

test("nothing is said before a quarter of the steps, nor where the order of tokens has been learnt, and nothing twice", () => {
  const watch = new StuckWatch();
  const take = (step: number, loss: number) => watch.take(options(0.0001), after(step, loss), BASELINES);
  expect(take(200, 2.81)).toBeNull(); // of 1,000 steps
  expect(take(300, 2.7)).toBeNull(); // better than token counts by 4 %
  expect(take(300, 2.79)).toEqual({
    step: 300,
    heldOutLoss: 2.79,
    unigram: 2.8,
    cause: "too slow",
    change: "--learning-rate 0.001",
  });
  expect(take(400, 2.79)).toBeNull();
});

test("the cause is the learning rate where it is far from the usual, else a text without order, else not known", () => {
  const causeOf = (rate: number, bigram: number) =>
    new StuckWatch().take(options(rate), after(500, 2.8), { ...BASELINES, bigram });
  expect(causeOf(0.05, 2.5)).toMatchObject({ cause: "too fast", change: "--learning-rate 0.005" });
  expect(causeOf(0.01, 2.79)).toMatchObject({ cause: "no order", change: null });
  expect(causeOf(0.01, 2.5)).toBeNull();
});

/** Letters drawn at random, some more often than others, and now and then the end of a line. */
function noise(): string {
  const random = new Random(3);
  return Array.from({ length: 8000 }, () => "aaaaabbbbccd\n"[random.randbelow(13)]).join("");
}

test.each([
  ["0.01", noise(), /^the model has learnt only how frequent tokens are .*: the tokens before tell hardly anything/m],
  [
    "0.00003",
    "",
    /^the model has learnt only how frequent tokens are .*: the learning rate is low; --learning-rate 0.0003 helps/m,
  ],
])("a training at the learning rate %s says once why it is stuck", async (rate, text, said) => {
  const directory = workspace();
  if (text !== "") writeFileSync(join(directory, "text.txt"), text);
  const data = text === "" ? [] : ["text.txt"];
  const args = [...data, "--num-steps", "200", "--preset", "names", "--num-samples", "0", "--learning-rate", rate];
  const { exitCode, stdout } = await microgptHere(args, { cwd: directory });
  expect(exitCode).toBe(0);
  expect(stdout.replaceAll("\n", " ")).toMatch(new RegExp(said.source.replace("^", "")));
  expect(stdout.split("has learnt only how frequent")).toHaveLength(2);
});
