import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseEnding, parseQueue } from "../../src/sweep/slurm.ts";
import { microgpt, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { hasSlurm, startCluster } from "../setup/slurm.ts";
import type { Cluster } from "../setup/slurm.ts";
import { standIn } from "../setup/slurm-stand-in.ts";
import {
  fingerprint,
  hookOf,
  isInstalled,
  leftovers,
  ranksOf,
  savedSteps,
  start,
  tasksOf,
  until,
} from "../setup/trainer.ts";
import { MPI } from "../setup/mpi.ts";

test("what Slurm says is understood", () => {
  expect(
    parseQueue("12_0|RUNNING|one\nCLUSTER: big\n 12_1|PENDING|a|b\n13_2|COMPLETING\n13_N/A|RUNNING|x\n\n"),
  ).toEqual([
    { task: "12_0", state: "RUNNING", jobName: "one" },
    { task: "12_1", state: "PENDING", jobName: "a|b" },
    { task: "13_2", state: "COMPLETING", jobName: null },
  ]);
  expect(parseEnding("CANCELLED by 1000|0:15\n")).toEqual({ state: "CANCELLED", exitCode: 0, signal: 15 });
  expect(parseEnding("PREEMPTED|0:0\nFAILED|3:0\n")).toEqual({ state: "FAILED", exitCode: 3, signal: 0 });
  const told = "JobId=2 ArrayJobId=1 JobState=FAILED Reason=JobLaunchFailure Requeue=1 ExitCode=0:9 RunTime=00:00:03";
  expect(parseEnding(told)).toEqual({ state: "FAILED", exitCode: 0, signal: 9 });
  expect(parseEnding("Slurm accounting storage is disabled")).toBeNull();
});

/** Slurm's commands, played by scripts: for what a real one does not do when asked. */
function fakeSlurm(directory: string, commands: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const bin = join(directory, "bin");
  mkdirSync(bin);
  for (const [name, text] of Object.entries(commands))
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  return { PATH: `${bin}${delimiter}${process.env.PATH}` };
}

/** Arguments of a small sweep on Slurm in a directory of its own, and where it will be. */
function words(...more: string[]): { directory: string; sweep: string; args: string[] } {
  const directory = workspace();
  const args = ["sweep", "--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep", ...TINY, ...more];
  return { directory, sweep: join(directory, "sweep"), args };
}

test("without Slurm, --on slurm is one sentence; its flags without it, too", async () => {
  const { args } = words("--grid", "n-layer=1,2", "--on", "slurm");
  const { exitCode, stderr } = await microgptHere(args, { env: { PATH: "/nonexistent" } });
  expect(stderr).toBe(
    "microgpt: --on slurm: sbatch is not installed here; use a machine that submits to a Slurm cluster\n",
  );
  expect(exitCode).toBe(2);
  const alone = await microgptHere(words("--grid", "n-layer=1,2", "--mem", "1G").args);
  expect([alone.exitCode, alone.stderr]).toEqual([2, expect.stringContaining("need --on slurm; add it, or drop them")]);
});

test("what sbatch refuses is told in its words, and the sweep can go on elsewhere", async () => {
  const { args, directory, sweep } = words("--grid", "n-layer=1,2", "--on", "slurm");
  const env = fakeSlurm(directory, {
    sbatch: "echo 'sbatch: error: Batch job submission failed: Invalid partition name specified' >&2; exit 1",
    squeue: "exit 0",
  });
  const { exitCode, stderr } = await microgptHere(args, { env });
  expect(stderr).toBe(
    'microgpt: slurm: sbatch failed: "Batch job submission failed: Invalid partition name specified"\n',
  );
  expect(exitCode).toBe(1);
  const again = await microgptHere(["sweep", "--resume", sweep, "--on", "local"], { env });
  expect([again.exitCode, again.stderr]).toEqual([0, ""]);
});

test("a cluster with accounting is asked why a task is gone; out of memory is not tried again", async () => {
  const { args, directory, sweep } = words("--grid", "n-layer=1,2", "--on", "slurm");
  const env = fakeSlurm(directory, {
    sbatch: `echo x >> ${directory}/submitted; echo 7`,
    squeue: "exit 0",
    sacct: `case "$*" in *7_0*) echo 'OUT_OF_MEMORY|0:125';; *) echo 'CANCELLED by 1000|0:15';; esac`,
  });
  const { exitCode, stderr } = await microgptHere(args, { env });
  expect(stderr.split("\n").slice(0, 2)).toEqual([
    "microgpt: warning: 01_n-layer-1: out of memory; request more with --mem",
    "microgpt: warning: 02_n-layer-2: cancelled (scancel)",
  ]);
  expect(exitCode).toBe(1);
  expect(readFileSync(join(directory, "submitted"), "utf8")).toBe("x\n");
  expect(existsSync(join(sweep, "summary.json"))).toBe(true);
});

test("a task that dies again and again, and comes no further, is given up", async () => {
  const { args, directory } = words("--grid", "n-layer=1,2", "--on", "slurm");
  const env = fakeSlurm(directory, {
    sbatch: `echo x >> ${directory}/submitted; wc -l < ${directory}/submitted`,
    squeue: "exit 0",
    sacct: "echo 'TIMEOUT|0:0'",
  });
  const { stderr } = await microgptHere(args, { env });
  expect(stderr).toContain("01_n-layer-1: killed 5 times without progress (timeout)");
  expect(readFileSync(join(directory, "submitted"), "utf8")).toBe("x\n".repeat(5));
});

/** A hook that kills the training of a run once, at its beginning. */
const killsOnce = (directory: string, run: string): string =>
  hookOf(
    directory,
    `if (event.event === "begin" && event.run.includes("${run}") && !fs.existsSync("${directory}/killed")) {
       fs.writeFileSync("${directory}/killed", "");
       process.kill(process.pid, "SIGKILL");
     }`,
    'import fs from "node:fs";',
  );

describe.skipIf(!isInstalled("bash"))(
  "no sweep exits with 0 while a run is unfinished (skipped where bash is missing)",
  () => {
    test("a task is killed and its second submission fails once: all runs finish", async () => {
      const { args, directory, sweep } = words("--grid", "n-layer=1,2", "--on", "slurm");
      const cluster = standIn({ sbatch: ["ok", "away", "ok"] });
      const { exitCode, stdout, stderr } = await microgptHere(
        [...args, "--hook", killsOnce(directory, "02_")],
        cluster,
      );
      expect(stderr).toMatch(
        /^microgpt: warning: slurm: sbatch failed: "Unable to contact [^"]*"; trying again for 10m00s\n$/,
      );
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/^stopped +02_n-layer-2$/m);
      expect(stdout.match(/^finished /gm)).toHaveLength(2);
      expect(cluster.calls("sbatch")).toHaveLength(3);
      expect(existsSync(join(sweep, "failures.json")) && readFileSync(join(sweep, "failures.json"), "utf8")).toBe(
        "{}\n",
      );
    });

    test("…and fails for good: the run is named, is in failures.json, the exit code is 1; --resume finishes it", async () => {
      const { args, directory, sweep } = words("--grid", "n-layer=1,2", "--on", "slurm");
      const cluster = standIn({ sbatch: ["ok", "away"] });
      const env = { ...cluster.env, MICROGPT_SLURM_PATIENCE: "0.5" };
      const { exitCode, stdout, stderr } = await microgptHere([...args, "--hook", killsOnce(directory, "02_")], {
        env,
      });
      const reason = 'slurm: sbatch failed: "Unable to contact slurm controller (connect failure)"';
      expect(stderr.split("\n").slice(1)).toEqual([
        `microgpt: warning: 02_n-layer-2: it was not submitted (${reason})`,
        `microgpt: ${reason}; given up after 1s`,
        "",
      ]);
      expect(exitCode).toBe(1);
      expect(stdout).toMatch(/^to resume: (?:npx )?microgpt sweep --resume \S+$/m);
      const failures: unknown = JSON.parse(readFileSync(join(sweep, "failures.json"), "utf8"));
      expect(failures).toEqual({ "02_n-layer-2": { exitCode: 1, message: `it was not submitted (${reason})` } });
      expect(readFileSync(join(sweep, "summary.json"), "utf8")).toMatch(/"state": "finished"[^]*"state": "failed"/);
      cluster.play({});
      const again = await microgptHere(["sweep", "--resume", sweep], cluster);
      expect([again.exitCode, again.stderr]).toEqual([0, ""]);
      expect(again.stdout).toMatch(/^finished +02_n-layer-2/m);
    });

    test("MICROGPT_SLURM_PATIENCE is a number of seconds", async () => {
      const { args, sweep } = words("--grid", "n-layer=1,2", "--on", "slurm");
      const refused = await microgptHere(args, { env: { MICROGPT_SLURM_PATIENCE: "an hour" } });
      expect(refused.stderr).toBe('microgpt: MICROGPT_SLURM_PATIENCE: expected seconds, 0 or more, got "an hour"\n');
      expect([refused.exitCode, existsSync(sweep)]).toEqual([2, false]);
    });
  },
);

