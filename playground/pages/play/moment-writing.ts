/** What the model wrote, and which tokens it expected, at the moment that the time line shows. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { NextToken } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Sample } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import "../../widgets/sample-list.ts";

const [SAMPLES, NEXT_TOKENS] = [12, 8];

interface Writing {
  readonly samples: readonly Sample[];
  /** The likeliest tokens after the prefix. */
  readonly next: readonly NextToken[];
}

/** `<mg-moment-writing .run .at .isFollowing>` */
export class MomentWriting extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    isFollowing: { attribute: false },
    prefix: { state: true },
    temperature: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .next {
        display: grid;
        gap: 2px 8px;
        grid-template-columns: auto 1fr auto;
        align-items: center;
        font-variant-numeric: tabular-nums;
        font-size: 14px;
      }
      .bar {
        height: 10px;
        background: var(--accent);
        border-radius: 3px;
        min-width: 1px;
      }
      .two {
        display: grid;
        gap: var(--gap);
        grid-template-columns: minmax(0, 2fr) minmax(180px, 1fr);
        margin-top: 10px;
      }
      @media (max-width: 700px) {
        .two {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  declare isFollowing: boolean;
  declare prefix: string;
  declare temperature: number;
  readonly #live = new LiveAnswer<Writing>(this, {
    subject: () => (this.at === null ? null : JSON.stringify([this.prefix, this.temperature])),
    ask: (run, at) => this.#ask(run, at),
  });

  constructor() {
    super();
    [this.at, this.isFollowing, this.prefix, this.temperature] = [null, false, "", 0.5];
  }

  override render(): TemplateResult {
    const { samples, next } = this.#live.value ?? { samples: [], next: [] };
    return html`
      <div class="row">
        <label class="field"
          >Begin with
          <input .value=${this.prefix} autocomplete="off" @input=${(event: InputEvent) => this.#setPrefix(event)} />
        </label>
        <label class="field"
          >Temperature ${this.temperature.toFixed(1)}
          <input
            type="range"
            min="0"
            max="2"
            step="0.1"
            .value=${String(this.temperature)}
            @input=${(event: InputEvent) => this.#setTemperature(event)}
          />
        </label>
      </div>
      ${this.#live.problem === null ? nothing : html`<p role="alert">${this.#live.problem}</p>`}
      <div class="two">
        <section>
          <h3>What it writes</h3>
          <mg-sample-list .samples=${samples}></mg-sample-list>
          <p class="small"><a href="#/inside">Why these letters?</a></p>
        </section>
        <section>
          <h3>What it expects ${this.prefix === "" ? "first" : `after “${this.prefix}”`}</h3>
          <div class="next">
            ${next.map(
              ({ token, probability }) =>
                html`<code>${token === "<bos>" ? "end" : JSON.stringify(token)}</code>
                  <span class="bar" style="width:${(100 * probability).toFixed(1)}%"></span>
                  <span>${(100 * probability).toFixed(1)} %</span>`,
            )}
          </div>
        </section>
      </div>
    `;
  }

  #setPrefix({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.prefix = target.value;
  }

  #setTemperature({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.temperature = Number(target.value);
  }

  async #ask(run: RunClient, at: At): Promise<Writing> {
    const { prefix, temperature } = this;
    const samples = await run.call("samples", { at, count: SAMPLES, prefix, temperature, topK: null, seed: 42 });
    return { samples, next: await run.call("nextTokens", { at, prefix, count: NEXT_TOKENS }) };
  }
}

customElements.define("mg-moment-writing", MomentWriting);
