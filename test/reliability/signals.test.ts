import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { CLI, sharedWorkspace, workspace, writeWords } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import {
  expectAllWhole,
  fingerprint,
  hookOf,
  leftovers,
  savedSteps,
  start,
  TRAINER,
  until,
  WHEN_LOCKED,
} from "../setup/trainer.ts";

/** A run that nobody stops, and the folder that those which are stopped are to be in, too: config.json names the data. */
let known: Promise<{ directory: string; steps: string[] }> | null = null;
const undisturbed = async (): Promise<{ directory: string; steps: string[] }> => await (known ??= trainUndisturbed());

async function trainUndisturbed(): Promise<{ directory: string; steps: string[] }> {
  const directory = sharedWorkspace();
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, ...TRAINER, "--num-steps", "200"];
  const steps = [...args, "--eval-interval", "20", "--save-interval", "7"];
  expect((await start([...steps, "--name", "whole"]).ended).exitCode).toBe(0);
  return { directory, steps };
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

function longTraining(directory: string, ...more: string[]): string[] {
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
  return [...args, "--num-steps", "1000000", "--eval-interval", "50", "--save-interval", "100", ...more];
}

const SIGNALS = byExtent(6, 50);

test(
  `${SIGNALS} signals at random moments: saved at that very step, the right exit code, and resumable`,
  { tags: ["kills"] },
  async () => {
    const random = new Random(20);
    let saved = 0;
    for (let i = 0; i < SIGNALS; i++) {
      const directory = workspace();
      const signal = i % 2 === 0 ? "SIGINT" : "SIGTERM";
      const run = join(directory, "run");
      const trainer = start(longTraining(directory));
      // A fifth of them at any time of the process's start; the others once it says that it trains.
      if (i % 5 > 0) await until("it trains", () => trainer.output().includes("\nrun "));
      await sleep(random.randbelow(250));
      trainer.kill(signal);
      const ended = await trainer.ended;
      if (ended.signal === signal) {
        // It came before the run was made, when nobody listens: then there is nothing, not even a lock.
        expect(savedSteps(run)).toEqual([]);
        expect(leftovers(directory)).toEqual([]);
        continue;
      }
      expect(ended).toMatchObject({ exitCode: EXIT_CODES[signal], stderr: "" });
      const step = Number(/^saved step (\d+) in /m.exec(ended.stdout)?.[1]);
      expect(savedSteps(run).at(-1) ?? 0).toBe(step);
      expect(ended.stdout).toMatch(/\nto resume: (?:npx )?microgpt resume \S*run\n$/);
      await expectAllWhole(run);
      expect(leftovers(directory)).toEqual([]);
      saved++;
      rmSync(directory, { recursive: true });
    }
    expect(saved).toBeGreaterThanOrEqual(0.8 * SIGNALS - 1);
  },
);

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "a training stopped by %s and resumed makes the bytes of one that was not",
  async (signal) => {
    const { directory, steps } = await undisturbed();
    const run = join(directory, `stopped-${signal}`);
    const trainer = start([...steps, "--name", `stopped-${signal}`]);
    await until("half of the steps are done", () => (savedSteps(run).at(-1) ?? 0) >= 60);
    trainer.kill(signal);
    expect((await trainer.ended).exitCode).toBe(EXIT_CODES[signal]);
    expect(savedSteps(run).at(-1)).toBeLessThan(200);
    const resumed = await start(["resume", run]).ended;
    expect(resumed).toMatchObject({ exitCode: 0, stderr: "" });
    expect(resumed.stdout).toMatch(/^run {8}\S*stopped-SIG\w+, from step \d+$/m);
    expect(fingerprint(run)).toEqual(fingerprint(join(directory, "whole")));
  },
);

const TERMINATE = 'process.kill(process.pid, "SIGTERM");';

