import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Random } from "../../src/random.ts";
import { likenessOf } from "../../src/text/likeness.ts";
import { packMarks, runTokens, TextMarker } from "../../src/text/text-marks.ts";
import type { Mark, TextMarks } from "../../src/text/text-marks.ts";
import type { Tokenizer, TokenizerKind } from "../../src/text/tokenizer.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../${name}`, import.meta.url), "utf8")
    .trim()
    .split("\n");
const NAMES = linesOf("data/names.txt").slice(0, 2000);
const VERSES = linesOf("test/fixtures/genesis200.txt");

const tokenizerOf = (texts: readonly string[], kind: TokenizerKind): Tokenizer =>
  trainTokenizer(texts, { tokenizer: kind, bpeMerges: 100, vocabSize: null, unk: false });

interface Marked {
  readonly tokenizer: Tokenizer;
  readonly documents: number[][];
  readonly marks: TextMarks | null;
}

function marked(texts: readonly string[], kind: TokenizerKind, longest: number, bytes: number): Marked {
  const tokenizer = tokenizerOf(texts, kind);
  const documents = texts.map((text) => tokenizer.encode(text).ids);
  return { tokenizer, documents, marks: packMarks(documents, tokenizer, longest, bytes) };
}

/** Texts of every kind: documents, documents with an edit, pieces of documents between others, and nonsense. */
function candidates(texts: readonly string[], count: number): string[] {
  const random = new Random(7);
  const below = (limit: number): number => Math.floor(random.random() * limit);
  const any = (): string => texts[below(texts.length)];
  const kinds = [
    any,
    () => {
      const text = any();
      const at = below(text.length);
      return text.slice(0, at) + ["", "e", text[at] + "n"][below(3)] + text.slice(at + 1);
    },
    () => any().slice(0, below(60)) + any().slice(below(40)),
    () => Array.from(any()).toReversed().join(""),
  ];
  return Array.from({ length: count }, (_, i) => kinds[i % kinds.length]()).filter((text) => text !== "");
}

describe("marks from hashes", () => {
  test.each([
    ["names", "char", NAMES],
    ["verses", "char", VERSES],
    ["verses", "bpe", VERSES],
    ["verses", "byte-bpe", VERSES],
    ["verses", "word", VERSES],
  ] as const)("of %s in %s tokens are those of a comparison with the data", (_, kind, texts) => {
    const { tokenizer, documents, marks } = marked(texts, kind, 1000, 300_000);
    expect(marks).toMatchObject({ stride: 1, maxEdited: 64 });
    const marker = new TextMarker(marks!, tokenizer);
    const ids = candidates(texts, 400).map((text) => tokenizer.encode(text).ids);
    const found = ids.map((each): Mark => marker.mark(each));
    const expected = likenessOf(ids, documents, tokenizer).map(({ known, near }): Mark =>
      known ? "copied" : near === null ? "new" : "near",
    );
    expect(new Set(expected)).toEqual(new Set(["copied", "near", "new"]));
    expect(found).toEqual(expected);
  });

  test("in few bytes, RUN + stride − 1 tokens in a row are always found", () => {
    const { tokenizer, documents, marks } = marked(VERSES, "char", 24, 10_000);
    expect(marks!.stride).toBeGreaterThan(1);
    expect(marks!.filter.bytes.length).toBeLessThanOrEqual(10_000);
    const run = runTokens(marks!, tokenizer)!;
    const marker = new TextMarker(marks!, tokenizer);
    const long = documents.filter(({ length }) => length > run);
    expect(long.length).toBeGreaterThan(100);
    for (const [i, document] of long.entries()) {
      const start = (i * 13) % (document.length - run);
      expect(marker.mark(document.slice(start, start + run))).toBe("near");
    }
  });

  test("where only the documents fit, near copies are not looked for, and it is said", () => {
    const { tokenizer, documents, marks } = marked(NAMES, "char", 16, 2500);
    expect(marks).toMatchObject({ stride: null, maxEdited: 0 });
    expect(runTokens(marks!, tokenizer)).toBe(null);
    const marker = new TextMarker(marks!, tokenizer);
    for (const document of documents) expect(marker.mark(document)).toBe("copied");
    const others = documents.map((ids) => marker.mark([...ids, ...ids, ...ids]));
    expect(others.filter((mark) => mark !== "new").length).toBeLessThan(30); // one of 250
  });

  test("are null where not even the documents fit, and for one text that is too long", () => {
    expect(marked(NAMES, "char", 16, 1000).marks).toBe(null);
    expect(marked([VERSES.join(" ")], "char", 16, 500).marks).toBe(null);
  });

  test("hold no text of the data", () => {
    const { marks } = marked(NAMES, "char", 16, 100_000);
    const text = Buffer.from(marks!.filter.bytes).toString("latin1");
    expect(NAMES.filter((name) => name.length > 4 && text.includes(name))).toEqual([]);
  });
});
