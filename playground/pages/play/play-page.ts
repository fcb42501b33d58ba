/**
 * Play: train a model and watch it. Composes the form, the controls, the loss curve and the time line around the shared
 * run, and redraws them when the run changes, at most 20 times per second.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import type { RunFiles } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import type { ChartSeries } from "../../widgets/chart-data.ts";
import { RunKeeper } from "../../storage/run-keeper.ts";
import type { LoadedRun } from "../../storage/run-store.ts";
import { fetchServedRun, servedRunOf } from "../../storage/served-run.ts";
import { differences, linkedOptions, readLink, writeLink } from "../../shell/link.ts";
import { BUNDLED_NAMES } from "../../texts/bundled.ts";
import { choiceOf, PRESETS } from "./presets.ts";
import "./before-after.ts";
import "./control-bar.ts";
import type { ControlBar } from "./control-bar.ts";
import "./keep-run.ts";
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
    earlier: { state: true },
    ignored: { state: true },
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
  /** A training of an earlier visit, which the visitor may continue. */
  declare earlier: LoadedRun | null;
  /** What a link asked for in vain, a sentence each. */
  declare ignored: readonly string[];
  #keeper: RunKeeper | null = null;
  #arrived = "";
  #removeKeys: (() => void) | null = null;
  readonly #redraw = (): void => this.#changed();

  constructor() {
    super();
    this.problem = null;
    this.earlier = null;
    this.ignored = [];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { run } = this.app;
    this.#keeper ??= new RunKeeper(run, () => this.requestUpdate());
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
      ${this.ignored.map((sentence) => html`<p class="small">The link: ${sentence}</p>`)} ${this.#offer()}
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
      <section class="card">
        <h2>Take it with you</h2>
        <mg-keep-run
          .run=${run}
          .keeper=${this.#keeper}
          .hasOwnText=${this.#form?.choice === "own"}
          .linkOf=${(withText: boolean) => this.#linkOf(withText)}
        ></mg-keep-run>
      </section>
    `;
  }

  /** Offers to continue what an earlier visit left. */
  #offer(): TemplateResult | typeof nothing {
    const { earlier } = this;
    if (earlier === null || this.app.run.header !== null) return nothing;
    return html`<section class="card row">
      <span>Your last training here stopped at step ${earlier.run.step.toLocaleString("en")}.</span>
      <button @click=${() => void this.#try(() => this.#continue(earlier))}>Continue it</button>
      <button @click=${() => void this.#forget()}>Discard it</button>
    </section>`;
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

  get #form(): SetupForm | null {
    return this.renderRoot.querySelector<SetupForm>("mg-setup-form");
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
    if (changed.has("parameters")) void this.#arrive();
  }

  /** What the address asks for: a served run, a training, or nothing; then an earlier visit's run is offered. */
  async #arrive(): Promise<void> {
    const address = this.parameters.toString();
    if (address === this.#arrived) return;
    this.#arrived = address;
    const served = servedRunOf(this.parameters);
    if (served !== null) {
      await this.#try(async () => await this.#openRun((await fetchServedRun(served)).files));
    } else if (address !== "") await this.#follow();
    else this.earlier = (await this.#keeper?.loadLast()) ?? null;
  }

  /** Trains what a link holds. */
  async #follow(): Promise<void> {
    const { link, ignored } = readLink(this.parameters, PRESETS);
    this.ignored = ignored;
    const choice = link.text === null ? choiceOf(link.preset) : "own";
    this.#form?.show(choice, linkedOptions(link, PRESETS), link.text ?? "");
    if (choice !== "own" || link.text !== null) await this.#train();
  }

  async #openRun(files: RunFiles): Promise<void> {
    await import("../../widgets/line-chart.ts");
    await this.app.run.openFiles({ files, bundled: BUNDLED_NAMES });
  }

  async #continue({ files }: LoadedRun): Promise<void> {
    await this.#openRun(files);
    await this.app.run.call("play");
  }

  async #forget(): Promise<void> {
    this.earlier = null;
    await this.#keeper?.forget();
  }

  /** The address that trains what is trained now. */
  #linkOf(withText: boolean): string {
    const request = this.app.run.request;
    const preset = this.#form?.choice ?? "names";
    const options = differences(request?.options ?? {}, preset, PRESETS);
    const text = preset === "own" && withText ? (request?.texts.join("\n") ?? null) : null;
    const seed = request?.options.seed ?? SEED;
    const parameters = writeLink({ preset, options, seed, view: {}, text });
    return `${location.href.split("#")[0]}#/play?${parameters.toString()}`;
  }

  /** Does something that may fail, and shows why. */
  async #try(work: () => Promise<void>): Promise<void> {
    this.problem = null;
    try {
      await work();
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
  }

  /** Opens what the form describes, and plays it. */
  async #train(): Promise<void> {
    const form = this.#form;
    if (form === null) return;
    await this.#try(async () => {
      // Loaded with the first training: the first page stays small.
      await import("../../widgets/line-chart.ts");
      await this.app.run.open(await form.request());
      await this.app.run.call("play");
    });
  }
}

/** The default of `--seed`. */
const SEED = TRAIN_OPTIONS.seed.initial;

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

customElements.define("mg-play-page", PlayPage);
