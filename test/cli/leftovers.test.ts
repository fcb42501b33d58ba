/** What a command leaves in its working directory and the system's directory of temporary files: its result, or nothing. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { serve, text } from "../pages/server.ts";
import { CLI, finished, microgptHere, sharedWorkspace, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";
import { leftovers } from "../setup/trainer.ts";

let [shared, data, run] = ["", "", ""];
beforeAll(async () => {
  shared = sharedWorkspace();
  data = writeWords(shared);
  run = join(shared, "run");
  const args = ["train", "--data", data, "--runs-dir", shared, "--name", "run", "--num-samples", "0", ...TINY];
  const { exitCode, stderr } = await microgptHere(args);
  if (exitCode !== 0) throw new Error(stderr);
  await microgptHere(["export", run, "--to", "pytorch", "--out", join(shared, "model")]);
});

/** The commands, and what each makes in its working directory. `PAGE` is a page's address. */
const COMMANDS: readonly (readonly [name: string, args: () => string[], result: string[]])[] = [
  ["train", () => ["train", "--data", data, ...TINY], ["runs"]],
  ["sweep", () => ["sweep", "--data", data, "--grid", "n-layer=1,2", ...TINY], ["runs"]],
  ["train --dry-run", () => ["train", "--dry-run", "--data", data], []],
  ["plan", () => ["plan", "--find-learning-rate", "--data", data, ...TINY], []],
  ["sample", () => ["sample", run], []],
  ["report", () => ["report", run], ["report.html"]],
  ["tokenize", () => ["tokenize", "--run", run, "ada", "--export", "t.json"], ["t.json"]],
  ["export", () => ["export", run, "--to", "pytorch", "--out", "model"], ["model"]],
  ["import", () => ["import", join(shared, "model")], ["runs"]],
  ["fetch", () => ["fetch", "PAGE", "--no-cache", "--out", "page.txt"], ["page.txt"]],
];
const WRITING = COMMANDS.filter(([, , result]) => result.length > 0);

interface Left extends Finished {
  readonly directory: string;
  /** Names in the working directory. */
  readonly here: string[];
}

/**
 * Runs a command in a directory of its own, which has the directory of temporary files, too. @param onSync JavaScript that
 * runs whenever a file is to be made durable; null: none.
 */
async function runIn(directory: string, args: readonly string[], onSync: string | null = null): Promise<Left> {
  const [cwd, temporary, home] = ["cwd", "tmp", "home"].map((name) => join(directory, name));
  for (const path of [cwd, temporary]) mkdirSync(path, { recursive: true });
  const site = await serve({ "/": text("a page of words\n") });
  const hook = join(directory, "hook.mjs");
  writeFileSync(
    hook,
    `import fs from "node:fs";
     import { syncBuiltinESMExports } from "node:module";
     const { fsyncSync } = fs;
     let count = 0;
     fs.fsyncSync = (file) => { count++; ${onSync ?? ""}; fsyncSync(file); };
     syncBuiltinESMExports();`,
  );
  const env = { ...process.env, TMPDIR: temporary, TMP: temporary, TEMP: temporary, HOME: home, XDG_CACHE_HOME: home };
  const words = args.map((word) => (word === "PAGE" ? site.origin : word));
  const result = await finished(process.execPath, ["--import", hook, CLI, ...words], { cwd, env });
  return { ...result, directory, here: readdirSync(cwd).toSorted() };
}

function expectNothingTemporary({ directory }: Left): void {
  expect(leftovers(join(directory, "cwd"))).toEqual([]);
  expect(readdirSync(join(directory, "tmp"))).toEqual([]);
}

test.each(COMMANDS)("%s leaves its result alone", async (_name, args, result) => {
  const left = await runIn(workspace(), args());
  expect([left.exitCode, left.here]).toEqual([0, result]);
  expectNothingTemporary(left);
});

test.each(WRITING)("%s that cannot write leaves nothing temporary", async (_name, args) => {
  const left = await runIn(workspace(), args(), 'throw Object.assign(new Error("full"), { code: "ENOSPC" })');
  expect([left.exitCode, left.stderr]).toEqual([
    1,
    expect.stringMatching(/microgpt: cannot write [^\n]*ENOSPC[^\n]*\n$/),
  ]);
  expectNothingTemporary(left);
});

describe.skipIf(process.platform === "win32")("a signal while a file is written", () => {
  test.each(WRITING)("%s: Ctrl-C leaves nothing temporary", async (_name, args) => {
    const left = await runIn(workspace(), args(), 'if (count === 1) process.kill(process.pid, "SIGINT")');
    expect([left.exitCode, left.stderr.includes("    at ")]).toEqual([130, false]);
    expectNothingTemporary(left);
  });

  test.each(["report", "tokenize", "fetch", "export"])(
    "%s: what SIGKILL leaves is gone after the next",
    async (name) => {
      const [, args] = COMMANDS.find(([known]) => known === name)!;
      const directory = workspace();
      const killed = await runIn(directory, args(), 'process.kill(process.pid, "SIGKILL")');
      expect([killed.exitCode, leftovers(join(directory, "cwd")).length]).toEqual([null, 1]);
      const next = await runIn(directory, args());
      expect(next.exitCode).toBe(0);
      expectNothingTemporary(next);
    },
  );
});
