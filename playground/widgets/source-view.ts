/** A source text with one line lit, which stays in view. Lines that have run before are marked in the margin. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";

/** `<mg-source .text .line>`. */
export class SourceView extends LitElement {
  static override properties: PropertyDeclarations = {
    text: { attribute: false },
    line: { attribute: false },
    name: {},
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .scroll {
        height: var(--source-height, 460px);
        background: var(--sunken);
        border: 1px solid var(--line);
        border-radius: 7px;
      }
      ol {
        margin: 0;
        padding: 8px 0;
        list-style: none;
        font: 12.5px/1.55 var(--mono);
        width: max-content;
        min-width: 100%;
      }
      li {
        display: flex;
        white-space: pre;
        border-left: 3px solid transparent;
        padding-right: 12px;
      }
      li > span {
        color: var(--muted);
        width: 4ch;
        text-align: right;
        margin-right: 1.5ch;
        user-select: none;
      }
      li[aria-current] {
        background: var(--accent-soft);
        border-left-color: var(--accent);
      }
      .comment {
        color: var(--muted);
      }
    `,
  ];
  /** The text. */
  declare text: string;
  /** The lit line, from 1; 0 for none. */
  declare line: number;
  /** What it is, for screen readers. */
  declare name: string;

  constructor() {
    super();
    this.text = "";
    this.line = 0;
    this.name = "source";
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (changed.has("line")) this.#reveal();
  }

  /** Scrolls the box, never the page. */
  #reveal(): void {
    const box = this.renderRoot.querySelector<HTMLElement>(".scroll");
    const lit = this.renderRoot.querySelector<HTMLElement>("[aria-current]");
    if (box === null || lit === null) return;
    const top = lit.offsetTop - box.offsetTop;
    const isVisible = top >= box.scrollTop + 20 && top + lit.offsetHeight <= box.scrollTop + box.clientHeight - 20;
    if (!isVisible) box.scrollTop = top - box.clientHeight / 3;
  }

  override render(): TemplateResult {
    const lines = this.text.trimEnd().split("\n");
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${this.name}>
      <ol>
        ${lines.map(
          (line, i) =>
            html`<li aria-current=${i + 1 === this.line ? "step" : nothing}>
              <span aria-hidden="true">${i + 1}</span><code class=${isComment(line) ? "comment" : ""}>${line}</code>
            </li>`,
        )}
      </ol>
    </div>`;
  }
}

const isComment = (line: string): boolean => line.trimStart().startsWith("//");

customElements.define("mg-source", SourceView);
