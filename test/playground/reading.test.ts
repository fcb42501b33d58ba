/** How the Play page reads a visitor's own text, and how the library's sentences name options there. */
import { expect, test } from "vitest";
import { READINGS, readingFor, readingOf } from "../../playground/pages/play/reading.ts";
import { withFieldNames } from "../../playground/run/sentence.ts";

const LINE =
  "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want";

test.each([
  ["ada\ngrace\nalan", "lines"],
  ["", "lines"],
  // A heading among verses, and a long verse among short ones, change nothing.
  [`roses are red\nviolets are blue\n${LINE}`, "lines"],
  [`${LINE} of a wife.\n${LINE} of a dog.\nThe end.`, "running"],
  ["one short line", "running"],
  ["\n the same \n\nthe same", "running"],
])("%j is read as %s", (text, reading) => {
  expect(readingFor(text, 64)).toBe(reading);
});

test("the options of a reading are recognized; other ones are neither", () => {
  expect(readingOf({})).toBe("lines");
  expect(readingOf(READINGS.lines)).toBe("lines");
  expect(readingOf(READINGS.running)).toBe("running");
  expect(readingOf({ documents: "paragraph" })).toBe(null);
  expect(readingOf({ stream: true })).toBe(null);
});

test("flags become names of fields; other dashes stay", () => {
  expect(withFieldNames("data: hold nothing out (--val-fraction 0), or --n-embd 8")).toBe(
    "data: hold nothing out (val-fraction 0), or n-embd 8",
  );
  expect(withFieldNames("got -1 -- a well-kept --- line; a--b")).toBe("got -1 -- a well-kept --- line; a--b");
});
