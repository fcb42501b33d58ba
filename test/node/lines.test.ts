import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { linesOf } from "../../src/node/lines.ts";
import { linesUpTo } from "../../src/node/metrics.ts";
import { newProgress } from "../../src/training/train.ts";
import { workspace } from "../setup/microgpt.ts";
import { byExtent } from "../setup/place.ts";

const MEBIBYTE = 2 ** 20;

function written(text: string): string {
  const path = join(workspace(), "lines");
  writeFileSync(path, text);
  return path;
}

/** As `linesOf` promises: without an empty rest after the last newline. */
const split = (text: string): string[] => (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n");

test.each([
  ["a line", "one\n"],
  ["no newline at the end", "one\ntwo"],
  ["empty lines", "\n\none\n\n"],
  [
    "characters of two bytes across a chunk's end",
    `${"é\n".repeat(10)}x${"é".repeat(MEBIBYTE / 2 - 20)}\n${"éé\n".repeat(9)}`,
  ],
  ["a newline as the last byte of a chunk", `${"x".repeat(MEBIBYTE - 1)}\ny\n`],
  ["… and as the first of the next", `${"x".repeat(MEBIBYTE)}\ny\n`],
  ["many short ones over several chunks", "a line of some bytes\n".repeat(200_000)],
])("lines are those of the whole text: %s", (_name, text) => {
  expect([...linesOf(written(text))]).toEqual(split(text));
});

test("an empty file has none, and one without newlines comes in pieces of at most two mebibytes", () => {
  expect([...linesOf(written(""))]).toEqual([]);
  const pieces = [...linesOf(written("x".repeat(5 * MEBIBYTE)))];
  expect(pieces.join("")).toBe("x".repeat(5 * MEBIBYTE));
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(2 * MEBIBYTE);
});

test("what is not a regular file, or not there, is refused in words", () => {
  const directory = workspace();
  mkdirSync(join(directory, "d"));
  expect(() => [...linesOf(join(directory, "d"))]).toThrow(/is a directory, not a file$/);
  expect(() => [...linesOf(join(directory, "no"))]).toThrow(/there is no such file/);
});

test("metrics that are longer than any string can be are read to their last line", { tags: ["large"] }, () => {
  const line = '{"step":7,"loss":2.1234567890123456,"learningRate":0.0012345678}\n';
  const block = line.repeat(1000);
  const blocks = byExtent(50, Math.ceil((2 ** 29 + MEBIBYTE) / block.length));
  const path = join(workspace(), "metrics.jsonl");
  const file = openSync(path, "w");
  for (let i = 0; i < blocks; i++) writeSync(file, block);
  writeSync(file, '{"step":8,"loss":1,"learningRate":0.001}\n{"step":9,"loss":1,"learningRate":0.001}\n');
  closeSync(file);
  let [count, last] = [0, ""];
  for (const kept of linesUpTo(path, { ...newProgress(), step: 8 })) [count, last] = [count + 1, kept];
  expect([count, last]).toEqual([blocks * 1000 + 1, '{"step":8,"loss":1,"learningRate":0.001}']);
});
