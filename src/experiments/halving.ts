/**
 * Successive halving (Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943): all runs train for a short while, the
 * better half goes on for twice as long, and so on, until one is trained to the end.
 *
 * A run that goes on does so from its checkpoint, along the schedule of the whole training: nothing is done twice.
 */

/** After which share of its steps a run stops, and how many go on: of 8, `1/8 → 4, 1/4 → 2, 1/2 → 1, 1`. */
export interface Rung {
  readonly share: number;
  readonly survivors: number;
}

/** Of a sweep of `count` settings; the last rung is the end of the training. */
export function rungsOf(count: number): Rung[] {
  const rungs: Rung[] = [];
  const levels = Math.ceil(Math.log2(count));
  for (let level = 0, left = count; level < levels; level++) {
    left = Math.ceil(left / 2);
    rungs.push({ share: 2 ** (level - levels), survivors: left });
  }
  return [...rungs, { share: 1, survivors: 0 }];
}

/**
 * Those that go on: the best by the mean of their results, of equals the first. One without any result (all its runs
 * failed) goes on only where nothing better is there. @param results bits a byte of each group's runs, in order.
 */
export function survivorsOf(results: ReadonlyMap<string, readonly number[]>, survivors: number): string[] {
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? Infinity : values.reduce((sum, value) => sum + value, 0) / values.length;
  const ranked = [...results].map(([group, values]) => ({ group, mean: mean(values) }));
  const order = ranked.toSorted((a, b) => (a.mean === b.mean ? 0 : a.mean - b.mean));
  const best = new Set(order.slice(0, survivors).map(({ group }) => group));
  return [...results.keys()].filter((group) => best.has(group));
}
