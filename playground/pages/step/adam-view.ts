/** One weight in Adam: g, m, v, m̂, v̂ and the update, each with its line of the source. And the check of g. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { exact, factor, short } from "../../widgets/numbers.ts";
import { goTo, VIEW_PROPERTIES } from "./events.ts";
import type { Story } from "./story.ts";

/** `<mg-step-adam .story .event .chosen .check>`, `chosen` a weight. */
export class AdamView extends LitElement {
  static override properties: PropertyDeclarations = {
    ...VIEW_PROPERTIES,
    check: { attribute: false },
    verdict: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .link {
        border: 0;
        background: none;
        padding: 0;
        min-height: 0;
        color: var(--accent);
      }
      .verdict {
        margin: 8px 0 0;
      }
    `,
  ];
  declare story: Story;
  declare event: number;
  declare chosen: number;
  declare check: (weight: number) => Promise<number>;
  declare verdict: string;

  constructor() {
    super();
    this.verdict = "";
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("chosen") || changed.has("story")) this.verdict = "";
  }

  override render(): TemplateResult {
    const { story, chosen } = this;
    return html`
      <h3>Adam moves this weight</h3>
      <div class="scroll" tabindex="0" role="region" aria-label="Adam for this weight">
        <table>
          <tbody>
            ${this.#rows().map(
              ([name, formula, number]) =>
                html`<tr>
                  <th scope="row">${name}</th>
                  <td class="mono small">${formula}</td>
                  <td class="number">${number}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <p class="row">
        <button @click=${() => void this.#check()}>Check g by a finite difference</button>
        <button class="link" @click=${() => goTo(this, story.adam.moved[chosen])}>go to its update</button>
      </p>
      <p class="verdict" role="status">${this.verdict}</p>
    `;
  }

  /** Numbers that Adam has not computed yet at the event are dashes. */
  #rows(): (readonly [name: string, formula: string, number: string])[] {
    const { story, chosen, event } = this;
    const { adam, data, step } = story;
    const g = story.trace.values.grad[chosen];
    const t = step.step + 1;
    const old = story.trace.values.data[chosen];
    const when = (line: number, number: number): string => (event >= adam.event[chosen] + line ? short(number) : "–");
    const isKnown = story.gradAt(chosen, event) !== null || story.visitOf[chosen] < 0;
    return [
      ["g", "d loss / d weight", isKnown ? short(g) : "–"],
      ["m", `0.85 · ${factor(data.meanBefore[chosen])} + 0.15 · g`, when(1, adam.mean[chosen])],
      ["v", `0.99 · ${short(data.meanSquareBefore[chosen])} + 0.01 · g²`, when(2, adam.meanSquare[chosen])],
      ["m̂", `m / (1 − 0.85^${t})`, when(3, adam.mHat[chosen])],
      ["v̂", `v / (1 − 0.99^${t})`, when(4, adam.vHat[chosen])],
      ["update", `−${short(step.learningRate)} · m̂ / (√v̂ + 1e−8)`, when(5, step.after[chosen] - old)],
      ["weight", `${short(old)} + update`, when(5, step.after[chosen])],
    ];
  }

  async #check(): Promise<void> {
    const { chosen, story } = this;
    this.verdict = "computing two more losses…";
    const difference = await this.check(chosen);
    const g = story.trace.values.grad[chosen];
    const error = Math.abs(difference - g);
    const agrees = error <= 1e-8 + 1e-5 * Math.abs(g);
    this.verdict =
      `(loss(w + h) − loss(w − h)) / 2h = ${exact(Number(difference.toPrecision(8)))}; g = ${exact(Number(g.toPrecision(8)))}: ` +
      (agrees ? "they agree." : `they differ by ${short(error)}.`);
  }
}

customElements.define("mg-step-adam", AdamView);
