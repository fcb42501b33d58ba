/**
 * Play: train a model and watch it. Composes the form, the controls, the loss curve and the time line around the shared
 * run, and redraws them when the run changes, at most 20 times per second.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import type { ChartSeries } from "../../widgets/chart-data.ts";
import "./before-after.ts";
import "./control-bar.ts";
import type { ControlBar } from "./control-bar.ts";
import { baselinesOf, verdictOf } from "./milestones.ts";
import "./setup-form.ts";
import type { SetupForm } from "./setup-form.ts";
import "./time-line.ts";
import type { TimeLine } from "./time-line.ts";

/** The page. */
export class PlayPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    problem: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .top {
        display: grid;
        gap: var(--gap);
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
        margin: 14px 0 var(--gap);
      }
      .card + .card {
        margin-top: var(--gap);
      }
      .top > .card {
        margin: 0;
      }
      .verdict {
        font-variant-numeric: tabular-nums;
      }
    `,
  ];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  declare problem: string | null;
  #removeKeys: (() => void) | null = null;
  readonly #redraw = (): void => this.#changed();

  constructor() {
    super();
    this.problem = null;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { run } = this.app;
    run.addEventListener("change", this.#redraw);
    this.#removeKeys = this.app.addShortcuts([
      { key: " ", label: "Space", does: "play or pause", run: () => this.#controls?.playOrPause() },
      { key: "ArrowRight", label: "→", does: "one step forward", run: () => this.#controls?.call("stepForward") },
      { key: "ArrowLeft", label: "←", does: "one step back", run: () => this.#controls?.call("stepBack") },
      { key: "n", label: "N", does: "train a new model", run: () => void this.#train() },
    ]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.app.run.removeEventListener("change", this.#redraw);
    this.#removeKeys?.();
  }

  override render(): TemplateResult {
    const { run } = this.app;
    const { header } = run;
    return html`
      <h1>A GPT that trains before your eyes</h1>
      <p>
        Everything on this page is computed here, in your browser, by the same code as the command’s. Nothing you enter
        leaves your machine.
      </p>
      <div class="top">
        <section class="card">
          <h2>Trained earlier, on names</h2>
          <mg-before-after .run=${run}></mg-before-after>
        </section>
        <section class="card">
          <h2>Train your own</h2>
          <mg-setup-form @train=${() => void this.#train()}></mg-setup-form>
          ${this.problem === null ? nothing : html`<p role="alert">${this.problem}</p>`}
        </section>
      </div>
      ${header === null ? nothing : this.#training()}
    `;
  }

  #training(): TemplateResult {
    const { run } = this.app;
    const { header, evaluations, warnings } = run;
    if (header === null) return html``;
    const baselines = baselinesOf(header);
    const { parameters, trainDocuments, heldOutDocuments, config, oneThread } = header;
    return html`
      <section class="card" aria-label="Training">
        <mg-control-bar .run=${run}></mg-control-bar>
        <p class="small muted">
          ${parameters.toLocaleString("en")} weights, ${config.vocabSize.toLocaleString("en")} tokens,
          ${trainDocuments.toLocaleString("en")} documents to train on, ${heldOutDocuments.toLocaleString("en")} held
          out.${oneThread === null ? "" : ` ${capitalized(oneThread)}.`}
        </p>
        ${warnings.map((warning) => html`<p class="small">${warning}</p>`)}
        <mg-line-chart
          label="Loss"
          xLabel="step"
          yLabel="nats per token"
          .series=${this.#series()}
          .lines=${baselines.map(({ label, loss }) => ({ label, y: loss }))}
          .marker=${this.#timeLine?.shownStep ?? null}
          .xRange=${[0, header.options.numSteps]}
        ></mg-line-chart>
        <p class="verdict">${verdictOf(baselines, evaluations)}</p>
      </section>
      <section class="card">
        <mg-time-line .run=${run} @seek=${() => this.requestUpdate()}></mg-time-line>
      </section>
    `;
  }

  #series(): readonly ChartSeries[] {
    const { curve, evaluations } = this.app.run;
    return [
      { label: "training", xs: null, ys: curve.losses },
      {
        label: "held out",
        xs: evaluations.map(({ step }) => step),
        ys: evaluations.map(({ heldOutLoss }) => heldOutLoss),
      },
    ];
  }

  get #controls(): ControlBar | null {
    return this.renderRoot.querySelector<ControlBar>("mg-control-bar");
  }

  get #timeLine(): TimeLine | null {
    return this.renderRoot.querySelector<TimeLine>("mg-time-line");
  }

  #changed(): void {
    this.requestUpdate();
    this.#controls?.requestUpdate();
    this.#timeLine?.refresh();
    const { state, step, evaluations } = this.app.run;
    const loss = evaluations.at(-1)?.heldOutLoss.toFixed(3);
    if (state === "done")
      this.app.announce(`Training done after ${step} steps; held-out loss ${loss ?? "not measured"}.`);
    if (state === "failed") this.app.announce(`Training failed at step ${step}.`);
  }

  override updated(changed: PropertyValues): void {
    if (changed.has("app")) this.app.run.warmUp();
  }

  /** Opens what the form describes, and plays it. */
  async #train(): Promise<void> {
    const form = this.renderRoot.querySelector<SetupForm>("mg-setup-form");
    if (form === null) return;
    this.problem = null;
    try {
      // Loaded with the first training: the first page stays small.
      await import("../../widgets/line-chart.ts");
      await this.app.run.open(await form.request());
      await this.app.run.call("play");
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

customElements.define("mg-play-page", PlayPage);
