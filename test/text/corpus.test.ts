import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Corpus } from "../../src/text/corpus.ts";
import type { Source } from "../../src/text/corpus.ts";
import { groupLines, linesOf } from "../../src/text/dataset.ts";
import type { DocumentKind } from "../../src/text/dataset.ts";
import { byExtent } from "../setup/place.ts";
import { counts, OPTIONS, read, source } from "./reading.ts";

/** Pieces of a text, cut at these places. */
function cutAt(text: string, places: readonly number[]): string[] {
  const all = [0, ...places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  return all.slice(1).map((end, i) => text.slice(all[i], end));
}

const lineText = fc.string({
  unit: fc.constantFrom("a", "b", " ", "\n", "\r", "\r\n", "\u0085", "\u2028", "😀", "\u0000"),
  maxLength: 40,
});
const places = fc.array(fc.nat(100), { maxLength: 12 });

/** Lines by the definition, a character at a time; what follows the last break is a line if there is any of it. */
function naiveLines(text: string): string[] {
  const lines = [""];
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== "\n" && text[i] !== "\r") lines[lines.length - 1] += text[i];
    else if (text[i] === "\r" || text[i - 1] !== "\r") lines.push("");
  }
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

describe("lines of a text that comes in chunks (reliability 37)", () => {
  test("are those of the whole text, wherever it is cut", () => {
    fc.assert(
      fc.property(lineText, places, (text, cuts) => {
        const expected = naiveLines(text);
        expect([...linesOf([text])]).toEqual(expected);
        expect([...linesOf(cutAt(text, cuts))]).toEqual(expected);
        expect([...linesOf(Array.from({ length: text.length }, (_, i) => text[i]))]).toEqual(expected);
      }),
      { numRuns: 5_000 },
    );
  });

  test("by example: a break that is cut in two is one, also with nothing in between", () => {
    expect([...linesOf(["a\r", "\nb"])]).toEqual(["a", "b"]);
    expect([...linesOf(["a\r", "", "\nb"])]).toEqual(["a", "b"]);
    expect([...linesOf(["a\r", "\n", "\nb"])]).toEqual(["a", "", "b"]);
    expect([...linesOf(["a\r", "\r", "\nb"])]).toEqual(["a", "", "b"]);
    expect([...linesOf(["a", "b", "", "c\nd", "e", "\n", "f"])]).toEqual(["abc", "de", "f"]);
    expect([...linesOf(["\n"])]).toEqual([""]);
    expect([...linesOf([])]).toEqual([]);
    expect([...linesOf(["", ""])]).toEqual([]);
  });

  test("30 MB in one line, in half a million chunks: copied once, or it would never end", () => {
    const [chunk, count] = ["0123456789".repeat(6), 500_000];
    function* chunks(): Generator<string, void, void> {
      for (let i = 0; i < count; i++) yield chunk;
      yield "\nend";
    }
    const [line, end, ...more] = linesOf(chunks());
    expect([line.length, line === chunk.repeat(count), end, more]).toEqual([30e6, true, "end", []]);
  });

  const MB = byExtent(5, 30);
  test(`${MB} MB in one line pass through the whole corpus, as each kind of document`, { tags: ["large"] }, () => {
    const text = `${"word ".repeat(MB * 2e5)}end`;
    const pieces = Array.from({ length: MB }, (_, i) => text.slice(i * 1e6, i === MB - 1 ? undefined : (i + 1) * 1e6));
    for (const documents of ["line", "paragraph", "file"] as const) {
      const found = read([source(...pieces)], { documents, nfc: true, minLength: 1 }).documents;
      expect([found.length, found[0] === text]).toEqual([1, true]);
    }
  });

  test("a text is read as it is asked for, not before", () => {
    let given = 0;
    function* chunks(): Generator<string, void, void> {
      for (;;) yield `line ${given++}\n`;
    }
    const corpus = new Corpus([{ name: "endless", mayBeEmpty: false, chunks }], OPTIONS);
    const documents = corpus.read();
    expect([documents.next().value, documents.next().value]).toEqual(["line 0", "line 1"]);
    expect(given).toBeLessThan(50); // as far as one must look for Gutenberg's header
    documents.return();
  });
});

