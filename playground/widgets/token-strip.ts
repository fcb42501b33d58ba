/**
 * A text's tokens in a row. One of them is the query: below every token is how much the query attends to it, in one head or
 * in the mean of several. Hovering looks at another query for as long as it lasts; a click or the arrow keys choose one.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { shownToken } from "./token-text.ts";

/** `<mg-token-strip>`; fires "query" with `detail: {position, isChosen}`. */
export class TokenStrip extends LitElement {
  static override properties: PropertyDeclarations = {
    tokens: { attribute: false },
    query: { attribute: false },
    chosen: { attribute: false },
    attention: { attribute: false },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .strip {
        display: flex;
        flex-wrap: wrap;
        gap: 4px;
        padding: 3px;
      }
      button {
        display: grid;
        justify-items: center;
        padding: 2px 6px;
        min-width: 40px;
        font-family: var(--mono);
        position: relative;
        overflow: hidden;
        white-space: pre;
      }
      small {
        font-size: 11px;
        color: var(--muted);
        font-variant-numeric: tabular-nums;
      }
      .share {
        position: absolute;
        left: 0;
        bottom: 0;
        width: 100%;
        height: 4px;
        transform-origin: left;
        background: var(--positive);
      }
      button[aria-checked="true"] {
        border-color: var(--accent);
        box-shadow: inset 0 0 0 1px var(--accent);
        font-weight: 700;
      }
      .later {
        color: var(--muted);
      }
    `,
  ];
  /** [T]. */
  declare tokens: readonly string[];
  /** Position of the query that is shown. */
  declare query: number;
  /** Position of the query that was chosen. */
  declare chosen: number;
  /** Attention from the query to each token, [T]. */
  declare attention: ArrayLike<number>;

  constructor() {
    super();
    [this.tokens, this.query, this.chosen, this.attention] = [[], 0, 0, []];
  }

  override render(): TemplateResult {
    return html`<div
      class="strip"
      role="radiogroup"
      aria-label="Tokens: choose the one that looks back"
      @keydown=${(event: KeyboardEvent) => this.#press(event)}
      @pointerleave=${() => this.#ask(this.chosen, false)}
    >
      ${this.tokens.map((token, t) => this.#token(token, t))}
    </div>`;
  }

  #token(token: string, t: number): TemplateResult {
    const isLater = t > this.query;
    const share = this.attention[t] ?? 0;
    return html`<button
      role="radio"
      aria-checked=${t === this.chosen}
      tabindex=${t === this.chosen ? 0 : -1}
      class=${isLater ? "later" : ""}
      @pointerenter=${() => this.#ask(t, false)}
      @click=${() => this.#ask(t, true)}
    >
      <span>${shownToken(token)}</span>
      <small>${isLater ? "–" : `${(100 * share).toFixed(0)} %`}</small>
      <span class="share" style="transform:scaleX(${isLater ? 0 : share})"></span>
    </button>`;
  }

  #press(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const position = Math.max(0, Math.min(this.tokens.length - 1, this.chosen + step));
    this.#ask(position, true);
    this.renderRoot.querySelectorAll<HTMLButtonElement>("[role=radio]")[position]?.focus();
  }

  #ask(position: number, isChosen: boolean): void {
    this.dispatchEvent(new CustomEvent("query", { detail: { position, isChosen } }));
  }
}

customElements.define("mg-token-strip", TokenStrip);
