// `npm run test:clients`: installs the programs that open exported models, without their install scripts, then runs the
// tests that need them. Where they cannot be installed, the tests are counted as skipped.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const clients = fileURLToPath(new URL("../test/clients", import.meta.url));
// Without optional packages: those of other systems and GPUs are 700 MB. What Linux on x64 needs is named in package.json.
const FLAGS = "--ignore-scripts --omit=optional --no-audit --no-fund --loglevel error".split(" ");

const run = (program, args, cwd) =>
  spawnSync(program, args, { cwd, stdio: "inherit", shell: process.platform === "win32" }).status ?? 1;

if (!existsSync(`${clients}/node_modules/.package-lock.json`) && run("npm", ["ci", ...FLAGS], clients) !== 0) {
  console.log("test/clients could not be installed (see above): its tests are skipped");
}
process.exitCode = run("npx", ["vitest", "run", "--mode", "clients", ...process.argv.slice(2)], root);
