import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Lock } from "../../src/node/lock.ts";
import { microgpt, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import {
  canUnshare,
  expectAllWhole,
  expectOneLine,
  IN_A_CONTAINER,
  leftovers,
  savedSteps,
  start,
  TRAINER,
  until,
} from "../setup/trainer.ts";

/** A training that goes on until it is stopped. */
async function training(): Promise<{ directory: string; run: string; trainer: ReturnType<typeof start> }> {
  const directory = workspace();
  const run = join(directory, "run");
  const args = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
  const trainer = start(["train", ...args, "--num-steps", "1000000", "--save-interval", "100"]);
  await until("it has saved", () => savedSteps(run).length > 0);
  return { directory, run, trainer };
}

test("a second process is refused by the name of the first, and disturbs nothing", async () => {
  const { directory, run, trainer } = await training();
  const { exitCode, stderr } = microgpt(["resume", run]);
  expect(exitCode).toBe(2);
  expectOneLine(stderr, new RegExp(`run is in use by process ${trainer.pid}; wait for it, or stop it \\(Ctrl-C\\)\n$`));
  expect(microgpt(["sample", run, "--num-samples", "1"]).exitCode).toBe(0); // reading is free
  trainer.kill("SIGINT");
  expect((await trainer.ended).exitCode).toBe(130);
  expect(leftovers(directory)).toEqual([]);
});

describe.skipIf(!canUnshare)("in another container (skipped where unshare is missing or may not make one)", () => {
  test("a living run is refused; --take-over takes it, and the first owner stops without writing to it", async () => {
    const { run, trainer } = await training();
    const lock = fs.readFileSync(join(run, ".lock"), "utf8");
    const refused = await start(["resume", run], IN_A_CONTAINER).ended;
    expect(refused.exitCode).toBe(2);
    expectOneLine(
      refused.stderr,
      new RegExp(
        String.raw`is in use by process ${trainer.pid} of another container on \S+ since \S+, last heard of \d+ s ago; .* --take-over\n$`,
      ),
    );
    expect(fs.readFileSync(join(run, ".lock"), "utf8")).toBe(lock);
    const other = start(["resume", run, "--take-over"], IN_A_CONTAINER);
    const first = await trainer.ended;
    expect(first.exitCode).toBe(2);
    expectOneLine(first.stderr, /run: its lock is gone, so it was deleted or taken over; the training stops\n$/);
    await until("the other trains on", () => {
      const step = Number(/, from step (\d+)$/m.exec(other.output())?.[1] ?? Infinity);
      return (savedSteps(run).at(-1) ?? 0) > step;
    });
    await expectAllWhole(run);
    other.kill("SIGKILL");
    await other.ended;
    // Nobody has it now, but from here that can't be seen.
    expect(microgpt(["resume", run]).stderr).toContain("of another container on");
  });

  test("a run of a container that is gone is resumed with --take-over", async () => {
    const directory = workspace();
    const run = join(directory, "run");
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
    const first = start([...args, "--num-steps", "1000000", "--save-interval", "100"], IN_A_CONTAINER);
    await until("it has saved", () => savedSteps(run).length > 0);
    first.kill("SIGKILL");
    await first.ended;
    const resumed = start(["resume", run, "--take-over"]);
    await until("it trains", () => resumed.output().includes("from step"));
    resumed.kill("SIGINT");
    expect(await resumed.ended).toMatchObject({ exitCode: 130, stderr: "" });
    expect(leftovers(directory)).toEqual([]);
  });
});

test("a training whose run is deleted stops in words, at the latest at its next save", async () => {
  const { run, trainer } = await training();
  fs.renameSync(run, `${run}-elsewhere`);
  const { exitCode, stderr } = await trainer.ended;
  const lines = stderr.trimEnd().split("\n");
  for (const line of lines) expect(line).toMatch(/^microgpt: (?:warning: )?\S/);
  // In the middle of a save it may be the read or the write that finds nothing; between two it is the lock.
  expect(lines.at(-1)).toMatch(
    /run: its lock is gone, so it was deleted or taken over; the training stops$|cannot (?:read|write) .*\(ENOENT\)$/,
  );
  expect([1, 2]).toContain(exitCode);
  expect(fs.existsSync(run)).toBe(false); // and nothing was made in its place
});

describe("a lock that nobody holds is taken over:", () => {
  const now = fs.existsSync("/proc/self/stat");

  test.each([
    ["of a process that was killed", null],
    [
      "of a process whose number is somebody else's now",
      `{"pid":${process.pid},"started":"another boot 12","token":"x"}`,
    ],
    ["that is empty, as a power cut leaves it", ""],
    ["that is garbage", "\0\0\0garbage"],
    ["with a number that can't be", '{"pid":-1,"started":null,"token":"x"}'],
  ])("one %s", async (_name, lock) => {
    const { directory, run, trainer } = await training();
    trainer.kill("SIGKILL");
    await trainer.ended;
    expect(leftovers(directory)).toContain(join("run", ".lock"));
    if (lock !== null) fs.writeFileSync(join(run, ".lock"), lock);
    const resumed = start(["resume", run]);
    await until("it trains", () => resumed.output().includes("from step"));
    resumed.kill("SIGINT");
    expect(await resumed.ended).toMatchObject({ exitCode: 130, stderr: "" });
    expect(leftovers(directory)).toEqual([]);
  });

  test("also where a process died in the middle of taking it over", () => {
    const directory = workspace();
    const lock = join(directory, ".lock");
    fs.writeFileSync(lock, "");
    fs.writeFileSync(`${lock}.takeover`, "");
    const longAgo = new Date(Date.now() - 60_000);
    fs.utimesSync(`${lock}.takeover`, longAgo, longAgo);
    expect(Lock.take(lock).isHeld()).toBe(true);
    expect(fs.readdirSync(directory)).toEqual([".lock"]);
  });

  test.skipIf(!now)(
    "but not one of a living process, told by its start time (skipped where there is no /proc)",
    async () => {
      const { run, trainer } = await training();
      const lock = fs.readFileSync(join(run, ".lock"), "utf8");
      expect(JSON.parse(lock)).toMatchObject({
        pid: trainer.pid,
        started: expect.stringMatching(/^[0-9a-f-]{36} \d+$/) as string,
      });
      trainer.kill("SIGINT");
      await trainer.ended;
    },
  );
});

const [CONTENDERS, ROUNDS] = byExtent([6, 50], [20, 300]);

test(
  `of ${CONTENDERS} processes that find one stale lock, exactly one gets it, ${ROUNDS} times over`,
  { tags: ["cases"] },
  async () => {
    const module = new URL("../../dist/node/lock.js", import.meta.url).href;
    const script = `
    import { createInterface } from "node:readline";
    const { Lock } = await import(${JSON.stringify(module)});
    console.log("ready");
    for await (const path of createInterface({ input: process.stdin })) {
      try { Lock.take(path); console.log("mine"); } catch { console.log("no"); }
    }`;
    const children = Array.from({ length: CONTENDERS }, () =>
      contender([process.execPath, "--input-type=module", "-e", script]),
    );
    const count = (answer: string): number =>
      children.reduce((sum, { output }) => sum + output().split(`${answer}\n`).length - 1, 0);
    await until("all are ready", () => count("ready") === CONTENDERS);
    const directory = workspace();
    for (let round = 1; round <= ROUNDS; round++) {
      const here = join(directory, String(round));
      fs.mkdirSync(here);
      fs.writeFileSync(join(here, ".lock"), '{"pid":999999999,"started":null,"token":"stale"}');
      for (const { child } of children) child.stdin.write(`${join(here, ".lock")}\n`);
      await until("all have answered", () => count("mine") + count("no") === CONTENDERS * round);
      expect({ round, winners: count("mine") }).toEqual({ round, winners: round });
      expect(fs.readdirSync(here)).toEqual([".lock"]);
    }
    for (const { child } of children) child.stdin.end();
  },
);

function contender([program, ...args]: readonly string[]): {
  child: ChildProcessByStdio<Writable, Readable, null>;
  output: () => string;
} {
  const child = spawn(program, args, {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["pipe", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return { child, output: () => text };
}
