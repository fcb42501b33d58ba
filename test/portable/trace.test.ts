import { expect, test } from "vitest";
import * as plain from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { tracedCore } from "../../src/trace/microgpt-traced.ts";
import { adamOf, visitsOf } from "../../src/trace/readings.ts";
import { Recorder } from "../../src/trace/recorder.ts";
import { traceStep } from "../../src/trace/trace-step.ts";
import type { TracedStep } from "../../src/trace/trace-step.ts";
import { childrenOf, idsOf, NONE, parentsOf, stackAt } from "../../src/trace/trace.ts";
import reference from "../fixtures/reference.json" with { type: "json" };
import { PLACE } from "../setup/place.ts";

const NAMES = reference[0].documents.split(" ").slice(0, 10);
const vocabulary = plain.buildVocabulary(["abcdefghijklmnopqrstuvwxyz"]);
const config: plain.Config = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
const rate = (step: number): number => 0.01 * (1 - step / 10);

interface Learner {
  readonly weights: plain.Weights;
  readonly adam: plain.Adam;
}

function learner(seed: number): Learner {
  const weights = plain.initWeights(config, new Random(seed));
  return { weights, adam: new plain.Adam(weights) };
}

/** A plain step. */
function learn({ weights, adam }: Learner, name: string, step: number): { loss: number; grads: number[] } {
  const loss = plain.documentLoss(weights, config, plain.encode(vocabulary, name));
  loss.backward();
  const grads = adam.params.map(({ grad }) => grad);
  adam.update(step, rate(step));
  return { loss: loss.data, grads };
}

const trace = ({ weights, adam }: Learner, name: string, step: number): TracedStep =>
  traceStep(
    { config, weights, mean: adam.mean, meanSquare: adam.meanSquare },
    { tokens: plain.encode(vocabulary, name), step, learningRate: rate(step) },
  );

/** A step of a model that has learned a little: no gradient is 0 for want of training. */
function anyStep(): { traced: TracedStep; before: Learner } {
  const model = learner(7);
  for (const [step, name] of NAMES.slice(0, 3).entries()) learn(model, name, step);
  const before = structuredClone(model.adam.params.map(({ data }) => data));
  const traced = trace(model, "emma", 3);
  expect(model.adam.params.map(({ data }) => data)).toEqual(before);
  return { traced, before: model };
}

test(`in ${PLACE}: ten traced steps on names give the losses, gradients and weights of plain ones, to the bit`, () => {
  const model = learner(42);
  for (const [step, name] of NAMES.entries()) {
    const traced = trace(model, name, step);
    const { loss, grads } = learn(model, name, step);
    expect(traced.trace.values.data[traced.loss]).toBe(loss);
    expect(Array.from(traced.trace.values.grad.subarray(0, grads.length))).toEqual(grads);
    expect(Array.from(traced.after)).toEqual(model.adam.params.map(({ data }) => data));
  }
});

test("a traced core that nobody listens to trains and samples as the plain one does", () => {
  const [lines, tracedLines]: [string[], string[]] = [[], []];
  plain.main(NAMES.join("\n"), 5, (line) => lines.push(line));
  tracedCore(new Recorder()).main(NAMES.join("\n"), 5, (line) => tracedLines.push(line));
  expect(lines).toHaveLength(1 + 5 + 20);
  expect(tracedLines).toEqual(lines);
});

test("every gradient is the sum over the parents of their gradient times the local one", () => {
  const { trace: record, loss } = anyStep().traced;
  const { grad, firstChild } = record.values;
  const sums = new Float64Array(grad.length);
  sums[loss] = 1;
  for (let id = 0; id + 1 < firstChild.length; id++) {
    const { children, localGrads } = childrenOf(record, id);
    for (const [i, child] of children.entries()) sums[child] += localGrads[i] * grad[id];
  }
  const errors = sums.map((sum, id) => Math.abs(sum - grad[id]));
  expect(grad.filter((one) => one !== 0).length).toBeGreaterThan(4000);
  expect(Math.max(...errors)).toBeLessThan(1e-12);
  for (const id of [0, 300, 4300, loss]) {
    const parents = parentsOf(record, id);
    const sum = parents.reduce((total, parent) => total + parent.localGrad * grad[parent.id], id === loss ? 1 : 0);
    expect(Math.abs(sum - grad[id])).toBeLessThan(1e-12);
  }
});