describe.skipIf(!hasSlurm)("on a real Slurm (skipped where slurm-wlm or munge is missing)", { tags: ["slurm"] }, () => {
  let cluster: Cluster;
  const before = { ...process.env };
  beforeAll(async () => {
    cluster = await startCluster();
    Object.assign(process.env, cluster.env);
  });
  afterAll(async () => {
    await cluster.close();
    process.env = before;
  });

  const GRID = ["--grid", "n-layer=1,2", "--repeats", "2", "--num-steps", "6000", "--save-interval", "200"];
  const ON_SLURM = ["--on", "slurm", "--mem", "500M", "--time", "5"];
  const summary = (sweep: string): string => readFileSync(join(sweep, "summary.json"), "utf8");
  const jobs = (sweep: string): { id: string; runs: string[] }[] =>
    JSON.parse(readFileSync(join(sweep, "slurm", "jobs.json"), "utf8")) as ReturnType<typeof jobs>;
  const saved = (sweep: string, at: number): boolean =>
    existsSync(join(sweep, "runs")) &&
    readdirSync(join(sweep, "runs")).filter((name) => savedSteps(join(sweep, "runs", name)).length > 0).length >= at;

  const requeued = (): string[] =>
    [...cluster.ask("squeue", "--noheader", "--array", "--format", "%F_%K %r").matchAll(/^(\S+) BeginTime$/gm)].map(
      ([, task]) => task,
    );

  test("a task is killed, another preempted: all runs finish, and come to what they come to here", async () => {
    const more = [...GRID, "--num-steps", "20000"];
    const [here, there] = [words(...more), words(...more, ...ON_SLURM)];
    const running = start(there.args);
    await until("two runs have saved", () => saved(there.sweep, 2));
    process.kill(tasksOf(there.sweep)[0].pid, "SIGKILL");
    await until("the other is alone", () => tasksOf(there.sweep).length === 1 || saved(there.sweep, 3));
    cluster.ask("sbatch", "--partition=high", "--nodes=2", "--output=/dev/null", "--wrap", "sleep 1");
    // What was preempted would wait for two minutes, so long are credentials good.
    await until("something is requeued", () => requeued().length > 0);
    for (const task of requeued()) cluster.ask("scontrol", "update", `JobId=${task}`, "StartTime=now");
    const { exitCode, stdout, stderr } = await running.ended;
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^stopped /m);
    expect(cluster.ask("scontrol", "show", "job", "--oneliner")).toMatch(/ Restarts=[1-9]/); // what was preempted
    expect(stdout.match(/^finished /gm)).toHaveLength(4);
    expect(jobs(there.sweep).length).toBeGreaterThanOrEqual(2); // what was killed was submitted again
    expect(leftovers(there.sweep)).toEqual([]);
    expect(microgpt(here.args, { env: {} }).exitCode).toBe(0);
    expect(summary(there.sweep)).toBe(summary(here.sweep));
  });

  const mpich = MPI[0];
  test.skipIf(!mpich.isInstalled)(
    `one training on two nodes: a rank is killed, the job is preempted and asked to end; the same bytes (no ${mpich.launcher})`,
    async () => {
      const directory = workspace();
      const data = writeWords(directory);
      const steps = ["--num-steps", "3000", "--save-interval", "100", "--eval-interval", "500"];
      const args = (name: string): string[] => [
        "train",
        "--data",
        data,
        "--runs-dir",
        directory,
        "--name",
        name,
        ...TINY,
        ...steps,
      ];
      const nodes = ["--on", "slurm", "--nodes", "2", "--mem", "900M"];
      expect(microgpt([...args("whole"), ...nodes]).exitCode).toBe(0);
      const run = join(directory, "hurt");
      const job = start([...args("hurt"), ...nodes]);
      const after = async (what: string, least: number): Promise<void> =>
        await until(what, () => (savedSteps(run).at(-1) ?? 0) >= least);
      await after("it has saved", 100);
      process.kill(ranksOf(run)[1], "SIGKILL");
      await after("it goes on", savedSteps(run).at(-1)! + 100);
      cluster.ask("sbatch", "--partition=high", "--nodes=2", "--output=/dev/null", "--wrap", "sleep 1");
      await until("it is requeued", () => requeued().length > 0);
      for (const task of requeued()) cluster.ask("scontrol", "update", `JobId=${task}`, "StartTime=now");
      await after("it goes on", savedSteps(run).at(-1)! + 100);
      cluster.ask("scancel", "--signal=TERM", "--name", cluster.ask("squeue", "--noheader", "--format", "%j").trim());
      const { exitCode, stdout } = await job.ended;
      expect(exitCode).toBe(0);
      // Each of the three began again from a checkpoint. (Of a preempted job the queue may show only that it waits again.)
      expect(stdout.match(/^run .*, from step \d+$/gm)).toHaveLength(3);
      expect(fingerprint(run)).toEqual(fingerprint(join(directory, "whole")));
      expect(leftovers(run)).toEqual([]);
    },
  );

  test("the sweep itself is killed: it goes on with the jobs that it has in the queue, and submits none twice", async () => {
    const { args, sweep } = words(...GRID, ...ON_SLURM);
    const running = start(args);
    await until("a run has saved", () => saved(sweep, 1));
    running.kill("SIGKILL");
    await running.ended;
    const here = await microgptHere(["sweep", "--resume", sweep, "--on", "local"]);
    expect([here.exitCode, here.stderr]).toEqual([
      2,
      expect.stringMatching(/^microgpt: \d of its runs are in Slurm's queue \(\d+_\d\); scancel them/),
    ]);
    const { exitCode, stdout } = await start(["sweep", "--resume", sweep]).ended;
    expect(exitCode).toBe(0);
    expect(stdout).toContain("finished");
    expect(jobs(sweep)).toHaveLength(1);
  });

  test("Ctrl-C cancels what waits and lets what runs save; --resume submits what is left", async () => {
    const { args, sweep } = words(...GRID, ...ON_SLURM, "--num-steps", "20000");
    const running = start(args);
    await until("two runs have saved", () => saved(sweep, 2));
    running.kill("SIGINT");
    const { exitCode, stdout } = await running.ended;
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/to resume: (?:npx )?microgpt sweep --resume/);
    expect(tasksOf(sweep)).toEqual([]);
    expect(cluster.ask("squeue", "--noheader")).toBe("");
    await until("no task is left", () => leftovers(sweep).length === 0);
    const log = readFileSync(join(sweep, "logs", readdirSync(join(sweep, "logs"))[0]), "utf8");
    expect(log).toMatch(/"event":"saved"/);
  });

  test("the controller is away while a task is killed: the task is submitted again when it is back", async () => {
    const { args, sweep } = words(
      "--grid",
      "n-layer=1,2",
      "--num-steps",
      "20000",
      "--save-interval",
      "200",
      ...ON_SLURM,
    );
    const running = start(args);
    await until("two runs have saved", () => saved(sweep, 2));
    await cluster.stopController();
    process.kill(tasksOf(sweep)[0].pid, "SIGKILL");
    await until("the sweep notices", () => running.output().includes("trying again"), 120_000);
    cluster.startController();
    const { exitCode, stderr } = await running.ended;
    expect(stderr).toMatch(/^microgpt: warning: slurm: squeue failed: "[^"]*"; trying again for 10m00s\n$/);
    expect(exitCode).toBe(0);
    expect(jobs(sweep)).toHaveLength(2);
    expect(summary(sweep).match(/"state": "finished"/g)).toHaveLength(2);
  });

  test("an array that is cancelled from outside: its runs have failed, and are not submitted again", async () => {
    const { args, sweep } = words("--grid", "n-layer=1,2", "--num-steps", "200000", ...ON_SLURM);
    const running = start(args);
    await until("two tasks run", () => tasksOf(sweep).length === 2);
    cluster.ask("scancel", jobs(sweep)[0].id);
    const { exitCode, stderr } = await running.ended;
    expect(stderr.match(/: cancelled \(scancel\)$/gm)).toHaveLength(2);
    expect([exitCode, jobs(sweep).length]).toEqual([1, 1]);
  });

  test("a run that diverges fails, with its reason; the others do not", async () => {
    const { args, sweep } = words("--grid", "learning-rate=0.01,1000", ...ON_SLURM);
    const { exitCode, stderr } = await start(args).ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^microgpt: warning: 02_learning-rate-1000: train: [^\n]* has diverged, [^\n]*\n$/);
    expect(summary(sweep)).toContain('"state": "finished"');
  });
});
