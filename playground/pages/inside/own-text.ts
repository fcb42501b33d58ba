/** The visitor's own text through the model: attention of every head, and why a token comes next. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Inspection } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import { positionIn } from "../../widgets/text-attention.ts";
import "./why-token.ts";

/** Begins with a q, whose next letter is nearly certain. */
const SUGGESTED = "quentin";

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
  /** What the visitor entered; null: nothing yet. */
  declare text: string | null;
  /** Position of the chosen token; null: the first of a text that the page suggests, the last of the visitor's. */
  declare chosen: number | null;
  readonly #live = new LiveAnswer<Inspection>(this, {
    subject: () => this.#shownText,
    ask: (run, at) => run.call("inspect", { at, text: this.#shownText, heads: [] }),
  });

  constructor() {
    super();
    [this.text, this.chosen] = [null, null];
  }

  /** A name where the model knows its letters: why u follows q is a good question. Else the beginning of a document. */
  get #shownText(): string {
    const { vocabulary = [], example = "" } = this.run.header ?? {};
    const isKnown = [...SUGGESTED].every((letter) => vocabulary.includes(letter));
    return this.text ?? (isKnown ? SUGGESTED : example);
  }

  get #position(): number | null {
    return this.chosen ?? (this.text === null ? 1 : null);
  }

  override render(): TemplateResult {
    const inspection = this.#live.value;
    return html`
      <section class="card">
        <h2>What attends to what</h2>
        <mg-text-attention
          switchable
          .text=${this.#shownText}
          .header=${this.run.header}
          .inspection=${inspection}
          .problem=${this.#live.problem}
          .chosen=${this.#position}
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
      .position=${positionIn(inspection, this.#position)}
      @choose=${({ detail }: CustomEvent<number>) => (this.chosen = detail)}
    ></mg-why-token>`;
  }
}

customElements.define("mg-own-text", OwnText);
