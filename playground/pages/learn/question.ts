/** A question with its answers; choosing one reveals why each is right or not. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { Answer, Question } from "./chapters/chapter.ts";
import { prose } from "./prose.ts";

/** Fires "choose" with the answer's index as detail. */
export class QuestionCard extends LitElement {
  static override properties: PropertyDeclarations = { question: { attribute: false }, chosen: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      .card {
        border-left: 4px solid var(--accent);
      }
      ol {
        list-style: none;
        padding: 0;
        margin: 8px 0 0;
        display: grid;
        gap: 8px;
      }
      li > button {
        text-align: left;
      }
      .why {
        margin: 4px 0 0 12px;
      }
      .right {
        color: var(--good);
        font-weight: 600;
      }
      .wrong {
        color: var(--bad);
        font-weight: 600;
      }
      @media screen {
        .closed {
          display: none;
        }
      }
    `,
  ];
  declare question: Question;
  /** The chosen answer, from 0; null before. */
  declare chosen: number | null;

  constructor() {
    super();
    this.chosen = null;
  }

  override render(): TemplateResult {
    return html`<section class="card" aria-labelledby="question">
      <h2 id="question">Before you read on</h2>
      <p>${prose(this.question.text)}</p>
      <ol>
        ${this.question.answers.map((answer, i) => this.#answer(answer, i))}
      </ol>
    </section>`;
  }

  #answer({ text, isRight, why }: Answer, i: number): TemplateResult {
    return html`<li>
      <button aria-pressed=${this.chosen === i} @click=${() => this.#choose(i)}>${prose(text)}</button>
      <p class="why ${this.chosen === null ? "closed" : ""}">
        <span class=${isRight ? "right" : "wrong"}>${isRight ? "✓ Right." : "✗ Not so."}</span> ${prose(why)}
      </p>
    </li>`;
  }

  #choose(i: number): void {
    this.chosen = i;
    this.dispatchEvent(new CustomEvent("choose", { detail: i }));
  }
}

customElements.define("mg-question", QuestionCard);
