import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { serve, text } from "../pages/server.ts";
import { CLI, finished, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";
import { isInstalled } from "../setup/trainer.ts";

// What the tests' own machine asks Node to read needs files, too.
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
const SCRIPT = 'ulimit -n "$0" && exec "$@"';

/** The least limit on open files under which Node loads the program at all: with less, nothing of ours runs. */
function leastLimit(): number {
  const loads = (limit: number): boolean =>
    spawnSync("sh", ["-c", SCRIPT, String(limit), process.execPath, CLI, "--version"], { env }).status === 0;
  let limit = 16;
  while (!loads(limit)) limit++;
  return limit;
}

async function limitedTo(files: number, args: readonly string[]): Promise<Finished> {
  return await finished("sh", ["-c", SCRIPT, String(files), process.execPath, CLI, ...args], { env });
}

const SENTENCE = "too many open files (EMFILE); raise the limit, for example with ulimit -n 1024";

describe.skipIf(process.platform === "win32" || !isInstalled("sh"))("a limit on open files (ulimit -n)", () => {
  const LEAST = process.platform === "win32" ? 0 : leastLimit();

  test("that leaves no room for threads: train says so in one sentence", async () => {
    const directory = workspace();
    const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, ...TINY, "--threads", "16"];
    const { exitCode, stderr } = await limitedTo(Math.max(30, LEAST + 1), [...args, "--n-embd", "64"]);
    expect([exitCode, stderr]).toEqual([1, `microgpt: ${SENTENCE}\n`]);
  });

  test("that leaves no room for a process: sweep says so in one sentence, and is resumed without it", async () => {
    const directory = workspace();
    const place = ["--data", writeWords(directory), "--runs-dir", directory, "--name", "sweep"];
    const { exitCode, stdout, stderr } = await limitedTo(LEAST + 1, [
      "sweep",
      ...place,
      ...TINY,
      "--grid",
      "n-layer=1,2",
    ]);
    expect([exitCode, stderr]).toEqual([1, `microgpt: cannot start a run: ${SENTENCE}\n`]);
    expect(stdout).toMatch(/to resume: (?:npx )?microgpt sweep --resume/);
    const resumed = await microgptHere(["sweep", "--resume", join(directory, "sweep")]);
    expect([resumed.exitCode, resumed.stderr]).toEqual([0, ""]);
  });

  const MORE = byExtent([1], [0, 1, 2, 4, 8]);
  test("however low: train, sweep and fetch end in a result or in sentences", { tags: ["cases"] }, async () => {
    const site = await serve({ "/": text("a page\n"), "/b": text("b page\n"), "/c": text("c page\n") });
    const pages = ["/", "/b", "/c"].map((path) => site.origin + path);
    for (const more of MORE) {
      const directory = workspace();
      const place = ["--data", writeWords(directory), "--runs-dir", directory];
      for (const args of [
        ["train", ...place, ...TINY, "--log", "csv"],
        ["sweep", ...place, ...TINY, "--grid", "n-layer=1,2"],
        ["fetch", ...pages, "--cache-dir", join(directory, "cache")],
      ]) {
        const { exitCode, stderr } = await limitedTo(LEAST + more, args);
        expect([0, 1, 2]).toContain(exitCode);
        expect(stderr).toMatch(/^(?:(?:microgpt: |fetched|cleaned|\d+ documents?,)[^\n]*\n)*$/);
      }
    }
  });
});
