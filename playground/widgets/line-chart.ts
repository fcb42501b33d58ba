/**
 * `mg-line-chart`: curves over a common axis, with lines that give the values meaning. It draws only while it is on the
 * screen and something changed, at most once per animation frame, so its properties may be set as often as one likes.
 * Behind the picture are a summary in words and a table.
 *
 * @example
 * html`<mg-line-chart label="Loss" xLabel="step" yLabel="nats per token"
 *   .series=${[{ label: "training", xs: null, ys: run.curve.losses }]}
 *   .lines=${[{ label: "uniform", y: 3.3 }]}></mg-line-chart>`
 */
import { css, html, LitElement, svg, unsafeCSS } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import uPlot from "uplot";
import plotCss from "uplot/dist/uPlot.min.css?inline";
import { shared } from "../design/shared.ts";
import { align, colorOf, dashOf, rowsOf, summaryOf, valueAt, valueAtX } from "./chart-data.ts";
import type { Aligned, ChartSeries, ReferenceLine } from "./chart-data.ts";
import { plotOptions } from "./plot-options.ts";
import { shortNumber } from "./numbers.ts";
import { VisibleFrame } from "./visible-frame.ts";

/** Rows of the table behind the picture. */
const TABLE_ROWS = 40;

const styles = css`
  .plot {
    min-width: 0;
    overflow: hidden;
  }
  ul {
    display: flex;
    flex-wrap: wrap;
    gap: 2px 16px;
    list-style: none;
    padding: 0;
    margin: 4px 0;
    font-size: 13px;
  }
  li {
    display: flex;
    align-items: center;
    gap: 6px;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .value {
    font-variant-numeric: tabular-nums;
    color: var(--muted);
  }
  @media print {
    /* The picture, drawn as wide as on the screen, shrinks with the paper. */
    .plot,
    .plot .uplot,
    .plot .u-wrap,
    .plot canvas {
      width: auto !important;
      max-width: 100%;
      height: auto !important;
    }
  }
`;

/** The chart. */
export class LineChart extends LitElement {
  static override properties: PropertyDeclarations = {
    series: { attribute: false },
    lines: { attribute: false },
    marker: { attribute: false },
    xRange: { attribute: false },
    label: {},
    xLabel: {},
    yLabel: {},
    logX: { type: Boolean },
    logY: { type: Boolean },
    height: { type: Number },
    cursor: { state: true },
    isTableOpen: { state: true },
  };
  static override styles: CSSResult[] = [shared, unsafeCSS(plotCss), styles];
  /** The curves. Set a new list to show new values; the arrays in it may be the same ones. */
  declare series: readonly ChartSeries[];
  declare lines: readonly ReferenceLine[];
  /** x of a vertical mark; null: none. */
  declare marker: number | null;
  /** First and last x of the axis; null: those of the data. */
  declare xRange: readonly [number, number] | null;
  /** What the chart shows, for its summary in words. */
  declare label: string;
  declare xLabel: string;
  declare yLabel: string;
  declare logX: boolean;
  declare logY: boolean;
  /** CSS pixels. */
  declare height: number;
  declare cursor: number | null;
  declare isTableOpen: boolean;
  readonly #frame = new VisibleFrame(this, () => this.#draw());
  readonly #resized = new ResizeObserver(() => this.#frame.mark());
  readonly #colors = new Map<string, string>();
  #plot: uPlot | null = null;
  #plotKey = "";
  #data: Aligned = [[]];

  constructor() {
    super();
    this.series = [];
    this.lines = [];
    [this.marker, this.xRange, this.cursor] = [null, null, null];
    [this.label, this.xLabel, this.yLabel] = ["", "step", ""];
    [this.logX, this.logY, this.isTableOpen] = [false, false, false];
    this.height = 280;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("themechange", this.#recolor);
    this.#resized.observe(this);
    this.#recolor();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("themechange", this.#recolor);
    this.#resized.disconnect();
  }

  override updated(changed: PropertyValues): void {
    const others = [...changed.keys()].filter((name) => name !== "cursor" && name !== "isTableOpen");
    if (others.length > 0) this.#frame.mark();
  }

  readonly #recolor = (): void => {
    this.#colors.clear();
    this.#frame.mark();
  };

