/**
 * A sweep's specification: the options that all runs share, and those that vary. It comes from a file, a preset (which
 * is a file) or flags, and is checked here against the table of options; `sweep-plan.ts` turns it into runs.
 *
 *   data: [bible.txt]                        any option of `train`, by its flag's name
 *   seconds: 60
 *   grid: { n-layer: [1, 2], n-embd: [32, 64] }       every combination
 *   random: { learning-rate: 0.001..0.1 }             drawn; needs trials
 *   runs: [{ tokenizer: char }, { tokenizer: word }]  or exactly these, each with all of the grid
 *   trials: 20    repeats: 3    halving: true
 */
import { flagOf, TRAIN_OPTIONS } from "../options/config.ts";
import type { Option } from "../options/values.ts";
import type { TrainOptions } from "../options/train-options.ts";
import { InputError, isRecord, quote } from "../errors.ts";
import type { Setting } from "./report-data.ts";

/** Values of options, by key (`nLayer`). */
export type Settings = Readonly<Record<string, Setting>>;

/** Values to draw from: a list or a range. */
export type SearchSpace =
  | { readonly values: readonly Setting[] }
  | { readonly min: number; readonly max: number; readonly isWhole: boolean };

/** A specification, checked. */
export interface SweepSpec {
  /** Options that all runs share; all others have their defaults. */
  readonly base: Partial<TrainOptions>;
  /** Values whose combinations are runs, by the option's key (`nLayer`). */
  readonly grid: ReadonlyMap<string, readonly Setting[]>;
  /** Search spaces to draw from, by the option's key; needs `trials`. */
  readonly random: ReadonlyMap<string, SearchSpace>;
  /** Explicit settings, each combined with the whole grid; empty: none. */
  readonly runs: readonly Settings[];
  /** Number of settings to draw; null: use the whole grid. */
  readonly trials: number | null;
  /** Runs per setting, each with its own seed. */
  readonly repeats: number;
  /** Whether to use successive halving (`halving.ts`). */
  readonly halving: boolean;
}

/** A specification in which nothing varies. */
export const EMPTY_SPEC: SweepSpec = {
  base: {},
  grid: new Map(),
  random: new Map(),
  runs: [],
  trials: null,
  repeats: 1,
  halving: false,
};

/** Options that must be the same in all runs: results on different texts cannot be compared. */
const FIXED = new Set([
  "data",
  "encoding",
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
  "keepC",
  "log",
]);

const MAX_VALUES = 1000;
/** Limit of `trials`. */
export const MAX_TRIALS = 10_000;
/** Limit of `repeats`. */
export const MAX_REPEATS = 1000;

/** Checks the content of a sweep file. Throws InputError that names the wrong entry. @param where the file's name. */
export function readSweepSpec(json: unknown, where: string): SweepSpec {
  if (!isRecord(json)) throw new InputError(`${where}: expected options by name, such as n-layer: 2`);
  try {
    const { grid = {}, random = {}, runs = [], trials, repeats, halving, ...base } = json;
    if (!isRecord(grid) || !isRecord(random)) throw new InputError("grid and random: expected options by name");
    if (!Array.isArray(runs) || !runs.every(isRecord)) throw new InputError("runs: expected a list of options by name");
    if (halving !== undefined && typeof halving !== "boolean") throw new InputError("halving: expected true or false");
    return {
      base: Object.fromEntries(Object.entries(base).map(([name, value]) => checked(name, value))),
      grid: new Map(Object.entries(grid).map(([name, values]) => gridOf(name, values))),
      random: new Map(Object.entries(random).map(([name, value]) => searchSpaceOf(name, value))),
      runs: runs.map((run) => Object.fromEntries(Object.entries(run).map(([name, value]) => setting(name, value)))),
      trials: trials === undefined ? null : count("trials", trials, MAX_TRIALS),
      repeats: repeats === undefined ? 1 : count("repeats", repeats, MAX_REPEATS),
      halving: halving ?? false,
    };
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${where}: ${error.message}`) : error;
  }
}

/** Parses `n-layer=1,2,3` after --grid. Throws InputError that names the flag. */
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

/** Parses `learning-rate=0.001..0.1`, or values as after --grid. Throws InputError that names the flag. */
export function parseRandom(text: string): readonly [string, SearchSpace] {
  const [name, value] = divide("--random", text, "learning-rate=0.001..0.1");
  return value.includes("..") ? searchSpaceOf(name, value) : [parseGrid(text)[0], { values: parseGrid(text)[1] }];
}

function divide(flag: string, text: string, example: string): [name: string, value: string] {
  const equals = text.indexOf("=");
  if (equals > 0 && equals < text.length - 1) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new InputError(`${flag}: expected an option and its values, such as ${example}, got ${quote(text)}`);
}

/** Finds an option by its flag's name (`n-layer`) or its key in the table (`nLayer`). */
function optionOf(name: string): [key: string, option: Option<unknown>] {
  const key = name.replace(/^--/, "").replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const table: Readonly<Record<string, Option<unknown>>> = TRAIN_OPTIONS;
  if (!Object.hasOwn(table, key)) {
    throw new InputError(`${quote(name)} is not an option; microgpt train --help lists them`);
  }
  return [key, table[key]];
}

function varying(name: string): [key: string, option: Option<unknown>] {
  const [key, option] = optionOf(name);
  if (!FIXED.has(key)) return [key, option];
  throw new InputError(
    `${flagOf(key)} cannot vary, because results on different texts cannot be compared; set it for all runs`,
  );
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

function searchSpaceOf(name: string, value: unknown): [key: string, space: SearchSpace] {
  const [key, option] = varying(name);
  if (Array.isArray(value)) return [key, { values: gridOf(name, value)[1] }];
  const [, low, high] = /^(.+?)\.\.(.+)$/.exec(String(value)) ?? [];
  const [min, max] = [low, high].map((end) => option.parse(end ?? "", flagOf(key)));
  if (typeof min !== "number" || typeof max !== "number" || min >= max) {
    throw new InputError(
      `random: ${name}: expected values or a range, such as 0.001..0.1, got ${quote(String(value))}`,
    );
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

/** Checks that a value is a whole number from 1 to `max`. Throws InputError that names it. */
export function count(name: string, value: unknown, max: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= max) return Number(value);
  throw new InputError(`${name}: expected a whole number from 1 to ${max}, got ${quote(String(value))}`);
}
