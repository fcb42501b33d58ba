import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { formulaOf } from "../../playground/pages/step/formula.ts";
import { finiteDifference, learned, refusal, tracedOn } from "../../playground/pages/step/learner.ts";
import type { Learner } from "../../playground/pages/step/learner.ts";
import { lastAt, Story, ZOOMS } from "../../playground/pages/step/story.ts";
import { tensorsOf } from "../../playground/pages/step/tensors.ts";
import { main } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { NONE } from "../../src/trace/trace.ts";

const names = readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8");

function storyOf(learner: Learner, document: string): Story {
  return new Story({
    step: tracedOn(learner, document),
    characters: [...learner.vocabulary.characters, "BOS"],
    meanBefore: learner.adam.mean.slice(),
    meanSquareBefore: learner.adam.meanSquare.slice(),
  });
}

const learner = learned(names, 10);
const story = storyOf(learner, "emma");

describe("the drawn gradient of a weight is a finite difference of the loss", () => {
  const { matrices } = story.step;
  // Of each matrix the weight with the largest gradient, the first and the last.
  const chosen = matrices.flatMap(({ name, rows, columns, start }) => {
    const ids = Array.from({ length: rows * columns }, (_, i) => start + i);
    const steepest = ids.toSorted(
      (a, b) => Math.abs(story.trace.values.grad[b]) - Math.abs(story.trace.values.grad[a]),
    );
    return [steepest[0], ids[0], ids.at(-1)!].map((id) => ({ name, label: story.labels[id], id }));
  });

  test.each(chosen)("$label", ({ id }) => {
    const difference = finiteDifference(learner, "emma", id);
    const grad = story.visitOf[id] === NONE ? 0 : story.gradAt(id, story.end)!;
    expect(Math.abs(difference - grad)).toBeLessThan(1e-8 + 1e-5 * Math.abs(grad));
  });

  test("most of the steepest gradients are far from 0, so the comparison says something", () => {
    const steep = matrices.map(({ name }) => chosen.find((one) => one.name === name)!.id);
    expect(steep.filter((id) => Math.abs(story.trace.values.grad[id]) > 1e-3).length).toBeGreaterThan(6);
  });
});

test("the step is the one that main() takes at that point: the same loss, the same learning rate", () => {
  const random = new Random(42);
  const documents = names.split("\n").filter((line) => line !== "");
  random.shuffle(documents);
  let line = "";
  const print = (printed: string): void => {
    line = printed;
    if (line.startsWith("step 11 ")) throw new Error("enough");
  };
  expect(() => main(names, 1000, print)).toThrow("enough");
  const traced = tracedOn(learner, documents[10]);
  expect(line).toBe(`step 11 / 1000  loss ${traced.trace.values.data[traced.loss].toFixed(4)}`);
  expect(traced.learningRate).toBe(0.01 * (1 - 10 / 1000));
});

test.each(ZOOMS)("the stops of zoom %s ascend from the first event to the last", (zoom) => {
  const stops = story.stops(zoom);
  expect([stops[0], stops.at(-1)]).toEqual([0, story.end]);
  expect(stops.every((stop, i) => i === 0 || stop > stops[i - 1])).toBe(true);
});

test("a closer zoom stops wherever a farther one does, and at more", () => {
  for (const [i, zoom] of ZOOMS.slice(1).entries()) {
    const [far, near] = [story.stops(ZOOMS[i]), new Set(story.stops(zoom))];
    expect(near.size).toBeGreaterThan(far.length);
    expect([...far].filter((stop) => !near.has(stop))).toEqual([]);
  }
});

test("each position has its operations, whose results are the vectors of gpt", () => {
  const at = (position: number): string[] =>
    story.operations.filter((one) => one.position === position).map(({ name, result }) => `${name} ${result.length}`);
  expect(at(0)).toEqual([
    "embedding 16",
    "x 16",
    "normed 16",
    "query 16",
    "key 16",
    "value 16",
    "attended 16",
    "projected 16",
    "x + attention 16",
    "normed for MLP 16",
    "fc1 64",
    "hidden 64",
    "fc2 16",
    "x + MLP 16",
    "logits 27",
    "probabilities 27",
    "loss 1",
  ]);
  for (let position = 1; position < 5; position++) expect(at(position)).toEqual(at(0));
  expect(story.operations.at(-1)).toMatchObject({ name: "mean loss", position: NONE });
  expect(Array.from(story.operations.at(-1)!.result)).toEqual([story.step.loss]);
});