  #color(token: string): string {
    const known = this.#colors.get(token);
    if (known !== undefined) return known;
    const value = getComputedStyle(this).getPropertyValue(token).trim();
    this.#colors.set(token, value);
    return value;
  }

  #draw(): void {
    const parent = this.renderRoot.querySelector<HTMLElement>(".plot");
    if (parent === null || parent.clientWidth === 0) return;
    this.#data = align(this.series, this);
    const size = { width: parent.clientWidth, height: this.height };
    const key = JSON.stringify([
      this.series.map((one, i) => [one.label, dashOf(one, i), colorOf(one, i), one.ys.length < 3]),
      [this.xLabel, this.yLabel, this.logX, this.logY],
    ]);
    if (this.#plot === null || key !== this.#plotKey) this.#replacePlot(parent, size);
    else {
      if (this.#plot.width !== size.width || this.#plot.height !== size.height) this.#plot.setSize(size);
      this.#plot.setData(this.#data);
    }
    this.#plotKey = key;
    // The legend and the table show the data that was drawn.
    this.requestUpdate();
  }

  #replacePlot(parent: HTMLElement, size: { width: number; height: number }): void {
    this.#plot?.destroy();
    const { series, xLabel, yLabel, logX, logY } = this;
    const options = plotOptions({
      series,
      xLabel,
      yLabel,
      logX,
      logY,
      ...size,
      lines: () => this.lines,
      marker: () => this.marker,
      xRange: () => this.xRange,
      onCursor: (index) => (this.cursor = index),
      color: (token) => this.#color(token),
    });
    this.#plot = new uPlot(options, this.#data, parent);
  }

  override render(): TemplateResult {
    const summary = summaryOf(this.label, this.series, this.lines, this.xLabel);
    return html`
      <div class="plot" role="img" aria-label=${summary} style="height: ${this.height}px"></div>
      ${this.#legend()}
      <details @toggle=${(event: Event) => this.#toggle(event)}>
        <summary class="small">Values as a table</summary>
        ${this.isTableOpen ? this.#table() : ""}
      </details>
    `;
  }

  /** The values under the pointer, else those at the marker, else the last ones. */
  #legend(): TemplateResult {
    const [xs, ...lines] = this.#data;
    const { cursor, marker } = this;
    const x = cursor === null ? marker : xs[cursor];
    return html`<ul aria-hidden="true">
      ${this.series.map((one, i) => {
        const drawn = lines[i] === undefined ? null : valueAt(lines[i], cursor ?? xs.length - 1);
        const value = cursor === null && marker !== null ? valueAtX(one, marker) : drawn;
        return html`<li>
          ${sample(colorOf(one, i), dashOf(one, i))}<span>${one.label}</span>
          <span class="value">${value === null ? "" : shortNumber(value)}</span>
        </li>`;
      })}
      ${x === null ? "" : html`<li class="muted">at ${this.xLabel} ${shortNumber(x)}</li>`}
    </ul>`;
  }

  #toggle({ currentTarget }: Event): void {
    this.isTableOpen = currentTarget instanceof HTMLDetailsElement && currentTarget.open;
  }

  #table(): TemplateResult {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="${this.label}: values">
      <table>
        <thead>
          <tr>
            <th scope="col">${this.xLabel}</th>
            ${this.series.map(({ label }) => html`<th scope="col" class="number">${label}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rowsOf(this.#data, TABLE_ROWS).map(
            ({ x, values }) =>
              html`<tr>
                <td>${shortNumber(x)}</td>
                ${values.map((value) => html`<td class="number">${value === null ? "–" : shortNumber(value)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

/** A piece of a curve, for the legend. */
const sample = (token: string, dash: readonly number[]): TemplateResult =>
  html`<svg width="28" height="10" aria-hidden="true">
    ${svg`<line x1="0" y1="5" x2="28" y2="5" stroke="var(${token})" stroke-width="2" stroke-dasharray=${dash.join(" ")} />`}
  </svg>`;

customElements.define("mg-line-chart", LineChart);
