import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { likenessOf, MAX_EDITED, runLength } from "../../src/text/likeness.ts";
import type { Likeness } from "../../src/text/likeness.ts";
import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import type { Tokenizer, TokenizerKind } from "../../src/text/tokenizer.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";

const learn = (kind: TokenizerKind, documents: readonly string[], bpeMerges: number = 20): Tokenizer =>
  trainTokenizer(documents, { tokenizer: kind, bpeMerges, vocabSize: null, unk: false });

/** How the texts relate to the documents. */
function compare(tokenizer: Tokenizer, texts: readonly string[], documents: readonly string[]): Likeness[] {
  const encode = (text: string): number[] => tokenizer.encode(text).ids;
  return likenessOf(texts.map(encode), documents.map(encode), tokenizer);
}

const isNear = (near: string): Likeness => ({ known: false, near });
const KNOWN: Likeness = { known: true, near: null };
const NEW: Likeness = { known: false, near: null };

test("what the tokenizer cannot say makes no text new: spaces, and the spelling of marks", () => {
  const quoted = ['"Yes,"  said   the cat.', "six - four = two"];
  const word = learn("word", quoted);
  expect(compare(word, ['"Yes," said the cat.', "six - four = two"], quoted)).toEqual([KNOWN, KNOWN]);
  const spaced = ["two  spaces   here"];
  expect(compare(learn("bpe", spaced), ["two spaces here"], spaced)).toEqual([KNOWN]);
  expect(compare(learn("byte-bpe", spaced), ["two spaces here"], spaced)).toEqual([NEW]);
});

test("a text that the model spelt with other tokens is the same text", () => {
  const tokenizer = learn("bpe", ["banana banana bandana"]);
  const letters = tokenizer.toJSON().tokens ?? [];
  const spelt = ["b", "a", "n", "a", "n", "a", "</w>"].map((letter) => letters.indexOf(letter));
  expect(likenessOf([spelt], [tokenizer.encode("banana").ids], tokenizer)).toEqual([KNOWN]);
});

test.each(TOKENIZER_KINDS)("%s: short texts are near at one edit: inserted, deleted, replaced", (kind) => {
  const data = ["emma", "olivia", "ada"];
  const tokenizer = learn(kind, [...data, "emmas", "ema", "emba", "oliv", "avocado"]);
  expect(compare(tokenizer, ["emma", "emmas", "ema", "emba", "oliv", "avocado"], data)).toEqual([
    KNOWN,
    isNear("emma"),
    isNear("emma"),
    isNear("emma"),
    NEW,
    NEW,
  ]);
});

test("long texts are near where eight words in a row are from one line", () => {
  const data = ["one two three four five six seven eight nine ten", "eleven twelve thirteen fourteen fifteen sixteen"];
  const tokenizer = learn("word", data);
  const eight = "fifteen two three four five six seven eight nine eleven twelve thirteen fourteen sixteen ten one";
  const seven = "fifteen two three four five six seven eight eleven twelve thirteen fourteen sixteen ten one two";
  const across = "eight nine ten eleven twelve thirteen fourteen fifteen one seven three eleven ten sixteen five two";
  expect(compare(tokenizer, [eight, seven, across], data)).toEqual([isNear(data[0]), NEW, NEW]);
});

test("of a long document only the part that is shared is quoted", () => {
  const words = Array.from({ length: 400 }, (_, i) => `w${i}`);
  const tokenizer = learn("word", [words.join(" ")]);
  const text = ["w7", ...words.slice(100, 110), "w3"].join(" ");
  expect(compare(tokenizer, [text], [words.join(" ")])).toEqual([isNear(`…${words.slice(100, 110).join(" ")}…`)]);
});

describe("against a naive search of random corpora", () => {
  /** Levenshtein's table, in full. */
  function distance(a: readonly string[], b: readonly string[]): number {
    let row = Array.from({ length: b.length + 1 }, (_, j) => j);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
      }
      row = next;
    }
    return row[b.length];
  }

  function naive(tokenizer: Tokenizer, text: string, documents: readonly string[]): "known" | "near" | "new" {
    const length = runLength(tokenizer);
    const listOf = (of: string): string => `,${tokenizer.encode(of).ids.join(",")},`;
    const sayable = (of: string): string => tokenizer.decode(tokenizer.encode(of).ids);
    const symbols = (of: string): string[] => Array.from(sayable(of));
    if (documents.some((document) => sayable(document) === sayable(text))) return "known";
    const ids = tokenizer.encode(text).ids;
    const isShort = ids.length > 0 && symbols(text).length <= MAX_EDITED;
    const hasEdit = documents.some((document) => document !== "" && distance(symbols(text), symbols(document)) === 1);
    const hasRun = ids.some(
      (_, i) =>
        i + length <= ids.length &&
        documents.some((document) => listOf(document).includes(`,${ids.slice(i, i + length).join(",")},`)),
    );
    return (isShort && hasEdit) || hasRun ? "near" : "new";
  }

  const line = fc
    .array(fc.constantFrom("a", "b", "ab", "ba", " ", "aab "), { minLength: 1, maxLength: 22 })
    .map((all) => all.join("").trim())
    .filter((all) => all !== "");

  test.each(TOKENIZER_KINDS)("%s", (kind) => {
    const seen = { known: 0, near: 0, new: 0 };
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), fc.array(line, { maxLength: 5 }), (data, others) => {
        const tokenizer = learn(kind, [...data, ...others, "a b"], 4);
        const texts = [...others, data[0], `${data[0]}a`, data[0].slice(1), `b${data[0].slice(1)}`];
        const found = compare(tokenizer, texts, data);
        for (const [i, { known, near }] of found.entries()) {
          const expected = naive(tokenizer, texts[i], data);
          expect([texts[i], known ? "known" : near === null ? "new" : "near"]).toEqual([texts[i], expected]);
          seen[expected]++;
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(10);
  });
});
