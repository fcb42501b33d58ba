import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { microgptHere, TINY, trained, workspace, writeWords } from "../setup/microgpt.ts";

test("a prompt's unknown characters are named and left out, and the rest is completed", async () => {
  const { run } = trained();
  const { exitCode, stdout, stderr } = await microgptHere(["complete", run, "Zbëa\u001b[31m"]);
  expect(exitCode).toBe(0);
  expect(stderr).toBe(
    'microgpt: warning: the prompt "Zbëa\\u001b[31m" has 6 tokens not in the vocabulary:' +
      ' "Z", "ë", "\\u001b", "[", "3", "1"; left out\n',
  );
  expect(stdout).toMatch(/^ba[a-z]*\n$/);
  const directory = workspace();
  const prompts = join(directory, "prompts.txt");
  writeFileSync(prompts, "ba\n# a comment\nZoë\n");
  const args = ["train", "--data", writeWords(directory), "--runs-dir", directory, ...TINY, "--prompt-file", prompts];
  const finished = await microgptHere(args);
  expect(finished.stderr).toMatch(
    /^microgpt: warning: \S*prompts\.txt: the prompt "Zoë" has 2 tokens .* "Z", "ë"; left out\n$/,
  );
  expect(finished.stdout).toMatch(/\n\nba[a-z]*\no[a-z]*\n$/);
});
