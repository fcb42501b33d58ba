/** One chapter: prose, question, widget, source, and the way to the next. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { Chapter } from "./chapters/chapter.ts";
import { CHAPTERS } from "./chapters/index.ts";
import type { Learner } from "./learner.ts";
import { prose } from "./prose.ts";
import "./question.ts";
import type { Reading } from "./reading.ts";
import "./source-excerpt.ts";
import type { LessonWidget } from "./widgets/lesson-widget.ts";

/** Fires "answer" when the question is answered. */
export class ChapterView extends LitElement {
  static override properties: PropertyDeclarations = {
    chapter: { attribute: false },
    learner: { attribute: false },
    reading: { attribute: false },
    widget: { state: true },
    failure: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      article {
        max-width: 980px;
      }
      article > * + * {
        margin-top: var(--gap);
      }
      .prose {
        font-size: 16.5px;
      }
      .pager {
        display: flex;
        justify-content: space-between;
        flex-wrap: wrap;
        gap: 8px 20px;
      }
      mg-source-excerpt + mg-source-excerpt {
        margin-top: 10px;
      }
      @media print {
        .pager {
          display: none;
        }
      }
    `,
  ];
  declare chapter: Chapter;
  declare learner: Learner;
  declare reading: Reading;
  /** The element of the chapter's widget; null while its module loads. */
  declare widget: HTMLElement | null;
  declare failure: string | null;

  constructor() {
    super();
    this.widget = null;
    this.failure = null;
  }

  protected override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (!changed.has("chapter")) return;
    this.widget = null;
    this.failure = null;
    void this.#load(this.chapter);
  }

  async #load(chapter: Chapter): Promise<void> {
    try {
      await chapter.load();
      if (chapter !== this.chapter) return;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every widget of a chapter is one
      const widget = document.createElement(chapter.widget) as LessonWidget;
      widget.learner = this.learner;
      this.widget = widget;
    } catch (error) {
      this.failure = `This part could not be loaded: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }

  override render(): TemplateResult {
    const { chapter } = this;
    const index = CHAPTERS.indexOf(chapter);
    return html`<article>
      <header>
        <p class="muted small">Chapter ${index + 1} of ${CHAPTERS.length}</p>
        <h1>${chapter.title}</h1>
      </header>
      <div class="prose">${chapter.before.map((paragraph) => html`<p>${prose(paragraph)}</p>`)}</div>
      <mg-question
        .question=${chapter.question}
        .chosen=${this.reading.chosen(chapter.name)}
        @choose=${(event: CustomEvent<number>) => this.#choose(event.detail)}
      ></mg-question>
      <section class="card" aria-label="Try it">
        <h2>Try it</h2>
        <p>${prose(chapter.task)}</p>
        ${this.failure ?? this.widget ?? html`<p class="muted">Loading …</p>`}
      </section>
      <div class="prose">${chapter.after.map((paragraph) => html`<p>${prose(paragraph)}</p>`)}</div>
      <section aria-label="The source">
        <h2>In the source</h2>
        ${chapter.excerpts.map((excerpt) => html`<mg-source-excerpt .excerpt=${excerpt}></mg-source-excerpt>`)}
      </section>
      ${this.#pager(index)}
    </article>`;
  }

  #choose(answer: number): void {
    this.reading.choose(this.chapter.name, answer);
    this.dispatchEvent(new Event("answer"));
    // The binding must know the answer, or the next chapter's question would keep it.
    this.requestUpdate();
  }

  #pager(index: number): TemplateResult {
    const [previous, next] = [CHAPTERS[index - 1] ?? null, CHAPTERS[index + 1] ?? null];
    return html`<nav class="pager" aria-label="Chapters">
      ${
        previous === null
          ? html`<a href="#/learn">All chapters</a>`
          : html`<a href="#/learn/${previous.name}" rel="prev">← ${previous.title}</a>`
      }
      ${
        next === null
          ? html`<a href="#/learn/ladder">The ladder →</a>`
          : html`<a href="#/learn/${next.name}" rel="next">${next.title} →</a>`
      }
    </nav>`;
  }
}

customElements.define("mg-chapter-view", ChapterView);
