/**
 * What results say together: which is best, which option mattered, what a repeated run's spread is. Plain arithmetic on
 * what was measured; nothing here trains or reads.
 */
import type { Importance, ReportRun, Setting } from "./report-data.ts";

/** What it takes to compare. */
export type RunScore = Pick<ReportRun, "name" | "settings" | "bitsPerByte">;

/** Best first; those without a result last; of equals by name. */
export function ranked<Run extends RunScore>(runs: readonly Run[]): Run[] {
  const value = ({ bitsPerByte }: Run): number => bitsPerByte ?? Infinity;
  return runs.toSorted((a, b) => (value(a) === value(b) ? compareNames(a.name, b.name) : value(a) - value(b)));
}

/** The same on every machine, whatever its language. */
const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The sample's standard deviation; 0 for a single value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1));
}

/** Numbers with more distinct values than this are looked at in parts of equal size. */
const MAX_LEVELS = 8;
const PARTS = 4;

/**
 * How much of the results' variance each option explains, the most first: the variance between the means of the runs
 * with the same value, as a share of all of it (η², Fisher 1925). Options that always go together can't be told apart,
 * and each gets the share of both. Fewer than three results explain nothing.
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

/** Each value as text; many different numbers as the quarter of them that they are in: `0.001 to 0.004`. */
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

/** Runs that differ only in their seed, as one. */
export interface RunGroup {
  readonly settings: Readonly<Record<string, Setting>>;
  readonly runs: number;
  readonly mean: number;
  readonly deviation: number;
}

/** Best first; only of runs with a result. */
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
 * The runs that no other beats in both: as good a result in as little time. In order of time.
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
