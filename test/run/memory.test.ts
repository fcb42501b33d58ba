import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadCost } from "../../src/node/result.ts";
import { microgpt, microgptHere, workspace } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";

const WORDS = byExtent(20_000, 200_000);

/** A text of different words, eight in a line. */
function writeVocabulary(path: string): void {
  const words = Array.from({ length: WORDS }, (_, i) => `w${i.toString(36)}`);
  const lines = Array.from({ length: WORDS / 8 }, (_, i) => words.slice(8 * i, 8 * i + 8).join(" "));
  writeFileSync(path, `${lines.join("\n")}\n`);
}

/** What V8 takes more in one training than in another: bench/RESULTS.md. */
const V8_BYTES = 30e6;

test(`--dry-run is right about the memory of a training with ${WORDS} words`, { tags: ["large"] }, async () => {
  const directory = workspace();
  const data = join(directory, "words.txt");
  writeVocabulary(data);
  const model = ["--tokenizer", "word", "--n-embd", "4", "--n-head", "2", "--block-size", "8", "--threads", "1"];
  const args = ["train", "--data", data, "--runs-dir", directory, "--name", "run", ...model];
  const { stdout } = await microgptHere([...args, "--dry-run"]);
  expect(stdout).toContain(` ${(WORDS + 1).toLocaleString("en-US")} tokens in the vocabulary\n`);
  const [, said] = /^total, at most +([\d.]+) MB$/m.exec(stdout) ?? [];
  const short = ["--num-steps", "4", "--eval-interval", "2", "--save-interval", "2", "--val-fraction", "0.001"];
  const { exitCode, stderr } = microgpt([...args, ...short, "--num-samples", "1"]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  const { peakMemoryBytes } = loadCost(join(directory, "run"))!;
  expect(peakMemoryBytes).toBeLessThan(Number(said) * 1e6 + V8_BYTES);
  expect(readFileSync(join(directory, "run", "tokenizer.json"), "utf8")).toContain(`"w${(WORDS - 1).toString(36)}"`);
});
