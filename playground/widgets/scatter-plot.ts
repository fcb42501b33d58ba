/** Labelled points in two dimensions: arrow keys or the pointer read out a point and its neighbours; a table is behind. */
import { css, html, LitElement, nothing, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { shortNumber } from "./numbers.ts";

/** A point. */
export interface LabelledPoint {
  readonly label: string;
  readonly x: number;
  readonly y: number;
}

/** Units of the drawing; it scales with the page. */
const [WIDTH, HEIGHT, MARGIN] = [600, 420, 22];

/** `<mg-scatter-plot label="…" xLabel="…" yLabel="…" .points>` */
export class ScatterPlot extends LitElement {
  static override properties: PropertyDeclarations = {
    points: { attribute: false },
    label: {},
    xLabel: {},
    yLabel: {},
    chosen: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      :host {
        container-type: inline-size;
      }
      svg {
        display: block;
        width: 100%;
        height: auto;
        background: var(--card);
        border: 1px solid var(--line);
      }
      text {
        font: 15px var(--mono);
        fill: var(--ink);
        text-anchor: middle;
        dominant-baseline: central;
      }
      .chosen text {
        font-weight: 700;
        fill: var(--accent);
      }
      .chosen circle {
        fill: var(--accent-soft);
        stroke: var(--accent);
        stroke-width: 2;
      }
      circle {
        fill: transparent;
      }
      line {
        stroke: var(--line);
      }
      /* The drawing shrinks with the page, its labels should not. */
      @container (max-width: 460px) {
        text {
          font-size: 24px;
        }
      }
      .axes {
        margin: 4px 0 0;
      }
      .reading {
        margin: 0;
        min-height: 1.5em;
      }
    `,
  ];
  declare points: readonly LabelledPoint[];
  /** What the points are. */
  declare label: string;
  declare xLabel: string;
  declare yLabel: string;
  /** Index of the point that is read out. */
  declare chosen: number | null;

  constructor() {
    super();
    [this.points, this.label, this.xLabel, this.yLabel, this.chosen] = [[], "", "x", "y", null];
  }

  override render(): TemplateResult {
    const reading = this.#reading();
    return html`
      <div
        role="slider"
        tabindex="0"
        aria-label="${this.label}: point"
        aria-valuemin="0"
        aria-valuemax=${Math.max(0, this.points.length - 1)}
        aria-valuenow=${this.chosen ?? 0}
        aria-valuetext=${reading}
        @keydown=${(event: KeyboardEvent) => this.#press(event)}
        @pointermove=${(event: PointerEvent) => this.#point(event)}
        @pointerdown=${(event: PointerEvent) => this.#point(event)}
      >
        ${this.#drawing()}
      </div>
      <p class="small muted axes">→ ${this.xLabel}, ↑ ${this.yLabel}</p>
      <p class="reading small">${reading}</p>
      <details>
        <summary class="small">Points as a table</summary>
        ${this.#table()}
      </details>
    `;
  }

  #drawing(): TemplateResult {
    const place = placing(this.points);
    const [zeroX, zeroY] = place({ x: 0, y: 0 });
    return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">
      ${svg`<line x1="0" x2=${WIDTH} y1=${zeroY} y2=${zeroY} /><line x1=${zeroX} x2=${zeroX} y1="0" y2=${HEIGHT} />`}
      ${this.points.map((point, i) => drawn(point, place, i === this.chosen))}
    </svg>`;
  }

  #reading(): string {
    const point = this.chosen === null ? undefined : this.points[this.chosen];
    if (point === undefined) return `${this.points.length} points. Point at one, or use the arrow keys.`;
    const near = nearest(this.points, point, 3).map(({ label }) => label);
    return `${point.label}: ${shortNumber(point.x)}, ${shortNumber(point.y)}${near.length > 0 ? `; nearest here: ${near.join(", ")}` : ""}`;
  }

  #press(event: KeyboardEvent): void {
    const step = STEPS.get(event.key);
    if (step === undefined || this.points.length === 0) return;
    event.preventDefault();
    const { length } = this.points;
    this.chosen = this.chosen === null ? 0 : (this.chosen + step + length) % length;
  }

  #point({ clientX, clientY, currentTarget }: PointerEvent): void {
    if (!(currentTarget instanceof Element) || this.points.length === 0) return;
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    const [x, y] = [((clientX - left) / width) * WIDTH, ((clientY - top) / height) * HEIGHT];
    const place = placing(this.points);
    const distances = this.points.map((point) => Math.hypot(place(point)[0] - x, place(point)[1] - y));
    this.chosen = distances.indexOf(Math.min(...distances));
  }

  #table(): TemplateResult {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="${this.label}: values">
      <table>
        <thead>
          <tr>
            <th scope="col">point</th>
            <th scope="col" class="number">${this.xLabel}</th>
            <th scope="col" class="number">${this.yLabel}</th>
          </tr>
        </thead>
        <tbody>
          ${this.points.map(
            ({ label, x, y }) =>
              html`<tr>
                <th scope="row">${label}</th>
                <td class="number">${shortNumber(x)}</td>
                <td class="number">${shortNumber(y)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

const STEPS: ReadonlyMap<string, number> = new Map([
  ["ArrowRight", 1],
  ["ArrowDown", 1],
  ["ArrowLeft", -1],
  ["ArrowUp", -1],
]);

type Place = (point: { readonly x: number; readonly y: number }) => readonly [x: number, y: number];

/** Both axes have the same scale, so that distances mean the same in every direction; 0 is in the picture. */
function placing(points: readonly LabelledPoint[]): Place {
  const [xs, ys] = [
    [0, ...points.map(({ x }) => x)],
    [0, ...points.map(({ y }) => y)],
  ];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [bottom, top] = [Math.min(...ys), Math.max(...ys)];
  const scale = Math.min(
    (WIDTH - 2 * MARGIN) / Math.max(right - left, 1e-9),
    (HEIGHT - 2 * MARGIN) / Math.max(top - bottom, 1e-9),
  );
  const [midX, midY] = [(left + right) / 2, (top + bottom) / 2];
  return ({ x, y }) => [WIDTH / 2 + (x - midX) * scale, HEIGHT / 2 - (y - midY) * scale];
}

function drawn(point: LabelledPoint, place: Place, isChosen: boolean): SVGTemplateResult {
  const [x, y] = place(point);
  return svg`<g class=${isChosen ? "chosen" : nothing}><circle cx=${x} cy=${y} r="13" /><text x=${x} y=${y}>${point.label}</text></g>`;
}

function nearest(points: readonly LabelledPoint[], to: LabelledPoint, count: number): LabelledPoint[] {
  const distance = ({ x, y }: LabelledPoint): number => Math.hypot(x - to.x, y - to.y);
  return points
    .filter((point) => point !== to)
    .toSorted((a, b) => distance(a) - distance(b))
    .slice(0, count);
}

customElements.define("mg-scatter-plot", ScatterPlot);
