import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ENDS, STARTS } from "./gutenberg-forms.ts";
import { withoutGutenberg } from "../../src/text/gutenberg.ts";

interface Cleaned {
  readonly text: string;
  readonly books: number;
  /** Characters of the text that are gone; it ends in a line break, which the last line's end is. */
  readonly gone: number;
}

/** A text without its headers and licences. What was counted as cut must be what is gone, whatever the text is. */
function clean(lines: readonly string[]): Cleaned {
  const cut = { books: 0, characters: 0 };
  const left = [...withoutGutenberg(lines, cut)];
  const size = (of: readonly string[]): number => [...of.map((line) => `${line}\n`).join("")].length;
  expect(cut.characters).toBe(size(lines) - size(left));
  expect(left.every((line) => line === "" || lines.includes(line))).toBe(true);
  return { text: left.join("\n").trim(), books: cut.books, gone: cut.characters };
}

const HEADER = ["The Project Gutenberg eBook of Tale, by Somebody", "", "Title: Tale", ""];
const START = "*** START OF THE PROJECT GUTENBERG EBOOK TALE ***";
const END = "*** END OF THE PROJECT GUTENBERG EBOOK TALE ***";
const TALE = ["CHAPTER I", "", "It was a dark night.", "", "THE END"];
const LICENCE = [
  "Updated editions will replace the previous one.",
  "",
  "*** START: FULL LICENSE ***",
  "",
  "The licence.",
];
const whole = TALE.join("\n");

describe("one book", () => {
  test.each(STARTS.map((lines) => lines.join(" ⏎ ")))("begins with %s", (start) => {
    const lines = [...HEADER, ...start.split(" ⏎ "), "", ...TALE, "", END, "", ...LICENCE];
    expect(clean(lines)).toMatchObject({ text: whole, books: 1 });
    // Without a header before it, and directly before the text.
    expect(clean([...start.split(" ⏎ "), ...TALE, END])).toMatchObject({ text: whole, books: 1 });
  });

  test.each(ENDS.map((lines) => lines.join(" ⏎ ")))("ends with %s", (end) => {
    const lines = [...HEADER, START, "", ...TALE, "", ...end.split(" ⏎ "), "", ...LICENCE];
    expect(clean(lines)).toMatchObject({ text: whole, books: 1 });
    expect(clean([START, ...TALE, ...end.split(" ⏎ ")])).toMatchObject({ text: whole, books: 1 });
    // Without a START it is text.
    const text = [...TALE, ...end.split(" ⏎ "), "And on it goes."];
    expect(clean(text)).toEqual({ text: text.join("\n"), books: 0, gone: 0 });
  });

  test("every form of begin goes with every form of end", () => {
    for (const start of STARTS) {
      for (const end of ENDS) {
        expect(clean([...HEADER, ...start, "", ...TALE, ...end, "", "licence"]).text).toBe(whole);
      }
    }
  });

  test("a header of 300 lines, as the nineties had them, goes with its small print", () => {
    const legal = (count: number): string[] => Array.from({ length: count }, (_, i) => `Legal line ${i}`);
    const begin = "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***";
    const end = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*";
    const print = [begin, ...legal(140), end];
    expect(clean([...HEADER, ...legal(150), ...print, ...TALE])).toMatchObject({ text: whole, books: 1 });
    // Some books of those years have it at the end, after the END.
    const etext = "This etext was made by volunteers.";
    const last = [begin, ...legal(30), etext, ...legal(30), end];
    expect(clean([...HEADER, START, ...TALE, END, "", ...last])).toMatchObject({ text: whole, books: 1 });
  });

  test("a book without an end is read to its end", () => {
    expect(clean([...HEADER, START, ...TALE])).toMatchObject({ text: whole, books: 1 });
  });

  test("the lines between the marker and the title stay: no marker encloses them", () => {
    expect(clean([...HEADER, START, "", "Produced by a friend", ...TALE, END]).text).toBe(
      `Produced by a friend\n${whole}`,
    );
  });
});

/** The licence's paragraphs, in our words, as long as the real one; each says what it is about. */
const FULL_LICENCE = [
  ...LICENCE,
  ...Array.from({ length: 320 }, (_, i) =>
    i % 8 === 0 ? `Section ${i}. The Project Gutenberg-tm licence says` : i % 8 === 7 ? "" : `more of this, line ${i}`,
  ),
  "This site says how to help make our new eBooks, and how to",
  "subscribe to our email newsletter to hear about new eBooks.",
  "",
];

