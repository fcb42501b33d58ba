import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as core from "../src/microgpt.ts";
import { Adam, documentLoss, dream, emptyCache, gpt, initWeights, softmax } from "../src/microgpt.ts";
import type { Config, Weights } from "../src/microgpt.ts";
import { Random } from "../src/random.ts";
import type { RandomState } from "../src/random.ts";
import { workspace } from "./setup/microgpt.ts";
import { anyModel, data, norm, relativeError, values } from "./setup/models.ts";

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8"));

describe("number for number microgpt.py", () => {
  interface ReferenceRun {
    readonly config: Config;
    readonly seed: number;
    readonly numDocs: number;
    readonly documents: string;
    readonly afterShuffle: RandomState;
    readonly losses: readonly number[];
    readonly samples: readonly string[];
  }
  const runs = fixture("reference.json") as readonly ReferenceRun[];

  function trainAndDream(
    config: Config,
    documents: readonly string[],
    random: Random,
    numSteps: number,
  ): [number[], string[]] {
    const vocabulary = core.buildVocabulary(["abcdefghijklmnopqrstuvwxyz"]);
    const weights = initWeights(config, random);
    const adam = new Adam(weights);
    const losses: number[] = [];
    for (let step = 0; step < numSteps; step++) {
      const loss = documentLoss(weights, config, core.encode(vocabulary, documents[step % documents.length]));
      loss.backward();
      adam.update(step, 0.01 * (1 - step / numSteps));
      losses.push(loss.data);
    }
    return [losses, Array.from({ length: 20 }, () => dream(weights, config, vocabulary, random))];
  }

  test.each(runs)("seed $seed: every loss within 1e-9, and the very same twenty samples", (run) => {
    const random = Random.fromState(run.afterShuffle);
    const [losses, samples] = trainAndDream(run.config, run.documents.split(" "), random, run.losses.length);
    expect(losses).toHaveLength(run.losses.length);
    const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - run.losses[i])));
    expect(worst).toBeLessThanOrEqual(1e-9);
    expect(samples).toEqual(run.samples);
  });

  test("main is that program: seed 42, the default size, a document a step, a falling learning rate", () => {
    const documents = "the quick brown fox jumps over the lazy dog".split(" ");
    const lines: string[] = [];
    core.main(documents.join("\n"), 12, (line) => lines.push(line));
    const random = new Random(42);
    random.shuffle(documents);
    const config = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
    const [losses, samples] = trainAndDream(config, documents, random, 12);
    expect(lines).toEqual([
      "9 documents, 27 tokens, 4192 weights",
      ...losses.map((loss, step) => `step ${step + 1} / 12  loss ${loss.toFixed(4)}`),
      ...samples.map((sample, i) => `sample ${i + 1}: ${sample}`),
    ]);
  });

  const names = fileURLToPath(new URL("../../shared/data/names.txt", import.meta.url));

  test.skipIf(!existsSync(names))("from the raw names.txt, shuffled here (skipped where ../shared is missing)", () => {
    for (const { config, seed, numDocs, losses, samples } of runs) {
      const random = new Random(seed);
      const documents = readFileSync(names, "utf8")
        .split("\n")
        .flatMap((line) => line.trim() || []);
      expect(documents).toHaveLength(numDocs);
      random.shuffle(documents);
      const [actual, dreams] = trainAndDream(config, documents, random, losses.length);
      expect(Math.max(...actual.map((loss, i) => Math.abs(loss - losses[i])))).toBeLessThanOrEqual(1e-9);
      expect(dreams).toEqual(samples);
    }
  });
});

describe("a second implementation, plain Python without autograd, agrees", () => {
  interface Case {
    readonly config: Config;
    readonly tokens: readonly number[];
    readonly weights: Readonly<Record<string, readonly (readonly number[])[]>>;
    readonly logits: readonly (readonly number[])[];
    readonly loss: number;
    readonly gradients: readonly (readonly [string, number, number, number])[];
  }
  const { cases } = fixture("forward.json") as { readonly cases: readonly Case[] };

  test.each(cases)("on logits and loss within 1e-10, on gradients within 1e-6: $config", (fact) => {
    const { config, tokens } = fact;
    const entries = Object.entries(fact.weights).map(([name, rows]) => [name, rows.map((row) => values(row))] as const);
    const weights: Weights = Object.fromEntries(entries);
    const cache = emptyCache(config.nLayer);
    for (const [position, expected] of fact.logits.entries()) {
      const logits = data(gpt(weights, config, tokens[position], position, cache));
      expect(relativeError(expected, logits)).toBeLessThanOrEqual(1e-10);
    }
    const loss = documentLoss(weights, config, tokens);
    expect(Math.abs(loss.data - fact.loss) / fact.loss).toBeLessThanOrEqual(1e-10);
    loss.backward();
    const gradients = fact.gradients.map(([name, i, j]) => weights[name][i][j].grad);
    expect(
      relativeError(
        fact.gradients.map(([, , , gradient]) => gradient),
        gradients,
      ),
    ).toBeLessThanOrEqual(1e-6);
  });
});

