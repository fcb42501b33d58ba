import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgptHere, workspace } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";

const VERSES = readFileSync("test/fixtures/genesis200.txt", "utf8");
const SHORT = ["--seconds", "0.3", "--num-samples", "0"];

interface Run extends Finished {
  readonly directory: string;
  readonly config: { readonly options: Readonly<Record<string, unknown>>; readonly expected?: Record<string, number> };
}

/** A training of a fraction of a second, and its config.json. */
async function runOf(text: string, ...args: readonly string[]): Promise<Run> {
  const directory = workspace();
  writeFileSync(join(directory, "my-text.txt"), text);
  const finished = await microgptHere(["my-text.txt", "--name", "run", ...args], { cwd: directory });
  expect(finished.stderr).toBe("");
  return { ...finished, directory, config: configOf(directory, "run") };
}

const configOf = (directory: string, name: string): Run["config"] =>
  JSON.parse(readFileSync(join(directory, "runs", name, "config.json"), "utf8")) as Run["config"];

const CHOSEN = /^chosen +25\.8 kB in 0\.\d+ s, about [^:]+: byte-bpe with [\d,]+ merges, \d+ wide, /m;
const EXPECTED = /^expected +(\d\.\d\d) bits per byte \((\d\.\d\d) to (\d\.\d\d)\)$/m;

test("for a text and a time the sizes are chosen, said, expected, and stored as ordinary options", async () => {
  const { stdout, config } = await runOf(VERSES, ...SHORT);
  expect(stdout).toMatch(CHOSEN);
  const [, ...bounds] = EXPECTED.exec(stdout)!;
  const [likeliest, low, high] = bounds.map(Number);
  expect(low).toBeLessThan(likeliest);
  expect(high).toBeGreaterThan(likeliest);
  expect(config.options).toMatchObject({ tokenizer: "byte-bpe", documents: "line", stream: true });
  expect(config.expected).toMatchObject({ seconds: 0.3 });
  expect(config.expected!.bitsPerByte).toBeCloseTo(likeliest, 1);
  // What was reached is compared with it, and what would help is named.
  expect(stdout).toMatch(/^expected +\d\.\d\d bits per byte \(.*\): (as|better than|worse than) expected; /m);
  expect(stdout).toMatch(/^(?:more (?:time|text) would help most|the (?:model|best weights) )/m);
});

test("the chosen options, typed, are the same training; so is a run that is resumed", async () => {
  const { directory, config } = await runOf(VERSES, ...SHORT);
  const { options } = config;
  const kept = ["tokenizer", "bpeMerges", "documents", "nEmbd", "nHead", "nLayer", "blockSize", "batchSize"];
  const trained = ["learningRate", "dropout", "weightDecay", "numSteps", "engine"];
  const flags = [...kept, ...trained].flatMap((key) => [
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    String(options[key]),
  ]);
  const args = ["my-text.txt", "--stream", ...flags, "--num-samples", "0", "--name", "typed"];
  const typed = await microgptHere(args, { cwd: directory });
  expect(typed.stdout).not.toMatch(/^chosen/m);
  const weights = (name: string): Buffer => readFileSync(join(directory, "runs", name, "model.safetensors"));
  const numbers = (file: Buffer): Buffer => file.subarray(8 + Number(file.readBigUInt64LE(0)));
  expect(numbers(weights("typed"))).toEqual(numbers(weights("run")));
  const resumed = await microgptHere(["resume", "run", "--num-steps", String(Number(options.numSteps) + 5)], {
    cwd: directory,
  });
  expect([resumed.exitCode, resumed.stderr]).toEqual([0, ""]);
  expect(resumed.stdout).toMatch(/^expected /m);
  expect(configOf(directory, "run").expected).toEqual(config.expected);
});

test("what is typed is kept, and the rest follows", async () => {
  const { config } = await runOf(
    VERSES,
    "--auto",
    "--n-embd",
    "24",
    "--tokenizer",
    "char",
    "--batch-size",
    "3",
    ...SHORT,
  );
  expect(config.options).toMatchObject({ nEmbd: 24, nHead: 2, tokenizer: "char", batchSize: 3, stream: true });
  const heads = await runOf(VERSES, "--auto", "--n-head", "5", ...SHORT);
  expect(Number(heads.config.options.nEmbd) % 5).toBe(0);
  expect(heads.config.options.nHead).toBe(5);
});

test("steps, a size, a preset or the reference turn the choice off; --auto with steps keeps them", async () => {
  const few = ["--num-steps", "2", "--num-samples", "0"];
  for (const off of [few, ["--n-layer", "1", ...SHORT], ["--preset", "names", ...SHORT], ["--no-gpu", ...few]]) {
    const { stdout, config } = await runOf("ada\nbob\ncy\ndan\neve\n", ...off);
    expect(stdout).not.toMatch(/^chosen/m);
    expect(config.expected).toBeUndefined();
  }
  const { stdout, config } = await runOf(VERSES, "--auto", ...few);
  expect(stdout).toMatch(/^chosen/m);
  expect(config.options).toMatchObject({ numSteps: 2, seconds: null });
});

test("minutes are seconds; both, or none at all, are refused in one sentence", async () => {
  const { config } = await runOf(VERSES, "--minutes", "0.005", "--num-samples", "0");
  expect(config.expected!.seconds).toBeCloseTo(0.3, 12);
  for (const [args, message] of [
    [["--minutes", "1", "--seconds", "2"], "--minutes and --seconds both say when to stop; drop one of them"],
    [["--minutes", "x"], "--minutes"],
    [["--minutes", "1", "--num-steps", "3", "--tokens", "5"], "--tokens and --seconds both say when to stop"],
  ] as const) {
    const { exitCode, stderr } = await microgptHere(args, { cwd: workspace() });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  }
});
