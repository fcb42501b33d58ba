import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Project, ts } from "ts-morph";
import { afterAll, describe, expect, test } from "vitest";
import { trial } from "../../playground/pages/break/trial.ts";
import type { Core, Outcome, Point } from "../../playground/pages/break/trial.ts";
import { broken, differenceOf, variantOf, VARIANTS } from "../../playground/pages/break/variants.ts";
import { observations, verdictOf } from "../../playground/pages/break/verdict.ts";
import type { Comparison } from "../../playground/pages/break/verdict.ts";
import * as intact from "../../src/microgpt.ts";
import { Random } from "../../src/random.ts";

const source = readFileSync(new URL("../../src/microgpt.ts", import.meta.url), "utf8");
const names = readFileSync(new URL("../../data/names.txt", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "microgpt-variants-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Compiles a variant as a browser gets it, beside the generator of the intact core. */
async function coreOf(name: string, text: string): Promise<Core> {
  const random = new URL("../../src/random.ts", import.meta.url).href;
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const path = join(folder, `${name}.mjs`);
  writeFileSync(path, outputText.replace("./random.ts", random));
  return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Core;
}

/** The losses of a few steps. */
function lossesOf(core: Core): number[] {
  const vocabulary = core.buildVocabulary(["abcdefghijklmnopqrstuvwxyz"]);
  const config = { vocabSize: 27, nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16 };
  const weights = core.initWeights(config, new Random(1));
  const adam = new core.Adam(weights);
  return ["emma", "olivia", "ava"].map((name, step) => {
    const loss = core.documentLoss(weights, config, core.encode(vocabulary, name));
    loss.backward();
    adam.update(step, 0.01);
    return loss.data;
  });
}

describe.each(VARIANTS)("$title", (variant) => {
  test("its line occurs once in microgpt.ts, and is the only one that changes", () => {
    const lines = source.split("\n");
    expect(lines.filter((line) => line === variant.from)).toHaveLength(1);
    const changed = broken(source, variant).split("\n");
    const stays = variant.to.includes(variant.from);
    expect(changed).toHaveLength(lines.length - 1 + variant.to.length);
    const gone = lines.filter((line) => !changed.includes(line));
    const added = changed.filter((line) => !lines.includes(line));
    expect(gone).toEqual(stays ? [] : [variant.from]);
    expect(added).toHaveLength(variant.to.length - (stays ? 1 : 0));
    expect(added.length).toBeLessThanOrEqual(1);
    expect(Math.max(...added.map((line) => line.length), 0)).toBeLessThanOrEqual(120);
  });

  test("it changes the losses of three steps", async () => {
    const losses = lossesOf(await coreOf(variant.name, broken(source, variant)));
    expect(losses).toHaveLength(3);
    expect(losses).not.toEqual(lossesOf(intact));
  });
});

test("no variant has a type error", () => {
  const project = new Project({
    compilerOptions: {
      strict: true,
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowImportingTsExtensions: true,
      noEmit: true,
      types: [],
    },
  });
  const place = fileURLToPath(new URL("../../src/microgpt.ts", import.meta.url));
  for (const variant of VARIANTS) {
    project.createSourceFile(place.replace(/\.ts$/, `.${variant.name}.ts`), broken(source, variant));
  }
  const errors = project
    .getPreEmitDiagnostics()
    .map((one) => `${one.getLineNumber()}: ${ts.flattenDiagnosticMessageText(one.compilerObject.messageText, " ")}`);
  expect(project.getSourceFiles().length).toBeGreaterThanOrEqual(VARIANTS.length);
  expect(errors).toEqual([]);
});

test("the same way without a change gives the intact losses, to the bit", async () => {
  expect(lossesOf(await coreOf("intact", source))).toEqual(lossesOf(intact));
});

test("a line that is not there, or twice, is an error", () => {
  const [variant] = VARIANTS;
  expect(() => broken(source.replace(variant.from, ""), variant)).toThrow(/must occur once/);
  expect(() => broken(`${source}\n${variant.from}`, variant)).toThrow(/must occur once/);
});

test("an unknown name is the first variant", () => {
  expect(variantOf("no-scale").title).toBe("No 1/√d");
  expect(variantOf("no-such-thing")).toBe(VARIANTS[0]);
});

test("the difference has the changed line and its neighbours, with their numbers", () => {
  const marks = (name: string): string[] =>
    differenceOf(source, variantOf(name), 1).map(({ mark, line }) => `${mark}${line}`);
  const at = (name: string): number => source.split("\n").indexOf(variantOf(name).from) + 1;
  const [mask, scale, grad] = [at("no-mask"), at("no-scale"), at("no-zero-grad")];
  expect(marks("no-mask")).toEqual([` ${mask - 1}`, ` ${mask}`, "+null", ` ${mask + 1}`]);
  expect(marks("no-scale")).toEqual([` ${scale - 1}`, `−${scale}`, "+null", ` ${scale + 1}`]);
  expect(marks("no-zero-grad")).toEqual([` ${grad - 1}`, `−${grad}`, ` ${grad + 1}`]);
});

/** A trial to its end. */
function ended(core: Core, seed: number): { points: Point[]; outcome: Outcome } {
  const running = trial({ core, intact }, names, seed);
  const points: Point[] = [];
  let next = running.next();
  for (; next.done !== true; next = running.next()) points.push(next.value);
  return { points, outcome: next.value };
}

test("a trial of a core whose weights blow up ends early, without samples", async () => {
  const variant = variantOf("learning-rate");
  const { points, outcome } = ended(await coreOf("blow-up", broken(source, variant)), 42);
  expect(points[0].step).toBe(0);
  expect(points[0].loss).toBeCloseTo(Math.log(27), 0);
  expect(points.at(-1)!.loss).toBeNaN();
  expect(outcome.points).toEqual(points);
  expect(outcome.samples).toBeNull();
});

const outcome = (loss: number, honest = loss, samples: string[] | null = ["ada"]): Outcome => ({
  points: [
    { step: 0, loss: 3.3 },
    { step: 300, loss },
  ],
  honest,
  samples,
});
const compare = (loss: number, other = 2.41): Comparison => ({
  intact: outcome(2.4),
  broken: outcome(loss),
  other: outcome(other),
});

test.each([
  [1, "better"],
  [2.39, "about the same"],
  [2.419, "about the same"],
  [2.45, "a little worse"],
  [2.71, "much worse"],
  [3.5, "diverges"],
  [Number.NaN, "diverges"],
  [Number.POSITIVE_INFINITY, "diverges"],
])("a held-out loss of %d beside 2.4 is called %s", (loss, verdict) => {
  expect(verdictOf(compare(loss))).toBe(verdict);
});

test("a difference within what the first weights decide is called the same", () => {
  expect(verdictOf(compare(2.45, 2.3))).toBe("about the same");
});

test("the sentences have the measured numbers; a loss that the intact core does not confirm is called cheating", () => {
  const [variant] = VARIANTS;
  const cheat = { ...compare(0.63), broken: outcome(0.63, 9.87, ["rrr", "rr"]) };
  const text = observations(variant, cheat).join(" ");
  expect(text).toContain("After 300 steps its held-out loss is 0.6300; the intact core ends at 2.400");
  expect(text).toContain("cheating");
  expect(text).toContain("9.870");
  expect(text).toContain("5 letters, 1 different");
  expect(text).toContain(variant.why);
  expect(observations(variant, compare(2.45)).join(" ")).not.toContain("cheating");
  expect(observations(variant, { ...compare(Number.NaN), broken: outcome(Number.NaN, Number.NaN, null) })[0]).toBe(
    "After 300 steps its loss is not a number any more; the intact core ends at 2.400.",
  );
});
