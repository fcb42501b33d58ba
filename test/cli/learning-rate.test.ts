/** A learning rate that is far too high or too low, through the command: what is said, and that the named command helps. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readRun } from "../../src/sweep/read-run.ts";
import { microgptHere, workspace } from "../setup/microgpt.ts";

const NAMES = fileURLToPath(new URL("../../data/names.txt", import.meta.url));
const SIZE = "--preset names --num-steps 120 --num-samples 1 --threads 1".split(" ");

/** Trains on names. @returns the directory of runs, and what was printed. */
async function train(rate: number, ...more: string[]): Promise<{ directory: string; stdout: string }> {
  const directory = workspace();
  const args = ["train", "--data", NAMES, ...SIZE, "--runs-dir", directory, "--name", "run"];
  const { exitCode, stdout, stderr } = await microgptHere([...args, "--learning-rate", String(rate), ...more]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return { directory, stdout };
}

test.each([
  [1, /^the losses were far above that of guessing: the learning rate is too high; try\n {2}(?:npx )?microgpt (.*)$/m],
  [0.00001, /^the model has hardly learnt, because the learning rate is low; try\n {2}(?:npx )?microgpt (.*)$/m],
])("after a training at the learning rate %d, the command that is named gives a better model", async (rate, said) => {
  const { directory, stdout } = await train(rate);
  const [, command] = said.exec(stdout)!;
  const { exitCode } = await microgptHere([...command.split(" "), "--runs-dir", directory, "--name", "helped"]);
  expect(exitCode).toBe(0);
  const bits = (name: string): number => readRun(join(directory, name)).report.bitsPerByte!;
  expect(bits("helped")).toBeLessThan(bits("run"));
});

test("losses far above that of guessing are said once, after twenty steps; no other training is said to explode", async () => {
  const eventsOf = async (
    rate: number,
    ...more: string[]
  ): Promise<{ event: string; step: number; change: string }[]> => {
    const { stdout } = await train(rate, "--json", ...more);
    const lines = stdout.trim().split("\n");
    return lines.map((line) => JSON.parse(line) as { event: string; step: number; change: string });
  };
  const exploding = (await eventsOf(1)).filter(({ event }) => event === "exploding");
  expect(exploding).toEqual([expect.objectContaining({ step: 20, change: "--learning-rate 0.1" })]);
  for (const rate of [0.01, 0.00001]) {
    expect((await eventsOf(rate)).map(({ event }) => event)).not.toContain("exploding");
  }
});

test("a training of too few steps is told to go on, whatever its rate", async () => {
  const { stdout } = await train(0.01, "--num-steps", "10");
  expect(stdout).toMatch(/^the model has not learnt enough; more steps help:$/m);
});
