/**
 * What a sweep is told: the options all runs share, and those that vary. It comes from a file, from a preset (which is a
 * file) and from flags, and is checked by the one table of options.
 *
 *   data: [bible.txt]                        any option of `train`, by its flag's name
 *   seconds: 60
 *   grid: { n-layer: [1, 2], n-embd: [32, 64] }       every combination
 *   random: { learning-rate: 0.001..0.1 }             drawn, for --trials
 *   runs: [{ tokenizer: char }, { tokenizer: word }]  or exactly these, each with all of the grid
 *   trials: 20    repeats: 3    halving: true
 */
import { flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import type { Option } from "../options/config.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError, isRecord, quote } from "../errors.ts";
import type { Setting } from "./report-data.ts";

export type Settings = Readonly<Record<string, Setting>>;

/** Values to draw from: those of a list, or of a range, along the logarithm where that is wide. */
export type SearchSpace =
  | { readonly values: readonly Setting[] }
  | { readonly min: number; readonly max: number; readonly isWhole: boolean };

export interface SweepSpec {
  /** What all runs share, and what a person has set: the rest is the table's. */
  readonly base: Partial<TrainOptions>;
  /** By the option's name in the table (`nLayer`). */
  readonly grid: ReadonlyMap<string, readonly Setting[]>;
  readonly random: ReadonlyMap<string, SearchSpace>;
  /** Groups of settings that belong together; empty: none. */
  readonly runs: readonly Settings[];
  /** How many to draw; null: all of the grid. */
  readonly trials: number | null;
  /** Trainings a setting, each with a seed of its own. */
  readonly repeats: number;
  /** Whether the worse half stops early, again and again. */
  readonly halving: boolean;
}

export const EMPTY_SPEC: SweepSpec = {
  base: {},
  grid: new Map(),
  random: new Map(),
  runs: [],
  trials: null,
  repeats: 1,
  halving: false,
};

/** What must be the same in all runs: their results would be of different texts, or of none. */
const FIXED = new Set([
  "data",
  "urls",
  "urlFile",
  "noCache",
  "cacheDir",
  "ignoreRobots",
  "allowHost",
  "documents",
  "nfc",
  "minLength",
  "maxLength",
  "keepDuplicates",
  "valFraction",
  "reference",
  "log",
]);

const MAX_VALUES = 1000;
const MAX_TRIALS = 10_000;
const MAX_REPEATS = 1000;

/**
 * Reads a sweep file's content. @param where names it in messages.
 * Throws InputError that names the place of what is wrong.
 */
export function readSweepSpec(json: unknown, where: string): SweepSpec {
  if (!isRecord(json)) throw new InputError(`${where}: expected options by name, as n-layer: 2`);
  try {
    const { grid = {}, random = {}, runs = [], trials, repeats, halving, ...base } = json;
    if (!isRecord(grid) || !isRecord(random)) throw new InputError("grid and random: expected options by name");
    if (!Array.isArray(runs) || !runs.every(isRecord)) throw new InputError("runs: expected a list of options by name");
    if (halving !== undefined && typeof halving !== "boolean") throw new InputError("halving: expected true or false");
    return {
      base: Object.fromEntries(Object.entries(base).map(([name, value]) => checked(name, value))),
      grid: new Map(Object.entries(grid).map(([name, values]) => gridOf(name, values))),
      random: new Map(Object.entries(random).map(([name, value]) => choiceOf(name, value))),
      runs: runs.map((run) => Object.fromEntries(Object.entries(run).map(([name, value]) => setting(name, value)))),
      trials: trials === undefined ? null : count("trials", trials, MAX_TRIALS),
      repeats: repeats === undefined ? 1 : count("repeats", repeats, MAX_REPEATS),
      halving: halving ?? false,
    };
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${where}: ${error.message}`) : error;
  }
}

/** `n-layer=1,2,3` of a flag. Throws InputError that names the flag. */
export function parseGrid(text: string): readonly [string, readonly Setting[]] {
  const [name, values] = divide("--grid", text, "n-layer=1,2,4");
  const [key, option] = varying(name);
  return [
    key,
    distinct(
      name,
      values.split(",").map((value) => scalar(option.parse(value, flagOf(key)))),
    ),
  ];
}

/** `learning-rate=0.001..0.1`, or values as of the grid. Throws InputError that names the flag. */
export function parseRandom(text: string): readonly [string, SearchSpace] {
  const [name, value] = divide("--random", text, "learning-rate=0.001..0.1");
  return value.includes("..") ? choiceOf(name, value) : [parseGrid(text)[0], { values: parseGrid(text)[1] }];
}

function divide(flag: string, text: string, example: string): [name: string, value: string] {
  const place = text.indexOf("=");
  if (place > 0 && place < text.length - 1) return [text.slice(0, place), text.slice(place + 1)];
  throw new InputError(`${flag}: expected an option and its values, as ${example}; got ${quote(text)}`);
}

/** An option by its name, as a flag has it (`n-layer`) or as the table has it (`nLayer`). */
function optionOf(name: string): [key: string, option: Option<unknown>] {
  const key = name.replace(/^--/, "").replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const table: Readonly<Record<string, Option<unknown>>> = TRAIN_OPTIONS;
  if (!Object.hasOwn(table, key)) {
    throw new InputError(`${quote(name)} is no option; microgpt train --help has them all`);
  }
  return [key, table[key]];
}

function varying(name: string): [key: string, option: Option<unknown>] {
  const [key, option] = optionOf(name);
  if (!FIXED.has(key)) return [key, option];
  throw new InputError(`${flagOf(key)} can't vary: results of different texts can't be compared; set it for all runs`);
}

function checked(name: string, value: unknown): [key: string, value: unknown] {
  const [key, option] = optionOf(name);
  return [
    key,
    option.check(typeof value === "string" && option.placeholder.endsWith("…") ? [value] : value, flagOf(key)),
  ];
}

function setting(name: string, value: unknown): [key: string, value: Setting] {
  const [key, option] = varying(name);
  return [key, scalar(option.check(value, flagOf(key)))];
}

function gridOf(name: string, values: unknown): [key: string, values: readonly Setting[]] {
  const [key, option] = varying(name);
  if (!Array.isArray(values)) throw new InputError(`grid: ${name}: expected a list of values`);
  return [
    key,
    distinct(
      name,
      values.map((value: unknown) => scalar(option.check(value, flagOf(key)))),
    ),
  ];
}

function choiceOf(name: string, value: unknown): [key: string, choice: SearchSpace] {
  const [key, option] = varying(name);
  if (Array.isArray(value)) return [key, { values: gridOf(name, value)[1] }];
  const [, low, high] = /^(.+?)\.\.(.+)$/.exec(String(value)) ?? [];
  const [min, max] = [low, high].map((end) => option.parse(end ?? "", flagOf(key)));
  if (typeof min !== "number" || typeof max !== "number" || min >= max) {
    throw new InputError(`random: ${name}: expected values or a range, as 0.001..0.1, got ${quote(String(value))}`);
  }
  return [key, { min, max, isWhole: option.placeholder === "N" }];
}

function distinct(name: string, values: readonly Setting[]): readonly Setting[] {
  if (values.length === 0) throw new InputError(`grid: ${name}: expected at least one value`);
  if (values.length > MAX_VALUES)
    throw new InputError(`grid: ${name}: at most ${MAX_VALUES} values, got ${values.length}`);
  return [...new Set(values)];
}

function scalar(value: unknown): Setting {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  throw new InputError(`expected one value, got ${quote(JSON.stringify(value))}`);
}

/** A whole number from 1 on. Throws InputError that names it. */
export function count(name: string, value: unknown, max: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max) return Number(value);
  throw new InputError(`${name}: expected a whole number from 1 to ${max}, got ${quote(String(value))}`);
}
