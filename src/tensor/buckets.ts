/**
 * Which gradients ranks can sum during the backward pass: those that no later phase of the program adds to.
 *
 *   phase        …   layer 1 │ layer 0 │ embeddings        the backward pass, computing
 *   buckets               ╰──▶ 1 ───────▶                   on the network meanwhile
 *                                  ╰──▶ 0, embeddings ──▶   only this is waited for
 *
 * Small gradients wait for others: each sum costs a latency, whatever its size.
 */
import { gradientRange } from "./layout.ts";
import type { Layout } from "./layout.ts";
import type { Phase } from "./program.ts";

/** Gradients that are adjacent in memory. */
export interface Bucket {
  /** The index of the phase after which all of them are final. */
  readonly phase: number;
  /** The first of them, counted from the first gradient. */
  readonly start: number;
  /** Behind the last. */
  readonly end: number;
}

/** Fewest numbers that are worth a sum of their own: at 1 Gbit/s they take 2 ms, and a sum's latency is about 0.1 ms. */
const MIN_NUMBERS = 1 << 16;

/** The buckets of a training program, in the order of its phases. Together they are all gradients, each once. */
export function bucketsOf(phases: readonly Phase[], layout: Layout, minNumbers: number = MIN_NUMBERS): Bucket[] {
  const slices = slicesOf(layout);
  const finalAfter = new Map<string, number>(); // a weight that no phase mentions is final at the start
  for (const [phase, { sections }] of phases.entries()) {
    for (const instruction of sections.flatMap(({ instructions }) => instructions)) {
      if (instruction.kernel === "linearWeightGrad" || instruction.kernel === "embedGrad") {
        finalAfter.set(instruction.weight.name, phase);
      }
    }
  }
  const buckets: Bucket[] = [];
  let pending: Bucket[] = [];
  for (const phase of phases.keys()) {
    const done = slices.filter(({ name }) => (finalAfter.get(name) ?? 0) === phase);
    pending = merge([...pending, ...done].map(({ start, end }) => ({ phase, start, end })));
    const numbers = pending.reduce((sum, { start, end }) => sum + end - start, 0);
    if (numbers < minNumbers && phase < phases.length - 1) continue;
    buckets.push(...pending);
    pending = [];
  }
  return buckets;
}

/** Where each weight's gradient is, with the padding behind it. */
function slicesOf(layout: Layout): { readonly name: string; readonly start: number; readonly end: number }[] {
  const [first, last] = gradientRange(layout);
  const starts = [...layout.weights.values()].map(({ name, grad }) => ({ name, at: layout.slots.get(grad)!.start }));
  return starts.map(({ name, at }, i) => ({ name, start: at - first, end: (starts[i + 1]?.at ?? last) - first }));
}

/** Neighbours become one. */
function merge(buckets: readonly Bucket[]): Bucket[] {
  const merged: Bucket[] = [];
  for (const bucket of buckets.toSorted((a, b) => a.start - b.start)) {
    const before = merged.at(-1);
    if (before?.end === bucket.start) merged[merged.length - 1] = { ...before, end: bucket.end };
    else merged.push(bucket);
  }
  return merged;
}
