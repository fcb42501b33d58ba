/**
 * One Value: its number, its formula, its gradient, its children with the local gradients and its parents. Each of them is
 * a button: a visitor walks through the whole graph, from the loss to a weight or back.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { counted, exact, short } from "../../widgets/numbers.ts";
import { childrenOf, parentsOf } from "../../../src/trace/trace.ts";
import "./adam-view.ts";
import { chooseValue, goTo, VIEW_PROPERTIES } from "./events.ts";
import { formulaOf } from "./formula.ts";
import type { Story } from "./story.ts";

interface Relative {
  readonly id: number;
  readonly localGrad: number;
}

/** More than this is behind a summary. */
const FEW = 6;

/** `<mg-step-value .story .event .chosen .check>`. */
export class ValueView extends LitElement {
  static override properties: PropertyDeclarations = { ...VIEW_PROPERTIES, check: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      .link {
        border: 0;
        background: none;
        padding: 0;
        min-height: 0;
        color: var(--accent);
        text-align: left;
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 2px 12px;
        margin: 0 0 10px;
      }
      dt {
        color: var(--muted);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
        font-variant-numeric: tabular-nums;
      }
      .scroll {
        max-height: 260px;
      }
    `,
  ];
  declare story: Story;
  declare event: number;
  declare chosen: number;
  /** d(loss)/d(weight) by a finite difference. */
  declare check: (weight: number) => Promise<number>;

  override render(): TemplateResult {
    const { story, event, chosen } = this;
    const data = story.dataAt(chosen, event);
    const { children, localGrads } = childrenOf(story.trace, chosen);
    const relatives = Array.from(children, (id, i) => ({ id, localGrad: localGrads[i] }));
    return html`
      <h3>${story.labels[chosen]}</h3>
      <dl>
        <dt>data</dt>
        <dd>${data === null ? "not computed yet" : exact(data)}</dd>
        <dt>grad</dt>
        <dd>${this.#grad()}</dd>
        ${this.#made()}
      </dl>
      ${relatives.length > 0 ? this.#children(relatives) : nothing} ${this.#parents(parentsOf(story.trace, chosen))}
      ${
        chosen < story.weights
          ? html`<mg-step-adam .story=${story} .event=${event} .chosen=${chosen} .check=${this.check}></mg-step-adam>`
          : nothing
      }
    `;
  }

  #grad(): TemplateResult | string {
    const { story, event, chosen } = this;
    if (story.visitOf[chosen] < 0) return "0: the loss does not depend on it";
    const grad = story.gradAt(chosen, event);
    if (grad !== null) return exact(grad);
    return html`not complete yet;
      <button class="link" @click=${() => goTo(this, story.visitOf[chosen])}>go to where it is</button>`;
  }

  #made(): TemplateResult | typeof nothing {
    const { story, chosen } = this;
    const made = story.trace.values.event[chosen];
    if (made < 0) return nothing;
    return html`
      <dt>made</dt>
      <dd><button class="link" @click=${() => goTo(this, made)}>at line ${story.trace.events.line[made]}</button></dd>
      ${
        formulaOf(story.trace, chosen) === null
          ? nothing
          : html`<dt>formula</dt>
              <dd class="mono">${formulaOf(story.trace, chosen)}</dd>`
      }
    `;
  }

  #children(relatives: readonly Relative[]): TemplateResult {
    const { grad } = this.story.trace.values;
    const isKnown = this.story.gradAt(this.chosen, this.event) !== null;
    return this.#table(
      `Computed from ${counted(relatives.length, "value")}`,
      relatives,
      "adds to its grad",
      ({ localGrad }) => (isKnown ? short(localGrad * grad[this.chosen]) : "–"),
    );
  }

  #parents(relatives: readonly Relative[]): TemplateResult {
    const { story, event } = this;
    if (relatives.length === 0) return html`<p class="small muted">Nothing was computed from it.</p>`;
    return this.#table(
      `Part of ${counted(relatives.length, "value")}`,
      relatives,
      "adds to this grad",
      ({ id, localGrad }) => {
        const grad = story.gradAt(id, event);
        return grad === null ? "–" : short(localGrad * grad);
      },
    );
  }

  #table(title: string, relatives: readonly Relative[], last: string, flow: (one: Relative) => string): TemplateResult {
    const { story, event } = this;
    const row = (one: Relative): TemplateResult => {
      const data = story.dataAt(one.id, event);
      return html`<tr>
        <td><button class="link" @click=${() => chooseValue(this, one.id)}>${story.labels[one.id]}</button></td>
        <td class="number">${data === null ? "–" : short(data)}</td>
        <td class="number">${short(one.localGrad)}</td>
        <td class="number">${flow(one)}</td>
      </tr>`;
    };
    return html`<details ?open=${relatives.length <= FEW}>
      <summary>${title}</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${title}>
        <table>
          <thead>
            <tr>
              <th>value</th>
              <th>data</th>
              <th>local gradient</th>
              <th>${last}</th>
            </tr>
          </thead>
          <tbody>
            ${relatives.map(row)}
          </tbody>
        </table>
      </div>
    </details>`;
  }
}

customElements.define("mg-step-value", ValueView);
