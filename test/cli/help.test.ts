import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { microgpt, microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

test("--help and --version print and exit 0", async () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  expect(microgpt(["--version"])).toEqual({ exitCode: 0, stdout: `${version}\n`, stderr: "" });
  const help = await microgptHere(["train", "--help"]);
  expect(help.exitCode).toBe(0);
  expect(help.stdout.replace(/\s+/g, " ")).toContain("--n-embd <N> embedding width (default: 16) --n-head");
  expect((await microgptHere(["--help"])).stdout).toMatch(/complete \[options\] <RUN> <PREFIX>/);
});

test("without a command microgpt trains", async () => {
  const directory = workspace();
  const { exitCode, stdout } = await microgptHere(["--data", writeWords(directory), ...TINY], { cwd: directory });
  expect(exitCode).toBe(0);
  expect(stdout).toContain("sample 20:");
});
