/** Zoom 1, the step: what the model reads and predicts at each position, the mean loss, and how far backward and Adam are. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { short, whole } from "../../widgets/numbers.ts";
import { goTo, numberButton, VIEW_PROPERTIES } from "./events.ts";
import type { Operation } from "./operations.ts";
import { lastAt } from "./story.ts";
import type { Story } from "./story.ts";

/** `<mg-step-overview .story .event .chosen>`. */
export class StepOverview extends LitElement {
  static override properties: PropertyDeclarations = VIEW_PROPERTIES;
  static override styles: CSSResult[] = [
    shared,
    css`
      ol {
        display: flex;
        gap: 10px;
        padding: 2px 2px 8px;
        margin: 0 0 12px;
        list-style: none;
      }
      li {
        flex: 0 0 auto;
        min-width: 118px;
      }
      li[aria-current] {
        border-color: var(--accent);
        box-shadow: 0 0 0 1px var(--accent);
      }
      .letters {
        font: 600 20px var(--mono);
      }
      .value {
        min-height: 0;
        padding: 1px 7px;
        font-variant-numeric: tabular-nums;
      }
      progress {
        width: 100%;
        accent-color: var(--accent);
      }
    `,
  ];
  declare story: Story;
  declare event: number;
  declare chosen: number;

  override render(): TemplateResult {
    const { story, event } = this;
    const losses = story.operations.filter(({ name }) => name === "loss");
    const visited = lastAt(story.visits.events, event) + 1;
    const updated = lastAt(story.adam.event, event) + 1;
    return html`
      <h2>1. Forward: a guess at each position</h2>
      <div class="scroll" tabindex="0" role="region" aria-label="Positions of the document">
        <ol>
          ${losses.map((loss) => this.#position(loss))}
        </ol>
      </div>
      <p>
        The mean of the losses, which learning makes smaller: ${numberButton(this, story.step.loss)}
        <span class="muted"
          >Guessing blindly costs ln ${story.data.characters.length} =
          ${short(Math.log(story.data.characters.length))}.</span
        >
      </p>
      <h2>2. Backward: how the loss depends on every value</h2>
      ${progress("values visited", visited, story.visits.ids.length)}
      <h2>3. Adam: each weight moves a little</h2>
      ${progress("weights moved", updated, story.weights)}
      <div class="row">
        <button @click=${() => goTo(this, 0)}>Forward</button>
        <button @click=${() => goTo(this, story.starts.backward)}>Backward</button>
        <button @click=${() => goTo(this, story.adam.moved[0])}>Adam</button>
      </div>
    `;
  }

  #position({ position, result, start, end }: Operation): TemplateResult {
    const { story, event } = this;
    const { tokens } = story.step;
    const [read, next] = [tokens[position], tokens[position + 1]].map((token) => story.data.characters[token]);
    const probabilities = story.operations.find((one) => one.name === "probabilities" && one.position === position)!;
    const first = story.operations.find((one) => one.position === position)!;
    const isNow = event >= first.start && event < end;
    return html`<li class="card" aria-current=${isNow ? "step" : nothing}>
      <div class="small muted">position ${position}</div>
      <div class="letters">${read} → ${next}</div>
      <div class="small">p(${next}) ${numberButton(this, probabilities.result[tokens[position + 1]])}</div>
      <div class="small">loss ${numberButton(this, result[0])}</div>
      <button class="small" @click=${() => goTo(this, isNow ? start : first.start)}>go to position ${position}</button>
    </li>`;
  }
}

function progress(what: string, done: number, all: number): TemplateResult {
  return html`<label class="small"
    >${whole(done)} of ${whole(all)} ${what}<progress max=${all} .value=${done}></progress
  ></label>`;
}

customElements.define("mg-step-overview", StepOverview);
