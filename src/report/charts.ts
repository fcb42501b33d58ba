/**
 * The charts of a report, in the browser, with uPlot. Like `client.ts`, these functions are copied into the page as
 * text, so they use only each other, `client.ts`, the document and uPlot.
 */
import type uPlotType from "uplot";
import type { Curve, ReportRun } from "../experiments/report-data.ts";
import { colorOf, count, dashOf, duration, make, shortName } from "./client.ts";
import type { ReportPage } from "./client.ts";

/** A global of the page, defined by uPlot's script. */
declare const uPlot: typeof uPlotType;

/** Curves on common x values, as uPlot wants them; `null` where a curve has no point. */
export type Aligned = [xs: number[], ...series: (number | null)[][]];

/** Puts curves on the union of their steps: steps `[1, 2]` and `[1, 3]` → `[1, 2, 3]`, with gaps. */
export function align(curves: readonly Curve[]): Aligned {
  const xs = [...new Set(curves.flatMap(({ steps }) => steps))].toSorted((a, b) => a - b);
  const indexOf = new Map(xs.map((x, i) => [x, i]));
  const series = curves.map(({ steps, values }) => {
    const line: (number | null)[] = Array.from({ length: xs.length }, () => null);
    for (const [i, step] of steps.entries()) line[indexOf.get(step)!] = values[i];
    return line;
  });
  return [xs, ...series];
}

/** An axis in the page's colours. */
export function axisOf(label: string, show: (value: number) => string): uPlotType.Axis {
  const style = getComputedStyle(document.documentElement);
  const [ink, line] = [style.getPropertyValue("--muted").trim(), style.getPropertyValue("--line").trim()];
  return {
    label,
    labelSize: 22,
    labelFont: "12px system-ui, sans-serif",
    font: "12px system-ui, sans-serif",
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    values: (_: uPlotType, splits: (number | null)[]) => splits.map((value) => (value === null ? "" : show(value))),
    size: (_: uPlotType, values: string[] | null) =>
      16 + 7 * Math.max(3, ...(values ?? []).map((value) => value.length)),
  };
}

