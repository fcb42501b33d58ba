/** Where a logarithmic axis has its ticks. */

const MAX_TICKS = 10;
/** Digits before the zeros of a tick, the finest choice first. */
const DIGITS: readonly (readonly number[])[] = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1]];

/**
 * Ticks from `low` to `high`, both above 0: round numbers in each power of ten, `[1, 100]` → 1, 2, 5, 10, 20, 50, 100. A
 * range too narrow for four of them gets evenly spaced ones: `[2, 3.5]` → 2, 2.5, 3, 3.5.
 */
export function logTicks(low: number, high: number): number[] {
  const choices = DIGITS.map((digits) => roundNumbers(low, high, digits));
  const fitting = choices.find(({ length }) => length <= MAX_TICKS) ?? choices[choices.length - 1];
  return fitting.length >= 4 ? fitting : evenTicks(low, high);
}

function roundNumbers(low: number, high: number, digits: readonly number[]): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    ticks.push(...digits.map((digit) => Number(`${digit}e${power}`)));
  return ticks.filter((tick) => tick >= low && tick <= high);
}

function evenTicks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((digit) => digit * unit >= rough) ?? 10) * unit;
  const [first, last] = [Math.ceil(low / step), Math.floor(high / step)];
  // Through text, so that 3 · 0.1 is 0.3.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
