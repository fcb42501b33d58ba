import { spawnSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readCurves, thinned } from "../../src/sweep/curves.ts";
import { microgptHere, trained, workspace } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import { isInstalled } from "../setup/trainer.ts";

const lineOf = (step: number): string => `{"step":${step},"loss":${step % 7},"learningRate":0.009876543210987654}\n`;

/** Writes a file of so many steps, some at a time, with an evaluation at the last. */
function writeMetrics(path: string, steps: number): void {
  const file = openSync(path, "w");
  for (let first = 1; first <= steps; first += 10_000) {
    const count = Math.min(10_000, steps - first + 1);
    writeSync(file, Array.from({ length: count }, (_, i) => lineOf(first + i)).join(""));
  }
  writeSync(file, `{"step":${steps},"heldOutLoss":2.5}\n{"step":${steps + 1},"lo`);
  closeSync(file);
}

const STEPS = byExtent(100_000, 9_000_000);

test(`the curves of ${STEPS} steps are read whole, and drawn with 400 points`, { tags: ["large"] }, () => {
  const path = join(workspace(), "metrics.jsonl");
  writeMetrics(path, STEPS); // in full, 600 MB: more than a string can have
  const { loss, heldOut } = readCurves(path);
  expect(heldOut).toEqual({ steps: [STEPS], values: [2.5] });
  expect([loss.steps.length, loss.steps.at(-1)]).toEqual([STEPS, STEPS]);
  expect(loss.values.every((value, i) => value === (i + 1) % 7)).toBe(true);
  const { steps, values } = thinned(loss);
  expect([steps.length, steps.at(-1)]).toEqual([400, STEPS]);
  expect(values.every((value) => Math.abs(value - 3) < 0.1)).toBe(true); // the mean of 0 to 6
});

test("lines that are not metrics are skipped; a line without end is not read to its end", () => {
  const path = join(workspace(), "metrics.jsonl");
  writeFileSync(path, `${lineOf(1)}no json\n[1]\n{"step":2,"skipped":true}\n\0\0\n${lineOf(3)}`);
  expect(readCurves(path).loss).toEqual({ steps: [1, 3], values: [1, 3] });
  writeFileSync(path, lineOf(1) + "x".repeat(2 ** 22) + `\n${lineOf(3)}`);
  expect(readCurves(path).loss.steps).toEqual([1]);
  expect(readCurves(join(workspace(), "none"))).toMatchObject({ loss: { steps: [] }, heldOut: { steps: [] } });
});

test.skipIf(!isInstalled("mkfifo"))(
  "a metrics.jsonl that is a pipe or a directory is one sentence (skipped where mkfifo is missing)",
  async () => {
    const { run } = trained();
    const path = join(run, "metrics.jsonl");
    for (const [kind, make] of [
      ["a pipe", () => spawnSync("mkfifo", [path])],
      ["a directory", () => mkdirSync(path)],
    ] as const) {
      rmSync(path, { recursive: true });
      make();
      for (const command of ["compare", "report"]) {
        const { exitCode, stderr } = await microgptHere([command, run], { cwd: workspace() });
        expect([exitCode, stderr]).toEqual([
          2,
          expect.stringMatching(new RegExp(`metrics\\.jsonl is ${kind}, not a file\n$`)),
        ]);
      }
    }
  },
);
