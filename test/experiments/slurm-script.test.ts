import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  checkSlurm,
  NO_SLURM_SETTINGS,
  readSlurm,
  slurmScript,
  trainingScript,
} from "../../src/experiments/slurm-script.ts";
import { workspace } from "../setup/microgpt.ts";

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

test("--sbatch takes no option without which the sweep would lose its tasks", () => {
  for (const sbatch of ["--job-name=mine", "-Jmine", "--array=0-9", "--clusters=other", "--wait", "--test-only"]) {
    expect(() => checkSlurm({ ...NO_SLURM_SETTINGS, sbatch: [sbatch] })).toThrow("is up to the sweep; drop it");
  }
  for (const sbatch of ["--wait-all-nodes=1", "--array-x", "-A"]) {
    expect(checkSlurm({ ...NO_SLURM_SETTINGS, sbatch: [sbatch] })).toBeDefined();
  }
});

test("a shell takes the script as it is written", () => {
  const script = slurmScript({ ...SCRIPT, directory: "/a b", program: ["node"] });
  expect(spawnSync("bash", ["-n"], { input: script, encoding: "utf8" }).stderr).toBe("");
});

const TRAINING = {
  settings: { ...NO_SLURM_SETTINGS, time: "60", cpusPerTask: "4" },
  ranks: { nodes: "2", ntasksPerNode: "3", mpi: "pmix" },
  jobName: "a training",
};

test("the script of a training begins the run, or resumes it, with all ranks, whatever is in a path", () => {
  const place = join(workspace(), "it's $HOME");
  const bin = join(place, "bin");
  mkdirSync(bin, { recursive: true });
  const srun = join(bin, "srun");
  writeFileSync(srun, '#!/bin/sh\nprintf "%s\\n" "$MICROGPT_CORES" "$SRUN_CPUS_PER_TASK" "$@"\n', { mode: 0o755 });
  const [run, logPath] = [join(place, "run"), join(place, "log")];
  const train = ["train", "--data", "my text.txt"];
  const script = trainingScript({
    ...TRAINING,
    run,
    logPath,
    program: ["no de", "cli.js"],
    train,
    resume: ["--hook", "a b.mjs"],
  });
  const asked = script.split("\n").filter((line) => line.startsWith("#SBATCH"));
  expect(asked).toEqual(
    [
      "--job-name=a-training",
      "--array=0-0",
      "--nodes=2",
      "--ntasks-per-node=3",
      "--requeue",
      "--open-mode=append",
      "--output=/dev/null",
      "--time=60",
      "--cpus-per-task=4",
    ].map((option) => `#SBATCH ${option}`),
  );
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}`, SLURM_CPUS_PER_TASK: "4" };
  execFileSync("bash", ["-c", script], { env });
  mkdirSync(run);
  execFileSync("bash", ["-c", script], { env });
  const started = ["4", "4", "--mpi=pmix", "no de", "cli.js"];
  const resumed = ["resume", run, "--take-over", "--hook", "a b.mjs"];
  expect(readFileSync(logPath, "utf8").split("\n")).toEqual([...started, ...train, ...started, ...resumed, ""]);
});

test.each([
  [{ nodes: "0" }, '--nodes: expected a whole number from 1 on, got "0"'],
  [{ ntasksPerNode: "2;ls" }, "--ntasks-per-node: expected a whole number"],
  [{ mpi: "pmi2 --x" }, "--mpi: expected a type that srun knows (srun --mpi=list)"],
])("ranks that srun would not take are one sentence: %o", (wrong, message) => {
  const ranks = { ...TRAINING.ranks, ...wrong };
  const input = { ...TRAINING, ranks, run: "/r", logPath: "/l", program: ["node"], train: ["train"], resume: [] };
  expect(() => trainingScript(input)).toThrow(message);
});
