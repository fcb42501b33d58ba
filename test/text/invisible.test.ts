import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cleanPrompt } from "../../src/text/corpus.ts";
import { counts, read, source } from "./reading.ts";

const none = counts();

describe("what nobody sees", () => {
  test("two files that begin with a byte order mark, joined, are what they are apart", () => {
    const [one, two] = ["\ufeffada\nbea\n", "\ufeffada\neve\nfay\n"];
    const decoded = (text: string): string => new TextDecoder().decode(new TextEncoder().encode(text));
    const apart = read([source(decoded(one)), source(decoded(two))]).documents;
    expect(read(decoded(one + two))).toEqual({ documents: apart, counts: { ...none, marks: 1 } });
    expect(apart).toEqual(["ada", "bea", "ada", "eve", "fay"]);
    // Also where the first has no line break at its end, or the marks are several.
    expect(read("ada\ufeffbea\n\ufeff\ufeffeve")).toEqual({
      documents: ["adabea", "eve"],
      counts: { ...none, marks: 3 },
    });
    expect(read("\ufeffada", { reference: true }).documents).toEqual(["\ufeffada"]);
  });

  test("a marker of Project Gutenberg is found behind one", () => {
    const book = "\ufeff*** START OF THE PROJECT GUTENBERG EBOOK X ***\ntale";
    expect(read(`${book}\n*** END OF THE PROJECT GUTENBERG EBOOK X ***`).documents).toEqual(["tale"]);
  });

  test.each(["\u200b", "\u200b\u200c\u200d", " \u2060 ", "\u00ad", "\u200e\u200f", "\ufe0f", "\u3164", "\u0000\u200b"])(
    "a line of %j alone is an empty one",
    (line) => {
      const found = read(`a\n${line}\nb`);
      expect(found).toEqual({ documents: ["a", "b"], counts: { ...none, invisible: 1 } });
      expect(read(`a\n${line}\nb`, { documents: "paragraph" }).documents).toEqual(["a", "b"]);
      expect(read(`a\n${line}\nb`, { documents: "file" }).documents).toEqual(["a\n\nb"]);
    },
  );

  test("beside a letter it stays: it may join or part what is seen", () => {
    const text = "x\u200b\n\u200dy\n\u2764\ufe0f\n\u00adz";
    expect(read(text)).toEqual({ documents: text.split("\n"), counts: none });
  });
});

describe("a prompt", () => {
  const CLEAN = { nfc: true, reference: false };

  test("is cleaned as a document, but keeps the spaces at its ends", () => {
    expect(cleanPrompt(" the\u0301 ", CLEAN)).toBe(" th\u00e9 ");
    expect(cleanPrompt("the\u0301", { ...CLEAN, nfc: false })).toBe("the\u0301");
    expect(cleanPrompt("\ufeffa\u0000b\u000bc\r\nd\re\tf", CLEAN)).toBe("ab c\nd\ne\tf");
    expect(cleanPrompt("\ufeffe\u0301\u0000", { nfc: true, reference: true })).toBe("\ufeffe\u0301\u0000");
  });

  test("has the characters of the document that it is", () => {
    expect.hasAssertions();
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(..."ae \u0301\u0308\u0000\u0007\ufeff\u200b\u1112\u1161") }),
        (text) => {
          const [document = ""] = read(text, { documents: "file", nfc: true }).documents;
          if (document !== "") expect(cleanPrompt(text, CLEAN).trim()).toBe(document);
        },
      ),
    );
  });
});
