/** Chapter 10: the probabilities of the next letter at a temperature, and drawing from them, letter by letter. */
import { css, html } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { scale, softmax, Value } from "../../../../src/microgpt.ts";
import { Random } from "../../../../src/random.ts";
import { BLOCK_SIZE } from "../model/names.ts";
import type { Look } from "../protocol.ts";
import { numberOf, percent, shown } from "./lesson-widget.ts";
import { LookWidget } from "./look-widget.ts";

/** A slider for the temperature, bars for the letters, a button that draws. */
export class Temperature extends LookWidget {
  static override properties: PropertyDeclarations = { ...LookWidget.properties, temperature: { state: true } };
  static override styles: CSSResult[] = [
    ...LookWidget.styles,
    css`
      .bars {
        display: grid;
        grid-template-columns: auto auto 1fr;
        gap: 1px 8px;
        align-items: center;
        max-width: 520px;
        font: 13px var(--mono);
      }
      .bar {
        background: var(--series-1);
        height: 11px;
        border-radius: 3px;
        min-width: 1px;
      }
    `,
  ];
  declare temperature: number;
  readonly #random = new Random(1);
  /** What the last draw gave, as a sentence. */
  #lastDrawn = "";

  constructor() {
    super();
    this.text = "";
    this.temperature = 1;
  }

  protected view(look: Look): TemplateResult {
    const probabilities = this.#probabilities(look);
    const ranked = probabilities.map((share, token) => ({ share, token })).toSorted((a, b) => b.share - a.share);
    return html`
      <label class="field" style="display: flex; max-width: 420px; margin: 10px 0"
        >Temperature: ${shown(this.temperature, 1)}
        <input
          type="range"
          min="0.1"
          max="2"
          step="0.1"
          .value=${String(this.temperature)}
          @input=${(event: Event) => (this.temperature = numberOf(event))}
      /></label>
      <div class="row">
        <button class="primary" @click=${() => this.#draw(look, probabilities)}>Draw a letter</button>
        <button @click=${() => void this.ask("")}>Start again</button>
        <span class="muted">${this.#lastDrawn}</span>
      </div>
      <p class="readout">The ten likeliest tokens after “${this.text}”; · ends the name:</p>
      <div class="bars" role="list">
        ${ranked
          .slice(0, 10)
          .map(
            ({ share, token }) =>
              html`<span role="listitem">${look.letters[token]}</span><span class="number">${percent(share)}</span
                ><span class="bar" style="width: ${100 * share}%"></span>`,
          )}
      </div>
    `;
  }

  #probabilities({ positions }: Look): number[] {
    const logits = positions[positions.length - 1].logits.map((logit) => new Value(logit));
    return softmax(logits.map((logit) => scale(logit, 1 / this.temperature))).map(({ data }) => data);
  }

  #draw({ letters, positions }: Look, probabilities: readonly number[]): void {
    if (positions.length === BLOCK_SIZE) return;
    const token = this.#random.weightedIndex(probabilities);
    const isEnd = token === letters.length - 1;
    this.#lastDrawn = isEnd ? `Drawn: ·, the end. The name is “${this.text}”.` : `Drawn: ${letters[token]}.`;
    void this.ask(isEnd ? this.text : this.text + letters[token]);
  }
}

customElements.define("mg-temperature", Temperature);
