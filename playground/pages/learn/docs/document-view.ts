/** A document of the project, with its sections; the address may name one of them. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { unsafeHTML } from "lit/directives/unsafe-html.js";
import { shared } from "../../../design/shared.ts";
import { DOCUMENTS } from "./documents.ts";
import type { BuiltDocument } from "./documents.ts";

/** The view. */
export class DocumentView extends LitElement {
  static override properties: PropertyDeclarations = {
    address: {},
    content: { state: true },
    failure: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .document {
        max-width: 900px;
        font-size: 16px;
        overflow-wrap: break-word;
      }
      .document p,
      .document li {
        max-width: 80ch;
      }
      .document h2 {
        margin-top: 32px;
        font-size: 21px;
      }
      .document h3 {
        margin-top: 22px;
        font-size: 17px;
      }
      .document pre {
        background: var(--sunken);
        border-radius: var(--radius);
        padding: 10px 12px;
      }
      .document :not(pre) > code {
        background: var(--sunken);
        border-radius: 4px;
        padding: 1px 4px;
      }
      .document .scroll {
        margin-bottom: 14px;
      }
      .document td,
      .document th {
        min-width: 9ch;
      }
      .document img {
        max-width: 100%;
        height: auto;
      }
      .others {
        margin-bottom: 14px;
      }
      .others a[aria-current="page"] {
        color: var(--ink);
        font-weight: 600;
        text-decoration: none;
      }
      @media print {
        .others,
        details {
          display: none;
        }
        .document pre {
          white-space: pre-wrap;
        }
      }
    `,
  ];
  /** What follows `#/learn/docs/`: a name, and perhaps a section. */
  declare address: string;
  declare content: BuiltDocument | null;
  declare failure: string | null;
  #shown = "";

  constructor() {
    super();
    this.address = "";
    this.content = null;
    this.failure = null;
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has("address") && this.#name !== this.#shown) void this.#load(this.#name);
  }

  protected override updated(): void {
    if (this.content !== null) void this.#goToSection();
  }

  get #name(): string {
    return this.address.split("/")[0];
  }

  async #load(name: string): Promise<void> {
    this.#shown = name;
    this.content = null;
    this.failure = null;
    const entry = DOCUMENTS.find((known) => known.name === name) ?? DOCUMENTS[0];
    try {
      const { default: content } = await entry.load();
      if (name === this.#name) this.content = content;
    } catch (error) {
      this.failure = `This document could not be loaded: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }

  async #goToSection(): Promise<void> {
    const [, section = ""] = this.address.split("/");
    if (section === "") return;
    await this.updateComplete;
    const headings = this.renderRoot.querySelectorAll<HTMLElement>("[id]");
    const heading = [...headings].find(({ id }) => id === section);
    heading?.scrollIntoView();
    heading?.focus({ preventScroll: true });
  }

  override render(): TemplateResult {
    return html`
      <nav class="row small others" aria-label="Documents">
        ${DOCUMENTS.map(
          ({ name, title }) =>
            html`<a href="#/learn/docs/${name}" aria-current=${name === this.#name ? "page" : "false"}>${title}</a>`,
        )}
      </nav>
      ${this.failure === null ? null : html`<p role="alert">${this.failure}</p>`}
      ${this.content === null ? html`<p class="muted">Loading …</p>` : this.#document(this.content)}
    `;
  }

  #document({ html: content, sections }: BuiltDocument): TemplateResult {
    return html`
      <details>
        <summary>Sections</summary>
        <ul>
          ${sections.map(({ id, title }) => html`<li><a href="#/learn/docs/${this.#name}/${id}">${title}</a></li>`)}
        </ul>
      </details>
      <div class="document">${unsafeHTML(content)}</div>
    `;
  }
}

customElements.define("mg-document-view", DocumentView);