describe("several books in one file", () => {
  const book = (name: string, licence: readonly string[]): string[] => [
    `The Project Gutenberg eBook of ${name}`,
    "",
    `*** START OF THE PROJECT GUTENBERG EBOOK ${name} ***`,
    `${name}, line one`,
    `${name}, line two`,
    `*** END OF THE PROJECT GUTENBERG EBOOK ${name} ***`,
    ...licence,
  ];
  const names = ["ONE", "TWO", "THREE"];
  const texts = (of: readonly string[]): string[] => of.flatMap((name) => [`${name}, line one`, `${name}, line two`]);

  test.each([
    ["no licence", []],
    ["a short licence", ["licence of the tale", ""]],
    ["one of several paragraphs", ["", ...LICENCE, ""]],
    ["the whole licence", FULL_LICENCE],
  ])("with %s, each is cut on its own", (_name, licence) => {
    const lines = names.flatMap((name) => book(name, licence));
    const { text, books } = clean(lines);
    expect([text.split(/\n+/), books]).toEqual([texts(names), 3]);
    // The last paragraph of one and the first of the next are two.
    expect(text).toMatch(/ONE, line two\n\n+TWO, line one/);
  });

  test("each in another language, with phrases alone", () => {
    const ends = ["Ende dieses Project Gutenberg Etextes", "Fin de Project Gutenberg", "Einde van Project Gutenberg"];
    const lines = names.flatMap((name, i) => [...book(name, []).slice(0, -1), ends[i], "", "The licence.", ""]);
    expect(clean(lines).text.split(/\n+/)).toEqual(texts(names));
  });

  test("an end that is missing ends where the next header begins", () => {
    const [one, two] = [book("ONE", []).slice(0, -1), book("TWO", [])];
    expect(clean([...one, "", ...two])).toMatchObject({ books: 2 });
    expect(clean([...one, ...two]).text.split(/\n+/)).toEqual(texts(["ONE", "TWO"]));
  });

  test("etexts of the nineties, one after another", () => {
    const etext = (name: string): string[] => [
      `*The Project Gutenberg Etext of ${name}*`,
      "",
      "**Welcome To The World of Free Plain Vanilla Electronic Texts**",
      ...Array.from({ length: 90 }, (_, i) => `About donations, line ${i}`),
      "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***",
      ...Array.from({ length: 90 }, (_, i) => `Why this is here, line ${i}`),
      "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
      "",
      `${name}, line one`,
      `${name}, line two`,
      "",
      `End of The Project Gutenberg Etext of ${name}`,
      "",
    ];
    const { text, books } = clean(names.flatMap(etext));
    expect([text.split("\n").filter((line) => line !== ""), books]).toEqual([texts(names), 3]);
  });

  const own = Array.from({ length: 60 }, (_, i) => `my own line ${i}`);
  test.each([
    ["before the first", [...own, "", ...book("ONE", FULL_LICENCE)], [...own, "", ...texts(["ONE"])]],
    [
      "between two",
      [...book("ONE", FULL_LICENCE), ...own, "", ...book("TWO", [])],
      [...texts(["ONE"]), ...own, "", ...texts(["TWO"])],
    ],
    ["after the last", [...book("ONE", FULL_LICENCE), ...own], [...texts(["ONE"]), ...own]],
    ["after a book without a licence", [...book("ONE", []), "", ...own], [...texts(["ONE"]), "", ...own]],
    [
      "of three lines between two, after a short licence",
      [...book("ONE", ["licence"]), "", "mine", "", ...book("TWO", ["licence"])],
      [...texts(["ONE"]), "", "mine", "", ...texts(["TWO"])],
    ],
    [
      "of three lines after the whole licence",
      [...book("ONE", FULL_LICENCE), "mine", "mine, too", "and this"],
      [...texts(["ONE"]), "mine", "mine, too", "and this"],
    ],
  ])("somebody's own text %s loses nothing", (_name, lines, expected) => {
    const left = clean(lines).text.split("\n");
    const isText = (line: string): boolean => line !== "";
    expect(left.filter(isText)).toEqual(expected.filter(isText));
  });

  test("a long own text directly below the licence, without an empty line, is not taken for a paragraph of it", () => {
    const [short, full] = [book("ONE", ["the licence"]), book("ONE", FULL_LICENCE.slice(0, -1))];
    expect(clean([...full, ...own]).text).toBe([...texts(["ONE"]), "", ...own].join("\n"));
    // Of a licence that nobody knows, the end is guessed: a paragraph's lines at most.
    expect(
      clean([...short, ...own])
        .text.split("\n")
        .slice(-48),
    ).toEqual(own.slice(-48));
  });

  test("the licence of 2003, whose newsletter is not its end, goes to its small print", () => {
    const licence = [
      "This eBook should be named tale10.txt",
      "",
      "This site has information about Project Gutenberg, and how to",
      "subscribe to our email newsletter (free!).",
      "",
      "Those who want a book early look at the list.",
      "",
      "Search by the first five letters of its name.",
      "",
      "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START***",
      ...Array.from({ length: 30 }, (_, i) => `Why this is here, line ${i}`),
      "*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*",
    ];
    const lines = [...book("ONE", licence), ...own, ...book("TWO", licence)];
    expect(clean(lines)).toMatchObject({
      books: 2,
      text: [...texts(["ONE"]), "", ...own, "", ...texts(["TWO"])].join("\n"),
    });
  });

  test("what the files of 2004 have after the licence's last paragraph goes, too", () => {
    const more = ["Each eBook is in a folder of its own number.", "", "*** END: FULL LICENSE ***", ""];
    const lines = [...book("ONE", [...FULL_LICENCE, ...more]), "mine"];
    expect(clean(lines).text.split("\n").filter(Boolean)).toEqual([...texts(["ONE"]), "mine"]);
  });
});