test.each([
  ["as soon as its run is locked", "", WHEN_LOCKED],
  ["before its samples are drawn", `if (event.event === "result") ${TERMINATE}`, ""],
])("a training that gets a signal %s leaves no lock, and comes to the same bytes", async (moment, ...hook) => {
  const { directory, steps } = await undisturbed();
  const name = moment.replaceAll(" ", "-");
  const { exitCode, signal } = await start([...steps, "--name", name, "--hook", hookOf(directory, ...hook)]).ended;
  expect(signal).toBeNull();
  expect([0, 143]).toContain(exitCode); // 0: it was done before it heard
  expect(leftovers(directory)).toEqual([]);
  if (exitCode !== 0) expect((await start(["resume", join(directory, name)]).ended).exitCode).toBe(0);
  expect(fingerprint(join(directory, name))).toEqual(fingerprint(join(directory, "whole")));
});

test("a finished run that is resumed says its samples again, and changes nothing", async () => {
  const directory = workspace();
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
  const first = await start([...args, "--num-steps", "40"]).ended;
  const before = fingerprint(join(directory, "run"));
  const again = await start(["resume", join(directory, "run")]).ended;
  expect(again.exitCode).toBe(0);
  const samples = (stdout: string): string[] => stdout.split("\n").filter((line) => line.startsWith("sample"));
  expect(samples(again.stdout)).toEqual(samples(first.stdout));
  expect(samples(first.stdout)).toHaveLength(3);
  expect(fingerprint(join(directory, "run"))).toEqual(before);
  // And what was lost or damaged meanwhile is there again, from the checkpoint that is kept for it.
  for (const content of [null, "damaged"]) {
    if (content === null) rmSync(join(directory, "run", "model.safetensors"));
    else writeFileSync(join(directory, "run", "model.safetensors"), content);
    expect((await start(["resume", join(directory, "run")]).ended).exitCode).toBe(0);
    expect(fingerprint(join(directory, "run"))).toEqual(before);
  }
});

/** A training of two steps, whose evaluation and measurement take the atomic core half a second each. */
let slow: Promise<{ directory: string; steps: string[] }> | null = null;

async function trainSlow(): Promise<{ directory: string; steps: string[] }> {
  const directory = sharedWorkspace();
  const data = join(directory, "many.txt");
  const letters = [..."abcdefgh"];
  const words = letters.flatMap((a) => letters.flatMap((b) => letters.map((c) => `${a}${b}${c}${a}${b}`)));
  writeFileSync(data, `${words.flatMap((word) => letters.map((letter) => word + letter)).join("\n")}\n`);
  const args = ["train", "--data", data, "--runs-dir", directory, ...TRAINER, "--val-fraction", "0.9"];
  const size = ["--engine", "atomic", "--num-steps", "2", "--eval-interval", "2", "--eval-documents", "2400"];
  const steps = [...args, ...size, "--save-interval", "1"];
  expect((await start([...steps, "--name", "whole"]).ended).exitCode).toBe(0);
  return { directory, steps };
}

test.each([
  ["in the evaluation after the last step", `if (event.event === "step" && event.step === 2) ${TERMINATE}`],
  ["while its result is measured", `if (event.event === "saved") ${TERMINATE}`],
])("stopped %s, a training is not done: it says so, and resumes to the same bytes", async (moment, statement) => {
  const { directory, steps } = await (slow ??= trainSlow());
  const run = join(directory, moment.replaceAll(" ", "-"));
  const name = ["--name", moment.replaceAll(" ", "-")];
  const { exitCode, stdout } = await start([...steps, ...name, "--hook", hookOf(directory, statement)]).ended;
  expect(exitCode).toBe(143);
  expect(stdout).toMatch(/\nto resume: (?:npx )?microgpt resume \S+\n$/);
  expect(stdout).not.toContain("held-out loss");
  expect(leftovers(directory)).toEqual([]);
  expect((await start(["resume", run]).ended).exitCode).toBe(0);
  expect(fingerprint(run)).toEqual(fingerprint(join(directory, "whole")));
});

