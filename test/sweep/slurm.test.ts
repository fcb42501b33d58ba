import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { checkSlurm, NO_SLURM_SETTINGS, readSlurm, slurmScript } from "../../src/experiments/slurm-script.ts";
import { parseEnding, parseQueue } from "../../src/sweep/slurm.ts";
import { microgpt, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { hasSlurm, startCluster } from "../setup/slurm.ts";
import type { Cluster } from "../setup/slurm.ts";
import { leftovers, savedSteps, start, tasksOf, until } from "../setup/trainer.ts";

const SCRIPT = {
  settings: NO_SLURM_SETTINGS,
  jobName: "a sweep",
  names: ["01_a", "02_b"],
  share: 0.5,
  jobs: 4,
  bytes: 100e6,
  more: [],
};

test("the script asks for what it is told, and for the formula's memory where it is told nothing", () => {
  const settings = { ...NO_SLURM_SETTINGS, time: "1-12:00:00", gres: "gpu:1", sbatch: ["--account=me"] };
  const script = slurmScript({ ...SCRIPT, settings, directory: "/s", program: ["node"] });
  const asked = script.split("\n").filter((line) => line.startsWith("#SBATCH"));
  expect(asked).toEqual(
    [
      "--job-name=a-sweep",
      "--array=0-1%4",
      "--nodes=1",
      "--ntasks=1",
      "--requeue",
      "--open-mode=append",
      "--output=/dev/null",
      "--time=1-12:00:00",
      "--gres=gpu:1",
      "--mem=200M",
      "--account=me",
    ].map((option) => `#SBATCH ${option}`),
  );
  const mem = { ...NO_SLURM_SETTINGS, mem: "2G" };
  expect(slurmScript({ ...SCRIPT, settings: mem, directory: "/s", program: ["node"] })).toContain(
    "\n#SBATCH --mem=2G\n",
  );
});

test("each task of the script is the run of its index, whatever is in a path", () => {
  const place = join(workspace(), 'it\'s $HOME `here`; "quoted"');
  mkdirSync(join(place, "logs"), { recursive: true });
  const program = join(place, "pro gram");
  writeFileSync(program, '#!/bin/sh\nprintf "%s\\n" "$MICROGPT_CORES" "$@"\n');
  chmodSync(program, 0o755);
  const script = slurmScript({ ...SCRIPT, directory: place, program: [program, "cli.js"], more: ["--hook", "a b"] });
  for (const [index, name] of SCRIPT.names.entries()) {
    const env = { ...process.env, SLURM_ARRAY_TASK_ID: String(index), SLURM_CPUS_PER_TASK: "3" };
    execFileSync("bash", { input: script, env });
    expect(
      readFileSync(join(place, "logs", `${name}.log`), "utf8")
        .trimEnd()
        .split("\n"),
    ).toEqual(["3", "cli.js", "sweep-task", place, name, "--share", "0.5", "--every", "2", "--json", "--hook", "a b"]);
  }
});

test.each([
  ["time", "1 hour"],
  ["mem", "1G\n#SBATCH --uid=0"],
  ["partition", ""],
  ["gres", "gpu:1; rm"],
])("--%s %j is refused: it would not be one word", (key, value) => {
  expect(() => checkSlurm({ ...NO_SLURM_SETTINGS, [key]: value })).toThrow(`--${key}: expected one word`);
  expect(() => readSlurm({ [key]: value })).toThrow(`--${key}: expected one word`);
});

test("--sbatch takes options only", () => {
  expect(checkSlurm({ ...NO_SLURM_SETTINGS, sbatch: ["--exclusive", "--constraint=a&b", "-A"] })).toBeDefined();
  for (const sbatch of ["job.sh", "--account=me you", "--x=$(id)"]) {
    expect(() => checkSlurm({ ...NO_SLURM_SETTINGS, sbatch: [sbatch] })).toThrow("--sbatch: expected an option");
  }
});

test("what Slurm says is understood", () => {
  expect(parseQueue("12_0|RUNNING\n12_1|PENDING\n13_N/A|RUNNING\n\n")).toEqual(
    new Map([
      ["12_0", "RUNNING"],
      ["12_1", "PENDING"],
      ["13_N/A", "RUNNING"],
    ]),
  );
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
    expect(stdout).toContain("to resume: microgpt sweep --resume");
    expect(tasksOf(sweep)).toEqual([]);
    expect(cluster.ask("squeue", "--noheader")).toBe("");
    await until("no task is left", () => leftovers(sweep).length === 0);
    const log = readFileSync(join(sweep, "logs", readdirSync(join(sweep, "logs"))[0]), "utf8");
    expect(log).toMatch(/"event":"saved"/);
  });

  test("a run that diverges fails, with its reason; the others do not", async () => {
    const { args, sweep } = words("--grid", "engine=wasm,atomic", "--learning-rate", "1000", ...ON_SLURM);
    const { exitCode, stderr } = await start(args).ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^microgpt: warning: 02_engine-atomic: train: [^\n]* has diverged, [^\n]*\n$/);
    expect(summary(sweep)).toContain('"state": "finished"');
  });
});

test("a shell takes the script as it is written", () => {
  const script = slurmScript({ ...SCRIPT, directory: "/a b", program: ["node"] });
  expect(spawnSync("bash", ["-n"], { input: script, encoding: "utf8" }).stderr).toBe("");
});
