/** The start of Learn: the list of chapters, the ladder, the documentation. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { CHAPTERS } from "./chapters/index.ts";
import { DOCUMENTS } from "./docs/documents.ts";
import type { Reading } from "./reading.ts";

/** The list. */
export class Contents extends LitElement {
  static override properties: PropertyDeclarations = { reading: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      ol,
      ul {
        padding: 0;
        list-style: none;
        margin: 14px 0;
      }
      ol {
        display: grid;
        gap: 10px;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr));
      }
      ol a {
        display: block;
        height: 100%;
        color: inherit;
        text-decoration: none;
      }
      ol a:hover {
        border-color: var(--accent);
      }
      section {
        margin-top: var(--gap);
      }
      .done {
        color: var(--good);
        font-size: 13px;
      }
    `,
  ];
  declare reading: Reading;

  override render(): TemplateResult {
    return html`
      <h1>A GPT in ten short chapters</h1>
      <p>
        A tour of <code>src/microgpt.ts</code>, the whole algorithm in one file: from counting letter pairs to a model
        that invents names. Every number on these pages is computed here, by that file, while you read. Keys: N and B
        for the next chapter and the one before.
      </p>
      <ol>
        ${CHAPTERS.map(
          ({ name, title, summary }, i) =>
            html`<li>
              <a class="card" href="#/learn/${name}">
                <h2>${i + 1}. ${title}</h2>
                <p class="muted">${summary}</p>
                ${this.reading.chosen(name) === null ? null : html`<span class="done">✓ answered</span>`}
              </a>
            </li>`,
        )}
      </ol>
      <section class="card">
        <h2><a href="#/learn/ladder">The ladder</a></h2>
        <p>
          Nine models of the same names, from guessing blindly to a GPT, trained in this page one after another, and
          their losses side by side.
        </p>
      </section>
      <section class="card">
        <h2>Documentation</h2>
        <ul>
          ${DOCUMENTS.map(
            ({ name, title, summary }) =>
              html`<li><a href="#/learn/docs/${name}">${title}</a> <span class="muted">${summary}</span></li>`,
          )}
        </ul>
      </section>
    `;
  }
}

customElements.define("mg-learn-contents", Contents);
