/** A small chart of lines over steps, as SVG: for a few curves in a lesson. The Play page's curves are uPlot's. */
import { css, html, LitElement, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import { shared } from "../../../design/shared.ts";

/** A line. */
export interface Series {
  readonly label: string;
  /** A value per step. */
  readonly values: readonly number[];
  /** 1 to 8, a colour of the palette; every other line is dashed, too. */
  readonly series: number;
}

/** A horizontal line that gives the others a meaning. */
export interface Level {
  readonly label: string;
  readonly value: number;
}

const WIDTH = 600;
const HEIGHT = 180;
const LEFT = 52;
const BOTTOM = 20;

/** The chart. */
export class LineChart extends LitElement {
  static override properties: PropertyDeclarations = {
    label: {},
    series: { attribute: false },
    levels: { attribute: false },
    step: { type: Number },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      svg {
        display: block;
        width: 100%;
        min-width: 460px;
        max-width: 720px;
        height: auto;
      }
      text {
        fill: var(--muted);
        font: 11px var(--mono);
      }
      .axis {
        stroke: var(--line);
      }
      .level {
        stroke: var(--muted);
        stroke-dasharray: 2 3;
      }
      .key {
        display: inline-block;
        width: 22px;
        vertical-align: middle;
        border-top: 3px solid;
        margin-right: 5px;
      }
      .key.dashed {
        border-top-style: dashed;
      }
    `,
  ];
  /** What is drawn, for the heading and for screen readers. */
  declare label: string;
  declare series: readonly Series[];
  declare levels: readonly Level[];
  /** A step to mark, from 0; −1 for none. */
  declare step: number;

  constructor() {
    super();
    this.label = "";
    this.series = [];
    this.levels = [];
    this.step = -1;
  }

  override render(): TemplateResult {
    const [low, high] = this.#range();
    const count = Math.max(2, ...this.series.map(({ values }) => values.length));
    const x = (step: number): number => LEFT + ((WIDTH - LEFT) * step) / (count - 1);
    const y = (value: number): number => 6 + (HEIGHT - BOTTOM - 6) * (1 - (value - low) / (high - low));
    const line = (values: readonly number[]): string =>
      values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    return html`
      <h3>${this.label}</h3>
      <div class="scroll" tabindex="0" role="region" aria-label=${this.label}>
        <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label=${this.#words(low, high)}>
          ${this.#axes(low, high, count)} ${this.levels.map((level) => mark(level, y(level.value)))}
          ${this.series.map(
            ({ values, series }) =>
              svg`<polyline points=${line(values)} fill="none" stroke="var(--series-${series})" stroke-width=${values.length > 600 ? 0.9 : 1.6}
              stroke-dasharray=${series % 2 === 0 ? "6 3" : "none"} />`,
          )}
          ${
            this.step < 0
              ? null
              : svg`<line class="axis" style="stroke: var(--ink)" x1=${x(this.step)} x2=${x(this.step)} y1="4" y2=${HEIGHT - BOTTOM} />`
          }
        </svg>
      </div>
      <div class="row small">${this.series.map((series) => keyOf(series))}</div>
    `;
  }

  #range(): readonly [number, number] {
    const values = [...this.series.flatMap((series) => series.values), ...this.levels.map(({ value }) => value)];
    const [low, high] = values.reduce(
      ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
      [Infinity, -Infinity],
    );
    if (!Number.isFinite(low)) return [0, 1];
    return low === high ? [low - 1, high + 1] : [low, high];
  }

  #axes(low: number, high: number, count: number): SVGTemplateResult {
    const bottom = HEIGHT - BOTTOM;
    return svg`
      <line class="axis" x1=${LEFT} x2=${WIDTH} y1=${bottom} y2=${bottom} />
      <line class="axis" x1=${LEFT} x2=${LEFT} y1="4" y2=${bottom} />
      <text x=${LEFT - 6} y="14" text-anchor="end">${short(high)}</text>
      <text x=${LEFT - 6} y=${bottom} text-anchor="end">${short(low)}</text>
      <text x=${LEFT} y=${HEIGHT - 5}>step 1</text>
      <text x=${WIDTH} y=${HEIGHT - 5} text-anchor="end">${count}</text>`;
  }

  #words(low: number, high: number): string {
    const ends = this.series.map(({ label, values }) => `${label}: last ${short(values.at(-1) ?? Number.NaN)}`);
    return `${this.label}, from ${short(low)} to ${short(high)}. ${ends.join("; ")}.`;
  }
}

const mark = ({ label }: Level, y: number): SVGTemplateResult => svg`
  <line class="level" x1=${LEFT} x2=${WIDTH} y1=${y} y2=${y} />
  <text x=${WIDTH} y=${y < 20 ? y + 12 : y - 4} text-anchor="end">${label}</text>`;

const keyOf = ({ label, series }: Series): TemplateResult =>
  html`<span
    ><span class="key ${series % 2 === 0 ? "dashed" : ""}" style="border-color: var(--series-${series})"></span
    >${label}</span
  >`;

/** Three significant digits. */
const short = (value: number): string => String(Number(value.toPrecision(3))).replace("-", "−");

customElements.define("mg-line-chart", LineChart);