test("backward visits each value that the loss depends on once, after all of its parents", () => {
  const { trace: record, loss } = anyStep().traced;
  const { ids, events } = visitsOf(record);
  const order = new Map(Array.from(ids, (id, visit) => [id, visit]));
  expect(ids[0]).toBe(loss);
  expect(order.size).toBe(ids.length);
  expect(ids.length).toBeGreaterThan(3000);
  expect(events.every((event, i) => i === 0 || event > events[i - 1])).toBe(true);
  for (const [id, visit] of order) {
    for (const child of childrenOf(record, id).children) expect(order.get(child)).toBeGreaterThan(visit);
  }
});

test("what Adam computes for each weight is the formula's result", () => {
  const { traced, before } = anyStep();
  const { mean, meanSquare, mHat, vHat, data, event } = adamOf(traced.trace);
  const { grad } = traced.trace.values;
  expect(data).toEqual(traced.after);
  expect(new Set(event).size).toBe(data.length);
  for (let i = 0; i < data.length; i += 97) {
    const [m, v] = [
      0.85 * before.adam.mean[i] + 0.15 * grad[i],
      0.99 * before.adam.meanSquare[i] + 0.01 * grad[i] ** 2,
    ];
    expect(mean[i]).toBeCloseTo(m, 14);
    expect(meanSquare[i]).toBeCloseTo(v, 14);
    expect(mHat[i]).toBeCloseTo(m / (1 - 0.85 ** 4), 14);
    expect(vHat[i]).toBeCloseTo(v / (1 - 0.99 ** 4), 14);
    const update = (-rate(3) * mHat[i]) / (Math.sqrt(vHat[i]) + 1e-8);
    expect(data[i] - before.adam.params[i].data).toBeCloseTo(update, 14);
  }
});

test("variables, results and calls of the forward pass are where the source has them", () => {
  const { trace: record, matrices } = anyStep().traced;
  const { names, calls, tensors, events } = record;
  const callsOf = (name: string): number[] =>
    Array.from(calls.name.keys()).filter((call) => names[calls.name[call]] === name);
  expect(callsOf("gpt")).toHaveLength(5);
  const [first] = callsOf("attention");
  const path = stackAt(record, calls.start[first]).map((call) => names[calls.name[call]]);
  expect(path).toEqual(["documentLoss", "gpt", "attention"]);
  expect(events.line[calls.start[first]]).toBe(153);
  expect([tensors.rank[calls.result[first]], tensors.columns[calls.result[first]]]).toEqual([1, 16]);
  const last = callsOf("softmax").at(-1)!;
  const probabilities = Array.from(idsOf(record, calls.result[last]), (id) => record.values.data[id]);
  expect(probabilities).toHaveLength(27);
  expect(probabilities.reduce((sum, one) => sum + one)).toBeCloseTo(1, 12);
  expect(matrices.reduce((sum, { rows, columns }) => sum + rows * columns, 0)).toBe(matrices.at(-1)!.start + 1024);
  // A call lies within the one that made it.
  for (const [call, parent] of calls.parent.entries()) {
    const [start, end] = parent === NONE ? [0, events.line.length] : [calls.start[parent], calls.end[parent]];
    expect(calls.start[call]).toBeGreaterThanOrEqual(start);
    expect(calls.end[call]).toBeGreaterThan(calls.start[call]);
    expect(calls.end[call]).toBeLessThanOrEqual(end);
  }
});
