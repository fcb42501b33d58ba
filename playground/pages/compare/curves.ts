/** The curves of a comparison, as the chart takes them. */
import type { RunHeader } from "../../run/protocol.ts";
import type { ChartSeries, ReferenceLine } from "../../widgets/chart-data.ts";
import type { ComparedRun } from "./compared-run.ts";
import { labelOf } from "./plan.ts";
import type { Plan } from "./plan.ts";

/** What the curves show. */
export type Quantity = "bits" | "held-out" | "training";

/** How each quantity is named, for the choice and the axis. */
export const QUANTITIES: Readonly<Record<Quantity, { readonly name: string; readonly unit: string }>> = {
  bits: { name: "held-out bits per byte", unit: "bits per byte" },
  "held-out": { name: "held-out loss", unit: "nats per token" },
  training: { name: "training loss, mean of 20 steps", unit: "nats per token" },
};

const MEAN_STEPS = 20;

/** The curve of each run; a run without a value has an empty one, so that each keeps its colour. */
export function curvesOf(plan: Plan, runs: readonly ComparedRun[], quantity: Quantity): ChartSeries[] {
  return runs.map(({ client }, i) => {
    const label = labelOf(plan, i);
    if (quantity === "training") return { label, ...runningMean(client.curve.losses, MEAN_STEPS) };
    return { label, ...(quantity === "bits" ? bitsOf(client) : scaled(client, 1)) };
  });
}

/** The held-out losses, times a factor. */
const scaled = ({ evaluations }: ComparedRun["client"], factor: number): { xs: number[]; ys: number[] } => ({
  xs: evaluations.map(({ step }) => step),
  ys: evaluations.map(({ heldOutLoss }) => heldOutLoss * factor),
});

/**
 * Bits per byte at the evaluations, through the measured point. Where the loss covers the documents' beginnings only, that
 * point is all that is known.
 */
function bitsOf(client: ComparedRun["client"]): { xs: number[]; ys: number[] } {
  const { header, evaluations, measured } = client;
  const bitsPerNat = header?.bitsPerNat ?? null;
  if (bitsPerNat === null)
    return measured === null ? { xs: [], ys: [] } : { xs: [measured.step], ys: [measured.bitsPerByte] };
  const best = evaluations.find(({ step }) => step === measured?.step);
  return scaled(client, measured === null || best === undefined ? bitsPerNat : measured.bitsPerByte / best.heldOutLoss);
}

/** Means over blocks of `count` values, each at the last step of its block: one point per block, however many steps. */
export function runningMean(values: ArrayLike<number>, count: number): { xs: number[]; ys: number[] } {
  const [xs, ys]: [number[], number[]] = [[], []];
  for (let end = count; end <= values.length; end += count) {
    let [sum, known] = [0, 0];
    for (let i = end - count; i < end; i++) {
      if (!Number.isFinite(values[i])) continue;
      sum += values[i];
      known++;
    }
    xs.push(end);
    ys.push(known === 0 ? Number.NaN : sum / known);
  }
  return { xs, ys };
}

/** The axis of steps, up to the end of the longest run, so that it stays as it is while they train; null: not known. */
export function stepsOf(runs: readonly ComparedRun[]): readonly [number, number] | null {
  const steps = runs.flatMap(({ client }) => client.header?.options.numSteps ?? []);
  return steps.length === 0 ? null : [0, Math.max(...steps)];
}

/** The losses of trivial models, where they are the same for all runs: with one tokenizer and one text. */
export function linesOf(runs: readonly ComparedRun[], quantity: Quantity): ReferenceLine[] {
  const headers = runs.map(({ client }) => client.header).filter((header) => header !== null);
  const [first] = headers;
  if (first === undefined) return [];
  const levels = levelsOf(first, quantity);
  const areSame = headers.every((header) => levelsOf(header, quantity).every(({ y }, i) => y === levels[i].y));
  return areSame ? levels.filter(({ y }) => Number.isFinite(y)) : [];
}

function levelsOf({ baselines, bitBaselines }: RunHeader, quantity: Quantity): ReferenceLine[] {
  const levels = quantity === "bits" ? bitBaselines : baselines;
  return [
    { label: "token frequencies", y: levels?.unigram ?? Number.NaN },
    { label: "token pairs", y: levels?.bigram ?? Number.NaN },
  ];
}
