/**
 * Statistics over the results of runs: a ranking, the spread of repeated runs, how much each option explains. Plain
 * arithmetic; nothing here trains or reads files.
 */
import type { Importance, ReportRun, Setting } from "./report-data.ts";

/** The fields of a run that comparisons need. */
export type RunScore = Pick<ReportRun, "name" | "settings" | "bitsPerByte">;

/** Runs with the best result first, those without a result last; equal ones by name. */
export function ranked<Run extends RunScore>(runs: readonly Run[]): Run[] {
  const value = ({ bitsPerByte }: Run): number => bitsPerByte ?? Infinity;
  return runs.toSorted((a, b) => (value(a) === value(b) ? compareNames(a.name, b.name) : value(a) - value(b)));
}

/** By code units: the same order on every machine, whatever its language. */
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

/** Numbers with more distinct values than this are grouped into parts of equal size. */
const MAX_LEVELS = 8;
const PARTS = 4;

/**
 * How much of the results' variance each option explains, the most first: the variance between the means of the runs
 * with the same value, as a fraction of the total (η², Fisher 1925). Options that always change together are not
 * separable, and each gets the fraction of both. Fewer than three results explain nothing.
 */
export function importances(runs: readonly RunScore[]): Importance[] {
  const results = runs.flatMap(({ settings, bitsPerByte }) =>
    bitsPerByte === null ? [] : [{ settings, bitsPerByte }],
  );
  if (results.length < 3) return [];
  const center = mean(results.map(({ bitsPerByte }) => bitsPerByte));
  const total = results.reduce((sum, { bitsPerByte }) => sum + (bitsPerByte - center) ** 2, 0);
  const options = [...new Set(results.flatMap(({ settings }) => Object.keys(settings)))];
  return options
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

/** Each value as text; many different numbers by quarter: `0.001 to 0.004`. */
function levelsOf(values: readonly Setting[]): string[] {
  const numbers = values.filter((value) => typeof value === "number");
  if (new Set(values).size <= MAX_LEVELS || numbers.length < values.length) return values.map(String);
  const sorted = numbers.toSorted((a, b) => a - b);
  const part = (value: number): number =>
    Math.min(PARTS - 1, Math.floor((PARTS * sorted.indexOf(value)) / sorted.length));
  const label = (index: number): string => {
    const members = sorted.filter((value) => part(value) === index);
    return `${members[0]} to ${members.at(-1)}`;
  };
  return numbers.map((value) => label(part(value)));
}

/** Runs that differ only in their seed, taken together. */
export interface RunGroup {
  /** The options that the group shares. */
  readonly settings: Readonly<Record<string, Setting>>;
  /** Runs in the group. */
  readonly runs: number;
  /** Mean result in bits per byte. */
  readonly mean: number;
  /** Sample standard deviation of the results; 0 for one run. */
  readonly deviation: number;
}

/** Groups with the best mean first; only runs with a result count. */
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
 * The Pareto front of time and result: runs that no other run beats in both. In order of time.
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
