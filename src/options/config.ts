/**
 * The one table of options: what `train` can be told, with types, defaults, limits and help. The command line's flags,
 * the questions of `--interactive`, a run's config.json and the documentation are all made from it.
 *
 * A key in camel case is a flag in kebab case: `nEmbd` is `--n-embd`. Names and defaults are the reference's.
 */
import { DOCUMENT_KINDS } from "../text/dataset.ts";
import type { DocumentKind } from "../text/dataset.ts";
import { InputError, quote } from "../errors.ts";
import { SCHEDULES } from "../training/schedule.ts";
import type { ScheduleName } from "../training/schedule.ts";
import { TOKENIZER_KINDS } from "../text/tokenizer.ts";
import type { TokenizerKind } from "../text/tokenizer.ts";

/** Where an option belongs in the help. */
export type OptionGroup = "data" | "model" | "training" | "samples" | "run";

export interface Option<Value> {
  readonly group: OptionGroup;
  readonly help: string;
  readonly initial: Value;
  /** What stands behind the flag in the help, `""` for a switch; `…` at its end: several may follow. */
  readonly placeholder: string;
  /** Text, as typed → value. Throws InputError: what is wrong, what was given, what is expected. */
  readonly parse: (text: string, flag: string) => Value;
  /** The same for JSON from a file. */
  readonly check: (json: unknown, flag: string) => Value;
}

export interface TrainOptions {
  readonly data: readonly string[];
  readonly urls: readonly string[];
  readonly urlFile: string | null;
  readonly noCache: boolean;
  readonly cacheDir: string | null;
  readonly ignoreRobots: boolean;
  readonly allowHost: readonly string[];
  readonly tokenizer: TokenizerKind;
  readonly bpeMerges: number;
  readonly vocabSize: number | null;
  readonly unk: boolean;
  readonly documents: DocumentKind;
  readonly stream: boolean;
  readonly nfc: boolean;
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly keepDuplicates: boolean;
  readonly valFraction: number;
  readonly nEmbd: number;
  readonly nHead: number;
  readonly nLayer: number;
  readonly blockSize: number;
  readonly numSteps: number;
  /** Budgets in place of `numSteps`, which they decide; null: none. */
  readonly tokens: number | null;
  readonly seconds: number | null;
  /** null: the engine's own default. */
  readonly batchSize: number | null;
  readonly accumulate: number;
  readonly learningRate: number;
  readonly warmupSteps: number;
  readonly schedule: ScheduleName;
  readonly weightDecay: number;
  readonly clipNorm: number | null;
  readonly seed: number;
  readonly evalInterval: number;
  readonly evalDocuments: number;
  readonly numSamples: number;
  readonly temperature: number;
  readonly saveInterval: number;
  readonly keep: number;
  readonly engine: EngineChoice;
  readonly precision: "f32" | "f16";
  readonly noGpu: boolean;
  readonly threads: number | null;
  readonly noBlas: boolean;
  readonly strictMath: boolean;
  readonly reference: boolean;
  readonly log: readonly LogFormat[];
}

/** Forms of metrics.jsonl for other programs. */
export type LogFormat = "csv" | "tensorboard";

export type EngineChoice = "auto" | "atomic" | "wasm" | "webgpu";

type PageKey = "urlFile" | "noCache" | "cacheDir" | "ignoreRobots" | "allowHost";
type CleaningKey = "documents" | "nfc" | "minLength" | "maxLength" | "keepDuplicates";

export type FetchOptions = Pick<TrainOptions, PageKey | CleaningKey>;
export type TokenizeOptions = FetchOptions & Pick<TrainOptions, "data" | "urls" | "bpeMerges" | "vocabSize" | "unk">;

export interface SampleOptions {
  readonly numSamples: number;
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number | null;
  readonly maxTokens: number | null;
  readonly seed: number;
}

type Table<Options> = { readonly [Key in keyof Options]: Option<Options[Key]> };

const MAX_SIZE = 65_536;
const MAX_COUNT = 1_000_000_000;
/** Keeps the number of a document, steps · batches · documents, below 2^53. */
const MAX_ACCUMULATE = 128;

