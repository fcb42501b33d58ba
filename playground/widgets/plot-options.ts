/** How uPlot draws a line chart of the playground: axes, curves and reference lines in the colours of the theme. */
import uPlot from "uplot";
import { colorOf, dashOf } from "./chart-data.ts";
import type { Axes, ChartSeries, ReferenceLine } from "./chart-data.ts";
import { logTicks } from "./log-ticks.ts";
import { shortNumber } from "./numbers.ts";

/** What decides the look of a plot, besides its data. */
export interface PlotLook extends Axes {
  readonly series: readonly ChartSeries[];
  /** Read at each drawing, so they may change without a new plot. */
  readonly lines: () => readonly ReferenceLine[];
  /** A vertical mark; null: none. Read at each drawing. */
  readonly marker: () => number | null;
  /** First and last x; null: those of the data. Read at each drawing. */
  readonly xRange: () => readonly [number, number] | null;
  readonly xLabel: string;
  readonly yLabel: string;
  /** CSS pixels. */
  readonly width: number;
  /** CSS pixels. */
  readonly height: number;
  /** Called when the cursor moves to another index of the data; null when it leaves. */
  readonly onCursor: (index: number | null) => void;
  /** The value of a colour token. */
  readonly color: (token: string) => string;
}

const FONT = "12px system-ui, sans-serif";

/** uPlot's options for a look. */
export function plotOptions(look: PlotLook): uPlot.Options {
  const { series, width, height, logX, logY, color, onCursor } = look;
  return {
    width,
    height,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: false, distr: logX ? 3 : 1, range: (_, low, high) => xRangeOf(look, low, high) },
      y: { distr: logY ? 3 : 1, range: (_, low, high) => yRangeOf(look, low, high) },
    },
    axes: [{ ...axis(look.xLabel, logX, color), size: 34 }, axis(look.yLabel, logY, color)],
    series: [
      { label: look.xLabel },
      ...series.map((one, i) => ({
        label: one.label,
        stroke: () => color(colorOf(one, i)),
        dash: [...dashOf(one, i)],
        width: 1.8,
        points: { show: one.ys.length < 3 },
      })),
    ],
    hooks: {
      draw: [(plot) => drawLines(plot, look), (plot) => drawMarker(plot, look)],
      setCursor: [({ cursor: { idx } }) => onCursor(idx ?? null)],
    },
  };
}

function axis(label: string, isLog: boolean, color: PlotLook["color"]): uPlot.Axis {
  const line = { stroke: () => color("--line"), width: 1 };
  // uPlot's own ticks of a logarithmic axis suit many powers of ten; a loss stays within one.
  const ticks: Partial<uPlot.Axis> = isLog
    ? { splits: (_, __, low, high) => logTicks(low, high), filter: (_, splits) => splits }
    : {};
  return {
    ...ticks,
    label,
    labelSize: 20,
    labelFont: FONT,
    font: FONT,
    stroke: () => color("--muted"),
    grid: line,
    ticks: line,
    values: (_, splits: (number | null)[]) => splits.map((value) => (value === null ? "" : shortNumber(value))),
    size: (_, values: string[] | null) => 18 + 7 * Math.max(3, ...(values ?? []).map(({ length }) => length)),
  };
}

function xRangeOf({ xRange, logX }: PlotLook, low: number | null, high: number | null): [number, number] {
  const [from, to] = xRange() ?? [low ?? 0, high ?? 1];
  const first = logX ? Math.max(from, 1) : from;
  return to > first ? [first, to] : [first, first + 1];
}

/** The range of the data and the reference lines, with some air. */
function yRangeOf({ lines, logY }: PlotLook, low: number | null, high: number | null): [number, number] {
  const levels = lines().map(({ y }) => y);
  const known = [low ?? Number.NaN, high ?? Number.NaN, ...levels].filter(
    (value) => Number.isFinite(value) && (!logY || value > 0),
  );
  if (known.length === 0) return logY ? [1, 10] : [0, 1];
  const [from, to] = [Math.min(...known), Math.max(...known)];
  // In a logarithm's terms, too, the air is a small part of the range.
  if (logY) return to > from ? [from * (from / to) ** 0.05, to * (to / from) ** 0.05] : [from / 2, to * 2];
  const air = to > from ? 0.05 * (to - from) : 0.1 * Math.abs(to) + 0.001;
  return [from - air, to + air];
}

/** Draws each reference line with its name at the right; names that would overlap move to the left. */
function drawLines(plot: uPlot, { lines, color }: PlotLook): void {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  const right = bbox.left + bbox.width - 4 * ratio;
  let [previousTop, offset] = [-Infinity, 0];
  ctx.save();
  ctx.font = `${12 * ratio}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.lineJoin = "round";
  for (const { label, y } of lines().toSorted((a, b) => b.y - a.y)) {
    const top = Math.round(plot.valToPos(y, "y", true));
    if (!(top >= bbox.top && top <= bbox.top + bbox.height)) continue;
    stroke(ctx, [bbox.left, top, bbox.left + bbox.width, top], color("--muted"), [2 * ratio, 4 * ratio]);
    if (top - previousTop > 15 * ratio) offset = 0;
    ctx.strokeStyle = color("--card");
    ctx.lineWidth = 4 * ratio;
    ctx.strokeText(label, right - offset, top - 4 * ratio);
    ctx.fillStyle = color("--muted");
    ctx.fillText(label, right - offset, top - 4 * ratio);
    offset += ctx.measureText(label).width + 14 * ratio;
    previousTop = top;
  }
  ctx.restore();
}

function drawMarker(plot: uPlot, { marker, color }: PlotLook): void {
  const x = marker();
  const { ctx, bbox } = plot;
  if (x === null) return;
  const left = Math.round(plot.valToPos(x, "x", true));
  if (!(left >= bbox.left && left <= bbox.left + bbox.width)) return;
  ctx.save();
  stroke(ctx, [left, bbox.top, left, bbox.top + bbox.height], color("--accent"), []);
  ctx.restore();
}

function stroke(
  ctx: CanvasRenderingContext2D,
  [fromX, fromY, toX, toY]: readonly [number, number, number, number],
  style: string,
  dash: number[],
): void {
  ctx.beginPath();
  ctx.setLineDash(dash);
  ctx.strokeStyle = style;
  ctx.lineWidth = uPlot.pxRatio;
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
  ctx.setLineDash([]);
}
