/** One training as a job of a cluster that a stand-in plays; its srun is MPICH's launcher. On a real one: slurm.test.ts. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { microgptAsync, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { MPI } from "../setup/mpi.ts";
import { standIn } from "../setup/slurm-stand-in.ts";
import type { Scenario, StandIn } from "../setup/slurm-stand-in.ts";

const [mpich] = MPI;

/** A cluster on which `srun` starts two ranks, and arguments of a training there. */
function clusterOf(scenario: Scenario, ...more: string[]): { cluster: StandIn; directory: string; args: string[] } {
  const directory = workspace();
  const cluster = standIn(scenario);
  const launch = `#!/bin/sh\nshift\nexec ${mpich.launcher} -n 2 "$@"\n`;
  writeFileSync(join(cluster.directory, "bin", "srun"), launch, { mode: 0o755 });
  const data = writeWords(directory);
  const place = ["--runs-dir", directory, "--on", "slurm", "--nodes", "2"];
  return { cluster, directory, args: ["train", "--data", data, ...TINY, ...place, ...more] };
}

describe.skipIf(!mpich.isInstalled)(`a training on two nodes (no ${mpich.launcher}, or no koffi)`, () => {
  test("its log is followed to its end; the same command again finds it finished", async () => {
    const { cluster, directory, args } = clusterOf({}, "--name", "run", "--time", "5");
    const first = await microgptAsync(args, { env: cluster.env });
    expect([first.exitCode, first.stderr]).toEqual([0, ""]);
    expect(first.stdout).toContain("2 ranks × 1 thread");
    expect(first.stdout).toContain("saved step 30 in ");
    expect(existsSync(join(directory, "run", "samples.txt"))).toBe(true);
    const again = await microgptAsync(args, { env: cluster.env });
    expect([again.exitCode, again.stdout]).toEqual([0, expect.stringMatching(/run is finished\n$/)]);
    expect(cluster.calls("sbatch")).toHaveLength(1);
    const other = await microgptHere([...args, "--n-layer", "2"], { env: cluster.env });
    expect([other.exitCode, other.stderr]).toEqual([
      2,
      expect.stringMatching(/^microgpt: \S+run has another command; choose another --name\n$/),
    ]);
  });

  test("a job that ends before its run is done is submitted again, and resumes it", async () => {
    const { cluster, directory, args } = clusterOf({}, "--save-interval", "10");
    const limit = ["--hook", join(directory, "hook.mjs")];
    // Once, as the time limit does: Slurm asks to end, the ranks save.
    writeFileSync(
      join(directory, "hook.mjs"),
      `import { existsSync, writeFileSync } from "node:fs";
const mark = ${JSON.stringify(join(directory, "mark"))};
export default () => {
  if (existsSync(mark)) return;
  writeFileSync(mark, "");
  process.kill(process.pid, "SIGTERM");
};
`,
    );
    const { exitCode, stdout } = await microgptAsync([...args, ...limit], { env: cluster.env });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^stopped {4}words-1$/m);
    expect(stdout).toMatch(/words-1, from step \d+$/m);
    expect(cluster.calls("sbatch")).toHaveLength(2);
    expect(readdirSync(directory)).toContain("words-1");
  });

  test("a training that fails ends with its sentence and its exit code", async () => {
    const { cluster, args } = clusterOf({}, "--engine", "atomic");
    const { exitCode, stderr } = await microgptAsync(args, { env: cluster.env });
    expect(stderr).toBe("microgpt: words-1: several ranks need --engine wasm or native, got atomic; or drop mpirun\n");
    expect(exitCode).toBe(2);
  });
});

test("without --on slurm, without Slurm, or with nothing to read, a cluster's flags are one sentence", async () => {
  const directory = workspace();
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory];
  const env = { PATH: "/nonexistent" };
  const on = ["--on", "slurm"];
  expect((await microgptHere([...args, "--nodes", "2"])).stderr).toBe(
    "microgpt: --nodes, --time and the other flags of a cluster need --on slurm; add it, or drop them\n",
  );
  expect((await microgptHere([...args, ...on], { env })).stderr).toMatch(/sbatch is not installed here/);
  expect((await microgptHere(["train", "--data", "-", ...on])).stderr).toMatch(/a job cannot read standard input/);
  expect((await microgptHere([...args, ...on, "--interactive"])).stderr).toMatch(/--interactive and --on slurm/);
  const dry = await microgptHere([...args, ...on, "--dry-run", "--nodes=3", "--name", "x"]);
  expect(dry.stdout).toContain("\n#SBATCH --nodes=3\n");
  expect(dry.stdout).toContain(`(train --data ${join(directory, "words.txt")} --name x --runs-dir ${directory})`);
  expect(readdirSync(directory)).not.toContain("x");
  const reporting = ["--json", "--hook=h.mjs", "--prompt-file", "p.txt"];
  const reports = await microgptHere([...args, ...on, "--dry-run", "--name", "x", ...reporting]);
  expect(reports.stdout).toContain(" --take-over --json --prompt-file p.txt --hook h.mjs)\n");
});
