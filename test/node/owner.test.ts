import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { isRunning, jobOf, makerOf, ownerTag, parseOwner, thisProcess, whereaboutsOf } from "../../src/node/owner.ts";
import { until } from "../setup/trainer.ts";

const NOBODY = 999_999_999;

describe("where an owner runs, seen from a process of host a, boot 1, namespace n", () => {
  const from = { host: "a", machine: "a", boot: "1", namespace: "n", job: "cluster/12#1" };
  const owner = { pid: 7, started: null, token: "t", since: null, ...from };
  test.each([
    ["the same place", {}, "here"],
    ["the same kernel under another name", { host: "b", machine: "b" }, "here"],
    ["another namespace of the kernel: a container", { namespace: "m", job: null }, "other container"],
    ["another boot of the host", { boot: "0", job: null }, "earlier boot"],
    ["another host", { machine: "b", boot: "2", job: null }, "other host"],
    [
      "another host, of the same job before Slurm restarted it",
      { machine: "b", boot: "2", job: "cluster/12#0" },
      "earlier start",
    ],
    ["another host, of the same start of the same job", { machine: "b", boot: "2" }, "other host"],
    ["another host, of another job", { machine: "b", boot: "2", job: "cluster/13#0" }, "other host"],
    [
      "a lock of an older version, which names no place",
      { host: null, machine: null, boot: null, namespace: null },
      "here",
    ],
  ] as const)("%s", (_name, fields, expected) => {
    expect(whereaboutsOf({ ...owner, ...fields }, from)).toBe(expected);
  });

  test("where the system tells neither boot nor namespace, the host decides", () => {
    const other = { ...from, boot: null, namespace: null };
    expect(whereaboutsOf({ ...owner, ...other, job: null }, other)).toBe("here");
    expect(whereaboutsOf({ ...owner, ...other, machine: "b", job: null }, other)).toBe("other host");
  });
});

test("an owner survives JSON; a job is one of Slurm's, with its restarts", () => {
  const owner = thisProcess();
  expect(parseOwner(JSON.stringify(owner))).toEqual(owner);
  expect(jobOf({})).toBeNull();
  expect(jobOf({ SLURM_JOB_ID: "12", SLURM_CLUSTER_NAME: "c" })).toBe("c/12#0");
  expect(jobOf({ SLURM_JOB_ID: "12", SLURM_RESTART_COUNT: "2" })).toBe("/12#2");
});

test("a temporary name tells its maker: alive, dead, or of a place that can't be seen from here", () => {
  const tag = ownerTag();
  const [pid, start, place, random] = tag.split("-");
  expect(makerOf(`.x.tmp-${tag}`)).toBe("alive");
  expect(makerOf(`.x.tmp-${[NOBODY, start, place, random].join("-")}`)).toBe("dead");
  expect(makerOf(`.x.tmp-${[pid, start, "0".repeat(8), random].join("-")}`)).toBe("unknown");
  // Of an older version, which names the process alone: in which container?
  expect(makerOf(`.x.tmp-${NOBODY}-${random}`)).toBe("unknown");
});

test.runIf(existsSync("/proc/self/stat"))(
  "the number of a process that has ended is not its maker's, if another has it now (as told by /proc)",
  () => {
    const [pid, , place, random] = ownerTag().split("-");
    expect(makerOf(`.x.tmp-${[pid, "0".repeat(8), place, random].join("-")}`)).toBe("dead");
  },
);

test.runIf(existsSync("/proc/self/stat"))(
  "a zombie, which has ended and only was not reaped, does not run (as told by /proc)",
  async () => {
    // The shell becomes a program that never waits for the shell's child, which then ends with its input.
    const parent = spawn("sh", ["-c", "exec 3<&0; read -r line <&3 & echo $!; exec sleep 60"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    let output = "";
    parent.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    const name = (): string => readFileSync(`/proc/${parent.pid}/comm`, "utf8");
    await until("the shell has become another program", () => output.endsWith("\n") && name() === "sleep\n");
    expect(isRunning(Number(output))).toBe(true);
    parent.stdin.end();
    await until("the child has ended", () => !isRunning(Number(output)));
    expect(() => process.kill(Number(output), 0)).not.toThrow(); // the process table still has it
    expect(isRunning(parent.pid!)).toBe(true);
  },
);
