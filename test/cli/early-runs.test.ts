import * as fs from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadRun } from "../../src/run/library.ts";
import { readRunFiles } from "../../src/node/run-files.ts";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";
import { hookOf } from "../setup/trainer.ts";

/** A run that a signal stopped at step 5, long before its first evaluation. */
async function stoppedRun(): Promise<string> {
  const directory = workspace();
  const terminate = `if (event.event === "step" && event.step === 5) process.kill(process.pid, "SIGTERM");`;
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, "--name", "run", ...TINY];
  const more = ["--num-steps", "1000000", "--eval-interval", "900000", "--hook", hookOf(directory, terminate)];
  expect((await microgptHere([...args, ...more])).exitCode).toBe(143);
  const run = join(directory, "run");
  expect(fs.existsSync(join(run, "model.safetensors"))).toBe(false);
  return run;
}

test("a run stopped before its first evaluation writes with its newest checkpoint, and says so", async () => {
  const run = await stoppedRun();
  const step = Number(/step-(\d+)/.exec(fs.readdirSync(join(run, "checkpoints"))[0])?.[1]);
  const note = new RegExp(
    `^microgpt: warning: \\S*run has not been evaluated yet; using the weights of its newest checkpoint, of step ${step}\n$`,
  );
  const sampled = await microgptHere(["sample", run, "--num-samples", "3", "--seed", "7"]);
  expect(sampled.exitCode).toBe(0);
  expect(sampled.stderr).toMatch(note);
  expect(sampled.stdout.match(/^sample /gm)).toHaveLength(3);
  const completed = await microgptHere(["complete", run, "ba", "--seed", "7", "--temperature", "0.5"]);
  expect(completed.exitCode).toBe(0);
  expect(completed.stderr).toMatch(note);
  // The library writes with the same weights.
  const model = await loadRun(readRunFiles(run));
  const options = { prefix: "ba", seed: 7, temperature: 0.5 };
  expect(completed.stdout).toBe(`ba${await model.generate(options)}\n`.replace(/^baba/, "ba"));
  const file = join(workspace(), "exported.json");
  expect(await microgptHere(["tokenize", "ba", "--run", run, "--export", file])).toMatchObject({
    exitCode: 0,
    stderr: "",
  });
  expect(fs.existsSync(file)).toBe(true);
});

test("a run without any weights yet says how to get some", async () => {
  const run = await stoppedRun();
  for (const name of fs.readdirSync(join(run, "checkpoints"))) fs.rmSync(join(run, "checkpoints", name));
  for (const command of [
    ["sample", run],
    ["complete", run, "ba"],
  ]) {
    const { exitCode, stderr } = await microgptHere(command);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^microgpt: \S*run has no weights yet; microgpt resume \S*run makes some\n$/);
  }
});

test.each(["n".repeat(254), `${"ä".repeat(125)}.txt`, "家".repeat(85)])(
  "a file of a name that only just fits, %s, is trained on, exported and fetched to",
  async (name) => {
    const directory = workspace();
    fs.renameSync(writeWords(directory), join(directory, name));
    const args = ["train", "--data", join(directory, name), "--runs-dir", join(directory, "runs"), ...TINY];
    expect(await microgptHere([...args, "--num-steps", "1", "--num-samples", "0"])).toMatchObject({
      exitCode: 0,
      stderr: "",
    });
    expect(fs.readdirSync(join(directory, "runs"))).toHaveLength(1);
    const out = join(directory, name.replace(/^./u, "x"));
    const exporting = ["tokenize", "ba", "--tokenizer", "char", "--data", join(directory, name), "--export", out];
    expect(await microgptHere(exporting)).toMatchObject({ exitCode: 0, stderr: "" });
    expect(fs.existsSync(out)).toBe(true);
  },
);

test("--take-over is for what is resumed", async () => {
  const { exitCode, stderr } = await microgptHere(["sweep", "--grid", "n-layer=1,2", "--take-over"], {
    cwd: workspace(),
  });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: "microgpt: --take-over needs --resume; add it, or drop --take-over\n",
  });
});
