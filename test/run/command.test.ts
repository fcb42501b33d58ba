import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import type { ResolvedOptions } from "../../src/options/resolve.ts";
import type { TrainOptions } from "../../src/options/train-options.ts";
import { flagsOf, remedyOf } from "../../src/run/command.ts";

const optionsOf = (more: Partial<TrainOptions>): ResolvedOptions =>
  resolveOptions({ ...initialOptions(TRAIN_OPTIONS), ...more });

test.each<[Partial<TrainOptions>, number, string]>([
  [{}, 0.5, "--stream"],
  [{}, 0.05, "--weight-decay 3"],
  [{ learningRate: 0.5 }, 0, "--dropout 0.2"], // 3 times it would flip the sign of the weights
  [{ weightDecay: 3 }, 0, "--dropout 0.2"],
  [{ weightDecay: 3, dropout: 0.3, nEmbd: 48, nHead: 4 }, 0, "--n-embd 24"],
])("what helps a training with %o, of which %d is not learnt: %s", (more, unlearnt, change) => {
  const remedy = remedyOf(optionsOf({ data: ["a.txt"], ...more }), unlearnt);
  expect(remedy).toEqual({ against: "by heart", command: expect.stringContaining(` ${change}`) as string, change });
  expect(remedyOf(optionsOf({ data: ["-"], ...more }), unlearnt)).toEqual({
    against: "by heart",
    command: null,
    change,
  });
});

test("where all of it is tried already, nothing is suggested", () => {
  expect(remedyOf(optionsOf({ weightDecay: 10, dropout: 0.2, nEmbd: 4, nHead: 4 }), 0)).toBeNull();
});

test("flags leave out defaults, also those that were resolved, and the budget that has become steps", () => {
  expect(flagsOf(optionsOf({}))).toEqual([]);
  expect(flagsOf(optionsOf({ noGpu: true }))).toEqual(["--no-gpu"]);
  expect(flagsOf({ ...optionsOf({ seconds: 60, batchSize: 64 }), numSteps: 777 })).toEqual(["--num-steps 777"]);
});

test("a shell reads the flags back as the options, whatever is in a path", () => {
  const options = optionsOf({
    data: ["it's a $HOME `file`.txt", "b.txt"],
    stream: true,
    engine: "atomic",
    clipNorm: 1,
  });
  const script = `printf '%s\\0' ${flagsOf(options).join(" ")}`;
  const words = execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
  expect(words).toEqual(["--data", ...options.data, "--stream", "--clip-norm", "1", "--engine", "atomic"]);
});
