/** A few curves of loss over steps, as SVG, with names at their ends, reference lines, and a table behind them. */
import { css, html, LitElement, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { short } from "./numbers.ts";

/** A curve. */
export interface LossCurve {
  /** Its name. */ readonly name: string;
  /** A token of the palette, such as "--series-1". */ readonly color: string;
  /** A second sign beside the colour. */ readonly dash: string;
  /** Ascending steps; a loss that is not finite ends the line. */
  readonly points: readonly { readonly step: number; readonly loss: number }[];
}

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [620, 300, 40, 34, 10];

/** `<mg-loss-chart .curves .steps .limit .reference>`. */
export class LossChart extends LitElement {
  static override properties: PropertyDeclarations = {
    curves: { attribute: false },
    steps: { attribute: false },
    limit: { attribute: false },
    reference: { attribute: false },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      svg {
        width: 100%;
        height: auto;
        display: block;
      }
      text {
        fill: var(--muted);
        font: 12px var(--sans);
      }
      @media (max-width: 560px) {
        /* The drawing shrinks to half its size; its words must not. */
        svg[role] text {
          font-size: 22px;
        }
      }
      .axis {
        stroke: var(--line);
      }
      .reference {
        stroke: var(--muted);
        stroke-dasharray: 2 4;
      }
      polyline {
        fill: none;
        stroke-width: 2.5;
      }
      .legend {
        list-style: none;
        padding: 0;
        margin: 0 0 6px;
        display: flex;
        flex-wrap: wrap;
        gap: 2px 16px;
        font-size: 13px;
      }
      .legend svg {
        display: inline-block;
        width: 30px;
        height: 8px;
        margin-right: 6px;
      }
    `,
  ];
  declare curves: readonly LossCurve[];
  /** The last step of the axis. */
  declare steps: number;
  /** The largest loss of the axis; what is above is drawn at the edge. */
  declare limit: number;
  /** A loss to compare with, and its name. */
  declare reference: { readonly loss: number; readonly name: string };

  constructor() {
    super();
    [this.curves, this.steps, this.limit, this.reference] = [[], 1, 4, { loss: 0, name: "" }];
  }

  #x(step: number): number {
    return LEFT + (step / this.steps) * (WIDTH - LEFT - 10);
  }

  #y(loss: number): number {
    return TOP + (1 - Math.min(loss, this.limit) / this.limit) * (HEIGHT - TOP - BOTTOM);
  }

  override render(): TemplateResult {
    const { curves, reference, steps, limit } = this;
    const ends = curves.map(({ name, points }) => `${name}: ${points.length === 0 ? "–" : short(points.at(-1)!.loss)}`);
    return html`
      <ul class="legend">
        ${curves.map(
          ({ name, color, dash }) =>
            html`<li>
              <svg viewBox="0 0 30 8" aria-hidden="true">
                <line
                  x1="0"
                  x2="30"
                  y1="4"
                  y2="4"
                  stroke=${`var(${color})`}
                  stroke-width="3"
                  stroke-dasharray=${dash}
                />
              </svg>
              ${name}
            </li>`,
        )}
      </ul>
      <svg viewBox=${`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label=${`Held-out loss by step. ${ends.join("; ")}`}>
        ${Array.from({ length: limit + 1 }, (_, loss) => this.#tick(loss))}
        ${[0, steps / 2, steps].map(
          (step) =>
            svg`<text x=${this.#x(step)} y=${HEIGHT - 10} text-anchor=${step === steps ? "end" : "middle"}>${step === steps ? `${step} steps` : step}</text>`,
        )}
        <line
          class="reference"
          x1=${LEFT}
          x2=${WIDTH - 10}
          y1=${this.#y(reference.loss)}
          y2=${this.#y(reference.loss)}
        />
        <text x=${WIDTH - 12} y=${this.#y(reference.loss) - 5} text-anchor="end">${reference.name}</text>
        ${curves.map((curve) => this.#curve(curve))}
      </svg>
      <details>
        <summary>numbers</summary>
        ${this.#table()}
      </details>
    `;
  }

  #tick(loss: number): SVGTemplateResult {
    const y = this.#y(loss);
    return svg`<line class="axis" x1=${LEFT} x2=${WIDTH - 10} y1=${y} y2=${y} />
      <text x=${LEFT - 8} y=${y + 4} text-anchor="end">${loss}</text>`;
  }

  #curve({ points, color, dash }: LossCurve): SVGTemplateResult {
    const finite = points.filter(({ loss }) => Number.isFinite(loss));
    const path = finite.map(({ step, loss }) => `${this.#x(step)},${this.#y(loss)}`).join(" ");
    return svg`<polyline points=${path} stroke=${`var(${color})`} stroke-dasharray=${dash} />`;
  }

  #table(): TemplateResult {
    const steps = [...new Set(this.curves.flatMap(({ points }) => points.map(({ step }) => step)))].toSorted(
      (a, b) => a - b,
    );
    const cell = ({ points }: LossCurve, step: number): string => {
      const point = points.find((one) => one.step === step);
      return point === undefined ? "–" : short(point.loss);
    };
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Held-out losses">
      <table>
        <thead>
          <tr>
            <th>step</th>
            ${this.curves.map(({ name }) => html`<th>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${steps.map(
            (step) =>
              html`<tr>
                <td>${step}</td>
                ${this.curves.map((curve) => html`<td class="number">${cell(curve, step)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

customElements.define("mg-loss-chart", LossChart);
