/**
 * `microgpt compare`: a table of runs, best first, which options mattered, and the runs' completions of the same
 * prompts. The statistics are in `experiments/analysis.ts`.
 */
import { byText, deviation, groupsOf, importances, ranked } from "../experiments/analysis.ts";
import type { ReportRun } from "../experiments/report-data.ts";
import { summaryCsv, summaryJson } from "../experiments/summary.ts";
import { InputError } from "../errors.ts";
import { SAMPLE_OPTIONS, initialOptions } from "../options/config.ts";
import { readComparison } from "../sweep/comparison.ts";
import { readLines } from "./prompts.ts";
import { encodePrompt } from "../library/prompt.ts";
import { completeText, openWriter } from "../run/write.ts";
import { showCompletion } from "./sample.ts";
import { Run } from "../node/run-directory.ts";
import { droppedOf, tableLines } from "./table.ts";
import type { Column } from "./table.ts";
import { outputWidth, paint } from "./terminal.ts";
import { duration, grouped, jsonLine, megabytes, printable } from "../run/format.ts";

/** How to print the comparison. */
export interface CompareFlags {
  /** Whether to print JSON. */
  readonly json: boolean;
  /** Whether to print CSV. */
  readonly csv: boolean;
  /** A file of prompts for every run to complete; null: none. */
  readonly promptFile: string | null;
}

/** Columns that depend on the machine; a sweep's summary omits them. */
const COSTS = ["tokensPerSecond", "seconds", "peakMemoryBytes"] as const;

/** Prints the comparison. @param paths directories of runs or sweeps. Throws InputError for a path that is neither. */
export async function compare(paths: readonly string[], { json, csv, promptFile }: CompareFlags): Promise<number> {
  if (json && csv) throw new InputError("--json and --csv exclude each other; drop one of them");
  if ((json || csv) && promptFile !== null)
    throw new InputError("--prompt-file is for the table; drop --json and --csv");
  const prompts = promptFile === null ? [] : readLines(promptFile);
  const { runs, pathOf } = readComparison(paths);
  if (json) {
    const costs = runs.map((run) => [run.name, Object.fromEntries(COSTS.map((key) => [key, run[key]]))] as const);
    process.stdout.write(jsonLine({ event: "comparison", ...summaryJson(runs), costs: Object.fromEntries(costs) }));
  } else if (csv) {
    process.stdout.write(summaryCsv(runs, COSTS));
  } else {
    for (const line of comparisonLines(runs)) process.stdout.write(`${line}\n`);
    await printCompletions(ranked(runs), pathOf, prompts);
  }
  return 0;
}

/** What a narrow terminal does without, the first first; `--csv` has all. */
const DROPPED = ["memory", "tokens/s", "time", "vocabulary", "parameters", "best at", "steps", "held-out"];

/**
 * The lines of the comparison: the table, failures, repeated runs, and the options that mattered; of runs of different
 * held-out texts, all of this for each text.
 */
export function comparisonLines(runs: readonly ReportRun[]): string[] {
  const groups = byText(runs);
  if (groups.length === 1) return rankingLines(runs);
  const warning = "these runs have different held-out texts: results of one text do not compare with those of another";
  const titleOf = ([{ bitsPerByte, heldOutText }]: readonly ReportRun[]): string =>
    bitsPerByte === null ? "no result" : `held-out text ${heldOutText}`;
  return [warning, ...groups.flatMap((group) => ["", titleOf(group), ...rankingLines(group)])];
}

function rankingLines(runs: readonly ReportRun[]): string[] {
  const options = [...new Set(runs.flatMap(({ settings }) => Object.keys(settings)))];
  const numbers = [
    "parameters",
    "vocabulary",
    "steps",
    "best at",
    "tokens/s",
    "time",
    "memory",
    "held-out",
    "bits/byte",
  ];
  const isMarked = runs.some(({ worseThan }) => worseThan !== null);
  const columns: Column[] = [
    { name: "run", isNumber: false },
    ...options.map((name) => ({ name, isNumber: runs.every(({ settings }) => typeof settings[name] === "number") })),
    ...numbers.map((name) => ({ name, isNumber: true, dropped: droppedOf(DROPPED, name) })),
    ...(isMarked ? [{ name: "verdict", isNumber: false }] : []),
  ];
  const rows = ranked(runs).map((run) => [
    shortName(run),
    ...options.map((name) => String(run.settings[name] ?? "")),
    ...cellsOf(run),
    ...(isMarked ? [run.worseThan === null ? "" : WORSE[run.worseThan]] : []),
  ]);
  const [head, ...lines] = tableLines(columns, rows, outputWidth());
  const failures = runs.flatMap(({ name, failure }) => (failure === null ? [] : [`${name}: ${printable(failure)}`]));
  return [paint("bold", head), ...lines, ...failures, ...repeatLines(runs), ...importanceLines(runs)];
}

