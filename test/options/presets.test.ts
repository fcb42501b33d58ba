import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { initialOptions, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { checkTogether } from "../../src/options/option-rules.ts";
import { PRESET_NAMES, PRESETS, TextLook } from "../../src/options/presets.ts";

const VERSES = readFileSync("test/fixtures/genesis200.txt", "utf8");
const NAMES = readFileSync("data/names.txt", "utf8");
const POEM = "The sun has long been set,\n  The stars are out by twos and threes,\nThe little birds are piping yet\n\n";
const TALK = ["Ada: are you there?", "Bob: yes: at home", "Ada: good", "Bob: so what?", "Ada: well", "a second line"];

/** What is chosen for texts by name, and how a book would be cut. */
function look(...texts: readonly (readonly [name: string, text: string])[]): [preset: string, documents: unknown] {
  const one = new TextLook();
  for (const [name, text] of texts) one.add(name, [text], false);
  return [one.choose().preset, one.optionsOf("book").documents];
}

test.each([
  ["names", "a list of names", [["names.txt", NAMES]]],
  ["names", "a file per name", [..."abcdefghijklmnopqrstuvwxyz"].map((name) => [`${name}.txt`, name])],
  ["book", "a verse per line", [["kjv.txt", VERSES]]],
  ["book", "paragraphs of long lines", [["book.txt", VERSES.replaceAll("\n", "\n\n")]]],
  ["book", "poems", [["poems.txt", POEM.repeat(30)]]],
  ["book", "one long line", [["line.txt", VERSES.replaceAll("\n", " ")]]],
  [
    "book",
    "a table of addresses: its keys are said once",
    [["a.txt", Array.from({ length: 50 }, (_, i) => `key${i}: a value of some words`).join("\n")]],
  ],
  ["names", "nothing", [["blank.txt", "\n"]]],
  ["chat", "name: text", [["chat.txt", TALK.join("\n").concat("\n").repeat(9)]]],
  ["chat", "with times", [["chat.txt", TALK.map((line, i) => `[3/4/26, 09:1${i}] ${line}`).join("\n")]]],
  ["chat", "as WhatsApp exports it", [["chat.txt", TALK.map((line, i) => `3/4/26, 9:1${i} PM - ${line}`).join("\n")]]],
  [
    "code",
    "source files, and a text",
    [
      ["a.ts", VERSES],
      ["b.py.gz", NAMES],
      ["README.md", VERSES],
    ],
  ],
] as const)("%s suits %s", (preset, _, texts) => {
  expect(look(...(texts as readonly (readonly [string, string])[]))[0]).toBe(preset);
});

test("a book's documents are the first of paragraphs, lines and files of which there are twenty", () => {
  expect(look(["a.txt", VERSES])[1]).toBe("line");
  expect(look(["a.txt", VERSES.replaceAll("\n", "\n\n")])[1]).toBe("paragraph");
  expect(look(["a.txt", POEM.repeat(19)])[1]).toBe("line");
  expect(look(["a.txt", POEM.repeat(10)], ["b.txt", POEM.repeat(10)])[1]).toBe("paragraph");
  expect(look(["a.txt", VERSES.slice(0, 900)])[1]).toBe("file");
});

test("only the beginning of a text is looked at, and of a table each row is a text", () => {
  const chunks = function* (): Generator<string> {
    for (let i = 0; i < 100; i++) yield `${"a line of a hundred characters ".repeat(3)}\n`.repeat(100);
    throw new Error("read to its end");
  };
  const one = new TextLook();
  one.add("a.txt", chunks(), false);
  expect(one.choose()).toEqual({ preset: "book", why: "long lines" });
  const rows = new TextLook();
  rows.add(
    "a.csv",
    Array.from({ length: 20 }, () => "a row that has some more words than a name has"),
    true,
  );
  expect(rows.optionsOf("book").documents).toBe("paragraph");
});

test.each(PRESET_NAMES)("%s is a preset that can be trained; names are the defaults", (name) => {
  const options = { ...initialOptions(TRAIN_OPTIONS), ...PRESETS[name] };
  expect(() => checkTogether(options)).not.toThrow();
  if (name === "names") expect(options).toEqual(initialOptions(TRAIN_OPTIONS));
});
