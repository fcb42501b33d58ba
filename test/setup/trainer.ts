import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { decodeCheckpoint } from "../../src/training/checkpoint.ts";
import { CLI } from "./microgpt.ts";

/** A model so small that a step takes less than a millisecond. */
export const TRAINER: readonly string[] =
  "--n-embd 4 --n-head 2 --block-size 8 --eval-documents 4 --num-samples 3".split(" ");

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running `microgpt`. */
export interface Trainer {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly output: () => string;
  kill(signal: NodeJS.Signals): void;
}

export const start = (args: readonly string[], wrapper: readonly string[] = []): Trainer =>
  startProgram([...wrapper, process.execPath, CLI, ...args], { UV_USE_IO_URING: "0" });

/** Any program that runs `microgpt`. @param input what its standard input is: nothing, or a pipe that stays open. */
export function startProgram(
  [program, ...rest]: readonly string[],
  env: NodeJS.ProcessEnv,
  input: "ignore" | "pipe" = "ignore",
): Trainer {
  const child = spawn(program, rest, { stdio: [input, "pipe", "pipe"], env: { ...process.env, ...env } });
  let [stdout, stderr] = ["", ""];
  child.stdout!.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr!.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const ended = new Promise<Ended>((resolve) => {
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, stdout, stderr }));
  });
  return { pid: child.pid ?? -1, ended, output: () => stdout + stderr, kill: (signal) => void child.kill(signal) };
}

/** Waits until a condition holds; fails the test after a minute, which not even a busy machine comes near. */
export async function until(what: string, condition: () => boolean, limitMs: number = 60_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) expect.fail(`waited in vain until ${what}`);
    await sleep(2);
  }
}

/** The steps of a run that have a checkpoint under its final name, in order; none if there is no run yet. */
export function savedSteps(run: string): number[] {
  const directory = join(run, "checkpoints");
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory).filter((name) => name.startsWith("step-"));
  return names.map((name) => Number.parseInt(name.slice(5), 10)).toSorted((a, b) => a - b);
}

export const checkpointPath = (run: string, step: number): string =>
  join(run, "checkpoints", `step-${String(step).padStart(6, "0")}.safetensors`);

/** Every checkpoint that can be seen is whole. */
export async function expectAllWhole(run: string): Promise<void> {
  for (const step of savedSteps(run)) {
    expect((await decodeCheckpoint(readFileSync(checkpointPath(run, step)))).progress.step).toBe(step);
  }
}

const COMPARED = ["config.json", "tokenizer.json", "model.safetensors", "metrics.jsonl", "samples.txt"];

/** What must be the same however often a run was stopped: the hash of every file, and of the last checkpoint. */
export function fingerprint(run: string): Record<string, string> {
  const last = `checkpoints/step-${String(savedSteps(run).at(-1)).padStart(6, "0")}.safetensors`;
  const hash = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(run, name)))
      .digest("hex");
  return Object.fromEntries([...COMPARED, last].map((name) => [name, hash(name)]));
}

/**
 * A module for `--hook`. @param statement runs with every `event`. @param preparation runs when the module is loaded.
 */
export function hookOf(directory: string, statement: string, preparation: string = ""): string {
  const path = join(directory, "hook.mjs");
  writeFileSync(path, `${preparation}\nexport default (event) => { ${statement} };\n`);
  return path;
}

/** Sends the process one SIGTERM, as soon as its run has a lock under its final name. */
export const WHEN_LOCKED = `
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
let isSent = false;
for (const name of ["linkSync", "renameSync"]) {
  const original = fs[name];
  fs[name] = (from, to) => {
    original(from, to);
    const lock = to.endsWith(".lock") ? to : to + "/.lock";
    if (isSent || lock.includes(".new-run-") || !fs.existsSync(lock)) return;
    isSent = true;
    process.kill(process.pid, "SIGTERM");
  };
}
syncBuiltinESMExports();`;

/** Names in a directory tree that no finished run may leave: temporary files, locks, half-made runs. */
export function leftovers(directory: string): string[] {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.tmp-|\.new-run-|\.lock/.test(name));
}

/** Processes and their command lines. */
function commandLines(): { readonly pid: number; readonly words: readonly string[] }[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      return [{ pid: Number(pid), words: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0") }];
    } catch {
      return []; // it has just ended
    }
  });
}

/** Processes of a sweep's runs, and which run each is, by what they were started with. */
export function tasksOf(sweep: string): { pid: number; run: string }[] {
  return commandLines().flatMap(({ pid, words }) => {
    const place = words.indexOf("sweep-task");
    return place >= 0 && words[place + 1] === sweep ? [{ pid, run: words[place + 2] }] : [];
  });
}

/** The ranks of a job that trains a run, which it has begun and not resumed, by their ids. */
export function ranksOf(run: string): number[] {
  const [directory, name] = [dirname(run), basename(run)];
  return commandLines()
    .filter(({ words }) => words[1]?.endsWith("cli.js") && words.includes("train"))
    .filter(({ words }) => words.includes(name) && words.at(-2) === directory && !words.includes("slurm"))
    .map(({ pid }) => pid)
    .toSorted((a, b) => a - b);
}

/** One line on stderr that says what went wrong, and no stack trace. */
export function expectOneLine(stderr: string, message: RegExp): void {
  expect(stderr).toMatch(/^microgpt: [^\n]+\n$/);
  expect(stderr).toMatch(message);
}

export const isInstalled = (tool: string): boolean => spawnSync("sh", ["-c", `command -v ${tool}`]).status === 0;
/** Whether strace may trace: containers often forbid it. */
export const canTrace: boolean =
  isInstalled("strace") && spawnSync("strace", ["-qq", "-o", "/dev/null", "true"]).status === 0;
/** What begins a command in a container. --kill-child: all in it ends with unshare itself. */
export const IN_A_CONTAINER: readonly string[] = [
  "unshare",
  "--map-root-user",
  "--pid",
  "--fork",
  "--mount-proc",
  "--kill-child",
];
export const canUnshare: boolean = spawnSync(IN_A_CONTAINER[0], [...IN_A_CONTAINER.slice(1), "true"]).status === 0;
export const isFile = (path: string): boolean => existsSync(path) && statSync(path).isFile();
