import { expect, test } from "vitest";
import { checkOptions, checkTogether, flagOf, initialOptions, SAMPLE_OPTIONS, TRAIN_OPTIONS } from "../src/config.ts";

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
  ['{"tokenizer": "byte"}', '--tokenizer: expected one of char; got "byte"'],
  ['{"nembd": 16}', 'config: "nembd" is no option; expected data, tokenizer'],
  ['{"__proto__": 1}', 'config: "__proto__" is no option'],
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
