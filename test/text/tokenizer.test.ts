import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { documentTokens, nameUnknown, TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import type { Tokenizer, TokenizerKind } from "../../src/text/tokenizer.ts";
import { scanGpt2, scanSplit, scanWords } from "../../src/text/tokenizers/characters.ts";
import type { Scan } from "../../src/text/tokenizers/characters.ts";
import { charTokenizer } from "../../src/text/tokenizers/char.ts";
import { tokenizerFromJson } from "../../src/text/tokenizers/json.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";
import type { TokenizerOptions } from "../../src/text/tokenizers/train.ts";
import { byCodePoint } from "../../src/text/tokenizers/vocabulary.ts";
import { byExtent } from "../setup/place.ts";

const learn = (kind: TokenizerKind, documents: readonly string[], more: Partial<TokenizerOptions> = {}): Tokenizer =>
  trainTokenizer(documents, { tokenizer: kind, bpeMerges: 30, vocabSize: null, unk: false, ...more });

/** Texts with all that is awkward: spaces of every kind, marks, pairs and halves of surrogates, NUL, literal `</w>`. */
const AWKWARD = [..."ab \t\n'.,-_0½é\u0301中😀\u0000\u001c\u0085\u00a0\u2003\u200d\ufeff\u202e"];
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc
    .array(fc.constantFrom(...AWKWARD, "\ud83d", "\ude00", "</w>", "<unk>", "the ", "'ll"), { maxLength: 30 })
    .map((all) => all.join("")),
);
const documents = fc.array(text, { maxLength: 8 });

describe("char", () => {
  test("characters get their ids by code point, and BOS the last", () => {
    const tokenizer = charTokenizer(["ab", "ba!", "é😀\uffee"]);
    expect(tokenizer.encode("!abé\uffee😀").ids).toEqual([0, 1, 2, 3, 4, 5]); // U+FFEE before U+1F600, unlike UTF-16
    expect([tokenizer.bos, tokenizer.vocabSize, tokenizer.unk]).toEqual([6, 7, null]);
    expect(documentTokens(tokenizer, "ab")).toEqual([6, 1, 2, 6]);
  });

  test("unknown characters are named and counted, and the known ones keep their ids", () => {
    const tokenizer = charTokenizer(["abc"]);
    const { ids, unknown } = tokenizer.encode("zaxbz");
    expect([ids, [...unknown]]).toEqual([
      [0, 1],
      [
        ["z", 2],
        ["x", 1],
      ],
    ]);
    expect(() => documentTokens(tokenizer, "za")).toThrow(
      'tokenizer: the document "za" has a token not in the vocabulary: "z"',
    );
    expect(
      nameUnknown(
        new Map([
          ["\u001b", 1],
          ["\u202e", 3],
        ]),
      ),
    ).toBe('2 tokens not in the vocabulary: "\\u001b", "\\u202e" (3 times)');
  });
});

describe("<unk>", () => {
  test.each(["char", "word"] as const)("%s: what is unknown gets its id, and is still named", (kind) => {
    const tokenizer = learn(kind, ["a b"], { unk: true });
    const space = kind === "char" ? [0] : [];
    const [a, b] = kind === "char" ? [1, 2] : [0, 1];
    expect([tokenizer.unk, tokenizer.bos]).toEqual([b + 1, b + 2]);
    const { ids, unknown } = tokenizer.encode("a c b");
    expect(ids).toEqual([a, ...space, b + 1, ...space, b]);
    expect([...unknown]).toEqual([["c", 1]]);
    expect(tokenizer.decode(ids)).toBe("a <unk> b");
    expect(documentTokens(tokenizer, "c")).toEqual([b + 2, b + 1, b + 2]);
  });

  test("a limited vocabulary keeps the most frequent pieces, of equally frequent ones the first met", () => {
    const tokenizer = learn("word", ["d c c b b b a"], { vocabSize: 5 });
    expect([0, 1, 2, 3, 4].map((id) => tokenizer.token(id))).toEqual(["b", "c", "d", "<unk>", "<bos>"]);
    expect(() => learn("char", ["ab"], { vocabSize: 2 })).toThrow(
      "--vocab-size 2 is too small for a char, <unk> and BOS",
    );
  });

  test("bpe and byte-bpe need none, and say so", () => {
    expect(() => learn("bpe", ["ab"], { unk: true })).toThrow("--unk is for char and word; bpe makes");
  });
});

