/**
 * Thin wrappers around Slurm's command-line tools (`sbatch`, `squeue`, `sacct` or `scontrol`, `scancel`) that parse
 * their output into plain data. `slurm-pool.ts` decides what it means for a sweep.
 */
import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { InputError, quote } from "../errors.ts";
import { errorCode } from "../node/files.ts";

const run = promisify(execFile);

/** How a task of an array ended. */
export interface Ending {
  /** Slurm's name of the state; `COMPLETED` is success. */
  readonly state: string;
  /** The exit code. */
  readonly exitCode: number;
  /** The signal that killed it; 0: none. */
  readonly signal: number;
}

/**
 * Runs a tool; resolves to its output. Throws InputError if it is missing or fails (code "machine", with its message).
 */
async function ask(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await run(command, args, { maxBuffer: 2 ** 28, env: { ...process.env, LC_ALL: "C" } });
    return stdout;
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      throw new InputError(
        `--on slurm: ${command} is not installed here; use a machine that submits to a Slurm cluster`,
      );
    }
    const [reason = "no reason given"] = stderrOf(error).trim().split("\n");
    throw new InputError(
      `slurm: ${command} failed: ${quote(reason.replace(/^\w+: (?:error: )?/, ""), 300)}`,
      "machine",
    );
  }
}

const stderrOf = (error: unknown): string => {
  const text: unknown = error instanceof Error ? Reflect.get(error, "stderr") : null;
  return typeof text === "string" && text !== "" ? text : String(error);
};

/** Submits a script; resolves to the job's id. Throws InputError if Slurm refuses it. */
export async function submit(scriptPath: string): Promise<string> {
  // With --parsable: "123", or "123;cluster".
  const [id = ""] = (await ask("sbatch", "--parsable", scriptPath)).trim().split(";");
  if (/^\d+$/.test(id)) return id;
  throw new InputError(`slurm: expected the id of a job from sbatch, got ${quote(id)}`, "machine");
}

/** The waiting and running tasks of this user's arrays, with their states: `12_3` → `RUNNING`. */
export async function queue(): Promise<Map<string, string>> {
  return parseQueue(
    await ask("squeue", "--noheader", "--array", "--user", userInfo().username, "--format", "%F_%K|%T"),
  );
}

/** Parses the output of squeue: lines such as `12_3|RUNNING`. */
export function parseQueue(text: string): Map<string, string> {
  const lines = text.split("\n").map((line) => line.trim().split("|"));
  return new Map(lines.flatMap(([task, state]) => (state === undefined ? [] : [[task, state] as const])));
}

/** The ids of this user's waiting and running jobs with this name. */
export async function jobsNamed(name: string): Promise<string[]> {
  const text = await ask("squeue", "--noheader", "--user", userInfo().username, "--name", name, "--format", "%F");
  return [...new Set(text.split("\n").map((line) => line.trim()))].filter((id) => id !== "");
}

/** How a task ended, from the accounting or, if there is none, the controller; null if Slurm no longer knows. */
export async function endingOf(task: string): Promise<Ending | null> {
  const sources = [
    () => ask("sacct", "--noheader", "--allocations", "--parsable2", "--jobs", task, "--format", "State,ExitCode"),
    () => ask("scontrol", "--oneliner", "show", "job", task),
  ];
  for (const source of sources) {
    try {
      const ending = parseEnding(await source());
      if (ending !== null) return ending;
    } catch (error) {
      if (!(error instanceof InputError)) throw error; // there is no accounting, or the job is no longer in it
    }
  }
  return null;
}

/** Parses the last line of sacct (`CANCELLED by 1000|0:15`) or of scontrol (`JobState=FAILED … ExitCode=1:0`). */
export function parseEnding(text: string): Ending | null {
  const line = text.trim().split("\n").at(-1) ?? "";
  const match = /^([A-Z_]+)[^|]*\|(\d+):(\d+)$/.exec(line) ?? /\bJobState=(\w+).*\bExitCode=(\d+):(\d+)/.exec(line);
  return match === null ? null : { state: match[1], exitCode: Number(match[2]), signal: Number(match[3]) };
}

/** Cancels jobs; running tasks get SIGTERM and time to save. Jobs that have ended are ignored. */
export async function cancel(ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await ask("scancel", "--quiet", ...ids);
}
