import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { traced } from "../../scripts/trace-microgpt.ts";
import * as core from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { traceStep } from "../../src/trace/trace-step.ts";

const read = (path: string): string => readFileSync(new URL(`../../src/${path}`, import.meta.url), "utf8");
const source = read("microgpt.ts").split("\n");

test("microgpt-traced.ts is what scripts/trace-microgpt.ts makes of microgpt.ts (npm run trace writes it)", () => {
  expect(read("trace/microgpt-traced.ts")).toBe(traced(read("microgpt.ts")));
});

test("line n of the traced file is line n of the source, with nothing taken out but the word export", () => {
  const lines = read("trace/microgpt-traced.ts").trimEnd().split("\n");
  const last = source.findIndex((line) => line.startsWith("// As a command")) - 2;
  expect(lines).toHaveLength(last + 1);
  for (const [i, line] of lines.entries()) {
    // Each character of the source follows the one before it.
    let found = 0;
    const original = source[i].replace("export ", "");
    for (const character of line) if (character === original[found]) found++;
    expect(original.slice(found)).toBe("");
  }
});

/** The lines of a step on a document. */
function linesOf(document: string): { lines: Set<number>; calls: Map<string, Set<number>> } {
  const vocabulary = core.buildVocabulary(["abcdefghijklmnopqrstuvwxyz"]);
  const config = { vocabSize: 27, nEmbd: 8, nHead: 2, nLayer: 2, blockSize: 8 };
  const weights = core.initWeights(config, new Random(1));
  const { mean, meanSquare } = new core.Adam(weights);
  const tokens = core.encode(vocabulary, document);
  const { trace } = traceStep({ config, weights, mean, meanSquare }, { tokens, step: 0, learningRate: 0.01 });
  const calls = new Map<string, Set<number>>();
  for (const [call, start] of trace.calls.start.entries()) {
    const name = trace.names[trace.calls.name[call]];
    calls.set(name, (calls.get(name) ?? new Set()).add(trace.events.line[start]));
  }
  return { lines: new Set(trace.events.line), calls };
}

test("each traced line is a line of code, and each call begins at the line that declares its function", () => {
  const { lines, calls } = linesOf("ada");
  for (const line of lines) expect(source[line - 1]).toMatch(/^(?!\s*\/\/)\s*(?:\/\*\*.*?\*\/ )?\S/);
  for (const [name, starts] of calls) {
    expect(starts.size).toBe(1);
    for (const line of starts)
      expect(source[line - 1]).toMatch(new RegExp(`(?:function |const |^  )${name}(?:\\(| = )`));
  }
});

test("every line of code that a step runs is reported", () => {
  const bodies = [
    [41, 59],
    [65, 84],
    [116, 175],
    [188, 197],
  ];
  const { lines } = linesOf("emma");
  const code = bodies.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  const silent = code.filter((line) => !lines.has(line)).map((line) => source[line - 1]);
  // Comments, types, and what only closes a block.
  expect(silent.filter((text) => !/^\s*(?:\/\*\*[^]*\*\/(?: export type.*)?|\/\/.*|\}\)?;?|)$/.test(text))).toEqual([]);
});
