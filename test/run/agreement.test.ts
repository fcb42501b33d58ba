import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { TextSource } from "../../src/node/text.ts";
import { prepareTrainingData } from "../../src/library/training-data.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import type { TrainOptions } from "../../src/options/train-options.ts";
import { mustBeSame, mustResumeSame } from "../../src/run/agreement.ts";
import type { Ranks } from "../../src/training/ranks.ts";
import { newProgress } from "../../src/training/train.ts";
import { workspace } from "../setup/microgpt.ts";
import { ranksHere } from "../setup/ranks.ts";

/** What three ranks say, one after another; null: nothing. */
async function sayings(compare: (ranks: Ranks) => Promise<void>): Promise<(string | null)[]> {
  const results = await Promise.allSettled(ranksHere(3).map(compare));
  return results.map((result) => (result.status === "rejected" ? (result.reason as Error).message : null));
}

const agreeing = [null, null, null];
const differing = (difference: string): string[] =>
  Array(3).fill(`rank 2 has ${difference} than rank 0; give all ranks the same command and files`);

test("ranks that begin must have the same options, data and tokenizer", async () => {
  const begin = (text: string, more: Partial<TrainOptions> = {}) => {
    const options = resolveOptions({ ...initialOptions(TRAIN_OPTIONS), valFraction: 0, ...more });
    const path = join(workspace(), "text.txt");
    writeFileSync(path, text);
    return { options, data: prepareTrainingData(options, [TextSource.file(path)]) };
  };
  const same = begin("anna\nbob\n");
  const withThird = (third: ReturnType<typeof begin>): Promise<(string | null)[]> =>
    sayings(async (ranks) => {
      const { options, data } = ranks.rank === 2 ? third : same;
      await mustBeSame(ranks, options, data);
    });
  expect(await withThird(begin("anna\nbob\n"))).toEqual(agreeing);
  expect(await withThird(begin("anna\nbob\n", { learningRate: 0.02 }))).toEqual(differing("other options"));
  expect(await withThird(begin("anna\nbobo\n"))).toEqual(differing("other data"));
  const merged = begin("anna\nbob\n", { tokenizer: "byte-bpe" });
  expect(await withThird({ ...same, data: { ...same.data, tokenizer: merged.data.tokenizer } })).toEqual(
    differing("another tokenizer"),
  );
});

test("ranks that resume must have the same checkpoint", async () => {
  const withThird = (step: number): Promise<(string | null)[]> =>
    sayings((ranks) => mustResumeSame(ranks, { ...newProgress(), step: ranks.rank === 2 ? step : 40 }));
  expect(await withThird(40)).toEqual(agreeing);
  expect(await withThird(80)).toEqual(differing("another checkpoint"));
});
