import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What the playground is built from. */
const SOURCES = ["playground", "src", "docs", "data", "README.md", "package-lock.json"];
const SITE = "dist/playground";
const PAGE = "dist/model-page.html";

/**
 * Compiles `src/` into `dist/` once: the tests that spawn `microgpt` run what a user would get. Builds the playground, too,
 * where its sources are newer than what is there.
 */
export default function build(): void {
  const { resolve } = createRequire(import.meta.url);
  run(join(dirname(resolve("typescript/package.json")), "bin", "tsc"), "-p", "tsconfig.build.json");
  run("scripts/core-without-asset.mjs");
  const built = existsSync(SITE) && existsSync(PAGE) ? oldest(SITE) : 0;
  if (Math.max(...SOURCES.map(newest)) < built) return;
  run(join(dirname(resolve("vite/package.json")), "bin", "vite.js"), "build", "playground", "--logLevel", "warn");
}

/** Runs a program of a package. Without vitest's own variables: NODE_ENV=test would make vite build for development. */
function run(program: string, ...args: string[]): void {
  const { NODE_ENV: _, VITEST: __, ...env } = process.env;
  execFileSync(process.execPath, [program, ...args], { stdio: "inherit", env });
}

/** When the files of a folder were changed, in milliseconds. */
function times(path: string): number[] {
  if (!statSync(path).isDirectory()) return [statSync(path).mtimeMs];
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs);
}

const newest = (path: string): number => Math.max(...times(path));
const oldest = (path: string): number => Math.min(...times(path));
