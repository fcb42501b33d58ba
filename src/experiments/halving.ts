/**
 * Successive halving (Jamieson & Talwalkar 2016, https://arxiv.org/abs/1502.07943): all runs train for a short time,
 * the better half continues for twice as long, and so on, until one is trained to the end. For eight settings:
 *
 *   steps   0 ─── 1/8 ─── 1/4 ─────── 1/2 ─────────────── 1
 *   runs      8        4          2              1
 *
 * A run resumes from its checkpoint, on the learning-rate schedule of the whole training, so no step is computed twice.
 */

/** A point at which all remaining runs stop and the better ones continue. */
export interface Rung {
  /** The fraction of its steps after which a run stops. */
  readonly share: number;
  /** Number of groups that continue; 0 at the end. */
  readonly survivors: number;
}

/** The rungs for `count` settings: 8 → `1/8 → 4, 1/4 → 2, 1/2 → 1, 1 → 0`. The last is the end of the training. */
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
 * The groups that continue, in order: those with the lowest mean; ties go to the first. A group without a result (all
 * its runs failed) continues only if too few others have one.
 *
 * @param results bits per byte of each group's runs, in order.
 */
export function survivorsOf(results: ReadonlyMap<string, readonly number[]>, survivors: number): string[] {
  const mean = (values: readonly number[]): number =>
    values.length === 0 ? Infinity : values.reduce((sum, value) => sum + value, 0) / values.length;
  const ranked = [...results].map(([group, values]) => ({ group, mean: mean(values) }));
  const order = ranked.toSorted((a, b) => (a.mean === b.mean ? 0 : a.mean - b.mean));
  const best = new Set(order.slice(0, survivors).map(({ group }) => group));
  return [...results.keys()].filter((group) => best.has(group));
}
