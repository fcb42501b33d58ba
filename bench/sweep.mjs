// Two runs of a sweep, side by side and one after the other, in turn: whole processes, all that a sweep does around its
// runs included. "One after the other" gives each run all cores; with a thread each it does not.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median, spread } from "./measure.mjs";

const ROUNDS = 3;
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

const MODELS = [
  ["names, default size", "--num-steps 20000"],
  ["names, 64 wide, 2 layers", "--n-embd 64 --n-layer 2 --num-steps 2000"],
];

export async function run() {
  console.log("sweep: two runs with --jobs 2, and with --jobs 1");
  for (const [name, options] of MODELS) {
    for (const threads of ["as many threads as suit", "--threads 1"]) {
      const more = threads.startsWith("--") ? threads.split(" ") : [];
      const [both, inTurn] = [[], []];
      for (let round = 0; round < ROUNDS; round++) {
        both.push(await sweep([...options.split(" "), ...more, "--jobs", "2"]));
        inTurn.push(await sweep([...options.split(" "), ...more, "--jobs", "1"]));
      }
      const ratio = (median(both) / median(inTurn)).toFixed(2);
      console.log(`  ${name}, ${threads}: ${spread(both)} / ${spread(inTurn)} = ${ratio} (wanted: at most 0.6)`);
    }
  }
  console.log();
}

async function sweep(options) {
  const directory = mkdtempSync(join(tmpdir(), "microgpt-bench-"));
  const started = performance.now();
  const args = ["sweep", "--repeats", "2", "--grid", "n-head=4", "--runs-dir", directory, ...options];
  const child = spawn(process.execPath, [cli, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise((resolve) => child.on("close", resolve));
  const ms = performance.now() - started;
  rmSync(directory, { recursive: true });
  if (code !== 0) throw new Error(`sweep ${options.join(" ")} ended with ${code}`);
  return ms;
}
