/** A process that is stopped, while others take its run for gone, and that continues: it must harm nobody's files. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { microgptAsync, workspace, writeWords } from "../setup/microgpt.ts";
import { expectOneLine, savedSteps, start, TRAINER, until } from "../setup/trainer.ts";

/** The hash of every file below a directory. */
const hashes = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path, createHash("sha256").update(readFileSync(path)).digest("hex")]),
  );

/** Whether each log of a run has been appended to, so is open. */
function hasGrown(run: string): boolean {
  const events = join(run, "tensorboard");
  if (!existsSync(events)) return false;
  const logs = [
    join(run, "metrics.jsonl"),
    join(run, "metrics.csv"),
    ...readdirSync(events).map((name) => join(events, name)),
  ];
  return logs.length === 3 && logs.every((path) => existsSync(path) && statSync(path).size > 60_000);
}

const OFTEN = ["--save-interval", "5", "--eval-interval", "50"];
/** Nothing is written but metrics, whenever another 64 KiB of them are buffered. */
const NEVER = ["--save-interval", "100000000", "--eval-interval", "100000000", "--log", "csv,tensorboard"];

describe.skipIf(process.platform === "win32")(
  "a training that is stopped, and continues when its run is another's (skipped where there is no SIGSTOP)",
  () => {
    test.each([
      ["saves often", OFTEN],
      ["only appends to its logs", NEVER],
    ])("while it %s: it ends with one sentence, and no byte of the new run changes", async (_name, intervals) => {
      const directory = workspace();
      const run = join(directory, "run");
      const common = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
      const stopped = start(["train", ...common, ...intervals, "--num-steps", "100000000"]);
      await until("it has written", () => (intervals === NEVER ? hasGrown(run) : savedSteps(run).length > 0));
      stopped.kill("SIGSTOP");
      rmSync(run, { recursive: true });
      const anew = await microgptAsync(["train", ...common, "--num-steps", "40", "--log", "csv,tensorboard"]);
      expect(anew.exitCode).toBe(0);
      const before = hashes(directory);
      stopped.kill("SIGCONT");
      const { exitCode, stderr } = await stopped.ended;
      expect(exitCode).toBe(2);
      expectOneLine(stderr, /run: its lock is gone, so it was deleted or taken over; the training stops\n$/);
      expect(hashes(directory)).toEqual(before);
    });

    test("whose run was removed and not made anew, it ends with the same sentence, and makes nothing", async () => {
      const directory = workspace();
      const run = join(directory, "run");
      const common = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
      const stopped = start(["train", ...common, ...NEVER, "--num-steps", "100000000"]);
      await until("it has written", () => hasGrown(run));
      stopped.kill("SIGSTOP");
      rmSync(run, { recursive: true });
      stopped.kill("SIGCONT");
      const { exitCode, stderr } = await stopped.ended;
      expect(exitCode).toBe(2);
      expectOneLine(stderr, /its lock is gone/);
      expect(existsSync(run)).toBe(false);
    });
  },
);
