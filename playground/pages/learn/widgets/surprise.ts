/** Chapter 3: a probability → its −log, on a slider. */
import { html } from "lit";
import type { PropertyDeclarations, TemplateResult } from "lit";
import { LessonWidget, numberOf, shown } from "./lesson-widget.ts";

const WIDTH = 600;
const HEIGHT = 220;
const LEFT = 34;
/** The vertical axis ends at −ln 0.01. */
const MAX_NATS = -Math.log(0.01);

const x = (probability: number): number => LEFT + (WIDTH - LEFT - 8) * probability;
const y = (nats: number): number => HEIGHT - 24 - ((HEIGHT - 34) * nats) / MAX_NATS;
const CURVE = Array.from({ length: 100 }, (_, i) => {
  const probability = (i + 1) / 100;
  return `${x(probability).toFixed(1)},${y(-Math.log(probability)).toFixed(1)}`;
}).join(" ");

/** The curve of −ln p with a movable point. */
export class Surprise extends LessonWidget {
  static override properties: PropertyDeclarations = { probability: { state: true } };
  declare probability: number;

  constructor() {
    super();
    this.probability = 0.25;
  }

  override render(): TemplateResult {
    const { probability } = this;
    const nats = -Math.log(probability);
    const words = `−ln ${shown(probability)} = ${shown(nats, 3)} nats, or ${shown(nats / Math.LN2, 3)} bits`;
    return html`
      <label class="field" style="display: flex"
        >The probability that the model gave to the letter that came
        <input
          type="range"
          min="0.01"
          max="1"
          step="0.01"
          .value=${String(probability)}
          aria-valuetext=${words}
          @input=${(event: Event) => (this.probability = numberOf(event))}
      /></label>
      <p class="readout"><b>${words}</b></p>
      <div class="scroll" tabindex="0" role="region" aria-label="The curve of minus log p">
        <svg
          style="min-width: 460px; max-width: 720px"
          viewBox="0 0 ${WIDTH} ${HEIGHT}"
          role="img"
          aria-label="The curve of minus log p. ${words}."
        >
          <line x1=${LEFT} x2=${WIDTH} y1=${y(0)} y2=${y(0)} stroke="var(--line)" />
          <line x1=${LEFT} x2=${LEFT} y1="4" y2=${y(0)} stroke="var(--line)" />
          <text x="4" y="14">4.6</text>
          <text x="14" y=${y(0)}>0</text>
          <text x=${LEFT} y=${HEIGHT - 6}>p = 0</text>
          <text x=${WIDTH - 8} y=${HEIGHT - 6} text-anchor="end">p = 1</text>
          <polyline points=${CURVE} fill="none" stroke="var(--series-1)" stroke-width="2" />
          <line x1=${x(1 / 27)} x2=${x(1 / 27)} y1="10" y2=${y(0)} stroke="var(--muted)" stroke-dasharray="3 3" />
          <text x=${x(1 / 27) + 5} y="18">blind: p = 1/27, 3.296 nats</text>
          <circle cx=${x(probability)} cy=${y(nats)} r="6" fill="var(--series-2)" />
        </svg>
      </div>
      <details>
        <summary>As a table</summary>
        <table>
          <thead>
            <tr>
              <th class="number">p</th>
              <th class="number">−ln p</th>
            </tr>
          </thead>
          <tbody>
            ${[1, 0.5, 0.25, 0.1, 1 / 27, 0.01].map(
              (p) =>
                html`<tr>
                  <td class="number">${shown(p, 3)}</td>
                  <td class="number">${shown(Math.abs(Math.log(p)), 3)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </details>
    `;
  }
}

customElements.define("mg-surprise", Surprise);
