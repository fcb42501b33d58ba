import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";

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
    timeout: 60_000,
    input: "",
    ...options,
    env: { ...process.env, ...options.env },
  });
  return { exitCode: status, stdout, stderr };
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

/** A finished run of the words, and where it is. */
export function trained(...more: string[]): { directory: string; run: string; data: string; stdout: string } {
  const directory = workspace();
  const data = writeWords(directory);
  const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...TINY, ...more];
  const { exitCode, stdout, stderr } = microgpt(args);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  return { directory, run: join(directory, "run"), data, stdout };
}
