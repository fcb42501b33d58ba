/**
 * Break it: one line of src/microgpt.ts is changed, the visitor predicts what happens, then both cores train side by side
 * in workers. The result, the verdict and its explanation come from what was measured.
 */
import { html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
// oxlint-disable-next-line import/default -- vite makes the text of a file its default export
import source from "../../../src/microgpt.ts?raw";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import type { ChartSeries } from "../../widgets/chart-data.ts";
import "../../widgets/line-chart.ts";
import { short } from "../../widgets/numbers.ts";
import { breakStyle } from "./break-style.ts";
import { NUM_STEPS } from "./trial.ts";
import type { Outcome } from "./trial.ts";
import { SEEDS, Trials } from "./trials.ts";
import { differenceOf, variantOf, VARIANTS } from "./variants.ts";
import type { Variant, VariantName } from "./variants.ts";
import { finalLoss, LIMITS, observations, verdictOf, VERDICTS } from "./verdict.ts";
import type { Comparison, Verdict } from "./verdict.ts";

/** The page. */
export class BreakPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    predictions: { state: true },
  };
  static override styles: CSSResult[] = [shared, breakStyle];
  declare app: App;
  /** The name of a variant. */
  declare rest: string;
  declare parameters: URLSearchParams;
  /** What the visitor predicted, by variant. */
  declare predictions: ReadonlyMap<VariantName, Verdict>;
  readonly #trials = new Trials();
  readonly #announced = new Set<VariantName>();

  constructor() {
    super();
    [this.rest, this.predictions] = ["", new Map()];
    this.#trials.addEventListener("change", () => this.#changed());
  }

  get #variant(): Variant {
    return variantOf(this.rest);
  }

  #changed(): void {
    this.requestUpdate();
    const variant = this.#variant;
    const comparison = this.#comparison(variant);
    if (comparison === null || this.#announced.has(variant.name)) return;
    this.#announced.add(variant.name);
    this.app.announce(`${variant.title}: ${verdictOf(comparison)}.`);
  }

  /** null until all three trials have ended. */
  #comparison({ name }: Variant): Comparison | null {
    const outcomeOf = (variant: VariantName | null, seed: number): Outcome | null =>
      this.#trials.get({ variant, seed })?.outcome ?? null;
    const intact = outcomeOf(null, SEEDS.both);
    const broken = outcomeOf(name, SEEDS.both);
    const other = outcomeOf(null, SEEDS.other);
    return intact === null || broken === null || other === null ? null : { intact, broken, other };
  }

  #start(): void {
    this.#trials.start({ variant: this.#variant.name, seed: SEEDS.both });
    this.#trials.start({ variant: null, seed: SEEDS.both });
    this.#trials.start({ variant: null, seed: SEEDS.other });
  }

  override render(): TemplateResult {
    const variant = this.#variant;
    return html`
      <h1>Break it</h1>
      <p>
        Each of these changes one line of the algorithm. Predict what happens to the loss on held-out names, then train
        both, the intact core and the broken one, for ${NUM_STEPS} steps in this page.
      </p>
      <nav class="row" aria-label="What to break">
        ${VARIANTS.map(
          ({ name, title }) =>
            html`<a href=${`#/break/${name}`} aria-current=${name === variant.name ? "true" : "false"}>${title}</a>`,
        )}
      </nav>
      <section class="card">
        <h2>${variant.title}</h2>
        <p>${variant.about}</p>
        ${difference(variant)} ${this.#prediction(variant)}
      </section>
      ${this.#result(variant)}
    `;
  }

  #prediction({ name }: Variant): TemplateResult {
    const predicted = this.predictions.get(name);
    const hasStarted = this.#trials.get({ variant: name, seed: SEEDS.both }) !== null;
    return html`<form class="predict" @submit=${(event: SubmitEvent) => this.#submit(event)}>
      <fieldset ?disabled=${hasStarted}>
        <legend>Its held-out loss, beside the intact core’s, will be …</legend>
        ${VERDICTS.map(
          (verdict) =>
            html`<label
              ><input
                type="radio"
                name="verdict"
                .checked=${verdict === predicted}
                @change=${() => (this.predictions = new Map(this.predictions).set(name, verdict))}
              />
              ${verdict}</label
            >`,
        )}
      </fieldset>
      <button class="primary" ?disabled=${predicted === undefined || hasStarted}>Train both</button>
      <span class="small muted">${predicted === undefined ? "Predict first." : ""}</span>
    </form>`;
  }

  #submit(event: SubmitEvent): void {
    event.preventDefault();
    this.#start();
  }

  #result(variant: Variant): TemplateResult | typeof nothing {
    const trial = this.#trials.get({ variant: variant.name, seed: SEEDS.both });
    if (this.#trials.failure !== null) return html`<p role="status">${this.#trials.failure}</p>`;
    if (trial === null) return nothing;
    const comparison = this.#comparison(variant);
    return html`<div class="grid">
      <section class="card">
        <h2>Held-out loss</h2>
        <mg-line-chart
          label="Held-out loss"
          yLabel="nats per token"
          logY
          .series=${this.#series(variant)}
          .lines=${[{ label: "guessing blindly, ln 27", y: LIMITS.blind }]}
          .xRange=${[0, NUM_STEPS]}
        ></mg-line-chart>
        <p class="small muted">Forty names that no training sees, each core measured by its own rules.</p>
      </section>
      <section class="card" aria-live="off">
        ${comparison === null ? this.#waiting(variant) : this.#revealed(variant, comparison)}
      </section>
    </div>`;
  }

  #series({ name, title }: Variant): ChartSeries[] {
    const curve = (label: string, variant: VariantName | null, seed: number): ChartSeries => {
      const points = this.#trials.get({ variant, seed })?.points ?? [];
      return { label, xs: points.map(({ step }) => step), ys: points.map(({ loss }) => loss) };
    };
    return [
      curve("intact", null, SEEDS.both),
      curve(title, name, SEEDS.both),
      curve("intact, other first weights", null, SEEDS.other),
    ];
  }

  #waiting({ name }: Variant): TemplateResult {
    const steps = this.#trials.get({ variant: name, seed: SEEDS.both })?.points.at(-1)?.step ?? 0;
    return html`<h2>Training …</h2>
      <label class="small"
        >${steps} of ${NUM_STEPS} steps <progress max=${NUM_STEPS} .value=${steps}></progress
      ></label>`;
  }

  #revealed(variant: Variant, comparison: Comparison): TemplateResult {
    const verdict = verdictOf(comparison);
    const predicted = this.predictions.get(variant.name);
    const said =
      predicted === verdict ? "As you predicted." : predicted === undefined ? "" : `You predicted: ${predicted}.`;
    return html`
      <h2>Observed: ${verdict}</h2>
      <p><strong>${said}</strong></p>
      ${observations(variant, comparison).map((sentence) => html`<p>${sentence}</p>`)} ${outcomes(variant, comparison)}
    `;
  }
}

