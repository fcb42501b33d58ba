import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgptHere, TINY, workspace, writeWords } from "../setup/microgpt.ts";

test("the verdict has the number of each baseline that it names", async () => {
  const directory = workspace();
  const data = writeWords(directory);
  const verdicts: string[] = [];
  for (const [steps, rate] of [
    [1, 0],
    [1, 0.3],
    [30, 0.001],
    [60, 0.01],
    [400, 0.03],
  ]) {
    const args = `--num-steps ${steps} --learning-rate ${rate} --num-samples 0 --runs-dir ${directory}`.split(" ");
    const { stdout } = await microgptHere(["--data", data, ...TINY, ...args]);
    const [, uniform, unigram, bigram] = /uniform (\S+), unigram (\S+), bigram (\S+)\n/.exec(stdout) ?? [];
    const [, loss, verdict] = /^held-out loss (\S+) over .*: ([^:\n]+)$/m.exec(stdout) ?? [];
    const numbers = { chance: uniform, "letter counts": unigram, "a bigram table": bigram };
    verdicts.push(verdict.replace(/ \(.*?\)/g, ""));
    const named = [...verdict.matchAll(/(no better|better|worse) than ([a-z ]+) \((\S+)\)/g)];
    expect(named.length).toBeGreaterThan(0);
    for (const [, how, name, number] of named) {
      expect(number).toBe(numbers[name as keyof typeof numbers]);
      expect(Number(loss) < Number(number)).toBe(how === "better");
    }
  }
  expect(new Set(verdicts).size).toBeGreaterThan(2);
});

test("a model of words that recites is told so, and writes quotes as people do", async () => {
  const directory = workspace();
  const data = join(directory, "lines.txt");
  const lines = ['"Aye," said the fox.', '"Nay," said the hen.', 'they wrote "perhaps" thrice'];
  writeFileSync(data, `${lines.join("\n")}\n`);
  const options = "--tokenizer word --val-fraction 0 --num-steps 200 --num-samples 4 --temperature 0.1 --block-size 32";
  const args = ["--data", data, "--runs-dir", directory, "--name", "run", ...options.split(" ")];
  const { stdout } = await microgptHere(args);
  const samples = [...stdout.matchAll(/^sample +\d+: (.*?) +in the data$/gm)].map(([, text]) => text);
  expect(samples).toHaveLength(4);
  for (const text of samples) expect(lines).toContain(text);
  const { stdout: json } = await microgptHere(["sample", join(directory, "run"), "--num-samples", "1", "--json"]);
  expect(JSON.parse(json)).toMatchObject({ event: "sample", known: true, near: null });
});
