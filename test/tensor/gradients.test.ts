import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as core from "../../src/microgpt.ts";
import { add, documentLoss, dot, initWeights, mul, softmax, Value } from "../../src/microgpt.ts";
import type { Config } from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";
import { byExtent } from "../setup/place.ts";
import { anyModel, data, norm, relativeError, values } from "../setup/models.ts";

/**
 * d(output)/d(inputs[i]) for all i, by central differences of two widths, whose errors of order epsilon² cancel
 * (Richardson): the RMSNorm of one number is too bent for a single one.
 */
function differences(output: (inputs: readonly number[]) => number, at: readonly number[], epsilon: number): number[] {
  return at.map((value, i) => {
    const slope = (shift: number): number =>
      (output(at.with(i, value + shift)) - output(at.with(i, value - shift))) / (2 * shift);
    return (4 * slope(epsilon) - slope(2 * epsilon)) / 3;
  });
}

test("every operation gives its value", () => {
  const [a, b] = values([3, -0.5]);
  const outputs = [add(a, b), mul(a, b), core.sub(a, b), core.scale(a, -2), dot([a, b], [b, b])];
  outputs.push(core.pow(a, -1), core.exp(b), core.log(a), core.relu(a), core.relu(b), core.average([a, b, a, a]));
  const expected = [2.5, -1.5, 3.5, -6, -1.25, 1 / 3, Math.exp(-0.5), Math.log(3), 3, 0, 2.125];
  expect(data(outputs)).toEqual(expected);
  expect(relativeError([0.25, 0.75], data(softmax(values([0, Math.log(3)]))))).toBeLessThanOrEqual(1e-15);
});

describe("gradients agree with central finite differences", () => {
  const any = { min: -3, max: 3 };
  const positive = { min: 0.2, max: 3 };
  // Away from the kink of relu, where there is no derivative: |x| ≥ 1e-3. The generator makes no others.
  const kinkless = fc
    .double({ ...any, noNaN: true })
    .map((x) => (Math.abs(x) < 1e-3 ? x + Math.sign(x || 1) * 1e-3 : x));
  const inputs = (range: { min: number; max: number }, count: number | { minLength: number; maxLength: number }) =>
    fc.array(
      fc.double({ ...range, noNaN: true }),
      typeof count === "number" ? { minLength: count, maxLength: count } : count,
    );
  const some = { minLength: 1, maxLength: 8 };

  /** A list of outputs is checked through a fixed weighted sum of them, which sees every one. */
  const blend = (outputs: readonly Value[]): Value =>
    outputs.map((output, i) => core.scale(output, Math.sin(i + 1))).reduce(add);

  const half = (list: readonly Value[]): [Value[], Value[]] => [
    list.slice(0, list.length / 2),
    list.slice(list.length / 2),
  ];
  const even = fc.integer({ min: 1, max: 6 }).chain((size) => inputs(any, 2 * size));

  const PRIMITIVES: readonly (readonly [string, fc.Arbitrary<number[]>, (x: Value[]) => Value])[] = [
    ["add", inputs(any, 2), ([a, b]) => add(a, b)],
    ["add of a value to itself", inputs(any, 1), ([a]) => add(a, a)],
    ["mul", inputs(any, 2), ([a, b]) => mul(a, b)],
    ["mul of a value by itself", inputs(any, 1), ([a]) => mul(a, a)],
    ["pow(−1)", inputs(positive, 1), ([a]) => core.pow(a, -1)],
    ["pow(−0.5)", inputs(positive, 1), ([a]) => core.pow(a, -0.5)],
    ["pow(3)", inputs(positive, 1), ([a]) => core.pow(a, 3)],
    ["exp", inputs(any, 1), ([a]) => core.exp(a)],
    ["log", inputs(positive, 1), ([a]) => core.log(a)],
    ["relu", fc.array(kinkless, some), (list) => blend(list.map(core.relu))],
    ["dot", even, (list) => dot(...half(list))],
    ["dot of a vector with itself", inputs(any, some), (list) => dot(list, list)],
    ["scale", inputs(any, 1), ([a]) => core.scale(a, -2.5)],
    ["sub", inputs(any, 2), ([a, b]) => core.sub(a, b)],
    ["average", inputs(any, some), (list) => core.average(list)],
    ["softmax", inputs(any, some), (list) => blend(softmax(list))],
  ];

  test.each(PRIMITIVES)("%s: within 1e-7", (_name, at, build) => {
    fc.assert(
      fc.property(at, (numbers) => {
        const leaves = values(numbers);
        build(leaves).backward();
        const expected = differences((shifted) => build(values(shifted)).data, numbers, 1e-5);
        expect(
          relativeError(
            expected,
            leaves.map(({ grad }) => grad),
          ),
        ).toBeLessThanOrEqual(1e-7);
      }),
      { numRuns: 100 },
    );
  });

  /** The loss of a document as a function of all weights in one list. */
  function lossAt(config: Config, tokens: readonly number[], flat: readonly number[]): [number, number[]] {
    let next = 0;
    const weights = initWeights(config, { gauss: () => flat[next++] } as unknown as Random);
    const loss = documentLoss(weights, config, tokens);
    loss.backward();
    return [
      loss.data,
      Object.values(weights)
        .flat(2)
        .map(({ grad }) => grad),
    ];
  }

  /**
   * How near the input of any ReLU is to 0. Nearer than a finite difference moves it there is no derivative to compare:
   * such models are not drawn (fast-check counts what it passes over, and fails if that is most of them).
   */
  function distanceToKink(config: Config, tokens: readonly number[], flat: readonly number[]): number {
    let next = 0;
    const weights = initWeights(config, { gauss: () => flat[next++] } as unknown as Random);
    let nearest = Infinity;
    const seen = new Set<Value>();
    const pending = [documentLoss(weights, config, tokens)];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      pending.push(...node.children);
      const [input, other] = node.children;
      const isRelu = other === undefined && input !== undefined && node.data === Math.max(0, input.data);
      if (isRelu) nearest = Math.min(nearest, Math.abs(input.data));
    }
    return nearest;
  }

  const CONFIGS: readonly (readonly [Config, readonly number[]])[] = [
    [{ vocabSize: 4, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 4 }, [3, 0, 1, 3]],
    [{ vocabSize: 9, nEmbd: 6, nHead: 3, nLayer: 2, blockSize: 5 }, [8, 1, 2, 3, 4, 5, 6, 7, 8]],
    [{ vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 }, [26, 4, 12, 12, 0, 26]],
    [{ vocabSize: 3, nEmbd: 8, nHead: 1, nLayer: 3, blockSize: 2 }, [2, 2]],
    [{ vocabSize: 5, nEmbd: 5, nHead: 5, nLayer: 2, blockSize: 7 }, [4, 0, 0, 0, 4]],
    [{ vocabSize: 12, nEmbd: 2, nHead: 1, nLayer: 1, blockSize: 3 }, [11, 10, 9, 8, 11]],
  ];

  const DIRECTIONS = byExtent(5, 20);
  const CASES = { tags: ["cases"] };

  test.each(CONFIGS)(`whole model, ${DIRECTIONS} random directions: within 1e-6: %j`, CASES, (config, tokens) => {
    const random = new Random(11);
    const size = Object.values(initWeights(config, random)).flat(2).length;
    const flat = Array.from({ length: size }, () => random.gauss(0, 0.3));
    const [, gradient] = lossAt(config, tokens, flat);
    for (let i = 0; i < DIRECTIONS; i++) {
      const raw = Array.from({ length: size }, () => random.gauss(0, 1));
      const direction = raw.map((value) => value / norm(raw));
      const along = ([t]: readonly number[]): number =>
        lossAt(
          config,
          tokens,
          flat.map((value, j) => value + t * direction[j]),
        )[0];
      const [expected] = differences(along, [0], 1e-5);
      const actual = gradient.reduce((sum, value, j) => sum + value * direction[j], 0);
      expect(relativeError([expected], [actual])).toBeLessThanOrEqual(1e-6);
    }
  });

  test("whole model, every single weight of random small shapes: within 1e-6", CASES, () => {
    fc.assert(
      fc.property(anyModel, ({ config, tokens, seed }) => {
        const random = new Random(seed);
        const size = Object.values(initWeights(config, random)).flat(2).length;
        const flat = Array.from({ length: size }, () => random.gauss(0, 0.3));
        fc.pre(distanceToKink(config, tokens, flat) > 1e-3);
        const [, gradient] = lossAt(config, tokens, flat);
        const expected = differences((shifted) => lossAt(config, tokens, shifted)[0], flat, 1e-5);
        expect(relativeError(expected, gradient)).toBeLessThanOrEqual(1e-6);
      }),
      { numRuns: byExtent(8, 25) },
    );
  });
});

