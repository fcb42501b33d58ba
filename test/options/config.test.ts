import { TOKENIZER_KINDS } from "../../src/text/tokenizer.ts";
import { SCHEDULES } from "../../src/training/schedule.ts";
import { createRequire } from "node:module";
import { expect, test } from "vitest";
import { usedBlas } from "../../src/library/run-config.ts";
import { resolveOptions } from "../../src/options/resolve.ts";
import { VERSION } from "../../src/options/version.ts";
import { checkOptions, flagOf, initialOptions, SAMPLE_OPTIONS, TRAIN_OPTIONS } from "../../src/options/config.ts";
import { checkTogether } from "../../src/options/option-rules.ts";
import type { TrainOptions } from "../../src/options/train-options.ts";

test("the defaults are the reference's", () => {
  const defaults = initialOptions(TRAIN_OPTIONS);
  expect(defaults).toMatchObject({ nEmbd: 16, nHead: 4, nLayer: 1, blockSize: 16, numSteps: 1000, seed: 42 });
  expect(defaults).toMatchObject({ learningRate: 0.01, temperature: 0.5, numSamples: 20, tokenizer: "char" });
  expect(checkOptions(TRAIN_OPTIONS, {})).toEqual(defaults);
});

test("a key in camel case is a flag in kebab case", () => {
  expect(["nEmbd", "seed", "topK"].map(flagOf)).toEqual(["--n-embd", "--seed", "--top-k"]);
});

test("every option's default passes its own check", () => {
  for (const [key, option] of Object.entries({ ...TRAIN_OPTIONS, ...SAMPLE_OPTIONS })) {
    expect(option.check(option.initial, flagOf(key))).toEqual(option.initial);
  }
});

const sizes = ["0", "-1", "2.5", "1e3", "0x10", "", " 7", "7 ", "seven", "NaN", "Infinity", "99999999999999999999"];

test.each(sizes)("--n-embd refuses %j", (typed) => {
  expect(() => TRAIN_OPTIONS.nEmbd.parse(typed, "--n-embd")).toThrow(
    "--n-embd: expected a whole number from 1 to 65536, got ",
  );
});

test.each(["", "abc", "-0.1", "1.5e", "NaN", "Infinity", "0.91", "--1"])("--val-fraction refuses %j", (typed) => {
  expect(() => TRAIN_OPTIONS.valFraction.parse(typed, "--val-fraction")).toThrow(
    "--val-fraction: expected a number from 0 to 0.9, got",
  );
});

test("numbers are taken as typed", () => {
  expect(TRAIN_OPTIONS.nEmbd.parse("64", "--n-embd")).toBe(64);
  expect(TRAIN_OPTIONS.learningRate.parse("1e-3", "--learning-rate")).toBe(0.001);
  expect(TRAIN_OPTIONS.temperature.parse(".5", "--temperature")).toBe(0.5);
});

const parse = (json: string): Record<string, unknown> => JSON.parse(json);

test.each([
  ['{"nEmbd": "16"}', '--n-embd: expected a whole number from 1 to 65536, got "16"'],
  ['{"nEmbd": null}', '--n-embd: expected a whole number from 1 to 65536, got "null"'],
  ['{"data": "names.txt"}', '--data: expected a list of texts, got "names.txt"'],
  ['{"data": [1]}', '--data: expected a list of texts, got "1"'],
  ['{"reference": 1}', '--reference: expected true or false, got "1"'],
  ['{"tokenizer": "none"}', `--tokenizer: expected one of ${TOKENIZER_KINDS.join(", ")}; got "none"`],
  ['{"documents": "page"}', '--documents: expected one of line, paragraph, file; got "page"'],
  ['{"stream": "yes"}', '--stream: expected true or false, got "yes"'],
  ['{"batchSize": 0}', '--batch-size: expected a whole number from 1 to 65536, got "0"'],
  ['{"dropout": 1}', '--dropout: expected a number from 0 to 0.9, got "1"'],
  ['{"clipNorm": 0}', '--clip-norm: expected a number from 0.000001 to 1000000000, got "0"'],
  ['{"schedule": "cos"}', `--schedule: expected one of ${SCHEDULES.join(", ")}; got "cos"`],
  ['{"warmupSteps": null}', '--warmup-steps: expected a whole number from 0 to 1000000000, got "null"'],
  ['{"nembd": 16}', 'config: "nembd" is not an option; microgpt train --help lists them (--n-embd is nEmbd here)'],
  ['{"__proto__": 1}', 'config: "__proto__" is not an option'],
])("options from a file are checked like flags: %s", (json, message) => {
  expect(() => checkOptions(TRAIN_OPTIONS, parse(json))).toThrow(message);
});

test("heads must share the width evenly, and the reference holds nothing out", () => {
  const defaults = initialOptions(TRAIN_OPTIONS);
  expect(() => checkTogether({ ...defaults, nHead: 3 })).toThrow("--n-head 3 does not divide --n-embd 16");
  expect(() => checkTogether({ ...defaults, reference: true, valFraction: 0.2 })).toThrow(
    "--reference holds nothing out",
  );
  expect(() => checkTogether({ ...defaults, reference: true })).not.toThrow();
});

