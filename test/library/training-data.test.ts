import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareTrainingData } from "../../src/library/training-data.ts";
import type { TrainingData } from "../../src/library/training-data.ts";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import type { TrainOptions } from "../../src/options/train-options.ts";
import { TextSource } from "../../src/node/text.ts";
import type { TokenSequences } from "../../src/text/token-sequences.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import { workspace } from "../setup/microgpt.ts";

/** A text of many different short lines, in paragraphs of five. */
const LINES = Array.from({ length: 200 }, (_, i) => `line ${i} ${"x".repeat(i % 7)}${i % 5 === 4 ? "\n" : ""}`);

function material(options: Partial<TrainOptions>, text: string = LINES.join("\n")): TrainingData {
  const path = join(workspace(), "text.txt");
  writeFileSync(path, text);
  return prepareTrainingData(resolveOptions({ ...initialOptions(TRAIN_OPTIONS), blockSize: 8, ...options }), [
    TextSource.file(path),
  ]);
}

const targets = (documents: TokenSequences): number => documents.countTokens() - documents.length;
const listed = (documents: TokenSequences): number[][] => Array.from(documents, (tokens) => Array.from(tokens));

test("the share of the tokens that are not learnt is what the windows add: all tokens of all documents", () => {
  for (const documents of ["line", "paragraph", "file"] as const) {
    const [cut, whole] = [material({ documents }), material({ documents, stream: true })];
    expect(whole.unlearnt).toBe(0);
    expect(targets(whole.train)).toBe(targets(cut.train));
    expect(targets(whole.heldOut)).toBe(targets(cut.heldOut));
    const learnt = listed(cut.train).reduce((sum, tokens) => sum + Math.min(8, tokens.length - 1), 0);
    expect(cut.unlearnt).toBeCloseTo(1 - learnt / targets(cut.train), 12);
    expect([cut.unit, whole.unit]).toEqual(["document", "window"]);
    for (const tokens of [...whole.train, ...whole.heldOut]) expect(tokens.length).toBeLessThanOrEqual(9);
  }
  expect(material({ blockSize: 16 }).unlearnt).toBe(0); // all lines are short
});

test("one file's end is held out in one piece, and no window spans both parts", () => {
  const { train, heldOut, tokenizer, known } = material({ documents: "file", stream: true, valFraction: 0.2 });
  const text = LINES.join("\n").trim();
  expect([known.size, known.has(text)]).toEqual([1, true]);
  const whole = material({ documents: "file", valFraction: 0.2 });
  const [head, tail] = [tokenizer.decode(whole.train.at(0)), tokenizer.decode(whole.heldOut.at(0))];
  expect(`${head}\n${tail}`.replaceAll("\n", "")).toBe(text.replaceAll("\n", ""));
  expect(tail.length / text.length).toBeCloseTo(0.2, 1);
  for (const window of train) expect(head).toContain(tokenizer.decode(window));
  for (const window of heldOut) expect(tail).toContain(tokenizer.decode(window));
});

test("windows are shuffled by the run's seed, the held-out ones are the same for all seeds", () => {
  const options = { documents: "file", stream: true } as const;
  const [one, same, other] = [7, 7, 8].map((seed) => material({ ...options, seed }));
  expect([listed(same.train), listed(same.heldOut)]).toEqual([listed(one.train), listed(one.heldOut)]);
  expect(same.random.getState()).toEqual(one.random.getState());
  expect(listed(other.train)).not.toEqual(listed(one.train));
  const sorted = ({ train }: TrainingData): string[] =>
    listed(train)
      .map((tokens) => tokens.join(" "))
      .toSorted();
  expect(sorted(other)).toEqual(sorted(one));
  expect(listed(other.heldOut)).toEqual(listed(one.heldOut));
});

test("duplicate paragraphs are dropped before the split, as lines are", () => {
  const { duplicates, train, heldOut } = material({ documents: "paragraph" }, "a\nb\n\nc\n\na\nb\n\na\n\n\nb\n");
  expect(duplicates).toBe(1);
  expect(train.length + heldOut.length).toBe(4);
});

test.each(["bpe", "byte-bpe"] as const)(
  "%s: merges are learnt from what is not held out, characters from all",
  (kind) => {
    const text = "en to tre fire fem seks syv ".repeat(40);
    const lines = Array.from(
      { length: 60 },
      (_, i) => `${i} ${text.slice(i, i + 20 + (i % 9)).trim()} ${"éüøß"[i % 4]}`,
    );
    for (const documents of ["line", "file"] as const) {
      const whole = lines.join("\n");
      const characters = material({ documents, valFraction: 0.3 }, whole);
      const held = [...characters.heldOut.texts(characters.tokenizer.bos)].map((ids) =>
        characters.tokenizer.decode(ids),
      );
      const kept =
        documents === "line" ? lines.filter((line) => !held.includes(line)) : [whole.slice(0, -held[0].length)];
      const settings = { tokenizer: kind, bpeMerges: 60, vocabSize: null, unk: false };
      const { tokenizer, heldOut } = material({ ...settings, documents, valFraction: 0.3 }, whole);
      expect(tokenizer.toJSON().merges).toEqual(trainTokenizer(kept, settings).toJSON().merges);
      expect(tokenizer.toJSON().tokens).toEqual(trainTokenizer(lines, settings).toJSON().tokens);
      expect(heldOut.length).toBe(held.length);
      const all = material({ ...settings, documents, valFraction: 0 }, whole).tokenizer;
      expect(all.toJSON().merges).toEqual(trainTokenizer(lines, settings).toJSON().merges);
      expect(all.toJSON().merges).not.toEqual(tokenizer.toJSON().merges);
    }
  },
);
