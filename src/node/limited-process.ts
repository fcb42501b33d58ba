/**
 * A program run to its end within limits of time and output, without a shell: its arguments are data, whatever is in
 * them. It is the head of a process group, so that a program that starts others ends with all of them.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { performance } from "node:perf_hooks";
import type { Readable } from "node:stream";
import { errorCode } from "./files.ts";

/** Bytes of each output that are kept; the rest is read and dropped, so that the program is not held up. */
const KEPT_BYTES = 262_144;

/** Milliseconds in which the last output arrives after the end. */
const GRACE_MS = 500;

/** How a program ended. */
export interface Ended {
  /** What went wrong, as a clause ("exit code 1"); null for exit code 0. */
  readonly failure: string | null;
  /** Whether it was killed because its time was over. */
  readonly isTimeout: boolean;
  /** The start of its standard output. */
  readonly stdout: string;
  /** The start of its standard error. */
  readonly stderr: string;
}

/** Where a program runs, and until when. */
export interface ProcessLimits {
  /** Its working directory. */
  readonly cwd: string;
  /** Its environment. */
  readonly env: NodeJS.ProcessEnv;
  /** When it is killed, on the clock of `performance.now()`, in milliseconds. */
  readonly deadline: number;
}

/** Runs a program with standard input closed. Never rejects: what cannot be started has a `failure`. */
export async function runLimited(program: string, args: readonly string[], limits: ProcessLimits): Promise<Ended> {
  const { cwd, env, deadline } = limits;
  try {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    return await endOf(child, Math.max(0, deadline - performance.now()));
  } catch (error) {
    const code = errorCode(error); // too many open files, or arguments with a null character
    if (code === null) throw error;
    return { failure: `cannot be started (${code})`, isTimeout: false, stdout: "", stderr: "" };
  }
}

async function endOf(child: ChildProcess & { stdout: Readable; stderr: Readable }, timeMs: number): Promise<Ended> {
  const [stdout, stderr] = [keep(child.stdout), keep(child.stderr)];
  let isTimeout = false;
  // What has left the group may hold the pipes open: then, nothing more is read from them.
  const hangUp = (): void => [child.stdout, child.stderr].forEach((stream) => stream.destroy());
  const timers = [
    setTimeout(() => {
      isTimeout = true;
      endGroup(child);
      hangUp();
    }, timeMs),
  ];
  child.once("exit", () => {
    endGroup(child); // what it has started and not waited for
    timers.push(setTimeout(hangUp, GRACE_MS));
  });
  if (running.size === 0) process.prependListener("exit", endAll); // before their directory is removed
  running.add(child);
  try {
    const failure = await new Promise<string | null>((done) => {
      child.once("error", (error) => done(`cannot be started (${errorCode(error) ?? "system error"})`));
      child.once("close", (code: number | null, signal) => {
        done(code === 0 ? null : code === null ? `ended by ${signal}` : `exit code ${code}`);
      });
    });
    return { failure: isTimeout ? "did not end in time" : failure, isTimeout, stdout: stdout(), stderr: stderr() };
  } finally {
    timers.forEach(clearTimeout);
    running.delete(child);
    if (running.size === 0) process.off("exit", endAll);
  }
}

/** Reads a stream to its end; returns what gives its start as text. */
function keep(stream: Readable): () => string {
  const kept: Buffer[] = [];
  let room = KEPT_BYTES;
  stream.on("error", () => {}); // the end of the process says what happened
  stream.on("data", (chunk: Buffer) => {
    if (room > 0) kept.push(chunk.subarray(0, room));
    room -= Math.min(room, chunk.length);
  });
  return () => Buffer.concat(kept).toString("utf8");
}

/** The programs that run now. */
const running = new Set<ChildProcess>();
const endAll = (): void => running.forEach(endGroup);

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (errorCode(error) === null) throw error; // ESRCH: all have ended
  }
}