describe("backward", () => {
  test("dot is the sum of its products: value and gradients to the last bit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -9, max: 9, noNaN: true }), fc.double({ min: -9, max: 9, noNaN: true })), {
          minLength: 1,
        }),
        (pairs) => {
          const [a, b, c, d] = [0, 1, 0, 1].map((side) => values(pairs.map((pair) => pair[side])));
          const fused = dot(a, b);
          const spelled = c.map((value, i) => mul(value, d[i])).reduce(add);
          expect(fused.data === spelled.data).toBe(true); // === and not toBe: the sign of a zero may differ
          fused.backward();
          spelled.backward();
          expect([...a, ...b].map(({ grad }) => grad)).toEqual([...c, ...d].map(({ grad }) => grad));
        },
      ),
    );
  });

  test("a chain of 100,000 nodes does not overflow the stack", () => {
    const start = new Value(1);
    let end = start;
    for (let i = 0; i < 100_000; i++) end = add(end, start);
    end.backward();
    expect(end.data).toBe(100_001);
    expect(start.grad).toBe(100_001);
  });

  test("a value that is used on several ways gets the sum of their gradients, once each", () => {
    const x = new Value(3);
    const square = mul(x, x);
    const sum = add(mul(square, x), add(square, x)); // x³ + x² + x
    sum.backward();
    expect(x.grad).toBe(3 * 9 + 2 * 3 + 1);
    expect(square.grad).toBe(4);
  });

  test("two losses add up their gradients, and a second pass over one graph counts twice", () => {
    const x = new Value(2);
    mul(x, x).backward();
    mul(x, new Value(10)).backward();
    expect(x.grad).toBe(14);
    const [a, b] = values([2, 5]);
    const square = mul(mul(a, b), mul(a, b)); // through nodes in between, which must not count double
    square.backward();
    expect([a.grad, b.grad]).toEqual([2 * 2 * 25, 2 * 4 * 5]);
    square.backward();
    expect([a.grad, b.grad]).toEqual([2 * 100, 2 * 40]);
  });

  test("losses that share a node in between each pass their own gradient through it, once", () => {
    const x = new Value(2);
    const shared = mul(x, x);
    core.scale(shared, 1).backward();
    core.scale(shared, 2).backward();
    expect(x.grad).toBe(4 + 2 * 4);
  });
});