test("a value is there from the event that makes it, a gradient from its visit, a new weight from its update", () => {
  const { result, end } = story.operations.find(({ name }) => name === "query")!;
  const made = story.trace.values.event[result[3]];
  expect([story.dataAt(result[3], made - 1), story.dataAt(result[3], made)]).toEqual([
    null,
    story.trace.values.data[result[3]],
  ]);
  expect(made).toBeLessThan(end);
  const visit = story.visitOf[result[3]];
  expect([story.gradAt(result[3], visit - 1), story.phaseAt(visit)]).toEqual([null, "backward"]);
  expect(story.gradAt(result[3], visit)).toBe(story.trace.values.grad[result[3]]);
  expect(story.dataAt(7, story.starts.adam)).toBe(learner.adam.params[7].data);
  const moved = story.adam.moved[7];
  // The line `param.data -= …`.
  expect(story.lineAt(moved, "number")).toBe(194);
  expect(story.dataAt(7, moved - 1)).toBe(learner.adam.params[7].data);
  expect([story.dataAt(7, moved), story.weightAt(moved)]).toEqual([story.step.after[7], 7]);
  expect(story.dataAt(7, story.end)).toBe(story.step.after[7]);
  expect(story.dataAt(story.weights - 1, story.end)).toBe(story.step.after.at(-1));
});

test("the lit line is that of gpt, of the operation, or of the innermost function, by zoom", () => {
  const { start, end } = story.operations.find(({ name }) => name === "normed")!;
  const lines = (event: number): number[] => ZOOMS.map((zoom) => story.lineAt(event, zoom));
  // documentLoss calls gpt at line 172, gpt rmsnorm at 140; rmsnorm multiplies at 122, by mul at 67.
  expect(lines(start)).toEqual([172, 140, 120, 120]);
  expect(lines(end - 1)).toEqual([172, 140, 122, 67]);
  expect(new Set(lines(story.starts.backward))).toEqual(new Set([41]));
});

test("every value has a name; weights and results have those of the source", () => {
  expect(story.labels.filter((label) => label === "")).toEqual([]);
  const { start } = story.step.matrices.find(({ name }) => name === "layer0.attn_wq")!;
  expect(story.labels[start + 2 * 16 + 5]).toBe("layer0.attn_wq[2][5]");
  const all = new Set(story.labels);
  for (const label of [
    "query[3] at position 2",
    "attentionWeights[0] at position 1",
    "inverseRms at position 0",
    "mean loss",
  ]) {
    expect(all).toContain(label);
  }
});

test("a formula with its numbers gives the value's number", () => {
  const { result } = story.operations.find(({ name }) => name === "x + attention")!;
  const formula = formulaOf(story.trace, result[0])!;
  const [a, b, sum] = formula
    .replaceAll("−", "-")
    .match(/-?\d+(?:\.\d+)?(?:e-?\d+)?/g)!
    .map(Number);
  expect(formula).toMatch(/ \+ .* = /);
  expect(Math.abs(a + b - sum)).toBeLessThan(1e-3);
  const inverse = story.labels.indexOf("inverseRms at position 0");
  expect(formulaOf(story.trace, inverse)).toMatch(/\^\(−0\.5000\) = /);
  expect(formulaOf(story.trace, 0)).toBeNull();
});

test("the matrix zoom of a linear operation has its weights, its input and its result", () => {
  const query = story.operations.find(({ name }) => name === "query")!;
  const drawn = tensorsOf(story, query, query.end).map(({ name, rows, columns }) => [name, rows, columns]);
  expect(drawn).toEqual([
    ["x = normed at position 0", 1, 16],
    ["weight = layer0.attn_wq", 16, 16],
    ["query", 1, 16],
  ]);
});

test("the matrix zoom of relu has what it is given, element by element", () => {
  const hidden = story.operations.find(({ name }) => name === "hidden")!;
  const [input, output] = tensorsOf(story, hidden, hidden.end);
  expect([input.name, input.columns, output.name]).toEqual(["fc1 at position 0", 64, "hidden"]);
  const dataOf = (id: number): number => story.trace.values.data[id];
  expect(output.ids.map(dataOf)).toEqual(input.ids.map((id) => Math.max(0, dataOf(id))));
});

test("a document with a letter that the model does not know is refused in one sentence", () => {
  expect(refusal(learner, "emma")).toBeNull();
  expect(refusal(learner, "")).toBe("Type a name: one letter or more.");
  expect(refusal(learner, "zoë!")).toMatch(/does not know ë !\.$/);
});

test.each([
  [[], 3, -1],
  [[1, 4, 4, 9], 0, -1],
  [[1, 4, 4, 9], 4, 2],
  [[1, 4, 4, 9], 100, 3],
])("the last of %j that is at most %i has index %i", (numbers, limit, index) => {
  expect(lastAt(numbers, limit)).toBe(index);
});