test.each<[Partial<TrainOptions>, string]>([
  [{ batchSize: 2 }, "--reference takes one document per step, as microgpt.py does; drop --batch-size"],
  [{ documents: "file" }, "drop --documents"],
  [{ stream: true }, "drop --stream"],
  [{ accumulate: 2 }, "--reference trains exactly as microgpt.py does; drop --accumulate"],
  [{ warmupSteps: 1 }, "drop --warmup-steps"],
  [{ schedule: "constant" }, "drop --schedule"],
  [{ weightDecay: 0.1 }, "drop --weight-decay"],
  [{ clipNorm: 1 }, "drop --clip-norm"],
  [{ dropout: 0.1 }, "drop --dropout"],
])("the reference can't do %j, everything else can", (options, message) => {
  const all = { ...initialOptions(TRAIN_OPTIONS), ...options };
  expect(() => checkTogether({ ...all, reference: true })).toThrow(message);
  expect(() => checkTogether(all)).not.toThrow();
});

test("dropout is refused where the atomic core computes, which has none", () => {
  const all = { ...initialOptions(TRAIN_OPTIONS), dropout: 0.1 };
  const message = "--dropout needs the wasm, native or webgpu engine; drop it, or";
  expect(() => checkTogether({ ...all, engine: "atomic" })).toThrow(`${message} --engine atomic`);
  expect(() => checkTogether({ ...all, noGpu: true })).toThrow(`${message} --no-gpu`);
  for (const engine of ["auto", "wasm", "native", "webgpu"] as const)
    expect(() => checkTogether({ ...all, engine })).not.toThrow();
  expect(() => checkTogether({ ...all, dropout: 0, engine: "atomic" })).not.toThrow();
});

test("the reference may be told what it does anyway", () => {
  const same = { reference: true, batchSize: 1, accumulate: 1, schedule: "linear", clipNorm: null } as const;
  expect(() => checkTogether({ ...initialOptions(TRAIN_OPTIONS), ...same })).not.toThrow();
});

test("the warm-up leaves steps to train, and the decay leaves something of the weights", () => {
  const defaults = initialOptions(TRAIN_OPTIONS);
  const message = "--warmup-steps 10 must be less than --num-steps 10";
  expect(() => checkTogether({ ...defaults, numSteps: 10, warmupSteps: 10 })).toThrow(message);
  expect(() => checkTogether({ ...defaults, numSteps: 10, warmupSteps: 9 })).not.toThrow();
  const decay =
    "--weight-decay 101 times --learning-rate 0.01 is more than 1, which would flip the sign of the weights";
  expect(() => checkTogether({ ...defaults, weightDecay: 101 })).toThrow(decay);
  expect(() => checkTogether({ ...defaults, weightDecay: 100 })).not.toThrow();
});

test("the largest counts number the documents exactly", () => {
  const largest = [1_000_000_000, 65_536, 128].reduce((product, count) => product * count, 1);
  expect(() => TRAIN_OPTIONS.accumulate.check(129, "--accumulate")).toThrow("from 1 to 128");
  expect(Number.isSafeInteger(largest)).toBe(true);
});

test("without a batch size the atomic engine and the reference take one document, a fast engine 64", () => {
  const defaults = initialOptions(TRAIN_OPTIONS);
  expect(resolveOptions(defaults)).toMatchObject({ engine: "wasm", batchSize: 64 });
  expect(resolveOptions({ ...defaults, engine: "atomic" })).toMatchObject({ engine: "atomic", batchSize: 1 });
  expect(resolveOptions({ ...defaults, reference: true })).toMatchObject({ engine: "atomic", batchSize: 1 });
  expect(resolveOptions({ ...defaults, reference: true, engine: "wasm" })).toMatchObject({
    engine: "wasm",
    batchSize: 1,
  });
  expect(resolveOptions({ ...defaults, batchSize: 7, engine: "atomic" }).batchSize).toBe(7);
});

test("the version is that of package.json", () => {
  const manifest: unknown = createRequire(import.meta.url)("../../package.json");
  expect(manifest).toMatchObject({ version: VERSION });
});

test("the option of a BLAS, which files of earlier versions have, is read and left out", () => {
  expect(checkOptions(TRAIN_OPTIONS, { noBlas: false, nEmbd: 32 })).toEqual({
    ...initialOptions(TRAIN_OPTIONS),
    nEmbd: 32,
  });
});

test.each([
  [{}, 10_000, true],
  [{}, 9999, false],
  [{ noBlas: true }, 10_000, false],
  [{ strictMath: true }, 10_000, false],
  [{ engine: "native" }, 10_000, false],
  [{ noBlas: undefined }, 10_000, false],
])("which runs of an earlier version a BLAS trained: %j of %i parameters: %s", (differing, parameters, expected) => {
  const options = { engine: "wasm", noBlas: false, strictMath: false, ...differing };
  expect(usedBlas(JSON.stringify(options), parameters)).toBe(expected);
});