describe("a text that is no book loses nothing", () => {
  const far = (count: number): string[] => Array.from({ length: count }, (_, i) => `line ${i}`);
  const cases: readonly (readonly [name: string, lines: readonly string[]])[] = [
    ["only mentions the project", ["I love Project Gutenberg.", "", "It has a book.", "End."]],
    ["mentions it on each of 3,000 lines", far(3000).map((line) => `Project Gutenberg's eBook of ${line}`)],
    [
      "ends as a book does, without a begin",
      [...TALE, END, "and goes on", "End of Project Gutenberg's Tale", "and on"],
    ],
    ["has the markers in mid-line", [`A line says: ${START}`, `and: ${END}`, "and: *END*THE SMALL PRINT!"]],
    ["has the marker after a thousand lines", ["Project Gutenberg", ...far(1000), START, "after"]],
    ["has the marker after forty lines and no name before", [...far(40), START, "after"]],
    ["has stars of its own", ["*** START OF THE FIRST PART ***", "text", "*** END OF THE FIRST PART ***", "more"]],
    ["has a small print of its own", ["The small print:", "read it.", "END OF THE SMALL PRINT", "more"]],
    ["is empty", []],
  ];
  test.each(cases)("if it %s", (_name, lines) => {
    expect(clean(lines)).toEqual({ text: lines.join("\n"), books: 0, gone: 0 });
  });

  test("a book that quotes the markers in mid-line, or speaks of ends, keeps these lines", () => {
    const lines = [
      `The last line was “${END}”.`,
      "Fin de la première partie.",
      "End of the project.",
      "Ende gut, alles gut.",
      "*** END OF CHAPTER I ***",
      "* * *",
      "THE END",
    ];
    expect(clean([...HEADER, START, ...lines, END, ...LICENCE]).text).toBe(lines.join("\n"));
  });

  test("a marker's title is not looked for in the text below it", () => {
    const lines = ["The first line", "and stars at the end of the second ***", "third"];
    expect(clean([START, ...lines]).text).toBe(lines.join("\n"));
    expect(clean([START.replace(" ***", ""), "", ...lines]).text).toBe(lines.join("\n"));
  });

  test("a header is not looked for in a line of megabytes, nor is such a line lost", () => {
    const lines = [`Project Gutenberg ${"x".repeat(2e6)}`, START, "after"];
    expect(clean(lines)).toEqual({ text: lines.join("\n"), books: 0, gone: 0 });
  });
});

test("a licence's words in an own text, far from a licence, are text", () => {
  const own = Array.from({ length: 200 }, (_, i) => (i % 60 === 50 ? "the licence of poets" : `my line ${i}`));
  expect(clean([START, "tale", END, ...own]).text).toBe(["tale", "", ...own].join("\n"));
});

test("it streams: no more is held back than a header has, in whatever order the lines come", () => {
  const kinds = [
    START,
    END,
    HEADER[0],
    "",
    "text",
    "licence",
    "*END*THE SMALL PRINT! X*END*",
    "Fin de Project Gutenberg",
  ];
  const length = fc.constantFrom(1, 2, 30, 45, 300, 1200);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...kinds), length), { maxLength: 12 }), (runs) => {
      const lines = runs.flatMap(([line, count], run) =>
        Array.from({ length: count }, (_, i) => (line === "text" ? `text ${run}.${i}` : line)),
      );
      let [read, given] = [0, 0];
      function* reading(): Generator<string, void, void> {
        for (const line of lines) {
          read++;
          yield line;
        }
      }
      const cut = { books: 0, characters: 0 };
      const left: string[] = [];
      for (const line of withoutGutenberg(reading(), cut)) {
        left.push(line);
        given++;
        if (cut.characters === 0) expect(read - given).toBeLessThanOrEqual(1010);
      }
      const size = (of: readonly string[]): number => of.reduce((sum, line) => sum + line.length + 1, 0);
      expect(cut.characters).toBe(size(lines) - size(left));
      if (!lines.some((line) => line === START || line.startsWith("*END*"))) expect(left).toEqual(lines);
      // Order is kept, and no line comes twice.
      const numbered = left.filter((line) => line.startsWith("text "));
      expect(new Set(numbered).size).toBe(numbered.length);
    }),
  );
});
