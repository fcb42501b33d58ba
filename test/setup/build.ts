import { execFileSync, execSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join, resolve } from "node:path";

/** What the playground is built from. */
const SOURCES = ["playground", "src", "docs", "data", "README.md", "package-lock.json"];
const SITE = "dist/playground";
/** Without `NODE_ENV=test`, vitest's own, which would make vite build for development. */
const { NODE_ENV: _, VITEST: __, ...ENV } = process.env;

/**
 * Runs the commands of `npm run build`: the tests that spawn `microgpt` run what a user would get, and find in `dist/` nothing
 * that a user would lack. Builds the playground, too, where its sources are newer than what is there.
 */
export default function build(): void {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: { build: string } };
  const path = [resolve("node_modules/.bin"), ENV.PATH].join(delimiter);
  execSync(scripts.build, { stdio: "inherit", env: { ...ENV, PATH: path } });
  const built = existsSync(SITE) ? oldest(SITE) : 0;
  if (Math.max(...SOURCES.map(newest)) < built) return;
  const vite = createRequire(import.meta.url).resolve("vite/package.json");
  const program = join(dirname(vite), "bin", "vite.js");
  execFileSync(process.execPath, [program, "build", "playground", "--logLevel", "warn"], {
    stdio: "inherit",
    env: ENV,
  });
}

/** When the files of a folder were changed, in milliseconds. */
function times(path: string): number[] {
  if (!statSync(path).isDirectory()) return [statSync(path).mtimeMs];
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs);
}

const newest = (path: string): number => Math.max(...times(path));
const oldest = (path: string): number => Math.min(...times(path));
