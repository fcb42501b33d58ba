// What the benchmarks share: medians, and how to print them.

/** The middle value of a list that need not be sorted. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `median (least–most)` of times in milliseconds. */
export function spread(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(2)} ms (${low.toFixed(2)}–${high.toFixed(2)})`;
}

/** Runs a function: → how long it took, in milliseconds. */
export function milliseconds(work) {
  const started = performance.now();
  work();
  return performance.now() - started;
}