export const TRAIN_OPTIONS: Table<TrainOptions> = {
  data: texts("data", [], "FILE…", "files, folders, patterns; - is what is piped in (default: the bundled names)"),
  urls: texts("data", [], "URL…", "web pages"),
  urlFile: orNull(path("data", "FILE", "web pages, an address a line; # begins a comment")),
  noCache: toggle("data", "fetch pages again, and keep none"),
  cacheDir: orNull(path("data", "DIR", "where pages are kept (default: the user's cache directory)")),
  ignoreRobots: toggle("data", "fetch what a site's robots.txt asks robots not to: for sites of your own"),
  allowHost: texts("data", [], "HOST…", "hosts of a private network that pages may lead to"),
  tokenizer: choice("data", "char", TOKENIZER_KINDS, "how text becomes tokens"),
  bpeMerges: integer("data", 1000, 0, 1_000_000, "merges that bpe and byte-bpe learn, each a token more"),
  vocabSize: orNull(
    integer("data", 1000, 1, 4_000_000, "tokens at most, BOS included (default: all; bpe: as --bpe-merges says)"),
  ),
  unk: toggle("data", "char, word: a token of its own for what is unknown (--vocab-size has it, too)"),
  documents: choice("data", "line", DOCUMENT_KINDS, "what a document is; a paragraph ends at a blank line"),
  stream: toggle("data", "learn every token: documents end to end, cut into windows of --block-size"),
  nfc: toggle("data", "letters and their accents as one character (Unicode's normal form C)"),
  minLength: orNull(integer("data", 1, 1, MAX_COUNT, "leave out documents with fewer characters")),
  maxLength: orNull(integer("data", 1, 1, MAX_COUNT, "leave out documents with more characters")),
  keepDuplicates: toggle("data", "learn documents as often as they come (a naive split would leak)"),
  valFraction: number("data", 0.1, 0, 0.9, "share held out to measure on: of the documents, or the end of each file"),
  nEmbd: integer("model", 16, 1, MAX_SIZE, "numbers that describe a token"),
  nHead: integer("model", 4, 1, MAX_SIZE, "attention heads; must divide --n-embd"),
  nLayer: integer("model", 1, 1, 1_000, "layers"),
  blockSize: integer("model", 16, 1, MAX_SIZE, "tokens the model can look back on"),
  numSteps: integer("training", 1000, 1, MAX_COUNT, "training steps"),
  tokens: orNull(integer("training", 1_000_000, 1, 1e15, "as many steps as learn from so many tokens")),
  seconds: orNull(
    number("training", 60, 0.001, 1e9, "as many steps as take about so long here; a short trial finds out"),
  ),
  batchSize: orNull(
    integer("training", 64, 1, MAX_SIZE, "documents a batch (default: 64, one with the atomic engine)"),
  ),
  accumulate: integer("training", 1, 1, MAX_ACCUMULATE, "batches a step; every token of them has the same weight"),
  learningRate: number(
    "training",
    0.01,
    0,
    1_000,
    "the highest, which the warm-up leads to and the schedule away from",
  ),
  warmupSteps: integer("training", 0, 0, MAX_COUNT, "first steps, in which the learning rate rises in a straight line"),
  schedule: choice("training", "linear", SCHEDULES, "learning rate after the warm-up: down to 0 at the end, or level"),
  weightDecay: number("training", 0, 0, 1_000, "weights shrink by this share, times the learning rate, a step (AdamW)"),
  clipNorm: orNull(
    number("training", 1, 0.000001, MAX_COUNT, "gradients longer than this are scaled down to it (default: off)"),
  ),
  seed: integer("training", 42, 0, Number.MAX_SAFE_INTEGER, "start of the random numbers"),
  evalInterval: integer("training", 100, 1, MAX_COUNT, "steps between two looks at the held-out documents"),
  evalDocuments: integer("training", 100, 1, MAX_COUNT, "held-out documents, or windows, a look; all at the end"),
  numSamples: integer("samples", 20, 0, 1_000_000, "texts to write after training"),
  temperature: number("samples", 0.5, 0, 1_000, "below 1 likely tokens become likelier; 0: always the likeliest"),
  saveInterval: integer("run", 200, 1, MAX_COUNT, "steps between two checkpoints"),
  keep: integer("run", 3, 1, MAX_COUNT, "newest checkpoints to keep; the best is kept beside them"),
  engine: choice(
    "run",
    "auto",
    ["auto", "atomic", "wasm", "webgpu"],
    "what computes (auto: webgpu where a GPU is faster, else wasm; atomic with --reference)",
    "NAME",
  ),
  precision: choice("run", "f32", ["f32", "f16"], "of what a GPU keeps between two operations; sums stay f32", "P"),
  noGpu: toggle("run", "as the reference means it: the scalar engine, one document a step (--engine atomic)"),
  threads: orNull(
    integer("run", 1, 1, 256, "of the wasm engine (default: by the model's size and the machine's cores)"),
  ),
  noBlas: toggle("run", "without the machine's BLAS library, if there is one (and koffi) for larger models"),
  strictMath: toggle("run", "the same bits on every machine: no fused multiply-add; slower"),
  reference: toggle("run", "exactly as microgpt.py: duplicates kept, nothing held out, the same numbers and samples"),
  log: choices(
    "run",
    ["csv", "tensorboard"],
    "FORMAT…",
    "write the metrics in other forms, too: csv, tensorboard (event files)",
  ),
};

