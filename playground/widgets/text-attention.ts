/**
 * A text through the model: the field with the text, how much of it the model reads, and the attention of every layer and head.
 * Shows what it is given; the element around it asks the worker.
 */
import { html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import type { Inspection, RunHeader } from "../run/protocol.ts";
import "./attention-maps.ts";

/** The position of the chosen token, or of the last one. @param chosen null: none was chosen. */
export const positionIn = ({ ids }: Inspection, chosen: number | null): number =>
  Math.min(chosen ?? ids.length - 1, ids.length - 1);

/**
 * `<mg-text-attention label="Your text" switchable .text .header .inspection .problem .chosen>`. Fires "text" with `detail: string` when the
 * visitor changes the text, and "choose" with `detail: number`, the position of a clicked token.
 */
export class TextAttention extends LitElement {
  static override properties: PropertyDeclarations = {
    label: {},
    switchable: { type: Boolean },
    text: { attribute: false },
    header: { attribute: false },
    inspection: { attribute: false },
    problem: { attribute: false },
    chosen: { attribute: false },
  };
  static override styles: CSSResult = shared;
  declare label: string;
  /** As in `attention-maps.ts`. */
  declare switchable: boolean;
  /** What is in the field. */
  declare text: string;
  /** The run; null: none. */
  declare header: RunHeader | null;
  /** What the model made of the text; null: no answer yet. */
  declare inspection: Inspection | null;
  /** Why there is no answer, for the visitor; null: there is one. */
  declare problem: string | null;
  /** Position of the chosen token; null: the last. */
  declare chosen: number | null;

  constructor() {
    super();
    [this.label, this.text, this.header] = ["Your text", "", null];
    this.switchable = false;
    [this.inspection, this.problem, this.chosen] = [null, null, null];
  }

  override render(): TemplateResult {
    const { inspection, problem } = this;
    return html`
      <label class="field"
        >${this.label}
        <input
          autocomplete="off"
          spellcheck="false"
          .value=${this.text}
          @input=${(event: InputEvent) => this.#setText(event)}
        />
      </label>
      ${problem === null ? nothing : html`<p role="alert">${problem}</p>`}
      ${inspection === null ? html`<p class="muted">…</p>` : this.#maps(inspection)}
    `;
  }

  #maps(inspection: Inspection): TemplateResult {
    return html`<p class="small muted">${this.#note(inspection)}</p>
      <mg-attention-maps
        ?switchable=${this.switchable}
        .inspection=${inspection}
        .chosen=${positionIn(inspection, this.chosen)}
        @choose=${({ detail }: CustomEvent<number>) => this.#fire("choose", detail)}
      ></mg-attention-maps>`;
  }

  /** What became of the text. */
  #note({ ids }: Inspection): string {
    const { config, options } = this.header ?? {};
    const all = `The model reads ${ids.length} tokens`;
    if (ids.length === config?.blockSize) return `${all}, as many as it can.`;
    const dropped = options?.tokenizer === "char" ? [...this.text].length + 1 - ids.length : 0;
    return dropped > 0 ? `${all}; ${dropped} that it never saw ${dropped === 1 ? "is" : "are"} dropped.` : `${all}.`;
  }

  #setText({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.#fire("text", target.value);
  }

  #fire(name: "text" | "choose", detail: string | number): void {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

customElements.define("mg-text-attention", TextAttention);
