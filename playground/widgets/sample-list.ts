/** A list of generated texts, each marked as copied, near copy or new, by a word and a colour; below it, what the marks mean. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import type { Sample } from "../run/protocol.ts";

const MARKS = { copied: "copied", near: "near copy", new: "new" } as const;

const LEGEND =
  "“copied”: is in the training data; “near copy”: one letter away from it, or shares a long piece; “new”: neither.";

/** `<mg-sample-list .samples label="…">` */
export class SampleList extends LitElement {
  static override properties: PropertyDeclarations = { samples: { attribute: false }, label: {} };
  static override styles: CSSResult[] = [
    shared,
    css`
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
        margin-bottom: 6px;
        display: grid;
        gap: 0 18px;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 190px), 1fr));
      }
      li {
        display: flex;
        gap: 10px;
        justify-content: space-between;
        border-bottom: 1px solid var(--line);
        padding: 3px 0;
        min-width: 0;
      }
      .text {
        font-family: var(--mono);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        min-width: 0;
      }
      .mark {
        font-size: 12px;
        white-space: nowrap;
        color: var(--muted);
      }
      .copied {
        color: var(--warn);
      }
      .new {
        color: var(--good);
      }
    `,
  ];
  declare samples: readonly Sample[];
  declare label: string;

  constructor() {
    super();
    this.samples = [];
    this.label = "Samples";
  }

  override render(): TemplateResult {
    return html`<ol aria-label=${this.label}>
        ${this.samples.map(
          ({ text, likeness, resembles }) =>
            html`<li>
              <span class="text">${text === "" ? "(empty)" : text}</span>
              <span class="mark ${likeness}" title=${resembles === null ? "" : `resembles: ${resembles}`}
                >${MARKS[likeness]}</span
              >
            </li>`,
        )}
      </ol>
      ${this.samples.length === 0 ? nothing : html`<p class="small muted">${LEGEND}</p>`}`;
  }
}

customElements.define("mg-sample-list", SampleList);
