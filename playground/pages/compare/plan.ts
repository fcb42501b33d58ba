/** What is compared: the options that all runs share, and a row of differences for each run. Plain data. */
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import type { ModelOptions } from "../../../src/index.ts";
import type { Setting } from "../../../src/experiments/report-data.ts";
import { flagOf } from "../../../src/options/config.ts";
import type { OptionKey } from "../../widgets/option-fields.ts";

/** Which text the runs learn from. */
export type TextChoice = "names" | "genesis" | "own";

/** A comparison before it is trained. */
export interface Plan {
  readonly text: TextChoice;
  /** The options that all runs share, where they differ from the defaults. */
  readonly base: ModelOptions;
  /** The options that may differ between runs, in the order of the table's columns. */
  readonly columns: readonly OptionKey[];
  /** What each run has of `columns`; an absent option is that of `base`. */
  readonly rows: readonly ModelOptions[];
}

/** Fewest runs per comparison. */
export const MIN_RUNS = 2;
/** Most runs per comparison: there are eight colours. */
export const MAX_RUNS = 8;

/** A named plan. */
export interface Preset {
  readonly name: string;
  /** The question that it answers. */
  readonly question: string;
  readonly plan: Plan;
}

const NAMES = { evalInterval: 50, evalDocuments: 1000, numSteps: 500 } as const;
/** Windows of one long text: all of its tokens are learnt and measured, however short they are. */
const VERSES: ModelOptions = {
  documents: "file",
  stream: true,
  nEmbd: 32,
  blockSize: 32,
  batchSize: 16,
  learningRate: 0.005,
  numSteps: 200,
  evalInterval: 10,
  evalDocuments: 1000,
};

const of = <Key extends OptionKey>(key: Key, values: readonly ModelOptions[Key][]): ModelOptions[] =>
  values.map((value) => ({ [key]: value }));

/** Every combination of some options' values. */
const grid = (...axes: readonly (readonly ModelOptions[])[]): ModelOptions[] =>
  axes.reduce<ModelOptions[]>((rows, axis) => rows.flatMap((row) => axis.map((one) => ({ ...row, ...one }))), [{}]);

/** Comparisons to begin with; the first one is shown first. */
export const PRESETS: readonly [Preset, ...Preset[]] = [
  {
    name: "Width",
    question: "Does a wider model learn more from the same steps?",
    plan: { text: "names", base: NAMES, columns: ["nEmbd"], rows: of("nEmbd", [8, 16, 32, 64]) },
  },
  {
    name: "Depth",
    question: "Is a second layer worth its time?",
    plan: { text: "names", base: NAMES, columns: ["nLayer"], rows: of("nLayer", [1, 2, 3, 4]) },
  },
  {
    name: "Learning rate",
    question: "Where is it too small, and where too large?",
    plan: {
      text: "names",
      base: NAMES,
      columns: ["learningRate"],
      rows: of("learningRate", [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]),
    },
  },
  {
    name: "Batch",
    question: "Few large steps or many small ones, on the same number of tokens?",
    plan: {
      text: "names",
      base: { ...NAMES, tokens: 200_000 },
      columns: ["batchSize"],
      rows: of("batchSize", [8, 32, 128, 512]),
    },
  },
  {
    name: "Tokenizer",
    question: "Which tokens predict the same text best, in bits per byte?",
    plan: {
      text: "genesis",
      base: { ...VERSES, bpeMerges: 200 },
      columns: ["tokenizer"],
      rows: of("tokenizer", ["char", "word", "bpe", "byte-bpe"]),
    },
  },
  {
    name: "Three at once",
    question: "Width, depth or learning rate: which one matters most?",
    plan: {
      text: "names",
      base: { ...NAMES, numSteps: 300 },
      columns: ["nEmbd", "nLayer", "learningRate"],
      rows: grid(of("nEmbd", [8, 32]), of("nLayer", [1, 2]), of("learningRate", [0.003, 0.01])),
    },
  },
];

/** The options that a column may be of. */
export const COLUMN_KEYS: readonly OptionKey[] = [
  "nEmbd",
  "nLayer",
  "nHead",
  "blockSize",
  "learningRate",
  "batchSize",
  "numSteps",
  "tokenizer",
  "bpeMerges",
  "vocabSize",
  "seed",
  "schedule",
  "warmupSteps",
  "weightDecay",
  "dropout",
  "clipNorm",
  "accumulate",
  "stream",
  "documents",
  "valFraction",
  "strictMath",
];

/** The options of a run. One thread each, unless the plan says otherwise: the runs share the cores. */
export const optionsOf = ({ base }: Plan, row: ModelOptions): ModelOptions => ({ threads: 1, ...base, ...row });

/** The value of an option of a run, the default included. */
export function valueOf(plan: Plan, row: ModelOptions, key: OptionKey): Setting {
  const value: unknown = optionsOf(plan, row)[key] ?? TRAIN_OPTIONS[key].initial;
  const isPlain = typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return isPlain ? value : null;
}

/** `nEmbd` → `n-embd`. */
export const nameOf = (key: OptionKey): string => flagOf(key).slice(2);

/** The options in which runs differ, by name: `{ "n-embd": 16 }`. */
export const settingsOf = (plan: Plan, row: ModelOptions): Record<string, Setting> =>
  Object.fromEntries(plan.columns.map((key) => [nameOf(key), valueOf(plan, row, key)]));

/** A run's name in legends and tables: `2: n-embd 16`. */
export function labelOf(plan: Plan, index: number): string {
  const settings = Object.entries(settingsOf(plan, plan.rows[index]));
  const text = settings.map(([name, value]) => `${name} ${value ?? "default"}`).join(", ");
  return `${index + 1}: ${text === "" ? "the shared options" : text}`;
}
