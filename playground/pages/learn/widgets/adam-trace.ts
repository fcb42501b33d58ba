/** Chapter 9: one weight through a real training: its gradients, Adam's two means, and the path that plain descent takes. */
import { html } from "lit";
import type { PropertyDeclarations, TemplateResult } from "lit";
import type { WeightTrace } from "../model/trace.ts";
import type { Traces } from "../protocol.ts";
import { failed, LessonWidget, numberOf } from "./lesson-widget.ts";
import { short } from "../../../widgets/numbers.ts";
import "../../../widgets/line-chart.ts";
import "./training-progress.ts";

/** The chart and the numbers of one step. */
export class AdamTrace extends LessonWidget {
  static override properties: PropertyDeclarations = {
    ...LessonWidget.properties,
    traces: { state: true },
    failure: { state: true },
    weight: { state: true },
    step: { state: true },
  };
  declare traces: Traces | null;
  declare failure: string | null;
  declare weight: number;
  /** From 0. */
  declare step: number;

  constructor() {
    super();
    this.traces = null;
    this.failure = null;
    this.weight = 0;
    this.step = 0;
  }

  protected override firstUpdated(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.traces = await this.learner.call("traces");
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  override render(): TemplateResult {
    if (this.failure !== null) return failed(this.failure);
    if (this.traces === null) return html`<mg-training-progress .learner=${this.learner}></mg-training-progress>`;
    const { adam, descent } = this.traces;
    const [trace, plain] = [adam[this.weight], descent[this.weight]];
    return html`
      <div class="row">
        <label class="field"
          >weight
          <select @change=${(event: Event) => (this.weight = numberOf(event))}>
            ${adam.map(({ label }, i) => html`<option value=${i} ?selected=${i === this.weight}>${label}</option>`)}
          </select></label
        >
        <label class="field" style="flex: 1 1 240px"
          >step ${this.step + 1}
          <input
            type="range"
            min="0"
            max=${trace.values.length - 1}
            .value=${String(this.step)}
            @input=${(event: Event) => (this.step = numberOf(event))}
        /></label>
      </div>
      ${this.#numbers(trace, plain)}
      <h3>Gradient g, its running mean m, and √v, the root of the running mean of its squares</h3>
      <mg-line-chart
        label="Gradient g, its running mean m, and √v"
        height="220"
        .marker=${this.step + 1}
        .series=${[
          { label: "g", xs: null, ys: trace.gradients, color: 7 },
          { label: "m", xs: null, ys: trace.means, color: 0 },
          { label: "√v", xs: null, ys: trace.meanSquares.map(Math.sqrt), color: 1 },
        ]}
      ></mg-line-chart>
      <h3>The weight itself</h3>
      <mg-line-chart
        label="The weight itself"
        height="220"
        .marker=${this.step + 1}
        .series=${[
          { label: "under Adam", xs: null, ys: trace.values },
          { label: "under plain gradient descent", xs: null, ys: plain.values },
        ]}
      ></mg-line-chart>
    `;
  }

  /** The numbers of the step, as `update` of the core has them. */
  #numbers(trace: WeightTrace, plain: WeightTrace): TemplateResult {
    const { step } = this;
    const mHat = trace.means[step] / (1 - 0.85 ** (step + 1));
    const vHat = trace.meanSquares[step] / (1 - 0.99 ** (step + 1));
    const ratio = mHat / (Math.sqrt(vHat) + 1e-8);
    const decay = 1 - step / trace.values.length;
    const rows: readonly (readonly [string, number])[] = [
      ["g, this step's gradient", trace.gradients[step]],
      ["m, mean of the gradients", trace.means[step]],
      ["v, mean of their squares", trace.meanSquares[step]],
      ["m̂, m without its start at 0", mHat],
      ["v̂, v without its start at 0", vHat],
      ["m̂ / √v̂", ratio],
      ["Adam moves the weight by", -0.01 * decay * ratio],
      ["Plain descent, on its own path, moves it by", -0.3 * decay * plain.gradients[step]],
    ];
    return html`<table>
      <caption class="visually-hidden">
        The numbers of step ${step + 1}
      </caption>
      <tbody>
        ${rows.map(
          ([name, value]) =>
            html`<tr>
              <td>${name}</td>
              <td class="number">${short(value)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }
}

customElements.define("mg-adam-trace", AdamTrace);
