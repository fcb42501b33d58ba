/**
 * `mg-token-view`: a text cut into tokens. Neighbours differ by background and border; the token under the pointer, or
 * the one that the arrow keys reached, is described below, and its other occurrences are marked.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { visibleSpaces } from "../../widgets/visible-spaces.ts";
import type { ShownToken } from "./tokens-protocol.ts";

const styles = css`
  .tokens {
    font-family: var(--mono);
    font-size: 13.5px;
    line-height: 1.6;
    max-height: 260px;
    overflow: auto;
    padding: 4px;
  }
  .tokens span {
    display: inline-block;
    max-width: 100%;
    overflow-wrap: anywhere;
    line-height: 1.45;
    border: 1px solid var(--line);
    border-radius: 4px;
    padding: 0 2px;
    margin: 1px 1px 1px 0;
  }
  .tokens span.odd {
    background: var(--accent-soft);
    border-color: var(--muted);
  }
  .tokens span.dropped {
    border-color: transparent;
    color: var(--muted);
  }
  .tokens span.unknown {
    border: 2px dashed var(--bad);
  }
  .tokens span.newest {
    border: 2px solid var(--accent);
    font-weight: 700;
  }
  .tokens span.same {
    text-decoration: underline 2px;
    border-color: var(--ink);
  }
  .tokens span.active {
    outline: 2px solid var(--accent);
  }
  .readout {
    min-height: 3em;
    margin: 6px 0 0;
  }
`;

/** The view. */
export class TokenView extends LitElement {
  static override properties: PropertyDeclarations = {
    tokens: { attribute: false },
    newest: { attribute: false },
    label: {},
    active: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  declare tokens: readonly ShownToken[];
  /** The id to mark as just made; null: none. */
  declare newest: number | null;
  /** What the text is, for a screen reader. */
  declare label: string;
  /** Index of the described token; null: none. */
  declare active: number | null;

  constructor() {
    super();
    this.tokens = [];
    this.label = "tokens";
    [this.newest, this.active] = [null, null];
  }

  override render(): TemplateResult {
    const active = this.active === null ? undefined : this.tokens[this.active];
    // Neighbours differ, also across what the tokenizer drops.
    let isOdd = false;
    return html`
      <div
        class="tokens"
        role="listbox"
        tabindex="0"
        aria-label=${this.label}
        aria-activedescendant=${active === undefined ? "" : `token-${this.active}`}
        @keydown=${(event: KeyboardEvent) => this.#press(event)}
        @focus=${() => (this.active ??= 0)}
        @mouseover=${(event: Event) => this.#point(event)}
      >
        ${this.tokens.map((token, i) => {
          if (token.token !== null || token.isUnknown) isOdd = !isOdd;
          return this.#token(token, i, isOdd, active);
        })}
      </div>
      <p class="readout small">
        ${
          active === undefined
            ? html`<span class="muted">Point at a token, or focus the text and use the arrow keys.</span>`
            : describe(active)
        }
      </p>
    `;
  }

  #token(token: ShownToken, i: number, isOdd: boolean, active: ShownToken | undefined): TemplateResult {
    const id = token.token?.id ?? null;
    const classes = [
      isOdd ? "odd" : "",
      id === null && !token.isUnknown ? "dropped" : "",
      token.isUnknown ? "unknown" : "",
      id !== null && id === this.newest ? "newest" : "",
      id !== null && id === active?.token?.id ? "same" : "",
      token === active ? "active" : "",
    ];
    const text = token.text === "" ? (token.token?.display ?? "") : visibleSpaces(token.text);
    // A line end is shown and is one, so that a poem stays a poem.
    return html`<span
        id="token-${i}"
        role="option"
        aria-selected=${token === active}
        aria-label=${inWords(token)}
        class=${classes.filter((name) => name !== "").join(" ")}
        data-index=${i}
        >${text}</span
      >${token.text.endsWith("\n") ? html`<br />` : ""}`;
  }

  #point({ target }: Event): void {
    const index = target instanceof HTMLElement ? target.dataset["index"] : undefined;
    if (index !== undefined) this.active = Number(index);
  }

  #press(event: KeyboardEvent): void {
    const last = this.tokens.length - 1;
    const at = this.active ?? 0;
    const next = { ArrowRight: at + 1, ArrowDown: at + 10, ArrowLeft: at - 1, ArrowUp: at - 10, Home: 0, End: last };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- another key finds nothing
    const index = next[event.key as keyof typeof next] as number | undefined;
    if (index === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.active = Math.min(last, Math.max(0, index));
    this.renderRoot.querySelector(`#token-${this.active}`)?.scrollIntoView({ block: "nearest" });
  }
}

const times = (count: number): string => (count === 1 ? "once" : `${count} times`);

function inWords({ text, token, isUnknown }: ShownToken): string {
  const shown = visibleSpaces(text === "" ? (token?.display ?? "") : text);
  if (isUnknown) return `${shown}, unknown`;
  return token === null ? `${shown}, dropped` : `${shown}, id ${token.id}, ${times(token.count)}`;
}

function describe({ text, token, isUnknown }: ShownToken): TemplateResult {
  const piece = html`<code>${visibleSpaces(text)}</code>`;
  if (token === null) {
    return isUnknown
      ? html`${piece} is not in the vocabulary: it gets no token, and the model never sees it.`
      : html`${piece} gets no token: this tokenizer drops it.`;
  }
  const name = html`<code>${visibleSpaces(token.display)}</code>`;
  if (isUnknown) return html`${piece} is not in the vocabulary: it becomes ${name}, id ${token.id}.`;
  return html`${name} · id ${token.id} · bytes <code>${token.bytes}</code> · ${times(token.count)} in the text`;
}

customElements.define("mg-token-view", TokenView);
