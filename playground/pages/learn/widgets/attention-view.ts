/** Chapter 7: which earlier letters each head of the trained model reads. */
import { html } from "lit";
import type { TemplateResult } from "lit";
import type { Look } from "../protocol.ts";
import { percent, tint } from "./lesson-widget.ts";
import { LookWidget } from "./look-widget.ts";

/** Four heads by the letters so far. */
export class AttentionView extends LookWidget {
  constructor() {
    super();
    this.text = "elizabet";
  }

  protected view(look: Look): TemplateResult {
    const at = this.at(look);
    const { attention, token } = look.positions[at];
    const seen = look.positions.slice(0, at + 1);
    return html`
      ${this.letters(look, "the letter that looks back")}
      <div class="scroll" tabindex="0" role="region" aria-label="Attention weights of each head">
        <table class="cells">
          <thead>
            <tr>
              <th scope="col"><span class="visually-hidden">head</span></th>
              ${seen.map((position) => html`<th scope="col">${look.letters[position.token]}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${attention.map(
              (head, i) =>
                html`<tr>
                  <th scope="row">head ${i}</th>
                  ${head.map((weight) => html`<td style="background: ${tint(weight, 1)}">${percent(weight)}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="small muted">
        Each row sums to 100 %: how much of what a head reads comes from which letter, when “${look.letters[token]}”
        looks back. · is BOS, the beginning.
      </p>
    `;
  }
}

customElements.define("mg-attention-view", AttentionView);
