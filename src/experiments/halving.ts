/**
 * Successive halving (Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943): all runs train for a short while, the
 * better half continues for twice as long, and so on, until one is trained to the end.
 *
 * A run continues from its checkpoint, along the schedule of the whole training: no step is computed twice.
 */

/** A stop of all runs, after which some continue: of 8, `1/8 → 4, 1/4 → 2, 1/2 → 1, 1`. */
export interface Rung {
  /** The fraction of its steps after which a run stops. */
  readonly share: number;
  /** How many groups continue. */
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
 * The groups that continue: those with the best mean result, of equals the first. A group without a result (all its runs
 * failed) continues only where there is no better one. @param results bits per byte of each group's runs, in order.
 */
export function survivorsOf(results: ReadonlyMap<string, readonly number[]>, survivors: number): string[] {
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? Infinity : values.reduce((sum, value) => sum + value, 0) / values.length;
  const ranked = [...results].map(([group, values]) => ({ group, mean: mean(values) }));
  const order = ranked.toSorted((a, b) => (a.mean === b.mean ? 0 : a.mean - b.mean));
  const best = new Set(order.slice(0, survivors).map(({ group }) => group));
  return [...results.keys()].filter((group) => best.has(group));
}
