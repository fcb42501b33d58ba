/**
 * A Slurm cluster on this machine: munge, one controller and two nodes of one core each, all on loopback and in a
 * directory of their own. Two queues: tasks in "high" take the place of those in "low", which Slurm then requeues.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { hostname, tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isInstalled } from "./trainer.ts";

// Debian has the daemons in /usr/sbin, which is not on everybody's path.
const PATH = `${process.env.PATH}:/usr/sbin:/sbin`;

export const hasSlurm: boolean =
  ["munged", "slurmctld", "slurmd", "sbatch"].every(
    (tool) => spawnSync("sh", ["-c", `command -v ${tool}`], { env: { ...process.env, PATH } }).status === 0,
  ) && isInstalled("bash");

export interface Cluster {
  /** What a process must find in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one of Slurm's commands. */
  ask(command: string, ...args: string[]): string;
  /** Ends the controller, as for maintenance; running tasks do without it. */
  stopController(): Promise<void>;
  /** Starts it again, with what it knew. */
  startController(): void;
  close(): Promise<void>;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function configuration(directory: string, [controller, first, second]: readonly number[]): string {
  const [host, user] = [hostname(), userInfo().username];
  return `ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=${directory}/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort=${controller}
StateSaveLocation=${directory}/state
SlurmdSpoolDir=${directory}/spool-%n
SlurmctldPidFile=${directory}/slurmctld.pid
SlurmdPidFile=${directory}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
ReturnToService=2
KillWait=10
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname=${host} NodeAddr=127.0.0.1 Port=${first} CPUs=1 RealMemory=2000
NodeName=n2 NodeHostname=${host} NodeAddr=127.0.0.1 Port=${second} CPUs=1 RealMemory=2000
PartitionName=low Nodes=n[1-2] Default=YES PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=n[1-2] PriorityTier=10 PreemptMode=OFF
`;
}

/** Waits until a condition holds, for a minute at most; resolves to whether it does. */
async function poll(condition: () => boolean): Promise<boolean> {
  for (const end = performance.now() + 60_000; performance.now() < end; await sleep(50)) if (condition()) return true;
  return false;
}

/** Starts it, and waits until both nodes are idle. Throws with the daemons' last words if they never are. */
export async function startCluster(): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), "microgpt-slurm-"));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, "state"));
  writeFileSync(join(directory, "munge.key"), randomBytes(1024), { mode: 0o600 });
  writeFileSync(join(directory, "slurm.conf"), configuration(directory, await freePorts(3)));
  const env = { SLURM_CONF: join(directory, "slurm.conf"), PATH };
  const daemons: ChildProcess[] = [];
  const start = (name: string, ...args: string[]): ChildProcess => {
    const child = spawn(name, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => writeFileSync(join(directory, "daemons.log"), chunk, { flag: "a" }));
    }
    daemons.push(child);
    return child;
  };
  const ask = (command: string, ...args: string[]): string =>
    spawnSync(command, args, { env: { ...process.env, ...env }, encoding: "utf8" }).stdout;
  const close = async (): Promise<void> => {
    ask("scancel", "--user", userInfo().username, "--signal", "KILL", "--full");
    await poll(() => ask("squeue", "--noheader") === "");
    for (const daemon of daemons.toReversed()) daemon.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  };
  const files = ["socket", "pid-file", "log-file", "seed-file"].map(
    (name) => `--${name}=${directory}/munge.${name.split("-")[0]}`,
  );
  start("munged", "--force", "--foreground", `--key-file=${directory}/munge.key`, ...files);
  await poll(() => existsSync(join(directory, "munge.socket")));
  let controller = start("slurmctld", "-D", "-c");
  const stopController = async (): Promise<void> => {
    const ended = new Promise((resolve) => controller.once("exit", resolve));
    controller.kill("SIGTERM");
    await ended;
  };
  const startController = (): void => void (controller = start("slurmctld", "-D"));
  for (const node of ["n1", "n2"]) start("slurmd", "-D", "-N", node);
  const isIdle = (): boolean => /^2 idle$/m.test(ask("sinfo", "--noheader", "--partition=low", "--format", "%D %t"));
  if (await poll(isIdle)) return { env, ask, stopController, startController, close };
  const words = readFileSync(join(directory, "daemons.log"), "utf8").slice(-2000);
  await close();
  throw new Error(`Slurm does not start:\n${words}`);
}
