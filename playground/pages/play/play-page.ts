/**
 * Play: train a model and watch it. Composes the form, what the run brings (`training-view.ts`, loaded with the first one)
 * and what a visitor takes along, around the shared run.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import type { RunFiles } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import { RunKeeper } from "../../storage/run-keeper.ts";
import type { LoadedRun } from "../../storage/run-store.ts";
import { fetchServedRun, servedRunOf } from "../../storage/served-run.ts";
import { linkedOptions, readLink } from "../../shell/link.ts";
import { sentenceOf, withFieldNames } from "../../run/sentence.ts";
import { BUNDLED_NAMES } from "../../texts/bundled.ts";
import { choiceOf, PRESETS } from "./presets.ts";
import "./before-after.ts";
import "./keep-run.ts";
import type { KeepRun } from "./keep-run.ts";
import "./setup-form.ts";
import type { SetupForm } from "./setup-form.ts";
import { hashOf } from "./training-link.ts";
import type { Trained } from "./training-link.ts";
import type { TrainingView } from "./training-view.ts";
import { whole } from "../../widgets/numbers.ts";

/** The page. */
export class PlayPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    problem: { state: true },
    earlier: { state: true },
    ignored: { state: true },
    isViewLoaded: { state: true },
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
      mg-training-view {
        margin-bottom: var(--gap);
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
  /** Whether `mg-training-view` is defined. */
  declare isViewLoaded: boolean;
  #keeper: RunKeeper | null = null;
  #arrived: string | null = null;
  /** What this page asked for last. */
  #asked: Trained | null = null;
  #removeKeys: (() => void) | null = null;
  readonly #redraw = (): void => this.#changed();

  constructor() {
    super();
    this.problem = null;
    this.earlier = null;
    this.ignored = [];
    this.isViewLoaded = false;
    // Without this, the browser would open a dropped file instead of the page.
    this.addEventListener("dragover", (event) => event.preventDefault());
    this.addEventListener("drop", (event) => this.#drop(event));
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
      { key: "n", label: "N", does: "train a new model", run: () => void this.#trainInView() },
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
      ${this.ignored.map((sentence) => html`<p class="small">The link: ${withFieldNames(sentence)}</p>`)}
      ${this.#offer()}
      <div class="top">
        <section class="card">
          <h2>Trained earlier, on names</h2>
          <mg-before-after .run=${run}></mg-before-after>
        </section>
        <section class="card">
          <h2>Train your own</h2>
          <mg-setup-form @train=${() => void this.#trainInView()}></mg-setup-form>
          ${this.problem === null ? nothing : html`<p role="alert">${this.problem}</p>`}
        </section>
      </div>
      ${header === null || !this.isViewLoaded ? nothing : html`<mg-training-view .run=${run}></mg-training-view>`}
      <section class="card">
        <h2>Keep or share it</h2>
        <mg-keep-run
          .run=${run}
          .keeper=${this.#keeper}
          .hasOwnText=${this.#trained?.choice === "own"}
          .linkOf=${(withText: boolean) => this.#linkOf(withText)}
        ></mg-keep-run>
      </section>
    `;
  }

  /** Offers to continue what an earlier visit left. */
  #offer(): TemplateResult | typeof nothing {
    const { earlier } = this;
    if (earlier === null || this.app.run.header !== null) return nothing;
    const { step, numSteps } = earlier.run;
    return html`<section class="card row">
      <span>Your last training here is at step ${whole(step)} of ${whole(numSteps)}.</span>
      <button @click=${() => void this.#try(() => this.#continue(earlier))}>
        ${step < numSteps ? "Continue it" : "Open it"}
      </button>
      <button @click=${() => void this.#forget()}>Discard it</button>
    </section>`;
  }

  get #form(): SetupForm | null {
    return this.renderRoot.querySelector<SetupForm>("mg-setup-form");
  }

  get #controls(): TrainingView["controls"] {
    return this.renderRoot.querySelector<TrainingView>("mg-training-view")?.controls ?? null;
  }

  #changed(): void {
    this.requestUpdate();
    const { state, step, evaluations } = this.app.run;
    const last = evaluations.at(-1);
    const loss = last === undefined ? "" : `; held-out loss ${last.heldOutLoss.toFixed(3)}`;
    if (state === "done") this.app.announce(`Training done after ${step} steps${loss}.`);
    if (state === "failed") this.app.announce(`Training failed at step ${step}.`);
  }

  override updated(changed: PropertyValues): void {
    if (changed.has("app")) this.app.run.warmUp();
    if (changed.has("parameters")) void this.#arrive();
    // Also of a run that another page has opened.
    if (this.app.run.header !== null && !this.isViewLoaded) void this.#try(() => this.#loadView());
  }

  async #loadView(): Promise<void> {
    await import("./training-view.ts");
    this.isViewLoaded = true;
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
    const lacksText = choice === "own" && link.text === null;
    if (lacksText) this.ignored = [...ignored, "it has its sender’s options, but not the text: paste that below."];
    this.#form?.show(choice, linkedOptions(link, PRESETS), link.text ?? "");
    if (!lacksText) await this.#train();
  }

  /** A run that is dropped anywhere on the page continues here. */
  #drop(event: DragEvent): void {
    event.preventDefault();
    const file = event.dataTransfer?.files.item(0);
    if (file === null || file === undefined) return;
    void this.renderRoot.querySelector<KeepRun>("mg-keep-run")?.openZip(file);
  }

  async #openRun(files: RunFiles): Promise<void> {
    await this.app.run.openFiles({ files, bundled: BUNDLED_NAMES });
  }

  async #continue({ files }: LoadedRun): Promise<void> {
    await this.#openRun(files);
    if (this.app.run.state === "ready") await this.app.run.call("play");
  }

  async #forget(): Promise<void> {
    this.earlier = null;
    await this.#keeper?.forget();
  }

  /** The address that trains what is trained now. */
  #linkOf(withText: boolean): string {
    const trained = this.#trained;
    if (trained === null) throw new Error("A run from a file has no link; download it instead.");
    return `${location.href.split("#")[0]}${hashOf(trained, withText)}`;
  }

  /** What the present run was trained on, which another page may have asked for; null for a run from files. */
  get #trained(): Trained | null {
    const { request } = this.app.run;
    if (request === null || request === this.#asked?.request) return request === null ? null : this.#asked;
    return { choice: request.texts[0] === BUNDLED_NAMES ? "names" : "own", request };
  }

  /** Does something that may fail, and shows why. */
  async #try(work: () => Promise<void>): Promise<void> {
    this.problem = null;
    try {
      await work();
    } catch (error) {
      this.problem = sentenceOf(error);
    }
  }

  /** Trains at the visitor's wish, who sees the form: on a phone, the training is far below it. */
  async #trainInView(): Promise<void> {
    await this.#train();
    if (this.problem !== null || this.app.run.header === null) return;
    await this.#loadView();
    await this.updateComplete;
    await this.renderRoot.querySelector<TrainingView>("mg-training-view")?.comeIntoView();
  }

  /** Opens what the form describes, and plays it. */
  async #train(): Promise<void> {
    const form = this.#form;
    if (form === null) return;
    await this.#try(async () => {
      this.#asked = { choice: form.choice, request: await form.request() };
      await this.app.run.open(this.#asked.request);
      await this.app.run.call("play");
    });
    // The option that was refused may be among those that are folded away.
    if (this.problem !== null) form.showAllOptions();
  }
}

customElements.define("mg-play-page", PlayPage);