test("a training that never waits for the disk hears a signal all the same", async () => {
  const directory = workspace();
  const never = ["--eval-interval", "1000000", "--save-interval", "1000000"];
  const trainer = start(longTraining(directory, ...never, "--json"));
  await until("it has done some steps", () => trainer.output().includes('"event":"step","step":10,'));
  trainer.kill("SIGINT");
  // One that does not hear would train a million steps, and end well.
  expect(await trainer.ended).toMatchObject({ exitCode: 130, stderr: "" });
  expect(savedSteps(join(directory, "run"))).toHaveLength(1);
});

test("a signal while resume reads the text ends it at once, and leaves no lock", async () => {
  const directory = workspace();
  const run = join(directory, "run");
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
  expect((await start([...args, "--num-steps", "10"]).ended).exitCode).toBe(0);
  // A hook is loaded before the text is read, and reading does not return to the event loop.
  const { signal } = await start(["resume", run, "--hook", hookOf(directory, "", TERMINATE)]).ended;
  expect(signal).toBe("SIGTERM");
  expect(leftovers(directory)).toEqual([]);
});

describe("impatience", () => {
  test("a second signal exits at once, and the run goes on from its last save", async () => {
    const directory = workspace();
    const run = join(directory, "run");
    const trainer = start(longTraining(directory));
    await until("a checkpoint is there", () => savedSteps(run).length > 0);
    trainer.kill("SIGINT");
    trainer.kill("SIGTERM");
    const { exitCode, stdout } = await trainer.ended;
    expect([130, 143]).toContain(exitCode);
    expect(stdout).not.toContain("saved step"); // the first alone would have saved
    await expectAllWhole(run);
    expect(existsSync(join(run, ".lock"))).toBe(false); // another container could not tell that it is nobody's
    const resumed = start(["resume", run]);
    await until("it trains again", () => resumed.output().includes("from step"));
    resumed.kill("SIGKILL");
    await resumed.ended;
  });

  test("a reader that goes away stops the training, saved and without a stack trace", () => {
    const directory = workspace();
    const command = `'${process.execPath}' '${CLI}' ${longTraining(directory, "--json").join(" ")} | head -3; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync("bash", ["-c", command], { encoding: "utf8", timeout: 60_000 });
    expect(stderr).toBe("");
    expect(stdout.trim().split("\n").at(-1)).toBe("141");
    expect(existsSync(join(directory, "run", ".lock"))).toBe(false);
    expect(savedSteps(join(directory, "run")).length).toBeGreaterThan(0);
  });

  test("nor do samples end in a stack trace, nor what is written to a full disk", async () => {
    const directory = workspace();
    const run = join(directory, "run");
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TRAINER];
    expect((await start([...args, "--num-steps", "10"]).ended).exitCode).toBe(0);
    const command = `'${process.execPath}' '${CLI}'`;
    const inShell = (line: string): string[] => {
      const { stdout, stderr } = spawnSync("bash", ["-c", line], { encoding: "utf8", timeout: 60_000 });
      return [stdout.trim().split("\n").at(-1) ?? "", stderr];
    };
    const sampling = `${command} sample '${run}' --num-samples 5000`;
    expect(inShell(`${sampling} | head -1; echo "\${PIPESTATUS[0]}"`)).toEqual(["141", ""]);
    const full = "microgpt: cannot write the output: ENOSPC: no space left on device, write\n";
    expect(inShell(`${sampling} > /dev/full; echo $?`)).toEqual(["1", full]);
    const training = longTraining(directory).map((word) => (word === "run" ? "other" : word));
    expect(inShell(`${command} ${training.join(" ")} > /dev/full; echo $?`)).toEqual(["1", full]);
    expect(savedSteps(join(directory, "other")).length).toBeGreaterThan(0);
    expect(leftovers(directory)).toEqual([]);
  });
});
