import { spawn, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, expect, onTestFinished, vi } from "vitest";
import type { MockInstance } from "vitest";

/** The command line as users get it; the global setup has just compiled it. */
export const CLI: string = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `microgpt …` to its end, without a terminal. */
export function microgpt(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    encoding: "utf8",
    timeout: 240_000,
    input: "",
    ...options,
    env: { ...process.env, ...options.env },
  });
  return { exitCode: status, stdout, stderr };
}

let evaluations = 0;

/**
 * Runs `microgpt …` in this process, in a tenth of the time: where what the command says and does is tested, and not how
 * a process begins and ends. One at a time.
 */
export async function microgptHere(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<Finished> {
  const stdin = Object.getOwnPropertyDescriptor(process, "stdin")!;
  const [argv, cwd, env, listeners] = [process.argv, process.cwd(), process.env, process.stdout.listeners("error")];
  const record = (stream: NodeJS.WriteStream): MockInstance => vi.spyOn(stream, "write").mockImplementation(() => true);
  const [stdout, stderr] = [record(process.stdout), record(process.stderr)];
  const textOf = ({ mock }: MockInstance): string => mock.calls.map(([text]) => String(text)).join("");
  try {
    process.chdir(options.cwd ?? cwd);
    process.env = { ...env, ...options.env };
    process.argv = [process.execPath, CLI, ...args];
    process.exitCode = 0;
    const input = Readable.from(options.input === undefined ? [] : [options.input]);
    Object.defineProperty(process, "stdin", { value: input, configurable: true });
    evaluations++;
    await import(`${pathToFileURL(CLI).href}?${evaluations}`); // the entry alone is evaluated anew
    return { exitCode: process.exitCode, stdout: textOf(stdout), stderr: textOf(stderr) };
  } finally {
    for (const spy of [stdout, stderr]) spy.mockRestore();
    Object.defineProperty(process, "stdin", stdin);
    for (const listener of process.stdout.listeners("error")) {
      if (!listeners.includes(listener)) process.stdout.off("error", listener as () => void);
    }
    process.chdir(cwd);
    process.env = env;
    process.argv = argv;
    process.exitCode = 0;
  }
}

/** The same for commands that need this very process to go on: it plays the server. `input` is piped in. */
export async function microgptAsync(
  args: readonly string[],
  { env, ...options }: { cwd?: string; input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return await finished(process.execPath, [CLI, ...args], { ...options, env: { ...process.env, ...env } });
}

/** Any program, to its end. */
export async function finished(
  program: string,
  args: readonly string[],
  { input = "", ...options }: { cwd?: string; input?: string; env: NodeJS.ProcessEnv },
): Promise<Finished> {
  const child = spawn(program, args, options);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  child.stdin.on("error", () => {}).end(input);
  const exitCode = await new Promise<number | null>((done) => child.on("close", done));
  return { exitCode, stdout, stderr };
}

/** An empty directory that is gone after the test. */
export function workspace(): string {
  const path = mkdtempSync(join(tmpdir(), "microgpt-test-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** One that is gone after the file's last test. */
export function sharedWorkspace(): string {
  const path = mkdtempSync(join(tmpdir(), "microgpt-test-"));
  shared.push(path);
  return path;
}

const shared: string[] = [];
afterAll(() => {
  for (const path of shared) rmSync(path, { recursive: true, force: true });
});

/** Forty short words in a file: text enough to train on in a blink. */
export function writeWords(directory: string): string {
  const syllables = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi"];
  const words = Array.from(
    { length: 40 },
    (_, i) => syllables[i % 8] + syllables[Math.floor(i / 8)] + (i % 3 ? "n" : ""),
  );
  const path = join(directory, "words.txt");
  writeFileSync(path, `${words.join("\n")}\n`);
  return path;
}

/** Options of a model that trains in milliseconds. */
export const TINY: readonly string[] = "--n-embd 4 --n-head 2 --block-size 8 --num-steps 30 --eval-interval 10".split(
  " ",
);

interface Trained {
  readonly directory: string;
  readonly run: string;
  readonly data: string;
  readonly stdout: string;
}

const runs = new Map<string, Trained>();

/** A finished run of the words, and where it is. The same options are trained once; every test gets a copy. */
export function trained(...more: string[]): Trained {
  const key = more.join(" ");
  const original = runs.get(key) ?? train(more, sharedWorkspace());
  runs.set(key, original);
  const directory = workspace();
  cpSync(original.directory, directory, { recursive: true, preserveTimestamps: true });
  const moved = (text: string): string => text.replaceAll(original.directory, directory);
  const config = join(directory, "run", "config.json");
  writeFileSync(config, moved(readFileSync(config, "utf8"))); // it names the data
  return {
    directory,
    run: moved(original.run),
    data: moved(original.data),
    stdout: moved(original.stdout),
  };
}

/** The same, trained for this test alone. */
export function trainedAnew(...more: string[]): Trained {
  return train(more, workspace());
}

function train(more: readonly string[], directory: string): Trained {
  const data = writeWords(directory);
  const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...TINY, ...more];
  const { exitCode, stdout, stderr } = microgpt(args);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  return { directory, run: join(directory, "run"), data, stdout };
}
