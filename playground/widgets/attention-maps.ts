/** Attention of every layer and head on one text: a small map per head, and one of them large, with its numbers. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { HeadName } from "../../src/index.ts";
import { shared } from "../design/shared.ts";
import type { Inspection } from "../run/protocol.ts";
import type { Cell } from "./heat-table.ts";
import "./heat-map.ts";
import { headShares, sharesText } from "./head-shares.ts";
import { shownToken } from "./token-text.ts";
import "./token-strip.ts";

/**
 * `<mg-attention-maps switchable .inspection .chosen>`; fires "choose" with `detail: number`, the position of a clicked token,
 * and "switchoff" with `detail: HeadName`, which bubbles, for a head that the visitor wants to do without.
 */
export class AttentionMaps extends LitElement {
  static override properties: PropertyDeclarations = {
    inspection: { attribute: false },
    chosen: { attribute: false },
    switchable: { type: Boolean },
    head: { state: true },
    hovered: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .heads {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(66px, 1fr));
        gap: 8px;
        margin: 4px 0 12px;
      }
      .heads button {
        padding: 5px;
        min-width: 0;
      }
      .heads mg-heat-map {
        max-width: 120px;
        margin: 0 auto;
      }
      .two {
        display: grid;
        gap: var(--gap);
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr));
      }
    `,
  ];
  declare inspection: Inspection;
  /** Position of the chosen query. */
  declare chosen: number;
  /** Whether the page can switch heads off. */
  declare switchable: boolean;
  /** The head that is shown large. */
  declare head: HeadName;
  /** Position of the query under the pointer; null: none. */
  declare hovered: number | null;

  constructor() {
    super();
    this.switchable = false;
    [this.chosen, this.head, this.hovered] = [0, { layer: 0, head: 0 }, null];
  }

  override render(): TemplateResult {
    const { tokens, attention } = this.inspection;
    const query = Math.min(this.hovered ?? this.chosen, tokens.length - 1);
    const head = attention[this.head.layer]?.[this.head.head] === undefined ? { layer: 0, head: 0 } : this.head;
    const data = attention[head.layer][head.head];
    const labels = tokens.map(shownToken);
    const name = `Layer ${head.layer}, head ${head.head}`;
    return html`
      <mg-token-strip
        .tokens=${tokens}
        .query=${query}
        .chosen=${this.chosen}
        .attention=${data.subarray(query * tokens.length, (query + 1) * tokens.length)}
        @query=${(event: CustomEvent<{ position: number; isChosen: boolean }>) => this.#query(event.detail)}
      ></mg-token-strip>
      <p class="small muted">
        Below each token: how much “${labels[query]}” attends to it in layer ${head.layer}, head ${head.head}. A token
        can’t see those after it (–).
      </p>
      <div class="two">
        <div>${attention.map((heads, layer) => this.#layer(heads, layer, query, head))}</div>
        <div>
          <h3>${name}</h3>
          <mg-heat-map
            label=${name}
            rowTitle="from"
            columnTitle="to"
            .data=${data}
            .rows=${tokens.length}
            .columns=${tokens.length}
            .rowLabels=${labels}
            .columnLabels=${labels}
            .max=${1}
            .markedRow=${query}
            @cell=${({ detail }: CustomEvent<Cell | null>) => (this.hovered = detail?.row ?? null)}
          ></mg-heat-map>
          ${this.#shares(data, head)}
        </div>
      </div>
    `;
  }

  /** What the head does with this text, and the way to what it is worth. */
  #shares(data: Float32Array, head: HeadName): TemplateResult | typeof nothing {
    const shares = headShares(data, this.inspection.tokens.length);
    if (shares === null) return nothing;
    return html`<p>On this text, layer ${head.layer}, head ${head.head} gives on average ${sharesText(shares)}.</p>
      ${
        this.switchable
          ? html`<button @click=${() => this.#switchOff(head)}>Switch it off and see what it is worth</button>`
          : nothing
      }`;
  }

  #switchOff(detail: HeadName): void {
    this.dispatchEvent(new CustomEvent("switchoff", { detail, bubbles: true, composed: true }));
  }

  #layer(heads: readonly Float32Array[], layer: number, query: number, shown: HeadName): TemplateResult {
    const { length } = this.inspection.tokens;
    return html`<h3>Layer ${layer}</h3>
      <div class="heads" role="group" aria-label="Heads of layer ${layer}">
        ${heads.map(
          (data, head) =>
            html`<button
              aria-pressed=${layer === shown.layer && head === shown.head}
              @click=${() => (this.head = { layer, head })}
            >
              <mg-heat-map
                compact
                .data=${data}
                .rows=${length}
                .columns=${length}
                .max=${1}
                .markedRow=${query}
              ></mg-heat-map>
              <span class="small">head ${head}</span>
            </button>`,
        )}
      </div>`;
  }

  #query({ position, isChosen }: { position: number; isChosen: boolean }): void {
    this.hovered = isChosen ? null : position;
    if (isChosen) this.dispatchEvent(new CustomEvent("choose", { detail: position }));
  }
}

customElements.define("mg-attention-maps", AttentionMaps);
