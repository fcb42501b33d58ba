/**
 * What a line chart shows, as data: thinned to what a screen can show, joined on common x values, summed up in words,
 * and as the rows of a table. Draws nothing; `line-chart.ts` does.
 */
import { shortNumber } from "./numbers.ts";

/** A curve. */
export interface ChartSeries {
  /** Its name in the legend. */
  readonly label: string;
  /** x values, ascending; null: 1, 2, 3, … */
  readonly xs: ArrayLike<number> | null;
  /** As many values as `xs` has. A value that is not finite is a gap. */
  readonly ys: ArrayLike<number>;
  /** Lengths of dashes and gaps in pixels; absent: a pattern by the position in the list. */
  readonly dash?: readonly number[];
  /** Which of the eight series colours, 0 to 7; absent: the position in the list. */
  readonly color?: number;
}

/** A horizontal line that gives a value meaning, such as the loss of guessing at random. */
export interface ReferenceLine {
  readonly label: string;
  readonly y: number;
}

/** x values, ascending, and each series at them: null is a gap, undefined means that the series has no point there. */
export type Aligned = [xs: number[], ...series: (number | null | undefined)[][]];

/** Which points a logarithmic axis can show. */
export interface Axes {
  readonly logX: boolean;
  readonly logY: boolean;
}

/** A series has at most this many points after thinning: two per pixel of a wide chart. */
const MAX_POINTS = 1600;

/** Dash patterns by position: with them, eight curves differ without colour. */
const DASHES: readonly (readonly number[])[] = [
  [],
  [8, 4],
  [2, 3],
  [10, 3, 2, 3],
  [5, 2],
  [14, 5],
  [2, 6],
  [8, 2, 2, 2, 2, 2],
];

/** The dash pattern of a series at a position of the list. */
export const dashOf = ({ dash }: ChartSeries, position: number): readonly number[] =>
  dash ?? DASHES[position % DASHES.length];

/** The token of the colour of a series at a position of the list, such as `--series-1`. */
export const colorOf = ({ color }: ChartSeries, position: number): string =>
  `--series-${((color ?? position) % 8) + 1}`;

const xOf = ({ xs }: ChartSeries, i: number): number => (xs === null ? i + 1 : xs[i]);

/**
 * Indices that show a series of any length: all of a short one, else the smallest and the largest value of each of
 * MAX_POINTS / 2 intervals, the first point, the last one, and a gap of each interval that has one.
 */
export function thin(ys: ArrayLike<number>, maxPoints: number = MAX_POINTS): number[] {
  if (ys.length <= maxPoints) return Array.from({ length: ys.length }, (_, i) => i);
  const buckets = Math.floor(maxPoints / 2);
  const kept = new Set([0, ys.length - 1]);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * ys.length) / buckets);
    for (const i of extremes(ys, from, Math.floor(((bucket + 1) * ys.length) / buckets))) kept.add(i);
  }
  return [...kept].toSorted((a, b) => a - b);
}

/** Indices of the smallest, the largest and the last missing value of a range. */
function extremes(ys: ArrayLike<number>, from: number, to: number): Set<number> {
  let [low, high, gap] = [-1, -1, -1];
  for (let i = from; i < to; i++) {
    if (!Number.isFinite(ys[i])) gap = i;
    else {
      if (low < 0 || ys[i] < ys[low]) low = i;
      if (high < 0 || ys[i] > ys[high]) high = i;
    }
  }
  return new Set([low, high, gap].filter((i) => i >= 0));
}

/** Thins the series and joins them: xs `[1, 2]` and `[1, 3]` → `[1, 2, 3]`. */
export function align(series: readonly ChartSeries[], { logX, logY }: Axes): Aligned {
  const points = series.map((one) =>
    thin(one.ys)
      .map((i) => [xOf(one, i), one.ys[i]] as const)
      .filter(([x]) => Number.isFinite(x) && (!logX || x > 0)),
  );
  const xs = [...new Set(points.flatMap((of) => of.map(([x]) => x)))].toSorted((a, b) => a - b);
  const indexOf = new Map(xs.map((x, i) => [x, i]));
  const joined = points.map((of) => {
    const line: (number | null | undefined)[] = Array.from({ length: xs.length }, () => undefined);
    for (const [x, y] of of) line[indexOf.get(x)!] = Number.isFinite(y) && (!logY || y > 0) ? y : null;
    return line;
  });
  return [xs, ...joined];
}

/** The value of a joined series at an index, or the one before it; null if there is none. */
export function valueAt(line: readonly (number | null | undefined)[], index: number): number | null {
  for (let i = index; i >= 0; i--) if (line[i] !== undefined) return line[i] ?? null;
  return null;
}

/** The value of a series at an x, or the one before it; null where there is none, or a gap. */
export function valueAtX(series: ChartSeries, x: number): number | null {
  const { xs, ys } = series;
  // Every x of a curve without xs is a step.
  const index = xs === null ? Math.min(Math.floor(x), ys.length) - 1 : Array.from(xs).findLastIndex((own) => own <= x);
  return index >= 0 && Number.isFinite(ys[index]) ? ys[index] : null;
}

/** A chart in words: for each curve its first, last and lowest value; then the reference lines. */
export function summaryOf(
  name: string,
  series: readonly ChartSeries[],
  lines: readonly ReferenceLine[],
  xLabel: string,
): string {
  const curves = series.map((one) => `${one.label}: ${curveInWords(one, xLabel)}`);
  const levels = lines.map(({ label, y }) => `line ${label} at ${shortNumber(y)}`);
  return [name, ...curves, ...levels].join(". ");
}

function curveInWords(series: ChartSeries, xLabel: string): string {
  const { ys } = series;
  let [first, last, best] = [-1, -1, -1];
  for (let i = 0; i < ys.length; i++) {
    if (!Number.isFinite(ys[i])) continue;
    if (first < 0) first = i;
    last = i;
    if (best < 0 || ys[i] < ys[best]) best = i;
  }
  if (first < 0) return "no values yet";
  const at = (i: number): string => `${shortNumber(ys[i])} at ${xLabel} ${shortNumber(xOf(series, i))}`;
  return `first ${at(first)}, last ${at(last)}, lowest ${at(best)}`;
}

/** A row of the table behind a chart. */
export interface TableRow {
  readonly x: number;
  /** The value of each series at `x`, or the one before; null before its first point and after its last one. */
  readonly values: readonly (number | null)[];
}

/** At most `count` rows of joined series, evenly spaced, the first and the last included. */
export function rowsOf([xs, ...lines]: Aligned, count: number): TableRow[] {
  const rows = Math.min(count, xs.length);
  const ends = lines.map((line) => line.findLastIndex((value) => value !== undefined));
  return Array.from({ length: rows }, (_, row) => {
    const i = rows === 1 ? 0 : Math.round((row * (xs.length - 1)) / (rows - 1));
    return { x: xs[i], values: lines.map((line, of) => (i > ends[of] ? null : valueAt(line, i))) };
  });
}
