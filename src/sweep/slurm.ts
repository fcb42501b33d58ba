/**
 * Thin wrappers around Slurm's command-line tools (`sbatch`, `squeue`, `sacct` or `scontrol`, `scancel`) that parse
 * their output into plain data. `slurm-pool.ts` decides what it means for a sweep.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { InputError, isRecord, quote } from "../errors.ts";
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

/** A task in the queue. */
export interface QueuedTask {
  /** Slurm's id of the task, such as `12_3`. */
  readonly task: string;
  /** The state, such as `RUNNING`. */
  readonly state: string;
  /** The name of its job; null: the queue did not say. */
  readonly jobName: string | null;
}

/** A failure of one of Slurm's tools; its code is "machine". */
export class SlurmError extends InputError {
  /** Whether the tool could not reach the controller: then the same command may succeed later. */
  readonly isAway: boolean;

  /** `message` is what the user reads. */
  constructor(message: string, isAway: boolean) {
    super(message, "machine");
    this.name = "SlurmError";
    this.isAway = isAway;
  }
}

/** Milliseconds after which a tool that does not end counts as unanswered. Slurm's own time limits are shorter. */
const MAX_ANSWER_MS = 180_000;
/** What the tools say when the controller does not answer; the texts are in Slurm's src/common/slurm_errno.c. */
const AWAY =
  /Unable to contact|timed out|Zero Bytes|(?:send|receive|shutdown|connection) failure|standby mode|Connection refused|temporarily unable/i;
/** This machine cannot start a process now, but may be able to later. */
const BUSY = new Set(["EAGAIN", "EMFILE", "ENFILE", "ENOMEM"]);

/** Runs a tool; resolves to its output. Throws InputError if it is missing, and SlurmError, with its message, if it fails. */
async function ask(command: string, ...args: string[]): Promise<string> {
  try {
    const limits = { maxBuffer: 2 ** 28, timeout: MAX_ANSWER_MS, killSignal: "SIGKILL" } as const;
    const { stdout } = await run(command, args, { ...limits, env: environment() });
    return stdout;
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      throw new InputError(
        `--on slurm: ${command} is not installed here; use a machine that submits to a Slurm cluster`,
      );
    }
    if (isRecord(error) && error.killed === true) {
      throw new SlurmError(`slurm: ${command} did not answer for ${MAX_ANSWER_MS / 1000} s`, true);
    }
    const [reason = "no reason given"] = stderrOf(error).trim().split("\n");
    const message = `slurm: ${command} failed: ${quote(reason.replace(/^\w+: (?:error: )?/, ""), 300)}`;
    throw new SlurmError(message, BUSY.has(errorCode(error) ?? "") || AWAY.test(stderrOf(error)));
  }
}

/** English messages, and none of the user's defaults for squeue: `SQUEUE_STATES=RUNNING` would hide tasks that wait. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("SQUEUE_"));
  return { ...Object.fromEntries(kept), LC_ALL: "C" };
}

const stderrOf = (error: unknown): string => {
  const text: unknown = error instanceof Error ? Reflect.get(error, "stderr") : null;
  return typeof text === "string" && text !== "" ? text : String(error);
};

/** Submits a script; resolves to the job's id. Throws as `ask`: then Slurm may have the job all the same. */
export async function submit(scriptPath: string): Promise<string> {
  const output = await ask("sbatch", "--parsable", scriptPath);
  // With --parsable: "123", or "123;cluster"; some clusters print a greeting above it.
  const id = output.trim().split("\n").at(-1)?.split(";")[0] ?? "";
  if (/^\d+$/.test(id)) return id;
  throw new SlurmError(`slurm: expected the id of a job from sbatch, got ${quote(id)}`, false);
}

/** The waiting and running tasks of this user's arrays. */
export async function queue(): Promise<QueuedTask[]> {
  // By number: a container may have no name for its user.
  const user = String(process.getuid?.() ?? process.env.USER);
  return parseQueue(await ask("squeue", "--noheader", "--array", "--user", user, "--format", "%F_%K|%T|%j"));
}

/** Parses the output of squeue: lines such as `12_3|RUNNING|name`. */
export function parseQueue(text: string): QueuedTask[] {
  const lines = text.split("\n").map((line) => /^\s*(\w+)\|(\w+)(?:\|(.*))?$/.exec(line));
  return lines.flatMap((match) => {
    if (match === null) return [];
    const [, task, state, name] = match as readonly (string | undefined)[];
    return task === undefined || state === undefined ? [] : [{ task, state, jobName: name?.trim() ?? null }];
  });
}

/** What Slurm knows of a task that is not in the queue: how it ended, that it has not, or nothing. */
export type Fate = Ending | "active" | "unknown";

/** States of a task that has not ended. The accounting may keep one of them for a task that is long gone. */
const ACTIVE =
  /^(?:PENDING|RUNNING|SUSPENDED|STOPPED|CONFIGURING|COMPLETING|RESIZING|SIGNALING|STAGE_OUT|SPECIAL_EXIT|REQUEUE\w*)$/;

/**
 * Asks for a task that is not in the queue: first the accounting, then the controller, which forgets after minutes, but
 * alone is believed that a task is still active. Throws SlurmError if the controller does not answer.
 */
export async function fateOf(task: string): Promise<Fate> {
  const recorded = await orNull(
    ask("sacct", "--noheader", "--allocations", "--parsable2", "--jobs", task, "--format", "State,ExitCode"),
    () => true, // no accounting, or its database is away
  );
  if (recorded !== null && !ACTIVE.test(recorded.state)) return recorded;
  const seen = await orNull(ask("scontrol", "--oneliner", "show", "job", task), (error) => !error.isAway);
  if (seen === null) return "unknown";
  return ACTIVE.test(seen.state) ? "active" : seen;
}

/** Parses an answer; null for an error that says that there is none. */
async function orNull(answer: Promise<string>, isNone: (error: SlurmError) => boolean): Promise<Ending | null> {
  try {
    return parseEnding(await answer);
  } catch (error) {
    if (!(error instanceof InputError) || (error instanceof SlurmError && !isNone(error))) throw error;
    return null;
  }
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
