/**
 * A training, while it runs and afterwards: controls, loss curve, time line. The page loads it with the first training, so
 * that the page itself stays small.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import "../../widgets/control-bar.ts";
import type { ControlBar } from "../../widgets/control-bar.ts";
import "../../widgets/line-chart.ts";
import { showElement } from "../../widgets/show-element.ts";
import { lossCurve } from "./loss-curve.ts";
import "./time-line.ts";
import type { TimeLine } from "./time-line.ts";

/** `<mg-training-view .run>`; draws itself again when the run changes. */
export class TrainingView extends LitElement {
  static override properties: PropertyDeclarations = { run: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      .card + .card {
        margin-top: var(--gap);
      }
    `,
  ];
  declare run: RunClient;
  readonly #changed = (): void => {
    this.requestUpdate();
    this.controls?.requestUpdate();
    this.#timeLine?.requestUpdate();
  };

  override connectedCallback(): void {
    super.connectedCallback();
    this.run.addEventListener("change", this.#changed);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.run.removeEventListener("change", this.#changed);
  }

  /** For the keys of the page; null before the first drawing. */
  get controls(): ControlBar | null {
    return this.renderRoot.querySelector<ControlBar>("mg-control-bar");
  }

  /** Shows the controls and the curve, where they are not on the screen. */
  async comeIntoView(): Promise<void> {
    await this.updateComplete;
    const section = this.renderRoot.querySelector("section");
    if (section !== null) showElement(section, "nearest");
  }

  get #timeLine(): TimeLine | null {
    return this.renderRoot.querySelector<TimeLine>("mg-time-line");
  }

  override render(): TemplateResult {
    const { run } = this;
    return html`
      <section class="card" aria-label="Training">
        <mg-control-bar .run=${run}></mg-control-bar>
        ${lossCurve(run, this.#timeLine?.at ?? null)}
      </section>
      <section class="card">
        <mg-time-line .run=${run} @seek=${() => this.requestUpdate()}></mg-time-line>
      </section>
    `;
  }
}

customElements.define("mg-training-view", TrainingView);