export const SAMPLE_OPTIONS: Table<SampleOptions> = {
  numSamples: integer("samples", 20, 1, 1_000_000, "texts to write"),
  temperature: TRAIN_OPTIONS.temperature,
  topK: orNull(integer("samples", 1, 1, MAX_COUNT, "draw from the K likeliest tokens only")),
  topP: orNull(number("samples", 1, 0.000001, 1, "draw from the likeliest tokens that reach probability P together")),
  maxTokens: orNull(integer("samples", 1, 1, MAX_COUNT, "tokens to write at most (default: the block size)")),
  seed: TRAIN_OPTIONS.seed,
};

/** The options of a table among those of `train`, with the same flags, defaults and limits. */
function some<Key extends keyof TrainOptions>(...keys: readonly Key[]): Table<Pick<TrainOptions, Key>> {
  const entries: Partial<Table<Pick<TrainOptions, Key>>> = {};
  for (const key of keys) entries[key] = TRAIN_OPTIONS[key];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each key has got the option of its name
  return entries as Table<Pick<TrainOptions, Key>>;
}

/** How pages are fetched. */
const PAGES = ["urlFile", "noCache", "cacheDir", "ignoreRobots", "allowHost"] as const;
/** How a text becomes documents. */
const CLEANING = ["documents", "nfc", "minLength", "maxLength", "keepDuplicates"] as const;

export const FETCH_OPTIONS: Table<FetchOptions> = some(...PAGES, ...CLEANING);

export const TOKENIZE_OPTIONS: Table<TokenizeOptions> = some(
  "data",
  "urls",
  ...PAGES,
  "bpeMerges",
  "vocabSize",
  "unk",
  ...CLEANING,
);

/** `nEmbd` → `--n-embd`. */
export const flagOf = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The default of every option. */
export function initialOptions<Options>(table: Table<Options>): Options {
  return mapTable(table, (option) => option.initial);
}

/**
 * Options from a JSON object, each checked; those it lacks get their default. Throws InputError for a value out of range
 * or a name the table does not have.
 */
export function checkOptions<Options>(table: Table<Options>, json: Readonly<Record<string, unknown>>): Options {
  const unknown = Object.keys(json).find((key) => !Object.hasOwn(table, key));
  if (unknown !== undefined) {
    throw new InputError(
      `config: ${quote(unknown)} is no option; microgpt train --help has them all (--n-embd is nEmbd here)`,
    );
  }
  return mapTable(table, (option, key) =>
    Object.hasOwn(json, key) ? option.check(json[key], flagOf(key)) : option.initial,
  );
}

