import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgpt, microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";

test("batches, accumulation, clipping, decay, dropout, warm-up and schedule reach the training and its metrics", async () => {
  const directory = workspace();
  const common = ["train", "--data", writeWords(directory), "--runs-dir", directory, ...TINY];
  let runs = 0;
  const metrics = async (...more: string[]): Promise<{ step: number; loss?: number; learningRate?: number }[]> => {
    runs++;
    expect((await microgptHere([...common, "--name", `run-${runs}`, ...more])).exitCode).toBe(0);
    const lines = readFileSync(join(directory, `run-${runs}`, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n");
    return lines.map((line) => JSON.parse(line) as { step: number });
  };
  const scheduled = await metrics("--schedule", "cosine", "--warmup-steps", "9", "--learning-rate", "0.1");
  const steps = scheduled.filter(({ learningRate }) => learningRate !== undefined);
  expect(steps).toHaveLength(30);
  expect(steps[0].learningRate).toBeCloseTo(0.01, 12);
  expect(steps[9].learningRate).toBe(0.1);
  expect(steps[29].learningRate).toBeCloseTo(0.05 * (1 + Math.cos((Math.PI * 20) / 21)), 12);
  const last = async (...more: string[]): Promise<number | undefined> =>
    (await metrics(...more)).findLast(({ loss }) => loss)?.loss;
  const batch = await last("--batch-size", "6");
  expect(await last("--batch-size", "2", "--accumulate", "3")).toBeCloseTo(batch ?? Number.NaN, 5);
  const losses = [batch, await last()];
  for (const [option, value] of [
    ["--clip-norm", "0.01"],
    ["--weight-decay", "5"],
    ["--dropout", "0.5"],
    ["--batch-size", "1"],
  ]) {
    losses.push(await last(option, value));
  }
  expect(new Set(losses).size).toBe(6); // all differ
});

test("a run of before these options is resumed, and means what it meant", async () => {
  const { run } = trained();
  const config = join(run, "config.json");
  const json = JSON.parse(readFileSync(config, "utf8")) as { options: Record<string, unknown> };
  for (const key of [
    "documents",
    "stream",
    "batchSize",
    "accumulate",
    "warmupSteps",
    "schedule",
    "weightDecay",
    "dropout",
    "clipNorm",
  ]) {
    expect(Object.hasOwn(json.options, key)).toBe(true);
    delete json.options[key];
  }
  const metrics = readFileSync(join(run, "metrics.jsonl"), "utf8");
  writeFileSync(config, JSON.stringify(json));
  rmSync(join(run, "checkpoints"), { recursive: true }); // they name the new options; without them it begins anew
  mkdirSync(join(run, "checkpoints"));
  expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(readFileSync(join(run, "metrics.jsonl"), "utf8")).toBe(metrics);
});

test("a long text is streamed whole, and can be stopped and resumed; without --stream the header says what is lost", async () => {
  const directory = workspace();
  const data = join(directory, "poem.txt");
  const verses = Array.from({ length: 60 }, (_, i) => `verse ${i}, ${"la ".repeat(i % 4)}la`);
  writeFileSync(data, verses.map((verse, i) => (i % 4 === 3 ? `${verse}\n\n` : `${verse}\n`)).join(""));
  const train = async (name: string, ...more: string[]): Promise<string> => {
    const args = ["train", "--data", data, "--runs-dir", directory, "--name", name, ...TINY, ...more];
    const { exitCode, stdout, stderr } = await microgptHere(args);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    return stdout;
  };
  const cut = await train("cut", "--documents", "paragraph");
  expect(cut).toMatch(
    /data {7}13 documents to learn, 2 held out; \d+ tokens\n {11}8\d % of the tokens lie beyond --block-size 8 and are not trained on; --stream trains on all\n/,
  );
  const whole = await train("whole", "--documents", "file", "--stream", "--save-interval", "7");
  expect(whole).toMatch(/data {7}1\d\d windows to learn, 1\d held out; \d+ tokens\nmodel /);
  expect(whole).toMatch(/^held-out loss \d\.\d{4} over all 1\d windows, /m);
  expect(whole.match(/^sample +\d+: [^\n]* +(?:new|empty)$/gm)).toHaveLength(20);
  const lines = await train("lines", "--reference", "--block-size", "7");
  expect(lines).toMatch(/\d\d % of the tokens lie beyond --block-size 7 and are not trained on\n/);

  const run = join(directory, "whole");
  const files = ["metrics.jsonl", "model.safetensors", "samples.txt"];
  const read = (): Buffer[] => files.map((name) => readFileSync(join(run, name)));
  const expected = read();
  rmSync(join(run, "checkpoints", "step-000030.safetensors"));
  expect(await microgptHere(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(read()).toEqual(expected);
});

test("a model whose memory can't be had is refused in one sentence, and leaves no run behind", () => {
  const directory = workspace();
  const sizes = "--n-embd 16 --n-head 4 --n-layer 96 --block-size 65536 --engine wasm".split(" "); // 5 GB of activations
  const { exitCode, stdout, stderr } = microgpt(["train", "--runs-dir", join(directory, "runs"), ...sizes]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(
    /^microgpt: the wasm engine cannot allocate memory for this model \([^\n]+\); choose a smaller .+\n$/,
  );
  expect(existsSync(join(directory, "runs"))).toBe(false);
});
