import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { CLI, microgpt, microgptHere, sharedWorkspace, TINY, writeWords } from "../setup/microgpt.ts";

let directory = "";
let run = "";
beforeAll(async () => {
  directory = sharedWorkspace();
  run = join(directory, "run");
  const place = ["--data", writeWords(directory), "--name", "run", "--runs-dir", directory];
  const { exitCode, stderr } = await microgptHere(["train", ...place, "--num-samples", "0", ...TINY]);
  if (exitCode !== 0) throw new Error(stderr);
});

describe.skipIf(!existsSync("/dev/full"))("output that cannot be written is one sentence, never a stack trace", () => {
  test.each([["--help"], ["train", "--help"], ["--version"], ["report", "RUN", "-o", "PAGE"], ["compare", "RUN"]])(
    "%s %s",
    (...args) => {
      const full = openSync("/dev/full", "w");
      const named = args.map((word) => (word === "RUN" ? run : word === "PAGE" ? join(directory, "page.html") : word));
      const { status, stderr } = spawnSync(process.execPath, [CLI, ...named], {
        encoding: "utf8",
        stdio: ["ignore", full, "pipe"],
      });
      closeSync(full);
      expect(stderr).toMatch(/^microgpt: cannot write the output: ENOSPC: [^\n]*\n$/);
      expect(status).toBe(1);
    },
  );

  test("an error output that is full changes no exit code", () => {
    const full = openSync("/dev/full", "w");
    const { status } = spawnSync(process.execPath, [CLI, "no-such-command"], { stdio: ["ignore", "ignore", full] });
    closeSync(full);
    expect(status).toBe(2);
  });
});

describe("a metrics.jsonl that is not a file, or is damaged", () => {
  test("a directory: one sentence, and the run is as it was", async () => {
    const path = join(run, "metrics.jsonl");
    const before = readFileSync(path);
    rmSync(path);
    mkdirSync(path);
    for (const command of ["resume", "compare"]) {
      const { exitCode, stderr } = await microgptHere([command, run]);
      expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/metrics\.jsonl is a directory, not a file\n$/)]);
    }
    expect(existsSync(join(run, ".lock"))).toBe(false);
    rmSync(path, { recursive: true });
    writeFileSync(path, before);
  });

  test("lines from the first damaged one on are dropped, also with --log csv", async () => {
    const path = join(run, "metrics.jsonl");
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, [...lines.slice(0, 5), '{"step":6,"loss":x}', ...lines.slice(6)].join("\n"));
    const config = join(run, "config.json");
    writeFileSync(config, readFileSync(config, "utf8").replace('"log": []', '"log": ["csv"]'));
    expect(readFileSync(config, "utf8")).toContain('"csv"');
    const { exitCode, stderr } = await microgptHere(["resume", run]);
    expect([exitCode, stderr.includes("SyntaxError")]).toEqual([expect.any(Number), false]);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});

test("a machine without a place for the cache fetches without one", () => {
  const file = join(directory, "no-folder");
  writeFileSync(file, "");
  const env = { HOME: file, XDG_CACHE_HOME: file, LOCALAPPDATA: file };
  const { stderr } = microgpt(["fetch", "http://127.0.0.1:1/x"], { env });
  expect(stderr).toMatch(/^microgpt: warning: cannot write \S+: [^\n]+; pages are fetched without a cache\n/);
  expect(stderr).toContain("ECONNREFUSED");
});
