import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { StopRequest } from "../../src/run/signals.ts";
import type { TaskEvent } from "../../src/sweep/pool.ts";
import { runRungs } from "../../src/sweep/rungs.ts";
import { SweepDirectory } from "../../src/sweep/sweep-directory.ts";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

test("a run that its pool forgets has failed, with a reason, in failures.json", async () => {
  const directory = workspace();
  const args = ["sweep", "--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep", ...TINY];
  expect((await microgptHere([...args, "--grid", "n-layer=1,2"])).exitCode).toBe(0);
  const path = join(directory, "sweep");
  rmSync(join(path, "runs", "02_n-layer-2", "samples.txt")); // so it is unfinished
  const needs = new Map(["01_n-layer-1", "02_n-layer-2"].map((name) => [name, { bytes: 1, refusal: null }]));
  const pool = { run: () => Promise.resolve(), stop: () => false };
  const events: TaskEvent[] = [];
  const view = { pool: (event: TaskEvent) => void events.push(event), note: () => {}, warn: () => {}, end: () => {} };
  await runRungs(SweepDirectory.open(path), { needs, taskArgs: [], pool: () => pool }, view, new StopRequest());
  const failure = { exitCode: 1, message: "it ended before its last step; see its log" };
  expect(events).toEqual([{ type: "failed", name: "02_n-layer-2", failure }]);
  expect(SweepDirectory.open(path).failures()).toEqual(new Map([["02_n-layer-2", failure]]));
});
