import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { thisProcess } from "../../src/node/owner.ts";
import { readRun } from "../../src/sweep/read-run.ts";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { leftovers } from "../setup/trainer.ts";

/** A sweep of two runs, done. */
async function finishedSweep(): Promise<string> {
  const directory = workspace();
  const args = ["sweep", "--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep", ...TINY];
  expect((await microgptHere([...args, "--grid", "n-layer=1,2"])).exitCode).toBe(0);
  return join(directory, "sweep");
}

test("a run on another host counts as running while its lock is touched; a silent lock does not stop its sweep", async () => {
  const sweep = await finishedSweep();
  const run = join(sweep, "runs", "02_n-layer-2");
  for (const file of ["samples.txt", "result.json"]) rmSync(join(run, file));
  const lock = join(run, ".lock");
  writeFileSync(
    lock,
    JSON.stringify({ ...thisProcess(), pid: 4321, machine: "00000000", boot: "another", host: "far" }),
  );
  const stateOf = (): string => readRun(run).report.state;
  expect(stateOf()).toBe("running");
  const longAgo = new Date(Date.now() - 120_000);
  utimesSync(lock, longAgo, longAgo);
  expect(stateOf()).toBe("stopped");
  expect((await microgptHere(["resume", run])).stderr).toMatch(/in use by process 4321 on far since .* --take-over\n$/);
  expect(await microgptHere(["sweep-task", sweep, "02_n-layer-2"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(leftovers(sweep)).toEqual([]);
  expect(stateOf()).toBe("finished");
});

test("a sweep that another host has is resumed with --take-over", async () => {
  const sweep = await finishedSweep();
  const owner = { ...thisProcess(), pid: 4321, machine: "00000000", boot: "another", host: "far" };
  writeFileSync(join(sweep, ".lock"), JSON.stringify(owner));
  const refused = await microgptHere(["sweep", "--resume", sweep]);
  expect(refused.exitCode).toBe(2);
  expect(refused.stderr).toMatch(/sweep is in use by process 4321 on far since .* --take-over\n$/);
  expect(await microgptHere(["sweep", "--resume", sweep, "--take-over"])).toMatchObject({ exitCode: 0, stderr: "" });
  expect(leftovers(sweep)).toEqual([]);
});