/** A run's number in its sweep, or else its name; the settings have their own columns. */
const shortName = ({ name, state }: ReportRun): string =>
  (/^(\d+)_/.exec(name)?.[1] ?? name) + (state === "finished" ? "" : ` (${state})`);

const orEmpty = (value: number | null, show: (value: number) => string): string => (value === null ? "" : show(value));

function cellsOf(run: ReportRun): string[] {
  const four = (value: number): string => value.toFixed(4);
  return [
    orEmpty(run.parameters, grouped),
    orEmpty(run.vocabSize, grouped),
    run.step < run.numSteps ? `${grouped(run.step)}/${grouped(run.numSteps)}` : grouped(run.step),
    orEmpty(run.bestStep, grouped),
    orEmpty(run.tokensPerSecond, grouped),
    orEmpty(run.seconds, duration),
    orEmpty(run.peakMemoryBytes, megabytes),
    orEmpty(run.heldOutLoss, four),
    orEmpty(run.bitsPerByte, four),
  ];
}

const WORSE = { uniform: "worse than chance", bigram: "worse than a bigram table" } as const;

function repeatLines(runs: readonly ReportRun[]): string[] {
  const groups = groupsOf(runs);
  if (!groups.some((group) => group.runs > 1)) return [];
  const rows = groups.map((group) => {
    const settings = Object.entries(group.settings).map(([name, value]) => `${name} ${value}`);
    return [settings.join(", ") || "all", String(group.runs), group.mean.toFixed(4), `±${group.deviation.toFixed(4)}`];
  });
  const columns = ["settings", "runs", "bits/byte", "deviation"].map((name, i) => ({ name, isNumber: i > 0 }));
  return ["", ...tableLines(columns, rows)];
}

/** Options that explain less than this share of the variance are not listed. */
const WORTH_NAMING = 0.01;

function importanceLines(runs: readonly ReportRun[]): string[] {
  const found = importances(runs).filter(({ share }) => share >= WORTH_NAMING);
  const values = runs.flatMap(({ bitsPerByte }) => (bitsPerByte === null ? [] : [bitsPerByte]));
  if (found.length === 0 || deviation(values) === 0) return [];
  const lines = found.map(({ option, share, values: levels }) => {
    const [best, worst] = [levels[0], levels.at(-1)!];
    const ends = `best ${best.value} (${best.mean.toFixed(4)}), worst ${worst.value} (${worst.mean.toFixed(4)})`;
    return `  ${option}: ${Math.round(100 * share)} % of the variance; ${ends}`;
  });
  return ["", "what mattered", ...lines.map(printable)];
}

/** Prints each run's completion of each prompt, all drawn with the same random numbers. */
async function printCompletions(
  runs: readonly ReportRun[],
  pathOf: (run: ReportRun) => string,
  prompts: readonly string[],
): Promise<void> {
  const { temperature, topK, topP, maxTokens, seed } = initialOptions(SAMPLE_OPTIONS);
  const done = runs.filter(({ bitsPerByte }) => bitsPerByte !== null);
  const width = Math.max(0, ...done.map((run) => shortName(run).length));
  for (const prompt of prompts) {
    process.stdout.write(`\n${paint("bold", printable(prompt))}\n`);
    for (const run of done) {
      const writer = await openWriter(Run.open(pathOf(run)), seed, () => undefined);
      const ids = encodePrompt(writer, prompt, () => undefined);
      const text = await completeText(writer, ids, { temperature, topK, topP, maxTokens });
      process.stdout.write(`  ${shortName(run).padEnd(width)}  ${showCompletion(text).replaceAll("\n", "⏎")}\n`);
    }
  }
}