function difference(variant: Variant): TemplateResult {
  return html`<div class="scroll diff" tabindex="0" role="region" aria-label="The difference in src/microgpt.ts">
    <table class="mono">
      <tbody>
        ${differenceOf(source, variant, 2).map(
          ({ mark, line, text }) =>
            html`<tr class=${mark === "+" ? "added" : mark === "−" ? "removed" : ""}>
              <td class="number muted">${line ?? ""}</td>
              <td>${mark}</td>
              <td><code>${text}</code></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

function outcomes({ title }: Variant, { intact, broken }: Comparison): TemplateResult {
  const row = (name: string, outcome: Outcome): TemplateResult =>
    html`<tr>
      <th scope="row">${name}</th>
      <td class="number">${short(finalLoss(outcome))}</td>
      <td class="number">${short(outcome.honest)}</td>
      <td>
        ${outcome.samples === null ? "–" : outcome.samples.map((text) => (text === "" ? "(empty)" : text)).join(", ")}
      </td>
    </tr>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Both models">
    <table>
      <thead>
        <tr>
          <td></td>
          <th>held-out loss</th>
          <th>by the intact core</th>
          <th>what it writes</th>
        </tr>
      </thead>
      <tbody>
        ${row("intact", intact)} ${row(title, broken)}
      </tbody>
    </table>
  </div>`;
}

customElements.define("mg-break-page", BreakPage);
