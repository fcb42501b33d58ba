/** What a matrix's numbers are like, all together: mean, deviation, largest, and how many lie in each interval. */

/** A few numbers that stand for many. */
export interface Statistics {
  readonly count: number;
  readonly mean: number;
  /** Standard deviation, of all numbers (not of a sample). */
  readonly deviation: number;
  readonly smallest: number;
  readonly largest: number;
}

/** The statistics of the numbers, which are finite. All are 0 for no numbers. */
export function statisticsOf(data: ArrayLike<number>): Statistics {
  const count = data.length;
  if (count === 0) return { count, mean: 0, deviation: 0, smallest: 0, largest: 0 };
  let [sum, smallest, largest] = [0, Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    sum += data[i];
    smallest = Math.min(smallest, data[i]);
    largest = Math.max(largest, data[i]);
  }
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) squares += (data[i] - mean) ** 2;
  return { count, mean, deviation: Math.sqrt(squares / count), smallest, largest };
}

/** An interval [from, to) and how many numbers lie in it; the last interval has its end, too. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bins of the same width from the smallest number to the largest; one bin if they are equal, none for no numbers. */
export function histogramOf(data: ArrayLike<number>, bins: number): Bin[] {
  const { count, smallest, largest } = statisticsOf(data);
  if (count === 0) return [];
  const width = (largest - smallest) / bins;
  if (width === 0) return [{ from: smallest, to: largest, count }];
  const counts = new Array<number>(bins).fill(0);
  for (let i = 0; i < count; i++) counts[Math.min(bins - 1, Math.floor((data[i] - smallest) / width))]++;
  return counts.map((inBin, i) => ({ from: smallest + i * width, to: smallest + (i + 1) * width, count: inBin }));
}
