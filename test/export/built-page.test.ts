import { execSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { finished, sharedWorkspace, trained } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";
import { startServerOf } from "../setup/open.ts";

const COPIED = ["package.json", "tsconfig.json", "tsconfig.build.json", "src", "playground", "scripts", "data"];

describe("in a clone, after npm run build alone", () => {
  let clone = "";
  let page = "";
  let built = "";
  const cli = (): string => join(clone, "dist", "cli.js");

  beforeAll(() => {
    clone = sharedWorkspace();
    for (const name of COPIED) cpSync(name, join(clone, name), { recursive: true });
    symlinkSync(resolve("node_modules"), join(clone, "node_modules"));
    // `NODE_ENV=test` is vitest's: with it, vite would build for development.
    const { NODE_ENV: _, ...env } = process.env;
    execSync("npm run --silent build", { cwd: clone, env, stdio: "inherit" });
    page = join(clone, "dist", "model-page.html");
    built = readFileSync(page, "utf8");
  });
  beforeEach(() => writeFileSync(page, built));

  const exported = (run: string, directory: string): Promise<Finished> =>
    finished(process.execPath, [cli(), "export", run, "--to", "html"], { cwd: directory, env: process.env });

  test("a model is exported as a page", async () => {
    const { directory, run } = trained();
    const { exitCode, stderr } = await exported(run, directory);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(readFileSync(join(directory, "run.html"), "utf8")).toContain("<title>run</title>");
  });

  test.each([
    ["missing", "missing", null],
    ["empty", "damaged", (): string => ""],
    ["cut short", "damaged", (): string => built.slice(0, -20)],
    ["without a place for the weights", "damaged", (): string => built.replace("%WEIGHTS%", "")],
  ] as const)("a page that is %s is not exported, and the server does not name it", async (_, fault, damaged) => {
    if (damaged === null) rmSync(page);
    else writeFileSync(page, damaged());
    const { directory, run } = trained();
    const sentence = `${page}: the page is ${fault}; npm run build builds it\n`;
    const { exitCode, stdout, stderr } = await exported(run, directory);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 2, stdout: "", stderr: `microgpt: ${sentence}` });
    expect(existsSync(join(directory, "run.html"))).toBe(false);
    const { url, printed } = await startServerOf(cli(), "serve", run, "--port", "0");
    expect(printed()).toBe(
      `microgpt: warning: ${sentence}serving  run\nOpenAI API  ${url.origin}/v1\nCtrl-C ends it\n`,
    );
    expect((await fetch(new URL("/", url))).status).toBe(404);
  });
});
