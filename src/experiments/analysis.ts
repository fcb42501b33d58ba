/**
 * Statistics over the results of runs: the ranking, the spread of repeated runs, the share of the variance that each
 * option explains. Plain arithmetic; nothing here trains or reads files.
 */
import type { Importance, ReportRun, Setting } from "./report-data.ts";

/** The fields of a run that comparisons need. */
export type RunScore = Pick<ReportRun, "name" | "settings" | "bitsPerByte"> & Partial<Pick<ReportRun, "heldOutText">>;

/**
 * Sorts runs by bits per byte, best first; ties by name; runs without a result last. Those of different held-out texts
 * cannot be compared: each text's runs are ranked by themselves, one text after the other.
 */
export function ranked<Run extends RunScore>(runs: readonly Run[]): Run[] {
  const value = ({ bitsPerByte }: Run): number => bitsPerByte ?? Infinity;
  const text = ({ heldOutText = 1, bitsPerByte }: Run): number =>
    bitsPerByte === null ? Infinity : (heldOutText ?? 1);
  return runs.toSorted((a, b) => {
    if (text(a) !== text(b)) return text(a) - text(b);
    return value(a) === value(b) ? compareNames(a.name, b.name) : value(a) - value(b);
  });
}

/** The runs of each held-out text, and last, where there are several texts, the runs without a result. */
export function byText<Run extends RunScore>(runs: readonly Run[]): Run[][] {
  const textOf = ({ heldOutText = null, bitsPerByte }: Run): number | null =>
    bitsPerByte === null ? null : heldOutText;
  const texts = [...new Set(ranked(runs).map(textOf))];
  if (texts.filter((text) => text !== null).length < 2) return [[...runs]];
  return texts.map((text) => runs.filter((run) => textOf(run) === text));
}

/** Whether runs were measured on different texts, so that no ranking covers all of them. */
export const haveSeveralTexts = (runs: readonly RunScore[]): boolean => byText(runs).length > 1;

/** Compares by code units, so that the order does not depend on the machine's locale. */
const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The arithmetic mean. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sample's standard deviation; 0 for a single value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

/** Options, by flag, that are no choice of a model or its training: they are not named among those that mattered. */
const NO_CHOICE: ReadonlySet<string> = new Set([
  "engine",
  "precision",
  "strict-math",
  "eval-interval",
  "eval-documents",
  "num-samples",
]);

/** An option with more distinct values than this is binned, if all of them are numbers. */
const MAX_LEVELS = 8;
/** Quartiles: bins with equal numbers of runs. */
const BINS = 4;

/**
 * The share of the results' variance that each option explains (η², Fisher 1925), largest first:
 *
 *   η² = Σ over values v of n_v · (mean_v − mean)²  /  Σ over runs of (result − mean)²
 *
 * Options that always change together cannot be separated; each gets the share of both. Empty for fewer than three
 * results, and for results on different held-out texts.
 */
export function importances(runs: readonly RunScore[]): Importance[] {
  const results = runs.flatMap(({ settings, bitsPerByte }) =>
    bitsPerByte === null ? [] : [{ settings, bitsPerByte }],
  );
  if (results.length < 3 || haveSeveralTexts(runs)) return [];
  const center = mean(results.map(({ bitsPerByte }) => bitsPerByte));
  const total = results.reduce((sum, { bitsPerByte }) => sum + (bitsPerByte - center) ** 2, 0);
  const options = new Set(results.flatMap(({ settings }) => Object.keys(settings)));
  return [...options]
    .filter((option) => !NO_CHOICE.has(option))
    .flatMap((option) => {
      const levels = levelsOf(results.map(({ settings }) => settings[option] ?? null));
      const groups = new Map<string, number[]>();
      for (const [i, { bitsPerByte }] of results.entries())
        groups.set(levels[i], [...(groups.get(levels[i]) ?? []), bitsPerByte]);
      if (groups.size < 2) return [];
      const between = [...groups.values()].reduce((sum, group) => sum + group.length * (mean(group) - center) ** 2, 0);
      return [{ option, share: total > 0 ? between / total : 0, values: valuesOf(groups) }];
    })
    .toSorted((a, b) => b.share - a.share);
}

const valuesOf = (groups: ReadonlyMap<string, readonly number[]>): Importance["values"] =>
  [...groups]
    .map(([value, group]) => ({ value, mean: mean(group), runs: group.length }))
    .toSorted((a, b) => a.mean - b.mean);

/** Each value as text; more than MAX_LEVELS distinct numbers become quartiles, such as `0.001 to 0.004`. */
function levelsOf(values: readonly Setting[]): string[] {
  const numbers = values.filter((value) => typeof value === "number");
  if (new Set(values).size <= MAX_LEVELS || numbers.length < values.length) return values.map(String);
  const sorted = numbers.toSorted((a, b) => a - b);
  const binOf = (value: number): number =>
    Math.min(BINS - 1, Math.floor((BINS * sorted.indexOf(value)) / sorted.length));
  const label = (bin: number): string => {
    const members = sorted.filter((value) => binOf(value) === bin);
    return `${members[0]} to ${members.at(-1)}`;
  };
  return numbers.map((value) => label(binOf(value)));
}

/** Runs that differ only in their seed. */
export interface RunGroup {
  /** The options that the group shares, without the seed. */
  readonly settings: Readonly<Record<string, Setting>>;
  /** Number of runs with a result. */
  readonly runs: number;
  /** Mean result in bits per byte. */
  readonly mean: number;
  /** Sample standard deviation of the results; 0 for one run. */
  readonly deviation: number;
}

/** Groups runs by their settings without the seed, best mean first. Runs without a result are ignored. */
export function groupsOf(runs: readonly RunScore[]): RunGroup[] {
  const groups = new Map<string, { settings: RunScore["settings"]; values: number[] }>();
  for (const { settings, bitsPerByte } of runs) {
    if (bitsPerByte === null) continue;
    const { seed: _, ...others } = settings;
    const key = JSON.stringify(others);
    const group = groups.get(key) ?? { settings: others, values: [] };
    group.values.push(bitsPerByte);
    groups.set(key, group);
  }
  return [...groups.values()]
    .map(({ settings, values }) => ({
      settings,
      runs: values.length,
      mean: mean(values),
      deviation: deviation(values),
    }))
    .toSorted((a, b) => a.mean - b.mean);
}

/**
 * The Pareto front of time and result, in order of time: the runs that no other run beats in both.
 * `[[10 s, 3], [20 s, 2], [30 s, 2.5]]` → the first two.
 */
export function paretoFront<Run extends { readonly seconds: number | null; readonly bitsPerByte: number | null }>(
  runs: readonly Run[],
): Run[] {
  const known = runs.filter(({ seconds, bitsPerByte }) => seconds !== null && bitsPerByte !== null);
  const sorted = known.toSorted((a, b) => a.seconds! - b.seconds! || a.bitsPerByte! - b.bitsPerByte!);
  let best = Infinity;
  return sorted.filter(({ bitsPerByte }) => {
    const isBetter = bitsPerByte! < best;
    if (isBetter) best = bitsPerByte!;
    return isBetter;
  });
}
