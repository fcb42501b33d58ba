import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { StopRequest } from "../../src/run/signals.ts";
import type { PoolListener, RunTask, TaskEvent } from "../../src/sweep/pool.ts";
import { runRungs } from "../../src/sweep/rungs.ts";
import { SweepDirectory } from "../../src/sweep/sweep-directory.ts";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

const RUNS = ["01_n-layer-1", "02_n-layer-2"];

/** A sweep of two runs, of which the second lacks its samples, so that it is unfinished. */
async function unfinishedSweep(): Promise<string> {
  const directory = workspace();
  const args = ["sweep", "--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep", ...TINY];
  expect((await microgptHere([...args, "--grid", "n-layer=1,2"])).exitCode).toBe(0);
  rmSync(join(directory, "sweep", "runs", RUNS[1], "samples.txt"));
  return join(directory, "sweep");
}

/** Runs what is left with a pool that does as it is told. Resolves to the events shown, each with its result. */
async function runWith(
  path: string,
  run: (tasks: readonly RunTask[], listener: PoolListener) => void,
  stop: StopRequest = new StopRequest(),
  mayAbandon: boolean = false,
): Promise<[TaskEvent, number | null][]> {
  const needs = new Map(RUNS.map((name) => [name, { bytes: 1, refusal: null }]));
  const events: [TaskEvent, number | null][] = [];
  const show = (event: TaskEvent, result: number | null): void => void events.push([event, result]);
  const view = { pool: show, note: () => {}, warn: () => {}, end: () => {} };
  const pool = (
    _: number,
    listener: PoolListener,
  ): { run: (tasks: readonly RunTask[]) => Promise<void>; stop: () => boolean } => ({
    run: (tasks) => Promise.resolve(run(tasks, listener)),
    stop: () => mayAbandon,
  });
  await runRungs(SweepDirectory.open(path), { needs, taskArgs: [], pool }, view, stop);
  return events;
}

test("a run that its pool forgets has failed, with a reason, in failures.json", async () => {
  const path = await unfinishedSweep();
  const failure = { exitCode: 1, message: "it ended before its last step; see its log" };
  expect(await runWith(path, () => {})).toEqual([[{ type: "failed", name: RUNS[1], failure }, null]]);
  expect(SweepDirectory.open(path).failures()).toEqual(new Map([[RUNS[1], failure]]));
});

test("checkpoints that cannot be listed, and a result that cannot be read when it is shown, end no sweep", async () => {
  const path = await unfinishedSweep();
  const run = join(path, "runs", RUNS[1]);
  const events = await runWith(path, ([{ name, progress }], listener) => {
    rmSync(join(run, "checkpoints"), { recursive: true });
    writeFileSync(join(run, "checkpoints"), "in the way");
    expect(progress()).toBe("");
    rmSync(join(run, "result.json"));
    writeFileSync(join(run, "result.json"), "{");
    listener({ type: "finished", name });
    listener({ type: "failed", name, failure: { exitCode: 2, message: "damaged" } });
  });
  expect(events.map(([{ type }, result]) => [type, result])).toEqual([
    ["finished", null],
    ["failed", null],
  ]);
});

test.each([
  ["on a cluster, whose tasks do without the sweep, a second signal ends it at once", true],
  ["here, where they do not, a second signal reaches them, too", false],
])("%s", async (_name, mayAbandon) => {
  const stop = new StopRequest();
  let left: unknown = "not called";
  const signal = (): void => {
    stop.exitCode = 130;
    stop.onStop?.();
    left = stop.onStop; // null: the next signal ends the process
  };
  expect(await runWith(await unfinishedSweep(), signal, stop, mayAbandon)).toEqual([]);
  expect(left === null).toBe(mayAbandon);
});