describe("the laws of the model hold for every small model (200 each)", () => {
  const runs = { numRuns: 200 };

  /** The logits at every position of the document, as the loss computes them. */
  function logitsOf(weights: Weights, config: Config, tokens: readonly number[]): number[][] {
    const cache = emptyCache(config.nLayer);
    return tokens
      .slice(0, config.blockSize)
      .map((token, position) => data(gpt(weights, config, token, position, cache)));
  }

  test("causality: a changed token changes no logit before it, to the last bit, but those after it", () => {
    let changed = 0;
    fc.assert(
      fc.property(anyModel, fc.nat(), ({ config, tokens, seed }, pick) => {
        const weights = initWeights(config, new Random(seed));
        const place = pick % Math.min(tokens.length, config.blockSize);
        const other = tokens.with(place, (tokens[place] + 1) % config.vocabSize);
        const [before, after] = [logitsOf(weights, config, tokens), logitsOf(weights, config, other)];
        expect(after.slice(0, place)).toEqual(before.slice(0, place));
        if (norm(after[place].map((logit, i) => logit - before[place][i])) > 0) changed++;
      }),
      runs,
    );
    expect(changed).toBeGreaterThan(190);
  });

  test("the cache remembers rightly: reading on is reading all again, to the last bit", () => {
    fc.assert(
      fc.property(anyModel, ({ config, tokens, seed }) => {
        const weights = initWeights(config, new Random(seed));
        const read = logitsOf(weights, config, tokens);
        for (const [position, logits] of read.entries()) {
          expect(logitsOf(weights, config, tokens.slice(0, position + 1)).at(-1)).toEqual(logits);
        }
      }),
      runs,
    );
  });

  test("documents don't see each other: a loss is the same before and after another's", () => {
    fc.assert(
      fc.property(anyModel, ({ config, tokens, seed }) => {
        const weights = initWeights(config, new Random(seed));
        const alone = documentLoss(weights, config, tokens).data;
        documentLoss(weights, config, tokens.toReversed());
        expect(documentLoss(weights, config, tokens).data).toBe(alone);
      }),
      runs,
    );
  });

  test("a learning rate of 0 moves no weight, not by a bit", () => {
    fc.assert(
      fc.property(anyModel, ({ config, tokens, seed }) => {
        const weights = initWeights(config, new Random(seed));
        const adam = new Adam(weights);
        const before = data(adam.params);
        documentLoss(weights, config, tokens).backward();
        adam.update(0, 0);
        expect(data(adam.params)).toEqual(before);
      }),
      runs,
    );
  });

  test("probabilities sum to 1 within 1e-12, however large the logits", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 30 }),
        (logits) => {
          const probabilities = data(softmax(values(logits)));
          expect(probabilities.every((probability) => probability >= 0)).toBe(true);
          expect(Math.abs(probabilities.reduce((sum, probability) => sum + probability) - 1)).toBeLessThanOrEqual(
            1e-12,
          );
        },
      ),
      runs,
    );
  });

  test("a new model knows nothing: its loss is ln(vocabSize) within 0.5", () => {
    fc.assert(
      fc.property(anyModel, ({ config, tokens, seed }) => {
        const loss = documentLoss(initWeights(config, new Random(seed)), config, tokens).data;
        expect(Math.abs(loss - Math.log(config.vocabSize))).toBeLessThan(0.5);
      }),
      runs,
    );
  });
});

test("a dream that nothing ends is blockSize characters long", () => {
  const config = { vocabSize: 3, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 5 };
  const never = new (class extends Random {
    override choices<Item>(items: readonly Item[]): Item[] {
      return [items[0]];
    }
  })(1);
  const vocabulary = core.buildVocabulary(["ab"]);
  expect(dream(initWeights(config, new Random(1)), config, vocabulary, never)).toBe("aaaaa");
});

test("one document can be learnt by heart: loss below 0.01", () => {
  const config = { vocabSize: 6, nEmbd: 8, nHead: 2, nLayer: 1, blockSize: 8 };
  for (const tokens of [
    [5, 0, 1, 2, 3, 4, 5],
    [5, 1, 1, 0, 1, 5],
  ]) {
    const weights = initWeights(config, new Random(1));
    const adam = new Adam(weights);
    for (let step = 0; step < 300; step++) {
      documentLoss(weights, config, tokens).backward();
      adam.update(step, 0.02);
    }
    expect(documentLoss(weights, config, tokens).data).toBeLessThan(0.01);
  }
});

describe("the file", () => {
  const source = readFileSync(new URL("../src/microgpt.ts", import.meta.url), "utf8");

  test("has at most 250 lines, and imports the generator alone", () => {
    expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(250);
    expect([...source.matchAll(/\bimport\b(?!\.meta).*/g)].map(([line]) => line)).toEqual([
      'import { Random } from "./random.ts";',
    ]);
  });

  test("runs alone on any text: the losses and samples of a run in here", () => {
    const directory = workspace();
    const text = "ada\nalan\n  grace \n\nedsger\n";
    writeFileSync(join(directory, "people.txt"), text);
    const program = fileURLToPath(new URL("../dist/microgpt.js", import.meta.url));
    const { stdout, stderr, status } = spawnSync(process.execPath, [program, join(directory, "people.txt"), "5"], {
      encoding: "utf8",
    });
    const lines: string[] = [];
    core.main(text, 5, (line) => lines.push(line));
    expect({ stdout, stderr, status }).toEqual({ stdout: `${lines.join("\n")}\n`, stderr: "", status: 0 });
    expect(lines[0]).toBe("4 documents, 10 tokens, 3648 weights");
    expect(lines).toHaveLength(1 + 5 + 20);
    expect(stdout).toMatch(/^step 5 \/ 5 {2}loss \d\.\d{4}$/m);
  });
});
