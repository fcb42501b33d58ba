import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgpt, trained } from "./setup/microgpt.ts";

test("batches, accumulation, clipping, decay, warm-up and schedule reach the training and its metrics", () => {
  const metrics = (...more: string[]): { step: number; loss?: number; learningRate?: number }[] => {
    const lines = readFileSync(join(trained(...more).run, "metrics.jsonl"), "utf8")
      .trim()
      .split("\n");
    return lines.map((line) => JSON.parse(line) as { step: number });
  };
  const steps = metrics("--schedule", "cosine", "--warmup-steps", "9", "--learning-rate", "0.1").filter(
    ({ learningRate }) => learningRate !== undefined,
  );
  expect(steps).toHaveLength(30);
  expect(steps[0].learningRate).toBeCloseTo(0.01, 12);
  expect(steps[9].learningRate).toBe(0.1);
  expect(steps[29].learningRate).toBeCloseTo(0.05 * (1 + Math.cos((Math.PI * 20) / 21)), 12);
  const last = (...more: string[]): number | undefined => metrics(...more).findLast(({ loss }) => loss)?.loss;
  const batch = last("--batch-size", "6");
  expect(last("--batch-size", "2", "--accumulate", "3")).toBeCloseTo(batch ?? Number.NaN, 8);
  const losses = [batch, last(), last("--clip-norm", "0.01"), last("--weight-decay", "5"), last("--batch-size", "1")];
  expect(new Set(losses).size).toBe(4); // all differ, but for the default, which is one document
});

test("a run of before these options is resumed, and means what it meant", () => {
  const { run } = trained();
  const config = join(run, "config.json");
  const json = JSON.parse(readFileSync(config, "utf8")) as { options: Record<string, unknown> };
  for (const key of ["batchSize", "accumulate", "warmupSteps", "schedule", "weightDecay", "clipNorm"]) {
    expect(Object.hasOwn(json.options, key)).toBe(true);
    delete json.options[key];
  }
  const metrics = readFileSync(join(run, "metrics.jsonl"), "utf8");
  writeFileSync(config, JSON.stringify(json));
  rmSync(join(run, "checkpoints"), { recursive: true }); // they name the new options; without them it begins anew
  mkdirSync(join(run, "checkpoints"));
  expect(microgpt(["resume", run])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(readFileSync(join(run, "metrics.jsonl"), "utf8")).toBe(metrics);
});
