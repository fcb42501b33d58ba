/**
 * What is asked of Slurm, by its own commands: `sbatch`, `squeue`, `sacct` or `scontrol`, `scancel`. Strings in, plain data
 * out; what it means for a sweep, `slurm-pool.ts` knows.
 */
import { execFile } from "node:child_process";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import { InputError, quote } from "../errors.ts";
import { errorCode } from "../node/files.ts";

const run = promisify(execFile);

/** How a task of an array has ended: Slurm's word for it, the exit code, and the signal that killed it, 0: none. */
export interface Ending {
  readonly state: string;
  readonly exitCode: number;
  readonly signal: number;
}

/** Throws InputError (exit code 1) if Slurm can't be asked, or says no; its first line is the reason. */
async function ask(command: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await run(command, args, { maxBuffer: 2 ** 28, env: { ...process.env, LC_ALL: "C" } });
    return stdout;
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      throw new InputError(`--on slurm: there is no ${command} here; use a machine that submits to a Slurm cluster`);
    }
    const [reason = "no reason given"] = stderrOf(error).trim().split("\n");
    throw new InputError(`slurm: ${command} says ${quote(reason.replace(/^\w+: (?:error: )?/, ""), 300)}`, "machine");
  }
}

const stderrOf = (error: unknown): string => {
  const text: unknown = error instanceof Error ? Reflect.get(error, "stderr") : null;
  return typeof text === "string" && text !== "" ? text : String(error);
};

/** Submits a script; resolves to the job's id. Throws InputError as Slurm refuses it. */
export async function submit(scriptPath: string): Promise<string> {
  // With --parsable: "123", or "123;cluster".
  const [id = ""] = (await ask("sbatch", "--parsable", scriptPath)).trim().split(";");
  if (/^\d+$/.test(id)) return id;
  throw new InputError(`slurm: sbatch gave no job's number, but ${quote(id)}`, "machine");
}

/** The tasks of this user's arrays that wait or run, `12_3` → `RUNNING`. */
export async function queue(): Promise<Map<string, string>> {
  return parseQueue(
    await ask("squeue", "--noheader", "--array", "--user", userInfo().username, "--format", "%F_%K|%T"),
  );
}

/** `12_3|RUNNING` a line. */
export function parseQueue(text: string): Map<string, string> {
  const lines = text.split("\n").map((line) => line.trim().split("|"));
  return new Map(lines.flatMap(([task, state]) => (state === undefined ? [] : [[task, state] as const])));
}

/** The jobs of this user with this name that wait or run. */
export async function jobsNamed(name: string): Promise<string[]> {
  const text = await ask("squeue", "--noheader", "--user", userInfo().username, "--name", name, "--format", "%F");
  return [...new Set(text.split("\n").map((line) => line.trim()))].filter((id) => id !== "");
}

/** How a task ended; null where Slurm does not know any more. Asks the accounting, and where there is none the controller. */
export async function endingOf(task: string): Promise<Ending | null> {
  const asked = [
    () => ask("sacct", "--noheader", "--allocations", "--parsable2", "--jobs", task, "--format", "State,ExitCode"),
    () => ask("scontrol", "--oneliner", "show", "job", task),
  ];
  for (const tell of asked) {
    try {
      const ending = parseEnding(await tell());
      if (ending !== null) return ending;
    } catch (error) {
      if (!(error instanceof InputError)) throw error; // no accounting here, or the job is forgotten
    }
  }
  return null;
}

/** `CANCELLED by 1000|0:15`, as sacct has it, the last line; or `JobState=FAILED … ExitCode=1:0`, as scontrol. */
export function parseEnding(text: string): Ending | null {
  const line = text.trim().split("\n").at(-1) ?? "";
  const match = /^([A-Z_]+)[^|]*\|(\d+):(\d+)$/.exec(line) ?? /\bJobState=(\w+).*\bExitCode=(\d+):(\d+)/.exec(line);
  return match === null ? null : { state: match[1], exitCode: Number(match[2]), signal: Number(match[3]) };
}

/** Ends jobs: those that run get SIGTERM, and some time to save. A job that is gone is no fault. */
export async function cancel(ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await ask("scancel", "--quiet", ...ids);
}
