/** The attention of every layer and head on a short text, at the moment that the time line shows. */
import { LitElement, html } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Inspection } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import "../../widgets/text-attention.ts";

/** `<mg-moment-attention .run .at .isFollowing>` */
export class MomentAttention extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    isFollowing: { attribute: false },
    ownText: { state: true },
    chosen: { state: true },
  };
  static override styles: CSSResult = shared;
  declare run: RunClient;
  declare at: At;
  declare isFollowing: boolean;
  /** What the visitor typed; null: nothing yet, so a document of the data is shown. */
  declare ownText: string | null;
  /** Position of the chosen token; null: the last. */
  declare chosen: number | null;
  readonly #live = new LiveAnswer<Inspection>(this, {
    subject: () => (this.at === null ? null : this.#text),
    ask: (run, at) => run.call("inspect", { at, text: this.#text, heads: [] }),
  });

  constructor() {
    super();
    [this.at, this.isFollowing, this.ownText, this.chosen] = [null, false, null, null];
  }

  get #text(): string {
    return this.ownText ?? this.run.header?.example ?? "";
  }

  override render(): TemplateResult {
    return html`<mg-text-attention
      label="On the text"
      .text=${this.#text}
      .header=${this.run.header}
      .inspection=${this.#live.value}
      .problem=${this.#live.problem}
      .chosen=${this.chosen}
      @text=${({ detail }: CustomEvent<string>) => ([this.ownText, this.chosen] = [detail, null])}
      @choose=${({ detail }: CustomEvent<number>) => (this.chosen = detail)}
    ></mg-text-attention>`;
  }
}

customElements.define("mg-moment-attention", MomentAttention);
