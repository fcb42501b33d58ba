/**
 * The table of options: type, default, limits and help of each. The command's flags, the questions of `--interactive`,
 * the checks of a run's config.json and the documents' tables are made from it.
 *
 * A key in camel case is a flag in kebab case: `nEmbd` is `--n-embd`. Names and defaults are the reference's.
 */
import { DOCUMENT_KINDS } from "../text/dataset.ts";
import { InputError, quote } from "../errors.ts";
import { choice, choices, integer, label, number, orNull, path, texts, toggle } from "./values.ts";
import type { Option } from "./values.ts";
import { SCHEDULES } from "../training/schedule.ts";
import { TOKENIZER_KINDS } from "../text/tokenizer.ts";
import type { FetchOptions, ResumeOptions, SampleOptions, TokenizeOptions, TrainOptions } from "./train-options.ts";

/** A row for each option. */
export type Table<Options> = { readonly [Key in keyof Options]: Option<Options[Key]> };

const MAX_SIZE = 65_536;
const MAX_COUNT = 1_000_000_000;
/** Keeps the index of a document, steps · batches · documents, below 2^53. */
const MAX_ACCUMULATE = 128;

/** The options of `microgpt train`. */
export const TRAIN_OPTIONS: Table<TrainOptions> = {
  data: texts(
    "data",
    [],
    "FILE…",
    "files, folders, patterns or addresses; - reads standard input (default: the bundled names)",
  ),
  encoding: orNull(
    label("data", "NAME", "encoding of the --data texts, such as windows-1252 or shift_jis (default: detected)"),
  ),
  urls: texts("data", [], "URL…", "web pages to learn from"),
  urlFile: orNull(path("data", "FILE", "a file of web pages, one address per line; # starts a comment")),
  field: orNull(
    label("data", "NAME", "the field to read of each row of .jsonl, .csv and .tsv files; a row is a text of its own"),
  ),
  noCache: toggle("data", "fetch every page anew, without reading or writing the cache"),
  cacheDir: orNull(path("data", "DIR", "where pages are cached (default: the user's cache directory)")),
  ignoreRobots: toggle("data", "fetch pages that robots.txt disallows; for your own sites"),
  allowHost: texts("data", [], "HOST…", "hosts in a private network that pages may come from"),
  tokenizer: choice("data", "char", TOKENIZER_KINDS, "how text becomes tokens"),
  bpeMerges: integer("data", 1000, 0, 1_000_000, "merges that bpe and byte-bpe learn; each adds a token"),
  vocabSize: orNull(
    integer(
      "data",
      1000,
      1,
      4_000_000,
      "largest vocabulary, BOS included (default: no limit; bpe: set by --bpe-merges)",
    ),
  ),
  unk: toggle("data", "char, word: add a token for unknown pieces (implied by --vocab-size)"),
  documents: choice("data", "line", DOCUMENT_KINDS, "what a document is; paragraphs end at a blank line"),
  stream: toggle("data", "train on every token: join the documents and cut them into windows of --block-size tokens"),
  nfc: toggle("data", "normalize text to Unicode NFC: a letter and its accents become one character"),
  minLength: orNull(integer("data", 1, 1, MAX_COUNT, "drop documents shorter than this many characters")),
  maxLength: orNull(integer("data", 1, 1, MAX_COUNT, "drop documents longer than this many characters")),
  keepDuplicates: toggle("data", "keep duplicate documents (held-out copies may then be in the training data)"),
  valFraction: number(
    "data",
    0.1,
    0,
    0.9,
    "fraction held out for evaluation: of the documents, or (--documents file) of each file's end",
  ),
  nEmbd: integer("model", 16, 1, MAX_SIZE, "embedding width"),
  nHead: integer("model", 4, 1, MAX_SIZE, "attention heads; must divide --n-embd"),
  nLayer: integer("model", 1, 1, 1_000, "transformer layers"),
  blockSize: integer("model", 16, 1, MAX_SIZE, "context length in tokens"),
  numSteps: integer("training", 1000, 1, MAX_COUNT, "training steps"),
  tokens: orNull(integer("training", 1_000_000, 1, 1e15, "train on about this many tokens, instead of --num-steps")),
  seconds: orNull(
    number(
      "training",
      60,
      0.001,
      1e9,
      "train for about this many seconds, instead of --num-steps (converted to steps by a short timed trial)",
    ),
  ),
  batchSize: orNull(
    integer("training", 64, 1, MAX_SIZE, "documents per batch (default: 64; 1 with the atomic engine)"),
  ),
  accumulate: integer(
    "training",
    1,
    1,
    MAX_ACCUMULATE,
    "batches per step; their gradients are summed, and all tokens weigh the same",
  ),
  learningRate: number("training", 0.01, 0, 1_000, "peak learning rate (reached after warm-up, then decayed)"),
  warmupSteps: integer("training", 0, 0, MAX_COUNT, "warm-up steps, in which the learning rate rises linearly from 0"),
  schedule: choice("training", "linear", SCHEDULES, "learning rate after the warm-up: falls to 0, or stays constant"),
  weightDecay: number("training", 0, 0, 1_000, "decoupled weight decay (AdamW), scaled by the learning rate"),
  dropout: number("training", 0, 0, 0.9, "fraction of numbers dropped at random in training, against overfitting"),
  clipNorm: orNull(
    number(
      "training",
      1,
      0.000001,
      MAX_COUNT,
      "largest gradient norm; larger gradients are scaled down to it (default: off)",
    ),
  ),
  seed: integer("training", 42, 0, Number.MAX_SAFE_INTEGER, "seed of the random number generator"),
  evalInterval: orNull(
    integer(
      "training",
      100,
      1,
      MAX_COUNT,
      "steps between evaluations on held-out documents (default: after steps 1, 2, 5, 10, 20, 50 and every 100)",
    ),
  ),
  earlyStop: orNull(
    integer(
      "training",
      3,
      1,
      MAX_COUNT,
      "end after N evaluations, at the interval, without a better held-out loss (default: off)",
    ),
  ),
  evalDocuments: integer(
    "training",
    100,
    1,
    MAX_COUNT,
    "held-out documents (windows with --stream) per evaluation; the final one uses all",
  ),
  numSamples: integer("samples", 20, 0, 1_000_000, "texts to generate after training"),
  temperature: number(
    "samples",
    0.5,
    0,
    1_000,
    "sampling temperature: below 1 favors likely tokens; 0 always takes the likeliest",
  ),
  saveInterval: integer("run", 200, 1, MAX_COUNT, "steps between checkpoints"),
  keep: integer("run", 3, 1, MAX_COUNT, "how many of the newest checkpoints to keep, in addition to the best"),
  engine: choice(
    "run",
    "auto",
    ["auto", "atomic", "wasm", "native", "webgpu"],
    "engine (auto: webgpu where a GPU is faster, native for long trainings where there is a C compiler, else wasm; atomic with --reference)",
    "NAME",
  ),
  precision: choice("run", "f32", ["f32", "f16"], "precision of activations on the GPU; accumulation stays f32", "P"),
  noGpu: toggle("run", "the reference's flag: the scalar engine, one document per step (--engine atomic)"),
  threads: orNull(
    integer(
      "run",
      1,
      1,
      256,
      "worker threads of the wasm and native engines (default: chosen from model size and cores)",
    ),
  ),
  keepC: orNull(path("run", "DIR", "write the C that --engine native generates to DIR")),
  strictMath: toggle("run", "bit-identical results on every machine: no fused multiply-add; slower"),
  reference: toggle(
    "run",
    "train exactly like microgpt.py: duplicates kept, nothing held out, same numbers and samples",
  ),
  log: choices("run", ["csv", "tensorboard"], "FORMAT…", "also write the metrics as csv, or tensorboard (event files)"),
};

