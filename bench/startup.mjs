// What a person waits for: from the start of the process to the first step, and for a thousand default steps with
// everything around them (evaluations, saves, samples). Whole processes, no terminal.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { spread } from "./measure.mjs";

const ROUNDS = 5;
const cli = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

export async function run() {
  console.log("startup: microgpt train on the bundled names, 1,000 steps");
  const [first, whole] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const { firstStepMs, wholeMs } = await train();
    first.push(firstStepMs);
    whole.push(wholeMs);
  }
  console.log(`  to the first step  ${spread(first)}`);
  console.log(`  to the end         ${spread(whole)}\n`);
}

async function train() {
  const directory = mkdtempSync(join(tmpdir(), "microgpt-bench-"));
  const started = performance.now();
  const child = spawn(process.execPath, [cli, "train", "--json", "--runs-dir", directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let firstStepMs = Number.NaN;
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    if (Number.isNaN(firstStepMs) && chunk.includes('"event":"step"')) firstStepMs = performance.now() - started;
  });
  await new Promise((resolve) => child.on("close", resolve));
  const wholeMs = performance.now() - started;
  rmSync(directory, { recursive: true });
  return { firstStepMs, wholeMs };
}