describe("how a text is cut", () => {
  const cut = (scan: Scan, of: string): string[] => {
    const pieces: string[] = [];
    scan(of, (start, end) => pieces.push(of.slice(start, end)));
    return pieces;
  };

  // The patterns themselves, as JavaScript can say them: its `\s` is not Unicode's.
  const SPACE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
  const PYTHON = `${SPACE}\\x1c-\\x1f`;
  const PATTERNS: readonly (readonly [string, Scan, string])[] = [
    ["words between spaces", scanSplit, `[^${PYTHON}]+`],
    ["words and marks", scanWords, `[\\p{L}\\p{N}_]+|[^\\p{L}\\p{N}_${PYTHON}]`],
    [
      "GPT-2's pieces",
      scanGpt2,
      `'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`,
    ],
  ];
  test.each(PATTERNS)("%s are what the pattern finds", (_name, scan, pattern) => {
    fc.assert(
      fc.property(text, (drawn) => {
        expect(cut(scan, drawn)).toEqual(drawn.match(new RegExp(pattern, "gu")) ?? []);
      }),
      { numRuns: 3_000 },
    );
  });

  test("by example", () => {
    expect(cut(scanWords, "the LORD's_1 no½,")).toEqual(["the", "LORD", "'", "s_1", "no½", ","]);
    expect(cut(scanGpt2, "I'm  here!\n\n we'll")).toEqual(["I", "'m", " ", " here", "!", "\n\n", " we", "'ll"]);
  });

  test("the order of ids is Python's, by code point", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (a, b) => {
        const points = (of: string): number[] => Array.from(of, (character) => character.codePointAt(0) ?? 0);
        const [left, right] = [points(a), points(b)];
        const at = left.findIndex((point, i) => point !== right[i]);
        const expected = at < 0 || at >= right.length ? left.length - right.length : left[at] - right[at];
        expect(Math.sign(byCodePoint(a, b))).toBe(Math.sign(expected));
      }),
    );
  });
});

