/** A piece of `src/microgpt.ts` with its line numbers, comments set apart from code. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
// oxlint-disable-next-line import/default -- the text of the module, not the module
import source from "../../../src/microgpt.ts?raw";
import { shared } from "../../design/shared.ts";
import type { Excerpt } from "./chapters/chapter.ts";
import { pieceOf, stretchesOf } from "./excerpts.ts";

/** The piece. */
export class SourceExcerpt extends LitElement {
  static override properties: PropertyDeclarations = { excerpt: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      pre {
        margin: 0;
        padding: 10px 12px;
        background: var(--card);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        font-size: 12.5px;
        line-height: 1.5;
        tab-size: 2;
      }
      .line {
        display: inline-block;
        width: 3.4ch;
        margin-right: 1.5ch;
        text-align: right;
        color: var(--muted);
        user-select: none;
      }
      .comment {
        color: var(--good);
      }
      @media print {
        pre {
          white-space: pre-wrap;
        }
      }
    `,
  ];
  declare excerpt: Excerpt;

  override render(): TemplateResult {
    const { lines, firstLine } = pieceOf(source, this.excerpt);
    const last = firstLine + lines.length - 1;
    return html`<pre
      class="scroll"
      tabindex="0"
      role="region"
      aria-label="src/microgpt.ts, lines ${firstLine} to ${last}"
    ><code>${lines.map(
      (line, i) =>
        html`<span class="line" aria-hidden="true">${firstLine + i}</span>${stretchesOf(line).map(
            ({ text, isComment }) => (isComment ? html`<span class="comment">${text}</span>` : text),
          )}${"\n"}`,
    )}</code></pre>`;
  }
}

customElements.define("mg-source-excerpt", SourceExcerpt);
