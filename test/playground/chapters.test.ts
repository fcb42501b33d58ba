import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CHAPTERS } from "../../playground/pages/learn/chapters/index.ts";
import { pieceOf, stretchesOf } from "../../playground/pages/learn/excerpts.ts";
import { countPairs } from "../../playground/pages/learn/model/counting.ts";
import { namesOf } from "../../playground/pages/learn/model/names.ts";
import { spansOf } from "../../playground/pages/learn/prose.ts";
import { Reading } from "../../playground/pages/learn/reading.ts";
import { initWeights } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";

const source = readFileSync(new URL("../../src/microgpt.ts", import.meta.url), "utf8");
const text = readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8");
const paragraphs = CHAPTERS.flatMap(({ before, after, task, question }) => [
  ...before,
  ...after,
  task,
  question.text,
  ...question.answers.flatMap((answer) => [answer.text, answer.why]),
]);

describe("the pieces of src/microgpt.ts", () => {
  test.each(CHAPTERS)("$name: each is in the file, and short enough to read", ({ excerpts }) => {
    expect(excerpts.length).toBeGreaterThan(0);
    for (const excerpt of excerpts) {
      const { lines, firstLine } = pieceOf(source, excerpt);
      expect(source).toContain(lines.join("\n"));
      expect(source.split("\n")[firstLine - 1]).toBe(lines[0]);
      expect(lines.length).toBeLessThan(80);
    }
  });

  test("the chapters together show every line of sections 1 to 7", () => {
    const seen = new Set<number>();
    for (const excerpt of CHAPTERS.flatMap(({ excerpts }) => excerpts)) {
      const { lines, firstLine } = pieceOf(source, excerpt);
      for (const i of lines.keys()) seen.add(firstLine + i);
    }
    const { lines, firstLine } = pieceOf(source, { from: "── 1. ", until: "// As a command" });
    const missed = lines.filter((line, i) => line.trim() !== "" && !seen.has(firstLine + i));
    expect(missed).toEqual([]);
  });

  test("words that are missing, or on two lines, are an error that names them", () => {
    expect(() => pieceOf(source, { from: "no such words", until: null })).toThrow('"no such words" is on 0 lines');
    expect(() => pieceOf("a\na", { from: "a", until: null })).toThrow("is on 2 lines");
    expect(() => pieceOf("a\nb", { from: "a", until: "c" })).toThrow('no line after "a" has "c"');
  });

  test("a line is divided into code and comments, and nothing of it is lost", () => {
    expect(stretchesOf("/** a + b */ export const add = 1; // one // line")).toEqual([
      { text: "/** a + b */", isComment: true },
      { text: " export const add = 1; ", isComment: false },
      { text: "// one // line", isComment: true },
    ]);
    for (const line of source.split("\n"))
      expect(
        stretchesOf(line)
          .map((stretch) => stretch.text)
          .join(""),
      ).toBe(line);
  });
});

describe("the chapters", () => {
  test("are ten, each with an address, a widget and a module of its own", () => {
    expect(CHAPTERS).toHaveLength(10);
    for (const key of ["name", "title", "widget"] as const) {
      expect(new Set(CHAPTERS.map((chapter) => chapter[key])).size).toBe(10);
    }
    for (const { widget } of CHAPTERS) {
      const path = `../../playground/pages/learn/widgets/${widget.slice("mg-".length)}.ts`;
      expect([path, existsSync(new URL(path, import.meta.url))]).toEqual([path, true]);
    }
  });

  test("ask one question with two to four answers, one of them right, and explain each", () => {
    for (const { question } of CHAPTERS) {
      expect(question.answers.length).toBeGreaterThanOrEqual(2);
      expect(question.answers.length).toBeLessThanOrEqual(4);
      expect(question.answers.filter(({ isRight }) => isRight)).toHaveLength(1);
      for (const { why } of question.answers) expect(why.length).toBeGreaterThan(20);
    }
  });

  test("do not put the right answer in the same place every time", () => {
    const places = CHAPTERS.map(({ question }) => question.answers.findIndex(({ isRight }) => isRight));
    expect(new Set(places).size).toBeGreaterThan(1);
  });

  test("name in code only what src/microgpt.ts contains, and link only to pages of the site", () => {
    const spans = paragraphs.flatMap((paragraph) => spansOf(paragraph));
    const codes = spans.filter(({ kind }) => kind === "code").map((span) => span.text.replace(/\[\d+\].*/, ""));
    expect(codes.length).toBeGreaterThan(20);
    for (const code of codes.filter((each) => each !== "indexOf")) expect(source).toContain(code);
    // As text: the module of the routes leads to all pages, whose imports only Vite understands.
    const routes = readFileSync(new URL("../../playground/shell/routes.ts", import.meta.url), "utf8");
    const known = ["#/learn/ladder", ...[...routes.matchAll(/path: "(\w+)"/g)].map(([, path]) => `#/${path}`)];
    for (const { href } of spans.filter(({ kind }) => kind === "link")) expect(known).toContain(href);
  });

  test("claim of names, pairs and weights what is so", () => {
    const names = namesOf(text);
    const counts = countPairs(names);
    const prose = paragraphs.join("\n");
    expect(text.trim().split("\n").length.toLocaleString("en")).toBe("8,403");
    expect(prose).toContain("learns from 8,403 first names");
    expect(prose).toContain(`${counts.flat().filter((count) => count > 0).length}. The others never occur`);
    // q and z: never together.
    expect([counts[16][25], counts[25][16]]).toEqual([0, 0]);
    // u is what follows q.
    expect(counts[16].indexOf(Math.max(...counts[16]))).toBe(20);
    const config = { vocabSize: names.vocabSize, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
    expect(Object.values(initWeights(config, new Random(1))).flat(2)).toHaveLength(4192);
  });
});

describe("prose", () => {
  test("has code, emphasis and links; everything else is text", () => {
    expect(spansOf("a `b` *c* [d](#/e)!")).toEqual([
      { kind: "text", text: "a ", href: "" },
      { kind: "code", text: "b", href: "" },
      { kind: "text", text: " ", href: "" },
      { kind: "emphasis", text: "c", href: "" },
      { kind: "text", text: " ", href: "" },
      { kind: "link", text: "d", href: "#/e" },
      { kind: "text", text: "!", href: "" },
    ]);
    expect(spansOf("[x](https://elsewhere.example)").map(({ kind }) => kind)).toEqual(["text"]);
  });
});

describe("what the visitor has answered", () => {
  const memory = (): Pick<Storage, "getItem" | "setItem"> => {
    const items = new Map<string, string>();
    return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
  };

  test("is known again after a reload", () => {
    const storage = memory();
    new Reading(storage).choose("tokens", 1);
    const again = new Reading(storage);
    expect([again.chosen("tokens"), again.chosen("loss")]).toEqual([1, null]);
  });

  test("is kept while the page is open where storage is refused or full, and damaged storage is dropped", () => {
    const full = {
      getItem: () => "[not json",
      setItem: () => {
        throw new Error("full");
      },
    };
    for (const storage of [null, full]) {
      const reading = new Reading(storage);
      reading.choose("loss", 0);
      expect(reading.chosen("loss")).toBe(0);
    }
    expect(new Reading({ ...memory(), getItem: () => '{"tokens":"x","loss":2}' }).chosen("tokens")).toBeNull();
  });
});