/** A short number for an axis: `1500000` → `1.5M`, `0.25` → `0.25`. */
export function short(value: number): string {
  if (Math.abs(value) >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (Math.abs(value) >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}

/** Draws one kind of curve of the visible runs. Hovering shows values, dragging zooms, a double click resets. */
export function drawCurves(
  page: ReportPage,
  parent: HTMLElement,
  readout: HTMLElement,
  kind: "heldOutBits" | "heldOut" | "loss",
  isLog: boolean,
): uPlotType | null {
  const shown = [...page.data.runs.keys()].filter(
    (i) => !page.hidden.has(i) && page.data.runs[i][kind].steps.length > 0,
  );
  parent.replaceChildren();
  readout.replaceChildren();
  if (shown.length === 0) {
    parent.append(make("p", { class: "muted" }, "No run has this curve."));
    return null;
  }
  const data = align(shown.map((i) => page.data.runs[i][kind]));
  const label = { heldOutBits: "held-out bits per byte", heldOut: "held-out loss", loss: "training loss" }[kind];
  const series = shown.map((i) => ({
    label: page.data.runs[i].name,
    stroke: colorOf(i),
    dash: dashOf(i),
    width: 1.8,
    spanGaps: true,
    points: { show: page.data.runs[i][kind].steps.length < 3 },
  }));
  const bottom = { ...axisOf("step", short), size: 34 };
  const options: uPlotType.Options = {
    width: Math.max(240, parent.clientWidth),
    height: 380,
    legend: { show: false },
    focus: { alpha: 0.25 },
    cursor: { focus: { prox: 24 }, drag: { x: true, y: false } },
    scales: { x: { time: false, distr: isLog ? 3 : 1 } },
    axes: [bottom, axisOf(label, short)],
    series: [{ label: "step" }, ...series],
    hooks: { setCursor: [(plot: uPlotType) => readValues(page, plot, shown, readout)] },
  };
  return new uPlot(options, data, parent);
}

/** Lists the values at the cursor: the nearest curve first, in bold, then the lowest; at most nine. */
export function readValues(page: ReportPage, plot: uPlotType, shown: readonly number[], readout: HTMLElement): void {
  const index = plot.cursor.idx ?? null;
  if (index === null) {
    readout.replaceChildren("Hover over the curves to read values; drag to zoom, double-click to reset.");
    return;
  }
  // A curve without a point at this step shows its previous one.
  const at = (line: ArrayLike<number | null | undefined>): number | null => {
    for (let i = index; i >= 0; i--) if (typeof line[i] === "number") return line[i]!;
    return null;
  };
  const top = plot.cursor.top ?? 0;
  const read = shown.flatMap((run, i) => {
    const value = at(plot.data[i + 1]);
    return value === null ? [] : [{ run, value, distance: Math.abs(plot.valToPos(value, "y") - top) }];
  });
  const closest = Math.min(24, ...read.map(({ distance }) => distance));
  const values = read.map((one) => ({ ...one, isNearest: one.distance === closest }));
  const entries = values
    .toSorted((a, b) => Number(b.isNearest) - Number(a.isNearest) || a.value - b.value)
    .slice(0, 9)
    .map(({ run, value, isNearest }) => {
      const swatch = make("span", { class: "swatch" });
      swatch.style.borderTopColor = colorOf(run);
      const text = `${shortName(page.data.runs[run])} ${value.toFixed(4)}`;
      return make("span", {}, swatch, isNearest ? make("b", {}, text) : text);
    });
  readout.replaceChildren(make("b", {}, `step ${count(plot.data[0][index])}`), ...entries);
}

/** The horizontal axis of a scatter plot. */
export interface ScatterKind {
  /** The quantity; null: the run is not drawn. */
  readonly x: (run: ReportRun) => number | null;
  /** The axis title. */
  readonly label: string;
  /** Formats a value. */
  readonly show: (value: number) => string;
  /** Whether to draw the Pareto front. */
  readonly hasFront: boolean;
}

/** Draws a point per visible run: its result over a quantity. Returns the indices of the runs on the Pareto front. */
export function drawScatter(page: ReportPage, parent: HTMLElement, kind: ScatterKind): number[] {
  parent.replaceChildren();
  const points = [...page.data.runs.entries()]
    .flatMap(([index, run]) => {
      const x = kind.x(run);
      return page.hidden.has(index) || x === null || x <= 0 || run.bitsPerByte === null
        ? []
        : [{ index, x, y: run.bitsPerByte }];
    })
    .toSorted((a, b) => a.x - b.x || a.y - b.y);
  if (points.length === 0) {
    parent.append(make("p", { class: "muted" }, "No run has a result yet."));
    return [];
  }
  const front = points.filter(({ y }, i) => points.slice(0, i).every((before) => before.y > y));
  const curve = (some: readonly { x: number; y: number }[]): Curve => ({
    steps: some.map(({ x }) => x),
    values: some.map(({ y }) => y),
  });
  const data = align([curve(kind.hasFront ? front : []), ...points.map((point) => curve([point]))]);
  const [low, high] = [points[0].x, points.at(-1)!.x];
  const side = 0.12 * (high - low) || 0.2 * high;
  const ys = points.map(({ y }) => y);
  const pad = 0.08 * (Math.max(...ys) - Math.min(...ys)) || 0.1;
  const muted = getComputedStyle(document.documentElement).getPropertyValue("--muted").trim();
  const options: uPlotType.Options = {
    width: Math.max(240, parent.clientWidth),
    height: 300,
    legend: { show: false },
    cursor: { drag: { x: true, y: false } },
    scales: {
      x: high < 10 * low ? { time: false, range: [low - side, high + side] } : { time: false, distr: 3 },
      y: { range: [Math.min(...ys) - pad, Math.max(...ys) + pad] },
    },
    axes: [{ ...axisOf(kind.label, kind.show), size: 34 }, axisOf("bits per byte", short)],
    series: [
      {},
      { label: "front", stroke: muted, width: 1.5, dash: [5, 4], spanGaps: true, points: { show: false } },
      ...points.map(({ index }) => ({
        label: page.data.runs[index].name,
        stroke: colorOf(index),
        points: { show: true, size: 9, fill: colorOf(index) },
      })),
    ],
    hooks: { draw: [(plot: uPlotType) => labelPoints(page, plot, points)] },
  };
  const plot = new uPlot(options, data, parent);
  plot.root.dataset.front = JSON.stringify(front.map(({ index }) => index));
  return front.map(({ index }) => index);
}

/** Writes names beside points, except where they would overlap; none for more than 24 points. */
export function labelPoints(
  page: ReportPage,
  plot: uPlotType,
  points: readonly { index: number; x: number; y: number }[],
): void {
  if (points.length > 24) return;
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
  const taken: { left: number; right: number; y: number }[] = [];
  for (const { index, x, y } of points) {
    const name = shortName(page.data.runs[index]);
    const text = name.length > 26 ? `${name.slice(0, 25)}…` : name;
    const width = ctx.measureText(text).width;
    const [px, py] = [plot.valToPos(x, "x", true), plot.valToPos(y, "y", true)];
    const left = px + 9 * ratio + width > bbox.left + bbox.width ? px - 9 * ratio - width : px + 9 * ratio;
    const isFree = taken.every(
      (one) => Math.abs(one.y - py) > 13 * ratio || one.right < left || one.left > left + width,
    );
    if (!isFree || left < bbox.left) continue;
    taken.push({ left, right: left + width, y: py });
    ctx.fillText(text, left, py + 4 * ratio);
  }
  ctx.restore();
}

/** Training time as the x axis, with the Pareto front. */
export function timeAxis(): ScatterKind {
  return { x: (run) => run.seconds, label: "training time", show: duration, hasFront: true };
}

/** Number of parameters as the x axis. */
export function sizeAxis(): ScatterKind {
  return { x: (run) => run.parameters, label: "parameters", show: short, hasFront: false };
}
