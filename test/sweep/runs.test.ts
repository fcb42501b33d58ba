import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { Run } from "../../src/node/run-directory.ts";
import { findRun } from "../../src/sweep/find-run.ts";
import { listRuns } from "../../src/sweep/run-list.ts";
import { hasScript, inTerminal } from "../setup/in-terminal.ts";
import { microgpt, microgptHere, sharedWorkspace, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";

/** Two finished runs, `first` and `second`, one that was stopped, `half`, a damaged one, and a directory that is no run. */
function someRuns(): string {
  const { directory } = trained();
  const runs = join(directory, "all");
  mkdirSync(join(runs, "notes"), { recursive: true });
  for (const name of ["first", "second", "half", "damaged"]) {
    const { run } = trained();
    renameSync(run, join(runs, name));
  }
  rmSync(join(runs, "half", "result.json"));
  rmSync(join(runs, "half", "checkpoints", "step-000030.safetensors"), { force: true });
  writeFileSync(join(runs, "damaged", "config.json"), '{ "format": "microgpt-run", "version": 1');
  for (const [i, name] of ["damaged", "half", "second", "first"].entries()) {
    utimesSync(join(runs, name, "metrics.jsonl"), 1_700_000_000 + i, 1_700_000_000 + i);
  }
  return runs;
}

const sweeps = sharedWorkspace();
/** A sweep of two runs, trained once. */
async function aSweep(): Promise<string> {
  const path = join(sweeps, "words-sweep-1");
  if (existsSync(path)) return path;
  const args = ["sweep", "--data", writeWords(sweeps), "--runs-dir", sweeps, "--grid", "learning-rate=0,0.01"];
  expect((await microgptHere([...args, ...TINY, "--num-samples", "1", "--jobs", "1"])).exitCode).toBe(0);
  return path;
}

describe("a run is found", () => {
  test("by its path first, then by its name among the runs", () => {
    const directory = workspace();
    mkdirSync(join(directory, "runs", "mine"), { recursive: true });
    expect(findRun("mine", join(directory, "runs"))).toBe(join(directory, "runs", "mine"));
    expect(findRun(join(directory, "runs", "mine"), "elsewhere")).toBe(join(directory, "runs", "mine"));
  });

  test("latest is the one that was written to last, whenever it was made", () => {
    const runs = someRuns();
    expect(findRun("latest", runs)).toBe(join(runs, "first"));
    utimesSync(join(runs, "half", "metrics.jsonl"), 1_700_000_009, 1_700_000_009);
    expect(findRun("latest", runs)).toBe(join(runs, "half"));
    expect(() => findRun("latest", join(runs, "nowhere"))).toThrow(
      /^latest: there is no run in \S+ yet; microgpt train makes one$/,
    );
    renameSync(join(runs, "second"), join(runs, "latest"));
    expect(findRun("latest", runs)).toBe(join(runs, "latest"));
  });

  test("SWEEP/best is the one with the fewest bits per byte; every command that takes a run takes it", async () => {
    const path = await aSweep();
    const bits = (name: string): number => {
      const text = readFileSync(join(path, "runs", name, "result.json"), "utf8");
      return (JSON.parse(text) as { measured: { bitsPerByte: number }[] }).measured[0].bitsPerByte;
    };
    const best = readdirSync(join(path, "runs")).toSorted((a, b) => bits(a) - bits(b))[0];
    expect(best).toMatch(/0\.01$/);
    expect(findRun("words-sweep-1/best", sweeps)).toBe(join(path, "runs", best));
    expect(findRun(join(path, "best"), "elsewhere")).toBe(join(path, "runs", best));
    for (const args of [
      ["sample", "words-sweep-1/best", "--num-samples", "1"],
      ["complete", "words-sweep-1/best", "ba"],
      ["compare", "words-sweep-1/best"],
      ["tokenize", "ba", "--run", "words-sweep-1/best"],
      ["resume", "words-sweep-1/best"],
    ]) {
      const { exitCode, stderr } = await microgptHere([...args, "--runs-dir", sweeps]);
      expect([args[0], stderr, exitCode]).toEqual([args[0], "", 0]);
    }
    expect(() => findRun(`${join(path, "runs", best)}/best`, sweeps)).toThrow(/is not a sweep; name the run alone$/);
  });

  test("of a wrong name, the near ones are listed, the nearest first", () => {
    const runs = someRuns();
    expect(() => findRun("fist", runs)).toThrow(/^fist: there is no such run; did you mean first\?$/);
    mkdirSync(join(runs, "firs", "checkpoints"), { recursive: true });
    expect(() => findRun("firts", runs)).toThrow(/^firts: there is no such run; did you mean firs or first\?$/);
    expect(() => findRun("nowhere", runs)).toThrow(/^nowhere: there is no such run$/);
    expect(() => findRun("notse", runs)).toThrow(/^notse: there is no such run$/); // notes is not a run
  });
});

describe("microgpt runs", () => {
  test("lists the newest first, with what they are and how far they have come", async () => {
    const runs = someRuns();
    const { stdout, stderr, exitCode } = await microgptHere(["runs", "--runs-dir", runs]);
    expect([stderr, exitCode]).toEqual(["", 0]);
    const [head, ...lines] = stdout.split("\n");
    expect(head.split(/ +/)).toEqual(["run", "state", "steps", "parameters", "bits/byte", "written", "data"]);
    expect(lines.slice(0, 4).map((line) => line.trim().split(/ +/).slice(0, 3).join(" "))).toEqual([
      "first finished 30",
      "second finished 30",
      expect.stringMatching(/^half stopped \d+\/30$/),
      "damaged damaged –",
    ]);
    expect(stdout).toMatch(/damaged\/config\.json is damaged: it is not JSON\n$/);
    expect(lines[0]).toMatch(/ \d\.\d{4} {2}2023-11-1[45] {2}words\.txt$/);
  });

  test("--json prints an object per line, with the figures of result.json", async () => {
    const runs = someRuns();
    const { stdout } = await microgptHere(["runs", "--runs-dir", runs, "--json"]);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const result = JSON.parse(readFileSync(join(runs, "first", "result.json"), "utf8")) as {
      parameters: number;
      measured: { bitsPerByte: number }[];
    };
    expect(events[0]).toEqual({
      event: "run",
      kind: "run",
      name: "first",
      state: "finished",
      problem: null,
      data: "words.txt",
      parameters: result.parameters,
      done: 30,
      total: 30,
      bitsPerByte: result.measured[0].bitsPerByte,
      written: "2023-11-14T22:13:23.000Z",
    });
    expect(events.map(({ state }) => state)).toEqual(["finished", "finished", "stopped", "damaged"]);
  });

  test("a run that a process has is running; an empty directory has none", async () => {
    const runs = someRuns();
    const run = Run.openToTrain(join(runs, "half"));
    expect(listRuns(runs).find(({ name }) => name === "half")).toMatchObject({ state: "running" });
    run.close();
    const { stdout, exitCode } = await microgptHere(["runs", "--runs-dir", join(runs, "notes")]);
    expect([exitCode, stdout]).toEqual([
      0,
      expect.stringMatching(/^there is no run in \S+notes yet; microgpt train makes one\n$/),
    ]);
  });

  test("a sweep is a line, with its runs and the figures of the best", async () => {
    await aSweep();
    expect(listRuns(sweeps)).toMatchObject([
      { name: "words-sweep-1", kind: "sweep", state: "finished", done: 2, total: 2 },
    ]);
    expect((await microgptHere(["runs", "--runs-dir", sweeps])).stdout).toMatch(
      /words-sweep-1 {2}finished {2}2 runs {2,}– +\d\./,
    );
  });
});

describe("microgpt runs rm", () => {
  const rm = (runs: string, ...args: string[]): Promise<Finished> =>
    microgptHere(["runs", "rm", ...args, "--runs-dir", runs]);

  test("removes what is named, and nothing else", async () => {
    const runs = someRuns();
    const { stdout, exitCode } = await rm(runs, "first", "half", "first", "--yes");
    expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^removed \S+first\nremoved \S+half\n$/)]);
    expect(readdirSync(runs).toSorted()).toEqual(["damaged", "notes", "second"]);
  });

  test.each([
    [["first"], /^microgpt: runs rm asks before it removes \S+first, and this is not a terminal; add --yes\n$/],
    [["first", "notes", "--yes"], /notes is not a run or a sweep, or its config is damaged; remove it yourself\n$/],
    [
      ["first", "link", "--yes"],
      /link is a symbolic link, whose run may have other names; remove the link yourself\n$/,
    ],
    [["first", "secnod", "--yes"], /secnod: there is no such run; did you mean second\?\n$/],
    [["first", "second", "--yes"], /second is in use by process \d+; wait for it, or stop it \(Ctrl-C\)\n$/],
  ])("%j: refused before anything is removed", async (args, message) => {
    const runs = someRuns();
    symlinkSync(join(runs, "half"), join(runs, "link"));
    const busy = Run.openToTrain(join(runs, "second"));
    const before = readdirSync(runs);
    const { exitCode, stderr } = await rm(runs, ...args);
    busy.close();
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(message)]);
    expect(readdirSync(runs)).toEqual(before);
  });

  test("a run of a sweep is refused, and a sweep of which a run is trained", async () => {
    const path = await aSweep();
    expect((await rm(sweeps, "words-sweep-1/best", "--yes")).stderr).toMatch(
      /is a run of a sweep, which would train it again; remove the whole sweep\n$/,
    );
    const run = Run.openToTrain(findRun("words-sweep-1/best", sweeps));
    expect((await rm(sweeps, "words-sweep-1", "--yes")).stderr).toMatch(/ is in use by process \d+; /);
    run.close();
    expect(existsSync(join(path, "sweep.json"))).toBe(true);
  });

  /** Kills the process before the rename, or after the first file of the hidden directory is gone. */
  const KILLER = (when: "before" | "within"): string => `
import fs from "node:fs";
import { join } from "node:path";
import { syncBuiltinESMExports } from "node:module";
const { renameSync, rmSync } = fs;
fs.renameSync = (from, to) => {
  if (${when === "before"} && to.includes(".removed-run-")) process.kill(process.pid, "SIGKILL");
  renameSync(from, to);
};
fs.rmSync = (path, options) => {
  if (!path.includes(".removed-run-")) return rmSync(path, options);
  rmSync(join(path, "config.json"));
  process.kill(process.pid, "SIGKILL");
};
syncBuiltinESMExports();`;

  test.each(["before", "within"] as const)("a kill %s the removal leaves the run whole, or gone", (when) => {
    const runs = someRuns();
    const killer = join(runs, "notes", "killer.mjs");
    writeFileSync(killer, KILLER(when));
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(killer).href}` };
    expect(microgpt(["runs", "rm", "first", "--yes", "--runs-dir", runs], { env }).exitCode).toBe(null);
    const names = listRuns(runs).map(({ name }) => name);
    expect(names.includes("first")).toBe(when === "before");
    if (when === "before") expect(() => Run.openToTrain(join(runs, "first")).close()).not.toThrow();
    expect(readdirSync(runs).filter((name) => name.startsWith(".removed-run-"))).toHaveLength(
      when === "before" ? 0 : 1,
    );
    // The next process that makes a run here clears away what is left.
    const args = [
      "train",
      "--data",
      writeWords(runs),
      "--runs-dir",
      runs,
      "--name",
      "new",
      ...TINY,
      "--num-samples",
      "0",
    ];
    expect(microgpt(args).exitCode).toBe(0);
    expect(readdirSync(runs).filter((name) => name.startsWith("."))).toEqual([]);
  });

  test.skipIf(!hasScript)(
    "at a terminal it asks, and no is the answer that Enter gives (skipped without `script`)",
    async () => {
      const runs = someRuns();
      const args = ["runs", "rm", "first", "second", "--runs-dir", runs];
      const refused = await inTerminal(args, [["Remove", "\r"]]);
      expect([refused.exitCode, readdirSync(runs).includes("first")]).toEqual([130, true]);
      const removed = await inTerminal(args, [["Remove", "y"]]);
      expect(removed.exitCode).toBe(0);
      expect(readdirSync(runs).toSorted()).toEqual(["damaged", "half", "notes"]);
    },
  );
});