describe.each(TOKENIZER_KINDS)("%s, whatever it learns from", (kind) => {
  test("no text makes it throw; ids are below BOS, unknown pieces are of the text", () => {
    fc.assert(
      fc.property(documents, text, (learnt, other) => {
        const tokenizer = learn(kind, learnt);
        for (const document of learnt) expect(tokenizer.encode(document).unknown.size).toBe(0);
        const { ids, unknown } = tokenizer.encode(other);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < tokenizer.bos)).toBe(true);
        for (const piece of unknown.keys()) expect(other).toContain(piece);
        tokenizer.decode([tokenizer.bos, ...ids, tokenizer.bos]);
      }),
      { numRuns: 500 },
    );
  });

  test("spans cover a text exactly, and their tokens are those of the encoding", () => {
    fc.assert(
      fc.property(documents, text, (learnt, drawn) => {
        const tokenizer = learn(kind, learnt);
        const spans = tokenizer.spans(drawn);
        expect(spans.filter(({ id }) => id !== null).map(({ id }) => id)).toEqual(tokenizer.encode(drawn).ids);
        expect(spans.map(({ start, end }) => drawn.slice(start, end)).join("")).toBe(drawn);
        for (const [i, { start, end }] of spans.entries()) {
          expect(start).toBe(i === 0 ? 0 : spans[i - 1].end);
          expect(end).toBeGreaterThanOrEqual(start);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("it survives its journey through JSON", () => {
    fc.assert(
      fc.property(documents, text, (learnt, drawn) => {
        const tokenizer = learn(kind, learnt);
        const copy = tokenizerFromJson(JSON.parse(JSON.stringify(tokenizer)));
        expect([tokenizer.kind, copy.kind]).toEqual([kind, kind]);
        expect(copy.vocabSize).toBe(tokenizer.vocabSize);
        expect(copy.toJSON()).toEqual(tokenizer.toJSON());
        expect(copy.encode(drawn)).toEqual(tokenizer.encode(drawn));
      }),
      { numRuns: 300 },
    );
  });

  test("an id outside of the vocabulary is refused", () => {
    const tokenizer = learn(kind, ["ab"]);
    const { bos } = tokenizer;
    expect(() => tokenizer.decode([0, bos + 1])).toThrow(`decode: ids are 0 to ${bos}, got ${bos + 1}`);
    expect(tokenizer.token(bos)).toBe("<bos>");
  });
});

describe("decode(encode(text))", () => {
  test("char: the text, for every text made of known characters", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (learnt) => {
        const tokenizer = charTokenizer(learnt);
        for (const document of learnt) {
          expect(tokenizer.decode([tokenizer.bos, ...tokenizer.encode(document).ids, tokenizer.bos])).toBe(document);
        }
      }),
    );
  });

  test("byte-bpe: the text, for every text, whatever was learnt; halves of surrogate pairs become U+FFFD", () => {
    const tokenizer = learn("byte-bpe", ["the theatre, the thé, 😀😀 \u0000", "the the"], { bpeMerges: 100 });
    fc.assert(
      fc.property(text, (drawn) => {
        expect(tokenizer.decode(tokenizer.encode(drawn).ids)).toBe(drawn.toWellFormed());
      }),
      { numRuns: 10_000 },
    );
  });

  test("bpe: the words with one space between them", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), (learnt) => {
        const tokenizer = learn("bpe", learnt);
        for (const document of learnt) {
          const words = document.split(/[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u);
          expect(tokenizer.decode(tokenizer.encode(document).ids)).toBe(words.filter(Boolean).join(" "));
        }
      }),
    );
  });

  test("word: English as it is written", () => {
    for (const sentence of [
      "And God said, Let there be light: and there was light.",
      "the LORD's (own) house; is it well-known?",
    ]) {
      const tokenizer = learn("word", [sentence]);
      expect(tokenizer.decode(tokenizer.encode(sentence).ids)).toBe(sentence);
    }
  });

  test("a text that spells `</w>` is not taken for the end of a word", () => {
    const tokenizer = learn("bpe", ["a</w>b </w> </w>", "</w> </w>"]);
    expect(tokenizer.decode(tokenizer.encode("</w> a</w>b").ids)).toBe("</w> a</w>b");
  });
});

describe("bombs (reliability 25): a quadratic way would not end within the test's time", { tags: ["large"] }, () => {
  const million = byExtent(2 ** 17, 2 ** 20); // an eighth of one in npm test
  const letters = "etaoinshrdlu";
  const noise = Array.from({ length: million / 2 }, (_, i) => letters[Math.imul(i + 7, 0x9e3779b1) >>> 29]).join("");
  const BOMBS = [
    ["a million letters", "a".repeat(million)],
    ["a million underscores", "_".repeat(million)],
    ["a million spaces", " ".repeat(million)],
    ["a million line breaks", "\n".repeat(million)],
    ["half a million emoji", "😀".repeat(million / 2)],
    ["512 KiB without a space", noise],
  ] as const;
  const FOOD = ["aaaa aaaaaaaa ________ 😀😀😀😀 \n\n\n\n", noise.slice(0, 5000)];

  test.each(TOKENIZER_KINDS)("%s learns from them and encodes them", (kind) => {
    const fed = learn(kind, [...FOOD, " "], { bpeMerges: 200 });
    for (const [, bomb] of BOMBS) {
      const { ids, unknown } = fed.encode(bomb);
      if (kind === "byte-bpe" || kind === "char") expect(fed.decode(ids) === bomb).toBe(true);
      expect(unknown.size > 0 && kind !== "word").toBe(false);
      const own = learn(kind, [bomb], { bpeMerges: 200 });
      if (kind === "byte-bpe" || kind === "char") expect(own.decode(own.encode(bomb).ids) === bomb).toBe(true);
    }
  });
});
