import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as core from "../src/microgpt.ts";
import { add, Adam, documentLoss, emptyCache, gpt, initWeights, mul, sample, softmax, Value } from "../src/microgpt.ts";
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

  function trainAndSample(
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
    return [losses, Array.from({ length: 20 }, () => sample(weights, config, vocabulary, random))];
  }

  test.each(runs)("seed $seed: every loss within 1e-9, and the very same twenty samples", (run) => {
    const random = Random.fromState(run.afterShuffle);
    const [losses, samples] = trainAndSample(run.config, run.documents.split(" "), random, run.losses.length);
    expect(losses).toHaveLength(run.losses.length);
    const worst = Math.max(...losses.map((loss, i) => Math.abs(loss - run.losses[i])));
    expect(worst).toBeLessThanOrEqual(1e-9);
    expect(samples).toEqual(run.samples);
  });

  test("main is that program: seed 42, the default size, one document per step, a falling learning rate", () => {
    const documents = "the quick brown fox jumps over the lazy dog".split(" ");
    const lines: string[] = [];
    core.main(documents.join("\n"), 12, (line) => lines.push(line));
    const random = new Random(42);
    random.shuffle(documents);
    const config = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
    const [losses, samples] = trainAndSample(config, documents, random, 12);
    expect(lines).toEqual([
      "9 documents, 27 tokens, 4192 weights",
      ...losses.map((loss, step) => `step ${step + 1} / 12  loss ${loss.toFixed(4)}`),
      ...samples.map((text, i) => `sample ${i + 1}: ${text}`),
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
      const [actual, invented] = trainAndSample(config, documents, random, losses.length);
      expect(Math.max(...actual.map((loss, i) => Math.abs(loss - losses[i])))).toBeLessThanOrEqual(1e-9);
      expect(invented).toEqual(samples);
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

  test("causality: changing a token changes no logit before it, not by a bit, and those from it on", () => {
    let changed = 0;
    fc.assert(
      fc.property(anyModel, fc.nat(), ({ config, tokens, seed }, pick) => {
        const weights = initWeights(config, new Random(seed));
        const changedAt = pick % Math.min(tokens.length, config.blockSize);
        const other = tokens.with(changedAt, (tokens[changedAt] + 1) % config.vocabSize);
        const [before, after] = [logitsOf(weights, config, tokens), logitsOf(weights, config, other)];
        expect(after.slice(0, changedAt)).toEqual(before.slice(0, changedAt));
        if (norm(after[changedAt].map((logit, i) => logit - before[changedAt][i])) > 0) changed++;
      }),
      runs,
    );
    expect(changed).toBeGreaterThan(190);
  });

  test("the cache is right: reading one more token gives what reading all of them again gives, to the last bit", () => {
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

  test("documents don't see each other: a document's loss is the same before and after another's", () => {
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

test("a sample that nothing ends is blockSize characters long", () => {
  const config = { vocabSize: 3, nEmbd: 4, nHead: 2, nLayer: 1, blockSize: 5 };
  const never = new (class extends Random {
    override weightedIndex(): number {
      return 0;
    }
  })(1);
  const vocabulary = core.buildVocabulary(["ab"]);
  expect(sample(initWeights(config, new Random(1)), config, vocabulary, never)).toBe("aaaaa");
});

test("one document can be memorized: loss below 0.01", () => {
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
  const program = fileURLToPath(new URL("../dist/microgpt.js", import.meta.url));
  const usualEnd = { stderr: "", status: 0 };

  function run(...args: string[]): { stdout: string; stderr: string; status: number | null } {
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    return { stdout, stderr, status };
  }

  /** A file with this text, in a directory of its own. */
  function textFile(text: string): string {
    const path = join(workspace(), "people.txt");
    writeFileSync(path, text);
    return path;
  }

  test("has at most 250 lines of at most 120 columns, and imports the generator alone", () => {
    expect(source.trimEnd().split("\n").length).toBeLessThanOrEqual(250);
    expect(source.split("\n").filter((line) => line.length > 120)).toEqual([]);
    expect([...source.matchAll(/\bimport\b(?!\.meta).*/g)].map(([line]) => line)).toEqual([
      'import { Random } from "./random.ts";',
    ]);
  });

  test("has examples that hold", () => {
    expect(source).toContain('/** ["emma", "ada"] → characters [a, d, e, m], bos 4. */');
    const vocabulary = core.buildVocabulary(["emma", "ada"]);
    expect(vocabulary).toEqual({ characters: ["a", "d", "e", "m"], bos: 4 });
    expect(source).toContain('"emma" → [4, 2, 3, 3, 0, 4]');
    expect(core.encode(vocabulary, "emma")).toEqual([4, 2, 3, 3, 0, 4]);
    expect(source).toContain("const [a, b] = [new Value(2), new Value(3)]; add(mul(a, b), a).backward();");
    expect(source).toMatch(/^\/\/ Now a\.grad is 4: .* b\.grad is a = 2\.$/m);
    const [a, b] = [new Value(2), new Value(3)];
    add(mul(a, b), a).backward();
    expect([a.grad, b.grad]).toEqual([4, 2]);
  });

  test("runs alone on any text: the losses and samples of a run in here", () => {
    const text = "ada\nalan\n  grace \n\nedsger\n";
    const { stdout, ...end } = run(program, textFile(text), "5");
    const lines: string[] = [];
    core.main(text, 5, (line) => lines.push(line));
    expect({ stdout, ...end }).toEqual({ stdout: `${lines.join("\n")}\n`, ...usualEnd });
    expect(lines[0]).toBe("4 documents, 10 tokens, 3648 weights");
    expect(lines).toHaveLength(1 + 5 + 20);
    expect(stdout).toMatch(/^step 5 \/ 5 {2}loss \d\.\d{4}$/m);
  });

  test.skipIf(process.platform === "win32")("runs through a symbolic link, of any name", () => {
    const file = textFile("ada\nalan\n");
    const link = join(workspace(), "gpt");
    symlinkSync(program, link);
    expect(run(link, file, "2")).toEqual({ stdout: run(program, file, "2").stdout, ...usualEnd });
  });

  test("does not run where it is imported, or is part of a program of another name", () => {
    const importing = `await import(${JSON.stringify(pathToFileURL(program).href)}); console.log("imported");`;
    for (const argument of [[], ["no-such-file"], [program.replace(/microgpt\.js$/, "random.js")]]) {
      const ends = run("--input-type=module", "--eval", importing, ...argument);
      expect(ends).toEqual({ stdout: "imported\n", ...usualEnd });
    }
    const bundle = join(workspace(), "bundle.mjs");
    const random = pathToFileURL(program.replace(/microgpt\.js$/, "random.js")).href;
    writeFileSync(bundle, readFileSync(program, "utf8").replace("./random.js", random));
    expect(run(bundle)).toEqual({ stdout: "", ...usualEnd });
  });

  test.each(["abc", "0", "-5", "1.5", "", "NaN", "Infinity"])("STEPS %o: one sentence, exit code 2", (steps) => {
    const stderr = `microgpt: STEPS: got "${steps}", expected a whole number above 0\n`;
    expect(run(program, textFile("ada\n"), steps)).toEqual({ stdout: "", stderr, status: 2 });
  });

  test("a FILE that is missing or without text: one sentence, exit code 2", () => {
    for (const file of [join(workspace(), "missing.txt"), textFile(""), textFile(" \n\n\t\r\n")]) {
      const stderr = `microgpt: FILE: ${file} is missing or empty, expected a document on every line\n`;
      expect(run(program, file, "2")).toEqual({ stdout: "", stderr, status: 2 });
    }
  });
});
