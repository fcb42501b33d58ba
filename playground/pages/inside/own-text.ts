/** The visitor's own text through the model: attention of every head, and why a token comes next. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Inspection } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import { positionIn } from "../../widgets/text-attention.ts";
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
        <mg-text-attention
          .text=${this.text}
          .header=${this.run.header}
          .inspection=${inspection}
          .problem=${this.#live.problem}
          .chosen=${this.chosen}
          @text=${({ detail }: CustomEvent<string>) => ([this.text, this.chosen] = [detail, null])}
          @choose=${({ detail }: CustomEvent<number>) => (this.chosen = detail)}
        ></mg-text-attention>
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

  #why(inspection: Inspection): TemplateResult {
    return html`<mg-why-token
      .run=${this.run}
      .at=${this.at}
      .inspection=${inspection}
      .position=${positionIn(inspection, this.chosen)}
      @choose=${({ detail }: CustomEvent<number>) => (this.chosen = detail)}
    ></mg-why-token>`;
  }
}

customElements.define("mg-own-text", OwnText);
