/** Chapter 8: the 64 hidden units of the MLP for one letter, what each adds to the logits, and the size of a model. */
import { css, html } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { Look } from "../protocol.ts";
import { numberOf, shown, tint } from "./lesson-widget.ts";
import { LookWidget } from "./look-widget.ts";
import { whole } from "../../../widgets/numbers.ts";

/** The units, the chosen one, and the count of weights. */
export class HiddenUnits extends LookWidget {
  static override properties: PropertyDeclarations = {
    ...LookWidget.properties,
    unit: { state: true },
    depth: { state: true },
  };
  static override styles: CSSResult[] = [
    ...LookWidget.styles,
    css`
      .units {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(46px, 1fr));
        gap: 4px;
        max-width: 780px;
      }
      .units button {
        padding: 2px;
        min-height: 30px;
        font: 12px var(--mono);
        position: relative;
      }
      .units button[aria-pressed="true"] {
        outline: 2px solid var(--ink);
      }
    `,
  ];
  /** The chosen unit; null for the most active. */
  declare unit: number | null;
  declare depth: number;

  constructor() {
    super();
    this.text = "elizabet";
    this.unit = null;
    this.depth = 1;
  }

  protected view(look: Look): TemplateResult {
    const { hidden } = look.positions[this.at(look)];
    const max = Math.max(...hidden);
    const unit = this.unit ?? hidden.indexOf(max);
    const off = hidden.filter((activity) => activity === 0).length;
    return html`
      ${this.letters(look, "after the letter")}
      <p>${off} of 64 units are 0 here: ReLU switched them off.</p>
      <div class="units" role="group" aria-label="Hidden units; choose one">
        ${hidden.map(
          (activity, i) =>
            html`<button
              aria-pressed=${i === unit}
              style="background: ${tint(activity, max)}"
              @click=${() => (this.unit = i)}
            >
              <span class="visually-hidden">unit ${i}:</span> ${activity === 0 ? "0" : shown(activity, 1)}
            </button>`,
        )}
      </div>
      ${this.#effect(look, unit, hidden[unit])} ${this.#size()}
    `;
  }

  #effect({ unitEffects, letters }: Look, unit: number, activity: number): TemplateResult {
    const effects = unitEffects[unit].map((effect, token) => ({ adds: effect * activity, letter: letters[token] }));
    const ranked = effects.toSorted((a, b) => b.adds - a.adds);
    const list = (some: typeof ranked): string => some.map(({ adds, letter }) => `${letter} ${shown(adds)}`).join(", ");
    const words =
      activity === 0
        ? "it is off, so it adds nothing to any letter."
        : `it adds most to ${list(ranked.slice(0, 4))}; least to ${list(ranked.slice(-4).toReversed())}.`;
    return html`<p class="readout" aria-live="polite">Unit ${unit} is ${shown(activity)}: ${words}</p>`;
  }

  #size(): TemplateResult {
    const [width, vocabulary, positions] = [16, 27, 16];
    const [embeddings, attention, mlp] = [2 * vocabulary * width + positions * width, 4 * width ** 2, 8 * width ** 2];
    const total = embeddings + this.depth * (attention + mlp);
    return html`<label class="field" style="display: flex; max-width: 420px; margin-top: 14px"
        >Depth: ${this.depth} ${this.depth === 1 ? "block" : "blocks"}
        <input
          type="range"
          min="1"
          max="12"
          .value=${String(this.depth)}
          @input=${(event: Event) => (this.depth = numberOf(event))}
      /></label>
      <p class="readout">
        Weights: ${whole(embeddings)} in the three tables + ${this.depth} × (${whole(attention)} for attention +
        ${whole(mlp)} for the MLP) =
        <b>${whole(total)}</b>
      </p>`;
  }
}

customElements.define("mg-hidden-units", HiddenUnits);
