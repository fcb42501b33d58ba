/**
 * Who owns a lock or a temporary file: a process, named so that other machines and containers recognise it, too.
 *
 * A process id means something in one PID namespace of one boot of one kernel only. So an owner is compared first by
 * where it runs; only in the same place does the process table decide. `lock.ts` decides what follows.
 */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { hostname } from "node:os";
import { isRecord } from "../errors.ts";

/** A process, as a lock names it. Fields of locks of older versions may be null. */
export interface Owner {
  /** Its id, in its own PID namespace. */
  readonly pid: number;
  /** Its start time, in the system's own form: after a crash the id may belong to another process. */
  readonly started: string | null;
  /** Random; distinguishes two locks of one process. */
  readonly token: string;
  /** The host's name, for messages. */
  readonly host: string | null;
  /** Identifies the host: a hash of its name and its machine id. */
  readonly machine: string | null;
  /** Identifies the boot of the kernel; null where the system does not tell. */
  readonly boot: string | null;
  /** Identifies the PID namespace, so the container; null where there is none. */
  readonly namespace: string | null;
  /** The job of Slurm that it belongs to, as `jobOf`; null outside of one. */
  readonly job: string | null;
  /** When the lock was taken, as ISO 8601. */
  readonly since: string | null;
}

/** Where an owner runs, as seen from this process. */
export type Whereabouts = "here" | "earlier start" | "earlier boot" | "other container" | "other host";

/** This process, as the owner of a new lock. */
export function thisProcess(): Owner {
  const { pid } = process;
  const token = randomBytes(8).toString("hex");
  return { pid, started: startTime(pid), token, ...here(), since: new Date().toISOString() };
}

type Here = Pick<Owner, "host" | "machine" | "boot" | "namespace" | "job">;

let known: Here | null = null;

function here(): Here {
  known ??= {
    host: hostname(),
    machine: hash(`${hostname()} ${readLine("/etc/machine-id") ?? ""}`),
    boot: readLine("/proc/sys/kernel/random/boot_id"),
    namespace: readLink("/proc/self/ns/pid"),
    job: jobOf(process.env),
  };
  return known;
}

/** The job of Slurm in which this process runs, and how often Slurm has restarted it: `cluster/12#1`. */
export function jobOf(environment: NodeJS.ProcessEnv): string | null {
  const { SLURM_JOB_ID: id, SLURM_CLUSTER_NAME: cluster = "", SLURM_RESTART_COUNT: restarts = "0" } = environment;
  return id === undefined ? null : `${cluster}/${id}#${restarts}`;
}

/** Whether a job was restarted since: Slurm restarts one only after all its processes have ended. */
function isEarlierStart(before: string | null, now: string | null): boolean {
  const [[id, start], [sameId, laterStart]] = [before, now].map((job) => job?.split("#") ?? []);
  return id !== undefined && id === sameId && Number(start) < Number(laterStart);
}

/** Null for a text that is not an owner: empty, or garbage. */
export function parseOwner(text: string): Owner | null {
  try {
    const json: unknown = JSON.parse(text);
    if (!isRecord(json)) return null;
    const { pid, token } = json;
    if (!Number.isSafeInteger(pid) || Number(pid) < 1 || typeof token !== "string") return null;
    const field = (name: string): string | null => {
      const value = json[name];
      return typeof value === "string" ? value.slice(0, 200) : null;
    };
    const place = {
      host: field("host"),
      machine: field("machine"),
      boot: field("boot"),
      namespace: field("namespace"),
    };
    return { pid: Number(pid), token, started: field("started"), ...place, job: field("job"), since: field("since") };
  } catch {
    return null;
  }
}

/** Where an owner runs. A lock of an older version does not say: it counts as of this place, as it did then. */
export function whereaboutsOf(owner: Owner, from: Here = here()): Whereabouts {
  if (owner.machine === null) return "here";
  const isSameKernel = owner.boot === null ? owner.machine === from.machine : owner.boot === from.boot;
  if (isSameKernel && owner.namespace === from.namespace) return "here";
  if (isEarlierStart(owner.job, from.job)) return "earlier start";
  if (isSameKernel) return "other container";
  return owner.machine === from.machine ? "earlier boot" : "other host";
}

/** Whether an owner in this place still runs. */
export function isAlive({ pid, started }: Pick<Owner, "pid" | "started">): boolean {
  if (!isRunning(pid)) return false;
  const now = startTime(pid);
  return started === null || now === null || started === now;
}

/** Whether a process of this id runs here. A zombie does not: it has ended, and only waits to be reaped. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // any other code: it runs, but belongs to another user
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
  }
  const state = statOf(pid)?.[0];
  return state !== "Z" && state !== "X";
}

/** Linux: field 22 of /proc/PID/stat, in clock ticks since boot, with the boot's id. Elsewhere: what `ps` says. */
function startTime(pid: number): string | null {
  const ticks = statOf(pid)?.[19];
  if (ticks !== undefined) return `${readLine("/proc/sys/kernel/random/boot_id") ?? ""} ${ticks}`;
  return process.platform === "darwin" ? startTimeFromPs(pid) : null;
}

/**
 * The fields of /proc/PID/stat from the third on; null without them. A container may see the /proc of another PID
 * namespace, in which its ids are other processes.
 */
function statOf(pid: number): string[] | null {
  if (readLink("/proc/self") !== String(process.pid)) return null;
  const stat = readLine(`/proc/${pid}/stat`);
  // The second field, the program's name, is in parentheses and may contain anything.
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function startTimeFromPs(pid: number): string | null {
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return null;
  }
}

/** The end of a temporary name, `PID-START-PLACE-RANDOM`: start and place are hashes, so that it stays short. */
export function ownerTag(): string {
  return [process.pid, startHash(process.pid), placeHash(), randomBytes(4).toString("hex")].join("-");
}

/** How `ownerTag` looks. */
export const OWNER_TAG: string = String.raw`(\d+)-([0-9a-f]{8})-([0-9a-f]{8})-[0-9a-f]{8}`;
const TAG = new RegExp(`${OWNER_TAG}$`);

/** Whether the process that made a temporary name is "alive" or "dead"; "unknown" for one of another place. */
export function makerOf(name: string): "alive" | "dead" | "unknown" {
  const [, pid, start, place] = TAG.exec(name) ?? [];
  if (place !== placeHash()) return "unknown";
  if (!isRunning(Number(pid))) return "dead";
  return [start, startHash(null)].includes(startHash(Number(pid))) ? "alive" : "dead";
}

function placeHash(): string {
  const { machine, boot, namespace } = here();
  return hash(`${boot ?? machine} ${namespace}`);
}

const startHash = (pid: number | null): string => hash(pid === null ? "" : (startTime(pid) ?? ""));

const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

function readLine(path: string): string | null {
  try {
    return fs.readFileSync(path, "utf8").trim();
  } catch {
    return null;
  }
}

function readLink(path: string): string | null {
  try {
    return fs.readlinkSync(path);
  } catch {
    return null;
  }
}
