/** Learn: the chapters, the ladder and the documents, by what follows `#/learn/` in the address. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import "./chapter-view.ts";
import { CHAPTERS } from "./chapters/index.ts";
import "./contents.ts";
import { Learner } from "./learner.ts";
import { browserStorage, Reading } from "./reading.ts";
import "./docs/document-view.ts";
import "./widgets/ladder.ts";

/** Addresses of documents begin with it. */
const DOCS = "docs/";

/** The page. */
export class LearnPage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .trail {
        margin-bottom: 14px;
      }
      @media print {
        .trail {
          display: none;
        }
      }
    `,
  ];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  readonly #learner = new Learner();
  readonly #reading = new Reading(browserStorage());
  #removeShortcuts = (): void => {};

  constructor() {
    super();
    this.rest = "";
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#removeShortcuts = this.app.addShortcuts([
      { key: "n", label: "N", does: "next chapter", run: () => this.#turn(1) },
      { key: "b", label: "B", does: "chapter before", run: () => this.#turn(-1) },
    ]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#removeShortcuts();
  }

  protected override updated(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has("rest") || changed.get("rest") === undefined) return;
    // A document with a section scrolls to it itself.
    if (!/^docs\/.*\//.test(this.rest)) scrollTo(0, 0);
    const chapter = CHAPTERS.find(({ name }) => name === this.rest);
    this.app.announce(chapter?.title ?? "Learn");
  }

  override render(): TemplateResult {
    return html`${this.#trail()} ${this.#content()}`;
  }

  #content(): TemplateResult {
    const chapter = CHAPTERS.find(({ name }) => name === this.rest);
    if (chapter !== undefined) {
      return html`<mg-chapter-view
        .chapter=${chapter}
        .learner=${this.#learner}
        .reading=${this.#reading}
        @answer=${() => this.requestUpdate()}
      ></mg-chapter-view>`;
    }
    if (this.rest === "ladder") return this.#ladder();
    if (this.rest.startsWith(DOCS)) {
      return html`<mg-document-view .address=${this.rest.slice(DOCS.length)}></mg-document-view>`;
    }
    return html`<mg-learn-contents .reading=${this.#reading}></mg-learn-contents>`;
  }

  #ladder(): TemplateResult {
    return html`<h1>The ladder</h1>
      <p>
        Nine models of the same names. Each is measured on the same 400 names that none has learned from; the loss is
        the mean of −log of the probability that it gave to the letter that came. The dashed line is counting pairs.
      </p>
      <section class="card"><mg-ladder .learner=${this.#learner}></mg-ladder></section>`;
  }

  /** The way back to the list, and all chapters by number. */
  #trail(): TemplateResult | null {
    if (this.rest === "") return null;
    return html`<nav class="row small trail" aria-label="Learn">
      <a href="#/learn">All chapters</a>
      ${CHAPTERS.map(({ name, title }, i) => {
        const isHere = name === this.rest;
        const mark = this.#reading.chosen(name) === null ? "" : " ✓";
        return html`<a href="#/learn/${name}" title=${title} aria-current=${isHere ? "page" : "false"}
          >${isHere ? html`<b>${i + 1}${mark}</b>` : `${i + 1}${mark}`}</a
        >`;
      })}
      <a href="#/learn/ladder" aria-current=${this.rest === "ladder" ? "page" : "false"}>The ladder</a>
      <a href="#/learn/docs/readme">Documentation</a>
    </nav>`;
  }

  #turn(by: number): void {
    const index = CHAPTERS.findIndex(({ name }) => name === this.rest);
    const next = CHAPTERS[index < 0 ? 0 : index + by];
    globalThis.location.hash = next === undefined ? "#/learn" : `#/learn/${next.name}`;
  }
}

customElements.define("mg-learn-page", LearnPage);
