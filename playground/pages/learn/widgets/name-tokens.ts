/** Chapter 1: a typed name as tokens, and the questions that the model learns from. */
import { css, html } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { buildVocabulary, encode } from "../../../../src/microgpt.ts";
import type { Vocabulary } from "../../../../src/microgpt.ts";
import { LessonWidget, textOf } from "./lesson-widget.ts";

/** The letters of the bundled names; a test compares them. */
export const ALPHABET: Vocabulary = buildVocabulary(["abcdefghijklmnopqrstuvwxyz"]);

/** A name → its tokens. */
export class NameTokens extends LessonWidget {
  static override properties: PropertyDeclarations = { text: { state: true } };
  static override styles: CSSResult[] = [
    ...LessonWidget.styles,
    css`
      ol {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
        list-style: none;
        padding: 0;
        margin: 12px 0;
      }
      li {
        border: 1px solid var(--line);
        border-radius: 7px;
        padding: 4px 10px;
        text-align: center;
        font-family: var(--mono);
      }
      li b {
        display: block;
        font-size: 18px;
      }
      li.unknown {
        border: 2px dashed var(--bad);
      }
    `,
  ];
  declare text: string;

  constructor() {
    super();
    this.text = "emma";
  }

  override render(): TemplateResult {
    const tokens = encode(ALPHABET, this.text);
    const unknown = [...this.text].filter((character) => !ALPHABET.characters.includes(character));
    return html`
      <label class="field"
        >A name
        <input
          .value=${this.text}
          maxlength="15"
          autocapitalize="off"
          autocomplete="off"
          spellcheck="false"
          @input=${(event: Event) => (this.text = textOf(event))}
      /></label>
      <ol aria-label="tokens">
        ${tokens.map(
          (token, i) => html`<li class=${token < 0 ? "unknown" : ""}><b>${this.#letter(token, i)}</b>${token}</li>`,
        )}
      </ol>
      ${
        unknown.length === 0
          ? this.#questions(tokens)
          : html`<p>
              ${unknown.map((character) => `“${character}”`).join(", ")}: not in this vocabulary, so
              <code>indexOf</code> finds −1. The vocabulary is built from the training text itself, so training never
              meets such a character.
            </p>`
      }
    `;
  }

  #letter(token: number, i: number): string {
    return token === ALPHABET.bos ? "BOS" : [...this.text][i - 1];
  }

  #questions(tokens: readonly number[]): TemplateResult {
    const name = (token: number): string => (token === ALPHABET.bos ? "BOS" : ALPHABET.characters[token]);
    return html`<p>One name asks ${tokens.length - 1} questions:</p>
      <ul class="mono">
        ${tokens.slice(1).map(
          (next, i) =>
            html`<li>
              after
              ${tokens
                .slice(0, i + 1)
                .map(name)
                .join(" ")}
              comes ${name(next)}
            </li>`,
        )}
      </ul>`;
  }
}

customElements.define("mg-name-tokens", NameTokens);
