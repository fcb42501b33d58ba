import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgptHere, workspace, writeWords } from "../setup/microgpt.ts";
import type { Finished } from "../setup/microgpt.ts";

const VERSES = readFileSync("test/fixtures/genesis200.txt", "utf8");
const FEW = ["--num-steps", "2", "--num-samples", "0", "--name", "run", "--bpe-merges", "20"];

interface Run extends Finished {
  readonly options: Readonly<Record<string, unknown>>;
}

/** A training of two steps, and the options of its config.json. */
async function runOf(text: string, ...args: readonly string[]): Promise<Run> {
  const directory = workspace();
  writeFileSync(join(directory, "text.txt"), text);
  const finished = await microgptHere(["text.txt", ...FEW, ...args], { cwd: directory });
  expect(finished.stderr).toBe("");
  const config = readFileSync(join(directory, "runs", "run", "config.json"), "utf8");
  const { options } = JSON.parse(config) as { options: Record<string, unknown> };
  return { ...finished, options: { ...options, data: null } };
}

test("long lines choose the sizes for a book, in one sentence; config.json has them as if they had been typed", async () => {
  const chosen = await runOf(VERSES);
  expect(chosen.stdout).toMatch(
    /^preset book, because the text has long lines \(--preset names: the small defaults\)\n/,
  );
  expect(chosen.options).toMatchObject({ tokenizer: "byte-bpe", documents: "line", stream: true, blockSize: 64 });
  const typed =
    "--tokenizer byte-bpe --documents line --stream --n-embd 64 --n-head 4 --n-layer 2 --block-size 64 --batch-size 32";
  const same = await runOf(VERSES, ...typed.split(" "));
  expect(same.options).toEqual(chosen.options);
  expect(same.stdout).not.toContain("preset");
  expect((await runOf(VERSES, "--preset", "book")).options).toEqual(chosen.options);
});

test("what is typed counts more than a preset; a size that is typed, or --preset names, turns the choice off", async () => {
  const { options } = await runOf(VERSES, "--tokenizer", "char", "--batch-size", "8");
  expect(options).toMatchObject({ tokenizer: "char", batchSize: 8, nEmbd: 64 });
  const preset = await runOf(VERSES, "--preset", "code", "--n-embd", "8");
  expect(preset.options).toMatchObject({ nEmbd: 8, blockSize: 128, documents: "file" });
  for (const off of ["--preset names", "--n-layer 1", "--block-size 16", "--reference", "--engine atomic"]) {
    const args = off === "--reference" ? ["--tokenizer", "char"] : [];
    const run = await runOf(VERSES, ...off.split(" "), ...args);
    expect(run.stdout).not.toContain("preset");
    expect(run.options).toMatchObject({ tokenizer: "char", stream: false, nEmbd: 16, blockSize: 16, nLayer: 1 });
  }
});

test("names are trained as before, without a word", async () => {
  const { stdout, options } = await runOf(readFileSync(writeWords(workspace()), "utf8"));
  expect(stdout).toMatch(/^microgpt /);
  expect(options).toMatchObject({ tokenizer: "char", stream: false, nEmbd: 16, batchSize: 64 });
});

test("a run with a preset resumes, and a sweep with it has the same options", async () => {
  const directory = workspace();
  writeFileSync(join(directory, "text.txt"), VERSES);
  const here = { cwd: directory };
  await microgptHere(["text.txt", ...FEW], here);
  expect(await microgptHere(["resume", "run"], here)).toMatchObject({ exitCode: 0, stderr: "" });
  const optionsAt = (path: string): unknown =>
    (JSON.parse(readFileSync(join(directory, path), "utf8")) as { options: unknown }).options;
  const sweep = ["sweep", "--data", "text.txt", ...FEW.slice(0, -4), "--bpe-merges", "20", "--grid", "seed=42"];
  const { stdout } = await microgptHere([...sweep, "--name", "s"], here);
  expect(stdout).toContain("preset book, because");
  expect(optionsAt("runs/s/runs/01_seed-42/config.json")).toEqual(optionsAt("runs/run/config.json"));
  const sized = await microgptHere([...sweep, "--grid", "n-embd=8", "--name", "t"], here);
  expect(sized.stdout).not.toContain("preset");
  expect(optionsAt("runs/t/sweep.json")).toMatchObject({ tokenizer: "char", blockSize: 16 });
});
