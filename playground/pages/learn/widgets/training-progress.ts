/** How far the lessons' worker is with a training: a bar and a sentence. */
import { html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../../design/shared.ts";
import type { Learner } from "../learner.ts";

/** Shown while a widget waits for a model. */
export class TrainingProgress extends LitElement {
  static override properties: PropertyDeclarations = { learner: { attribute: false } };
  static override styles: CSSResult[] = [shared];
  declare learner: Learner | null;
  readonly #draw = (): void => this.requestUpdate();
  #heard: Learner | null = null;

  constructor() {
    super();
    this.learner = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#heard?.removeEventListener("progress", this.#draw);
    this.#heard = null;
  }

  override render(): TemplateResult {
    this.#hear();
    const report = this.learner?.report;
    const { step = 0, steps = 1 } = report ?? {};
    const words = report ? `Training in this page: step ${step} of ${steps}.` : "Training in this page …";
    return html`<p class="muted small">
      ${words} <progress aria-label="training" max=${steps} .value=${step}></progress>
    </p>`;
  }

  #hear(): void {
    if (this.#heard === this.learner) return;
    this.#heard?.removeEventListener("progress", this.#draw);
    this.learner?.addEventListener("progress", this.#draw);
    this.#heard = this.learner;
  }
}

customElements.define("mg-training-progress", TrainingProgress);
