import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { markOf, readSamples, writeSamples } from "../../src/node/samples.ts";
import type { Sample } from "../../src/node/samples.ts";
import { DOCUMENT_KINDS } from "../../src/text/dataset.ts";
import { workspace } from "../setup/microgpt.ts";

const SAMPLES: readonly Sample[] = [
  { text: "a verse\n\n\nand another\n", known: false, near: null },
  { text: "", known: true, near: null },
  { text: "\n\nbegins with blank lines", known: false, near: "begins" },
];

test.each(DOCUMENT_KINDS)("documents by %s: samples are read as they were written, blank lines and all", (kind) => {
  const directory = workspace();
  expect(readSamples(directory, kind, 3)).toEqual([]);
  writeSamples(directory, SAMPLES, kind);
  expect(readSamples(directory, kind, 3)).toEqual(SAMPLES);
  expect(SAMPLES.map(markOf)).toEqual(["new", "empty", "near"]);
});

test("a run of an older version has no marks; where blank lines don't tell its texts apart, they are one", () => {
  const directory = workspace();
  writeSamples(directory, SAMPLES.slice(0, 1), "file");
  rmSync(join(directory, "samples.json"));
  const texts = (count: number): string[] => readSamples(directory, "file", count).map(({ text }) => text);
  expect(texts(1)).toEqual(["a verse\n\n\nand another"]);
  writeFileSync(join(directory, "samples.txt"), "one\n\ntwo\n\n");
  expect(texts(2)).toEqual(["one", "two"]);
  expect(readSamples(directory, "file", 2)[0]).toEqual({ text: "one", known: null, near: null });
});

test("a damaged samples.json is an error that names it", () => {
  const directory = workspace();
  for (const damage of ["[", "{}", '[{"known": true}]', "[null]"]) {
    writeFileSync(join(directory, "samples.json"), damage);
    expect(() => readSamples(directory, "line", 1)).toThrow(/samples\.json is damaged; remove it/);
  }
});
