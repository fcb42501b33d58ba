import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { prepareTrainingData } from "../../src/library/training-data.ts";
import { TextSource } from "../../src/node/text.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { begin } from "../../src/run/begin.ts";
import { quietReporter } from "../../src/run/quiet-reporter.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { microgptHere, workspace } from "../setup/microgpt.ts";

test("a run whose merges were learnt from all of the text, as versions before did, resumes with them", async () => {
  const runsDir = workspace();
  const path = resolve("test/fixtures/genesis200.txt");
  const settings = { tokenizer: "byte-bpe", bpeMerges: 60, vocabSize: null, unk: false } as const;
  const sizes = { nEmbd: 8, nHead: 2, blockSize: 8, numSteps: 20, saveInterval: 5, numSamples: 0 };
  const options = resolveOptions({ ...initialOptions(TRAIN_OPTIONS), ...settings, ...sizes, data: [path] });
  const sources = [TextSource.file(path)];
  const tokenizer = trainTokenizer(readFileSync(path, "utf8").trim().split("\n"), settings);
  expect(prepareTrainingData(options, sources).tokenizer.toJSON()).not.toEqual(tokenizer.toJSON());
  const train = async (name: string, share: number): Promise<void> => {
    const data = prepareTrainingData(options, sources, { tokenizer });
    await begin(data, options, { runsDir, name, fetched: [], mayChooseEngine: false }, { share }, quietReporter);
  };
  await train("whole", 1);
  await train("old", 0.5);
  const { exitCode, stdout, stderr } = await microgptHere(["resume", join(runsDir, "old")]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/, from step 10$/m);
  const reached = (name: string): unknown => {
    const { measured } = JSON.parse(readFileSync(join(runsDir, name, "result.json"), "utf8")) as {
      measured: unknown[];
    };
    return measured.at(-1);
  };
  expect(reached("old")).toEqual(reached("whole"));
  const kept = JSON.parse(readFileSync(join(runsDir, "old", "tokenizer.json"), "utf8")) as { merges: unknown };
  expect(kept.merges).toEqual(tokenizer.toJSON().merges);
});
