import { join } from "node:path";
import { expect, test } from "vitest";
import { ProcessPool } from "../../src/sweep/pool.ts";
import type { PoolEvent } from "../../src/sweep/pool.ts";
import { workspace } from "../setup/microgpt.ts";

test.each([
  [
    "a full disk",
    () => "/dev/full",
    /^cannot write \/dev\/full: the disk is full \(ENOSPC, \d+ bytes needed, \d+ free\)/,
  ],
  [
    "a folder that is gone",
    () => join(workspace(), "logs", "a.log"),
    /^cannot write \S+: there is no such file \(ENOENT\)/,
  ],
])("a log that can't be written, for %s, is told once, and costs no run", async (_name, log, message) => {
  const events: PoolEvent[] = [];
  // Stands in for microgpt; what the pool adds to the command is its arguments.
  const script = 'console.error("one"); console.error("two"); console.log(JSON.stringify({ event: "begin" }));';
  const program = [process.execPath, "-e", script, "--"];
  const pool = new ProcessPool({ program, jobs: 2, maxBytes: 100, environment: {} }, (event) => events.push(event));
  const logPath = log();
  const task = { args: [], logPath, bytes: 1, progress: () => "", isDone: () => true };
  await pool.run(["a", "b"].map((name) => ({ ...task, name })));
  const told = events.filter(({ type }) => type === "warning");
  expect(told).toEqual([expect.objectContaining({ message: expect.stringMatching(message) as string })]);
  for (const name of ["a", "b"]) {
    expect(events).toContainEqual({ type: "event", name, event: { event: "begin" } });
    expect(events).toContainEqual({ type: "finished", name });
  }
});