/** The options of `microgpt resume`, and of `microgpt sweep` when it resumes one. */
export const RESUME_OPTIONS: Table<ResumeOptions> = {
  takeOver: toggle(
    "run",
    "resume although another container or host has it: for a process that is certainly gone, such as of a lost machine",
  ),
};

/** The options of `microgpt sample` and `microgpt complete`. */
export const SAMPLE_OPTIONS: Table<SampleOptions> = {
  numSamples: integer("samples", 20, 1, 1_000_000, "texts to generate"),
  temperature: TRAIN_OPTIONS.temperature,
  topK: orNull(integer("samples", 1, 1, MAX_COUNT, "sample from the K likeliest tokens only")),
  topP: orNull(number("samples", 1, 0.000001, 1, "sample from the likeliest tokens whose probabilities sum to P")),
  maxTokens: orNull(integer("samples", 1, 1, MAX_COUNT, "maximum tokens per text (default: the block size)")),
  seed: { ...TRAIN_OPTIONS.seed, group: "samples" },
};

/** A selection of the options of `train`, with the same flags, defaults and limits. */
function some<Key extends keyof TrainOptions>(...keys: readonly Key[]): Table<Pick<TrainOptions, Key>> {
  const entries: Partial<Table<Pick<TrainOptions, Key>>> = {};
  for (const key of keys) entries[key] = TRAIN_OPTIONS[key];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each key was assigned the option of its name
  return entries as Table<Pick<TrainOptions, Key>>;
}

/** How pages are fetched. */
const PAGES = ["urlFile", "noCache", "cacheDir", "ignoreRobots", "allowHost"] as const;
/** How a text becomes documents. */
const CLEANING = ["documents", "nfc", "minLength", "maxLength", "keepDuplicates"] as const;

/** The options of `microgpt fetch`. */
export const FETCH_OPTIONS: Table<FetchOptions> = some(...PAGES, ...CLEANING);

/** The options of `microgpt tokenize`. */
export const TOKENIZE_OPTIONS: Table<TokenizeOptions> = some(
  "data",
  "encoding",
  "urls",
  "field",
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

/** Options of earlier versions, which files of runs and sweeps may still have. */
const REMOVED_OPTIONS: ReadonlySet<string> = new Set(["noBlas"]);

/**
 * Options from a JSON object, each checked; those it lacks get their default, and those of earlier versions are ignored.
 * Throws InputError for a value out of range or a name that is not in the table.
 */
export function checkOptions<Options>(table: Table<Options>, json: Readonly<Record<string, unknown>>): Options {
  const unknown = Object.keys(json).find((key) => !Object.hasOwn(table, key) && !REMOVED_OPTIONS.has(key));
  if (unknown !== undefined) {
    throw new InputError(
      `config: ${quote(unknown)} is not an option; microgpt train --help lists them (--n-embd is nEmbd here)`,
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
