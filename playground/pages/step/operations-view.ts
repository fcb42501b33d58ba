/** Zoom 2, the operation: the vectors of one position, one below the other, with their numbers or their gradients. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import "../../widgets/tensor-view.ts";
import { NONE } from "../../../src/trace/trace.ts";
import { chooseValue, goTo, VIEW_PROPERTIES } from "./events.ts";
import type { Operation } from "./operations.ts";
import type { Story } from "./story.ts";

/** `<mg-step-operations .story .event .chosen>`. */
export class OperationsView extends LitElement {
  static override properties: PropertyDeclarations = { ...VIEW_PROPERTIES, showsGradients: { state: true } };
  static override styles: CSSResult[] = [
    shared,
    css`
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
      }
      li {
        border-left: 3px solid transparent;
        padding: 3px 0 6px 10px;
        border-bottom: 1px solid var(--line);
      }
      li[aria-current] {
        border-left-color: var(--accent);
        background: var(--accent-soft);
      }
      .link {
        border: 0;
        background: none;
        padding: 0;
        min-height: 0;
        color: var(--accent);
        text-align: left;
      }
    `,
  ];
  declare story: Story;
  declare event: number;
  declare chosen: number;
  /** null: as the phase has it. */
  declare showsGradients: boolean | null;

  constructor() {
    super();
    this.showsGradients = null;
  }

  override render(): TemplateResult | typeof nothing {
    const { story, event } = this;
    const current = story.operations[story.operationAt(event)] ?? story.operations[0];
    const position = current.position === NONE ? story.step.tokens.length - 2 : current.position;
    const shown = story.operations.filter((one) => one.position === position);
    const phase = story.phaseAt(event);
    if (shown.length === 0) return nothing;
    const asGradients = this.showsGradients ?? phase !== "forward";
    const { characters } = story.data;
    return html`
      <h2>Position ${position}: the token ${characters[story.step.tokens[position]]}</h2>
      <p class="small muted">
        ${
          asGradients
            ? "The gradient of each vector, in the order of the forward pass; backward fills them from the bottom up."
            : "Each vector that the model computes for this token, from top to bottom."
        }
      </p>
      <div class="row small">
        <button aria-pressed=${!asGradients} @click=${() => (this.showsGradients = false)}>numbers</button>
        <button aria-pressed=${asGradients} @click=${() => (this.showsGradients = true)}>gradients</button>
      </div>
      <ol>
        ${shown.map((one) => this.#operation(one, one === current && phase !== "adam", asGradients))}
      </ol>
    `;
  }

  #operation(operation: Operation, isCurrent: boolean, asGradients: boolean): TemplateResult {
    const { story, event } = this;
    const ids = [...operation.result];
    const numbers = ids.map((id) => (asGradients ? story.gradAt(id, event) : story.dataAt(id, event)));
    return html`<li aria-current=${isCurrent ? "step" : nothing}>
      <button class="link small" @click=${() => goTo(this, operation.end - 1)}>${operation.about}</button>
      <mg-tensor
        .name=${asGradients ? `d loss / d ${operation.name}` : operation.name}
        .rows=${1}
        .columns=${ids.length}
        .numbers=${numbers}
        .chosen=${ids.indexOf(this.chosen)}
        @choose=${({ detail }: CustomEvent<number>) => chooseValue(this, ids[detail])}
      ></mg-tensor>
    </li>`;
  }
}

customElements.define("mg-step-operations", OperationsView);
