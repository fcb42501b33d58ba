/** Chapter 6: x on its way through the block: sixteen numbers per stage, and the letters they point to. */
import { html } from "lit";
import type { TemplateResult } from "lit";
import type { Position } from "../model/anatomy.ts";
import type { Look } from "../protocol.ts";
import { percent, shown, tint } from "./lesson-widget.ts";
import { LookWidget } from "./look-widget.ts";

/** A row of the picture. */
interface Stage {
  readonly name: string;
  readonly x: readonly number[];
  /** Probabilities of the next token if the model ended here; null for what is only added. */
  readonly guess: readonly number[] | null;
}

/** The stages of one position. */
export class ResidualStream extends LookWidget {
  protected view(look: Look): TemplateResult {
    const position = look.positions[this.at(look)];
    const stages = stagesOf(position);
    const max = Math.max(...stages.flatMap(({ x }) => x.map((value) => Math.abs(value))));
    return html`
      ${this.letters(look, "look at the letter")}
      <div class="scroll" tabindex="0" role="region" aria-label="x after each stage, sixteen numbers">
        <table class="cells">
          <thead>
            <tr>
              <th scope="col">stage</th>
              ${position.first.map((_, i) => html`<th scope="col">${i}</th>`)}
              <th scope="col">the next letter, if the model ended here</th>
            </tr>
          </thead>
          <tbody>
            ${stages.map((stage) => this.#row(stage, max, look.letters))}
          </tbody>
        </table>
      </div>
      <p class="small muted">Blue is above 0, orange below; the stronger, the larger.</p>
    `;
  }

  #row({ name, x, guess }: Stage, max: number, letters: readonly string[]): TemplateResult {
    return html`<tr>
      <th scope="row">${name}</th>
      ${x.map((value) => html`<td style="background: ${tint(value, max)}">${shown(value, 1)}</td>`)}
      <td style="text-align: left; white-space: nowrap">${guess === null ? "" : topOf(guess, letters)}</td>
    </tr>`;
  }
}

const stagesOf = ({ embedding, place, first, attentionAdds, middle, mlpAdds, last, guesses }: Position): Stage[] => [
  { name: "the letter, wte", x: embedding, guess: null },
  { name: "+ its position, wpe", x: place, guess: null },
  { name: "= x, normalized", x: first, guess: guesses[0] },
  { name: "+ attention", x: attentionAdds, guess: null },
  { name: "= x", x: middle, guess: guesses[1] },
  { name: "+ MLP", x: mlpAdds, guess: null },
  { name: "= x", x: last, guess: guesses[2] },
];

/** The three likeliest letters. */
function topOf(guess: readonly number[], letters: readonly string[]): string {
  const ranked = guess.map((share, token) => ({ share, token })).toSorted((a, b) => b.share - a.share);
  return ranked
    .slice(0, 3)
    .map(({ share, token }) => `${letters[token]} ${percent(share)}`)
    .join(", ");
}

customElements.define("mg-residual-stream", ResidualStream);
