/**
 * Look inside: attention, the reasons for a token, heads switched off, embeddings and matrices of the shared run, at any
 * kept step. Each part asks the worker by itself, and only while it is on the screen (`live-answer.ts`).
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { HeadName } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { At } from "../../run/protocol.ts";
import type { App, PageElement } from "../../shell/app.ts";
import type { ControlBar } from "../../widgets/control-bar.ts";
import "../../widgets/control-bar.ts";
import "./embedding-map.ts";
import "./head-switches.ts";
import type { HeadSwitches } from "./head-switches.ts";
import "./matrix-view.ts";
import "./own-text.ts";
import "./step-choice.ts";

/** Two layers of four heads: small enough to train in seconds, large enough that the heads differ. */
const DEFAULT_OPTIONS = { numSteps: 1000, nLayer: 2, nEmbd: 32 };

/** The page. */
export class InsidePage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    chosen: { state: true },
    isOpening: { state: true },
    problem: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      section,
      mg-own-text {
        display: grid;
        gap: 8px;
        margin-top: var(--gap);
      }
      section > *,
      mg-own-text {
        min-width: 0;
      }
    `,
  ];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  /** The step that the visitor chose; null: the present one. */
  declare chosen: At;
  declare isOpening: boolean;
  declare problem: string | null;
  readonly #changed = (): void => {
    this.requestUpdate();
    this.renderRoot.querySelector<ControlBar>("mg-control-bar")?.requestUpdate();
  };

  constructor() {
    super();
    [this.chosen, this.isOpening, this.problem] = [null, false, null];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.app.run.addEventListener("change", this.#changed);
    this.app.run.warmUp();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.app.run.removeEventListener("change", this.#changed);
  }

  override render(): TemplateResult {
    return html`
      <h1>Look inside</h1>
      <p>What a model does with a text, and what it is made of, while it trains or at any step that was kept.</p>
      ${this.app.run.header === null ? this.#offer() : this.#parts()}
      ${this.problem === null ? nothing : html`<p role="alert">${this.problem}</p>`}
    `;
  }

  #offer(): TemplateResult {
    return html`<section class="card">
      <h2>It needs a model that was trained in this page</h2>
      <p>
        The one of the Play page came with it. Train one on 8,403 first names: 1,000 steps, two layers of four heads. It
        takes some seconds, and you can look inside while it learns. Or train your own on the
        <a href="#/play">Play</a> page.
      </p>
      <div class="row">
        <button class="primary" ?disabled=${this.isOpening} @click=${() => void this.#train()}>
          ${this.isOpening ? "Preparing…" : "Train a small model"}
        </button>
      </div>
    </section>`;
  }

  #parts(): TemplateResult {
    const { run } = this.app;
    // A step of an earlier run may be gone.
    const at = this.chosen !== null && run.snapshots.includes(this.chosen) ? this.chosen : null;
    return html`
      <section class="card" aria-label="Training">
        <mg-control-bar .run=${run}></mg-control-bar>
        <mg-step-choice
          .snapshots=${run.snapshots}
          .at=${at}
          .state=${run.state}
          @at=${({ detail }: CustomEvent<At>) => (this.chosen = detail)}
        ></mg-step-choice>
      </section>
      <mg-own-text
        .run=${run}
        .at=${at}
        @switchoff=${({ detail }: CustomEvent<HeadName>) => this.#switches?.switchOff(detail)}
      ></mg-own-text>
      <section class="card">
        <h2>Switch heads off</h2>
        <mg-head-switches .run=${run} .at=${at}></mg-head-switches>
      </section>
      <section class="card">
        <h2>Embeddings in two dimensions</h2>
        <mg-embedding-map .run=${run} .at=${at}></mg-embedding-map>
      </section>
      <section class="card">
        <h2>Weights, gradients, updates</h2>
        <mg-matrix-view .run=${run} .at=${at}></mg-matrix-view>
      </section>
    `;
  }

  get #switches(): HeadSwitches | null {
    return this.renderRoot.querySelector<HeadSwitches>("mg-head-switches");
  }

  async #train(): Promise<void> {
    const { run } = this.app;
    [this.isOpening, this.problem] = [true, null];
    try {
      const { BUNDLED_NAMES } = await import("../../texts/bundled.ts");
      await run.open({ texts: [BUNDLED_NAMES], options: DEFAULT_OPTIONS });
      await run.call("play");
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this.isOpening = false;
  }
}

customElements.define("mg-inside-page", InsidePage);
