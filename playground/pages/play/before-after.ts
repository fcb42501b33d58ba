/**
 * What a visitor sees first: names of a model that comes with the page, trained for 1,000 steps, beside those of the same
 * model before training; and a beginning to complete. Answers come from the model, not from a list.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { Sample } from "../../run/protocol.ts";
import { BUNDLED_NAMES } from "../../texts/bundled.ts";
import modelUrl from "../../texts/names.safetensors?url";
import "../../widgets/sample-list.ts";

const COUNT = 8;

/** `<mg-before-after .run>` */
export class BeforeAfter extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    samples: { state: true },
    prefix: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      input {
        width: 9em;
      }
    `,
  ];
  declare run: RunClient;
  declare samples: readonly Sample[];
  declare prefix: string;
  #model: Promise<Uint8Array> | null = null;
  #seed = 1;

  constructor() {
    super();
    this.samples = [];
    this.prefix = "";
  }

  override firstUpdated(): void {
    void this.#ask();
  }

  override render(): TemplateResult {
    return html`
      <form class="row" @submit=${(event: Event) => this.#submit(event)}>
        <label class="field"
          >A name that begins with
          <input
            .value=${this.prefix}
            maxlength="12"
            autocomplete="off"
            @input=${(event: InputEvent) => this.#setPrefix(event)}
          />
        </label>
        <button type="submit">Write ${COUNT} more</button>
      </form>
      <mg-sample-list .samples=${this.samples} label="Names that the trained model wrote"></mg-sample-list>
    `;
  }

  #setPrefix({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.prefix = target.value;
    void this.#ask();
  }

  #submit(event: Event): void {
    event.preventDefault();
    this.#seed += COUNT;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const { prefix } = this;
    const seed = this.#seed;
    this.#model ??= fetch(modelUrl).then(async (response) => new Uint8Array(await response.arrayBuffer()));
    const documents = BUNDLED_NAMES.trim().split("\n");
    const model = await this.#model;
    const samples = await this.run.call("preview", { model, documents, prefix, count: COUNT, temperature: 0.5, seed });
    if (prefix === this.prefix && seed === this.#seed) this.samples = samples;
  }
}

customElements.define("mg-before-after", BeforeAfter);
