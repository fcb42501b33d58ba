/** The loss of a run over its steps, with the lines that give it meaning, and a verdict in one sentence. */
import { html, nothing } from "lit";
import type { TemplateResult } from "lit";
import type { RunClient } from "../../run/client.ts";
import type { RunHeader } from "../../run/protocol.ts";
import type { ChartSeries } from "../../widgets/chart-data.ts";
import { counted, whole } from "../../widgets/numbers.ts";
import { baselinesOf, verdictOf } from "./milestones.ts";

/** Steps whose training losses are averaged for the verdict. */
const RECENT = 20;

/** The sizes, the curve and the verdict of a run. @param shownStep the step to mark. */
export function lossCurve(run: RunClient, shownStep: number | null): TemplateResult | typeof nothing {
  const { header, evaluations, warnings } = run;
  if (header === null) return nothing;
  const baselines = baselinesOf(header);
  return html`
    <p class="small muted">${sizesOf(header)}</p>
    ${header.unlearnt > 0 ? html`<p class="small">${unlearntOf(header)}</p>` : nothing}
    ${warnings.map((warning) => html`<p class="small">${warning}</p>`)}
    <mg-line-chart
      label="Loss"
      xLabel="step"
      yLabel="nats per token"
      .series=${seriesOf(run)}
      .lines=${baselines.map(({ label, loss }) => ({ label, y: loss }))}
      .marker=${shownStep}
      .xRange=${[0, header.options.numSteps]}
    ></mg-line-chart>
    <p>${verdictOf(baselines, evaluations, recentLoss(run))}</p>
  `;
}

/** Mean training loss of the last steps before the last evaluation; NaN if none was seen. */
function recentLoss({ curve, evaluations }: RunClient): number {
  const end = evaluations.at(-1)?.step ?? 0;
  const losses = curve.losses.subarray(Math.max(0, end - RECENT), end).filter((loss) => Number.isFinite(loss));
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}

function seriesOf({ curve, evaluations, header }: RunClient): readonly ChartSeries[] {
  const [xs, ys] = [evaluations.map(({ step }) => step), evaluations.map(({ heldOutLoss }) => heldOutLoss)];
  return [
    { label: "training", ...pointsOf(curve.losses, header?.step ?? 0) },
    { label: "held out", xs, ys },
  ];
}

/** Before its first step here, the losses of a run are thinned: what is missing there is no gap. @param first that step. */
function pointsOf(losses: Float64Array, first: number): Pick<ChartSeries, "xs" | "ys"> {
  if (first === 0) return { xs: null, ys: losses };
  const steps = Array.from(losses, (_, i) => i + 1).filter((step) => step > first || Number.isFinite(losses[step - 1]));
  return { xs: steps, ys: steps.map((step) => losses[step - 1]) };
}

function sizesOf({ parameters, config, unit, trainDocuments, heldOutDocuments, oneThread }: RunHeader): string {
  const documents = `${counted(trainDocuments, unit)} to train on, ${whole(heldOutDocuments)} held out`;
  const sizes = `${whole(parameters)} weights, ${whole(config.vocabSize)} tokens, ${documents}.`;
  return oneThread === null ? sizes : `${sizes} ${oneThread.charAt(0).toUpperCase()}${oneThread.slice(1)}.`;
}

/** How much of the text no step learns from, and what to do. */
function unlearntOf({ unlearnt, config: { blockSize } }: RunHeader): string {
  const percent = Math.round(100 * unlearnt);
  const share = percent < 1 ? "Less than 1 %" : percent > 99 ? "More than 99 %" : `${percent} %`;
  return `${share} of the training text is not learnt: only the first ${whole(blockSize)} tokens of each document are. To use all of it, tick “stream” in More options, or raise “block-size”.`;
}
