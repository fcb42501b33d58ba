/** Zoom 4, the number: the functions that run at an event, and the variables of the innermost with a name in the source. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { short } from "../../widgets/numbers.ts";
import { idsOf, NONE, stackAt } from "../../../src/trace/trace.ts";
import { chooseValue, VIEW_PROPERTIES } from "./events.ts";
import { lastAt } from "./story.ts";
import type { Story } from "./story.ts";

interface Local {
  readonly tensor: number;
  readonly number: number;
}

/** `<mg-step-stack .story .event .chosen>`. */
export class StackView extends LitElement {
  static override properties: PropertyDeclarations = VIEW_PROPERTIES;
  static override styles: CSSResult[] = [
    shared,
    css`
      ol {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 6px;
        list-style: none;
        padding: 0;
        margin: 0 0 8px;
      }
      li:not(:last-child)::after {
        content: " ›";
        color: var(--muted);
      }
      .value {
        min-height: 0;
        padding: 1px 7px;
      }
    `,
  ];
  declare story: Story;
  declare event: number;
  declare chosen: number;

  override render(): TemplateResult {
    const { story, event } = this;
    const { names, calls, events } = story.trace;
    const stack = stackAt(story.trace, event);
    return html`
      <h2>Line ${events.line[event]}</h2>
      <ol class="mono" aria-label="Functions that run">
        ${stack.map((call) => html`<li>${names[calls.name[call]]}</li>`)}
      </ol>
      <table>
        <thead>
          <tr>
            <th>variable</th>
            <th>value</th>
          </tr>
        </thead>
        <tbody>
          ${[...this.#locals(stack.at(-1) ?? NONE)].map(
            ([name, local]) =>
              html`<tr>
                <td class="mono">${name}</td>
                <td>${this.#shown(local)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    `;
  }

  /** The variables of a call that have a value by now. */
  #locals(call: number): Map<string, Local> {
    const { variables, calls, names } = this.story.trace;
    const locals = new Map<string, Local>();
    if (call === NONE) return locals;
    const from = lastAt(variables.event, calls.start[call] - 1) + 1;
    // Adam and backward have hundreds of thousands of them: the last ones are what matters.
    const to = lastAt(variables.event, this.event);
    for (let i = Math.max(from, to - 2000); i <= to; i++) {
      if (variables.call[i] !== call) continue;
      locals.set(names[variables.name[i]], { tensor: variables.tensor[i], number: variables.number[i] });
    }
    return locals;
  }

  #shown({ tensor, number }: Local): TemplateResult | string {
    if (tensor === NONE) return short(number);
    const { story } = this;
    const ids = idsOf(story.trace, tensor);
    if (ids.length > 1) {
      const { rows, columns } = story.trace.tensors;
      const shape = rows[tensor] === 1 ? `[${columns[tensor]}]` : `[${rows[tensor]}][${columns[tensor]}]`;
      return `${shape} values, from ${story.labels[ids[0]]}`;
    }
    const data = story.dataAt(ids[0], this.event);
    return html`<button class="value" @click=${() => chooseValue(this, ids[0])}>
      ${story.labels[ids[0]]}${data === null ? "" : ` = ${short(data)}`}
    </button>`;
  }
}

customElements.define("mg-step-stack", StackView);
