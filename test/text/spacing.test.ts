import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { splitDocuments } from "../../src/text/dataset.ts";
import { tokenizerFromJson } from "../../src/text/tokenizers/json.ts";
import { UNSETTLED } from "../../src/text/tokenizers/spacing.ts";
import { trainTokenizer } from "../../src/text/tokenizers/train.ts";

const WORDS = { tokenizer: "word", bpeMerges: 0, vocabSize: null, unk: false } as const;

/** What `word` makes of a text. */
function spelt(text: string, reference: boolean = false): string {
  const tokenizer = trainTokenizer([text], { ...WORDS, reference });
  return tokenizer.decode(tokenizer.encode(text).ids);
}

test.each([
  '"Yes," said the cat.',
  'she said "maybe" twice',
  '"No," said the dog. "Not now." Then he left.',
  "It's the cat's, isn't it? I'd've gone; they're late.",
  "The dogs' tails (all of them) wagged; he'd seen o' the sea.",
  "She paid $5.50 for 1,000 pins, i.e. 50% off, at 10:30 a.m.",
  "\"He said, 'Come here,' and left,\" she told us.",
  "“Well-known,” he said—“and rightly so.”",
  "‘Single quotes,’ he said, ‘aren’t hard.’",
  "Wait... what? No! «Bon», „gut“.",
  '"...and so," he said, "it ends..."',
  "See www.example.com/page or write to me@example.org.",
  "The U.S. army, in 1914, had 200 men. J. R. Smith, Ph.D., led it.",
  "He lived 1914–18 – a short time.",
  "The temperature was 5°C, or £20, or €7, or #3.",
  "O'Brien's wife went at five o'clock; 'tis true, rock 'n' roll.",
  "AT&T and R&D: salt & pepper.",
  "The 'best' way isn't always \"the 'best' way\".",
  "See <https://www.example.org/a> for Users' Rights, or the word(s) `so called' by <name>.",
  "# A heading",
  "six - four = two, and x = y - z",
  "This is [sic] a test; {braces} too: and/or, where?!",
  '"I--I don\'t know," she said.',
])("word writes as people do: %s", (text) => {
  expect(spelt(text)).toBe(text);
});

test("the reference's own spacing, where it is asked for; the ids and the file are the same", () => {
  const text = '"Yes," it cost $5.50';
  expect(spelt(text, true)).toBe('" Yes, " it cost $5. 50');
  const [ours, theirs] = [false, true].map((reference) => trainTokenizer([text], { ...WORDS, reference }));
  expect(JSON.stringify(theirs)).toBe(JSON.stringify(ours));
  const read = tokenizerFromJson(JSON.parse(JSON.stringify(ours)), { reference: true });
  expect(read.decode(read.encode(text).ids)).toBe('" Yes, " it cost $5. 50');
});

describe("decode(encode(x)) = x, up to runs of spaces", () => {
  const word = fc.constantFrom(
    "cat",
    "Paris",
    "I",
    "went",
    "2nd",
    "1914",
    "well-known",
    "don't",
    "Mary's",
    "o'clock",
    "50%",
    "$5",
  );
  const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((all) => all.join(" "));
  const phrase = fc.oneof(
    words,
    words.map((inner) => `(${inner})`),
    words.map((inner) => `"${inner},"`),
    words.map((inner) => `“${inner}”`),
    words.map((inner) => `[${inner}]`),
  );
  const between = fc.constantFrom(" ", " and ", "; ", ": she ", "—", "... ");
  const sentence = fc
    .tuple(fc.array(fc.tuple(phrase, between), { maxLength: 4 }), phrase, fc.constantFrom(".", "!", "?", "…", ""))
    .map(([parts, last, end]) => parts.flat().join("") + last + end);

  test("of sentences made of words, quotations, brackets, dashes and amounts", () => {
    fc.assert(
      fc.property(sentence, (text) => {
        expect(spelt(text)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });

  test("of Genesis, every verse", () => {
    const verses = splitDocuments(readFileSync(new URL("../fixtures/genesis200.txt", import.meta.url), "utf8"), "line");
    for (const verse of verses) expect(spelt(verse)).toBe(verse);
  });
});

test("the text of a beginning is the beginning of the text, but for a mark at its end that may yet open", () => {
  const tokens = fc.array(fc.constantFrom(..."\"'’‘“”.,-–—(&$…:/<>#`=+", "cat", "The", "5", "s", "tis", "US"), {
    maxLength: 14,
  });
  fc.assert(
    fc.property(tokens, (all) => {
      const tokenizer = trainTokenizer([all.join(" ")], WORDS);
      const ids = tokenizer.encode(all.join(" ")).ids;
      const whole = tokenizer.decode(ids);
      for (let length = 0; length < ids.length; length++) {
        const beginning = tokenizer.decode(ids.slice(0, length));
        expect(UNSETTLED.test(beginning) || whole.startsWith(beginning)).toBe(true);
      }
    }),
    { numRuns: 2_000 },
  );
});