describe("lines become documents", () => {
  const group = (kind: DocumentKind, ...lines: string[]): string[] => [...groupLines(lines, kind)];

  test("each alone, between blank lines, or all of them", () => {
    const lines = ["", " a ", "  b", "", "\t", "\u00a0", " c", ""];
    expect(group("line", ...lines)).toEqual(["a", "b", "c"]);
    expect(group("paragraph", ...lines)).toEqual(["a \n  b", "c"]);
    expect(group("file", ...lines)).toEqual(["a \n  b\n\n\t\n\u00a0\n c"]);
    for (const kind of ["line", "paragraph", "file"] as const) expect(group(kind, "", " ", "\t")).toEqual([]);
  });

  test("none is empty or has space around it, and every word is in one, in order", () => {
    fc.assert(
      fc.property(lineText, places, fc.constantFrom("line", "paragraph", "file"), (text, cuts, kind) => {
        const documents = [...groupLines(linesOf(cutAt(text, cuts)), kind)];
        expect(documents).toEqual([...groupLines(naiveLines(text), kind)]);
        const visible = (of: string): string => of.replace(/[\s\u0085]/g, "");
        expect(documents.map(visible).join("")).toBe(visible(text));
        for (const document of documents) expect(document).toMatch(/^[^\s\u0085](?:[^]*[^\s\u0085])?$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("control characters", () => {
  test("are removed and counted; those that are a kind of space become one", () => {
    expect(read("a\u0000b\u0007c\u001bd\u007fe\u0080f\u009fg")).toEqual({
      documents: ["abcdefg"],
      counts: counts({ controls: 6 }),
    });
    expect(read("a\u000bb\u000cc\u001cd\u001fe\u0085f")).toEqual({
      documents: ["a b c d e f"],
      counts: counts({ controls: 5 }),
    });
  });

  test("all 65 of Unicode go but tab and line breaks, and no other character does", () => {
    const gone = [...Array(0x250).keys()].filter(
      (code) =>
        !read(`x${String.fromCharCode(code)}y`, { documents: "file" }).documents[0].includes(String.fromCharCode(code)),
    );
    const isControl = (code: number): boolean => /\p{Cc}/u.test(String.fromCharCode(code));
    expect(gone).toEqual([...Array(0x250).keys()].filter((code) => isControl(code) && code !== 9 && code !== 10));
    const kept = "\u00a0\u00ad\u200b\u200d\u200e\u202e\u2066\ufffd\ue000😀";
    expect(read(`x${kept}y`)).toEqual({ documents: [`x${kept}y`], counts: counts() });
  });

  test("what is left is stripped again, and nothing is left out that is nothing", () => {
    expect(read("\u0000 a \u0000\n\u0000\u0001\n\u001b\nb").documents).toEqual(["a", "b"]);
    expect(read("\u0000 a\n\nb\u0001", { documents: "paragraph" })).toEqual({
      documents: ["a", "b"],
      counts: counts({ controls: 2 }),
    });
  });

  test("an escape that would paint a terminal is text without its escape", () => {
    expect(read("\u001b[31mred\u001b[0m \u009b2J").documents).toEqual(["[31mred[0m 2J"]);
  });
});

describe("normalization", () => {
  const parts = "e\u0301a\u0308o\u0308 \u1112\u1161\u11ab \ufb01 \u212b";
  const whole = "\u00e9\u00e4\u00f6 \ud55c \ufb01 \u00c5";

  test("letters and their accents become one character by option, and by option only; documents are counted", () => {
    expect(read(`${parts}\nplain\n${whole}`, { nfc: true })).toEqual({
      documents: [whole, "plain", whole],
      counts: counts({ normalized: 1 }),
    });
    expect(read(`${parts}\nplain`)).toEqual({ documents: [parts, "plain"], counts: counts() });
  });

  test("a control character between a letter and its accent goes first", () => {
    expect(read("e\u0000\u0301", { nfc: true })).toEqual({
      documents: ["\u00e9"],
      counts: counts({ controls: 1, normalized: 1 }),
    });
  });

  test("the length is that of what is learnt from", () => {
    expect(read("e\u0301", { nfc: true, maxLength: 1 }).documents).toEqual(["\u00e9"]);
    expect(read("e\u0301", { maxLength: 1 })).toEqual({ documents: [], counts: counts({ tooLong: 1 }) });
  });
});

describe("length", () => {
  test("is counted in characters, not in UTF-16 units, and both limits are within", () => {
    const text = "😀\n😀😀\n😀😀😀\n😀😀😀😀";
    expect(read(text, { minLength: 2, maxLength: 3 })).toEqual({
      documents: ["😀😀", "😀😀😀"],
      counts: counts({ tooShort: 1, tooLong: 1 }),
    });
    expect(read(text, { minLength: 4 }).counts).toEqual(counts({ tooShort: 3 }));
    expect(read(text, { maxLength: 1 }).counts).toEqual(counts({ tooLong: 3 }));
    expect(read(text, { maxLength: 0 }).documents).toEqual([]);
  });

  test("a text whose documents are all left out is not a text without any", () => {
    const empty: string[] = [];
    const named = (name: string, text: string): Source => ({ name, mayBeEmpty: false, chunks: () => [text] });
    const sources = [
      named("short", "a\nb"),
      named("blank", " \n\t\n"),
      named("controls", "\u0000\u0001"),
      named("good", "abc"),
      named("nothing", ""),
    ];
    const documents = [...new Corpus(sources, { ...OPTIONS, minLength: 2 }).read(({ name }) => empty.push(name))];
    expect([documents, empty]).toEqual([["abc"], ["blank", "controls", "nothing"]]);
  });
});

describe("exactly as the reference", () => {
  test("nothing is changed, nothing is counted: strip and split, as Python does", () => {
    const text =
      " a\u0000b\u001b \n\ne\u0301\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\nc\r\n*** END OF THE PROJECT GUTENBERG EBOOK X ***\nd";
    const expected = [
      "a\u0000b\u001b",
      "e\u0301",
      "*** START OF THE PROJECT GUTENBERG EBOOK X ***",
      "c",
      "*** END OF THE PROJECT GUTENBERG EBOOK X ***",
      "d",
    ];
    expect(read(text, { reference: true, nfc: true })).toEqual({ documents: expected, counts: counts() });
    expect(read(text, { nfc: true }).documents).toEqual(["c"]);
  });
});

describe("passes", () => {
  test("are all the same, and each counts anew", () => {
    const text = "a\u0000\ne\u0301\nlong line\n\u0007";
    const corpus = new Corpus([source(text), source("b", "\u0000\nc")], { ...OPTIONS, nfc: true, maxLength: 5 });
    const first = [...corpus.read()];
    const expected = counts({ controls: 3, normalized: 1, tooLong: 1 });
    expect([first, corpus.counts]).toEqual([["a", "\u00e9", "b", "c"], expected]);
    expect([[...corpus.read()], corpus.counts]).toEqual([first, expected]);
    const begun = corpus.read();
    begun.next();
    expect(corpus.counts).toEqual(counts({ controls: 1 }));
  });

  test("lines of two texts are never joined", () => {
    expect(read([source("a"), source("b\n"), source("\nc")], { documents: "paragraph" }).documents).toEqual([
      "a",
      "b",
      "c",
    ]);
  });
});

describe("Project Gutenberg", () => {
  const BOOK =
    "The Project Gutenberg eBook\n\n*** START OF THE PROJECT GUTENBERG EBOOK X ***\r\nIt was night.\n\nThe end\n";
  const END = "*** END OF THE PROJECT GUTENBERG EBOOK X ***\nthe licence";

  test("its header and licence are cut, and counted in books and characters", () => {
    const cut = [...`${BOOK}${END}`.replace("\r", "")].length + 1 - "It was night.\n\nThe end\n".length;
    // An empty line is left for each cut.
    const expected = counts({ gutenberg: 1, gutenbergCharacters: cut - 2 });
    expect(read(BOOK + END)).toEqual({ documents: ["It was night.", "The end"], counts: expected });
    expect(read(BOOK + END, { documents: "file" })).toEqual({
      documents: ["It was night.\n\nThe end"],
      counts: expected,
    });
  });

  test("the texts after a book without an end are whole", () => {
    const { documents, counts: found } = read([source(BOOK), source("one\ntwo"), source(BOOK)], { documents: "file" });
    expect(documents).toEqual(["It was night.\n\nThe end", "one\ntwo", "It was night.\n\nThe end"]);
    expect(found.gutenberg).toBe(2);
  });

  test("a reader that stops early closes the text", () => {
    let closed = 0;
    function* chunks(): Generator<string, void, void> {
      try {
        for (;;) yield "a line\n";
      } finally {
        closed++;
      }
    }
    const documents = new Corpus([{ name: "endless", mayBeEmpty: false, chunks }], OPTIONS).read();
    documents.next();
    documents.return();
    expect(closed).toBe(1);
  });
});