function mapTable<Options>(table: Table<Options>, map: (option: Option<unknown>, key: string) => unknown): Options {
  const entries = Object.entries<Option<unknown>>(table).map(([key, option]) => [key, map(option, key)]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table has exactly the keys of its options
  return Object.fromEntries(entries) as Options;
}

function integer(group: OptionGroup, initial: number, min: number, max: number, help: string): Option<number> {
  const check = (value: unknown, flag: string): number => {
    if (Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max) return Number(value);
    throw new InputError(`${flag}: expected a whole number from ${min} to ${max}, got ${quote(String(value))}`);
  };
  // `Number` alone would take "", " 7" and "0x10"; only plain decimal digits are meant.
  const parse = (text: string, flag: string): number => check(/^[+-]?\d+$/.test(text) ? Number(text) : text, flag);
  return { group, help, initial, placeholder: "N", parse, check };
}

function number(group: OptionGroup, initial: number, min: number, max: number, help: string): Option<number> {
  const check = (value: unknown, flag: string): number => {
    if (typeof value === "number" && value >= min && value <= max) return value;
    throw new InputError(`${flag}: expected a number from ${min} to ${max}, got ${quote(String(value))}`);
  };
  const isNumber = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
  const parse = (text: string, flag: string): number => check(isNumber.test(text) ? Number(text) : text, flag);
  return { group, help, initial, placeholder: "X", parse, check };
}

function orNull<Value>(option: Option<Value>): Option<Value | null> {
  const check = (json: unknown, flag: string): Value | null => (json === null ? null : option.check(json, flag));
  return { ...option, initial: null, check };
}

function toggle(group: OptionGroup, help: string): Option<boolean> {
  const check = (json: unknown, name: string): boolean => {
    if (typeof json === "boolean") return json;
    throw new InputError(`${name}: expected true or false, got ${quote(String(json))}`);
  };
  return { group, help, initial: false, placeholder: "", parse: (text, name) => check(text === "true", name), check };
}

function choice<Name extends string>(
  group: OptionGroup,
  initial: Name,
  names: readonly Name[],
  meaning: string,
  placeholder: string = names.join("|"),
): Option<Name> {
  const help = placeholder === names.join("|") ? meaning : `${meaning}: ${names.join(", ")}`;
  const check = (json: unknown, flagName: string): Name => {
    const name = names.find((known) => known === json);
    if (name !== undefined) return name;
    throw new InputError(`${flagName}: expected one of ${names.join(", ")}; got ${quote(String(json))}`);
  };
  return { group, help, initial, placeholder, parse: check, check };
}

/** Some of a list of names, each once. */
function choices<Name extends string>(
  group: OptionGroup,
  names: readonly Name[],
  placeholder: string,
  help: string,
): Option<readonly Name[]> {
  const one = choice(group, names[0], names, help);
  const check = (json: unknown, flag: string): readonly Name[] => {
    if (!Array.isArray(json)) throw new InputError(`${flag}: expected a list, got ${quote(String(json))}`);
    return [...new Set(json.map((name: unknown) => one.check(name, flag)))];
  };
  return { group, help, initial: [], placeholder, parse: (text, flag) => check(text.split(","), flag), check };
}

function path(group: OptionGroup, placeholder: string, help: string): Option<string> {
  const check = (json: unknown, name: string): string => {
    if (typeof json === "string" && json !== "") return json;
    throw new InputError(`${name}: expected a path, got ${quote(String(json))}`);
  };
  return { group, help, initial: "", placeholder, parse: check, check };
}

function texts(
  group: OptionGroup,
  initial: readonly string[],
  placeholder: string,
  help: string,
): Option<readonly string[]> {
  const check = (json: unknown, name: string): readonly string[] => {
    if (Array.isArray(json) && json.every((item) => typeof item === "string")) return json;
    throw new InputError(`${name}: expected a list of texts, got ${quote(String(json))}`);
  };
  return { group, help, initial, placeholder, parse: (text) => [text], check };
}
