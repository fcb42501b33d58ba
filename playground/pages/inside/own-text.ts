/** The visitor's own text through the model: attention of every head, and why a token comes next. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Inspection } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import "./attention-maps.ts";
import "./why-token.ts";

/** `<mg-own-text .run .at>` */
export class OwnText extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    text: { state: true },
    chosen: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .card + .card {
        margin-top: var(--gap);
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  declare text: string;
  /** Position of the chosen token; null: the last. First the q, whose next letter is a good question. */
  declare chosen: number | null;
  readonly #live = new LiveAnswer<Inspection>(this, {
    subject: () => this.text,
    ask: (run, at) => run.call("inspect", { at, text: this.text, heads: [] }),
  });

  constructor() {
    super();
    [this.text, this.chosen] = ["quentin", 1];
  }

  override render(): TemplateResult {
    const inspection = this.#live.value;
    return html`
      <section class="card">
        <h2>What attends to what</h2>
        <label class="field"
          >Your text
          <input
            autocomplete="off"
            spellcheck="false"
            .value=${this.text}
            @input=${(event: InputEvent) => this.#setText(event)}
          />
        </label>
        ${this.#live.problem === null ? nothing : html`<p role="alert">${this.#live.problem}</p>`}
        ${inspection === null ? html`<p class="muted">…</p>` : this.#maps(inspection)}
      </section>
      <section class="card">
        <h2>Why this token</h2>
        <p>
          The last layer reads one sum: the token’s and the position’s embedding, what each head adds, what each MLP
          adds. So a token’s logit is the sum of these parts. They also work through later parts; the right columns show
          the token’s probability in the same model without the part.
        </p>
        ${inspection === null ? nothing : this.#why(inspection)}
      </section>
    `;
  }

  #maps(inspection: Inspection): TemplateResult {
    return html`<p class="small muted">${this.#note(inspection)}</p>
      <mg-attention-maps
        .inspection=${inspection}
        .chosen=${this.#position(inspection)}
        @choose=${({ detail }: CustomEvent<number>) => (this.chosen = detail)}
      ></mg-attention-maps>`;
  }

  /** What became of the text. */
  #note({ ids }: Inspection): string {
    const { config, options } = this.run.header ?? {};
    const all = `The model reads ${ids.length} tokens`;
    if (ids.length === config?.blockSize) return `${all}, as many as it can.`;
    const dropped = options?.tokenizer === "char" ? [...this.text].length + 1 - ids.length : 0;
    return dropped > 0 ? `${all}; ${dropped} that it never saw ${dropped === 1 ? "is" : "are"} dropped.` : `${all}.`;
  }

  #why(inspection: Inspection): TemplateResult {
    return html`<mg-why-token
      .run=${this.run}
      .at=${this.at}
      .inspection=${inspection}
      .position=${this.#position(inspection)}
      @choose=${({ detail }: CustomEvent<number>) => (this.chosen = detail)}
    ></mg-why-token>`;
  }

  #position({ ids }: Inspection): number {
    return Math.min(this.chosen ?? ids.length - 1, ids.length - 1);
  }

  #setText({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.text = target.value;
    this.chosen = null;
  }
}

customElements.define("mg-own-text", OwnText);
