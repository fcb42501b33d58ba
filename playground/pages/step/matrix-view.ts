/** Zoom 3, the matrix: everything that takes part in one operation. In Adam: a matrix of weights and how it moves. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import "../../widgets/tensor-view.ts";
import { chooseValue, VIEW_PROPERTIES } from "./events.ts";
import type { Story } from "./story.ts";
import { tensorsOf } from "./tensors.ts";
import type { Drawn } from "./tensors.ts";

/** `<mg-step-matrix .story .event .chosen>`. */
export class MatrixView extends LitElement {
  static override properties: PropertyDeclarations = VIEW_PROPERTIES;
  static override styles: CSSResult[] = [
    shared,
    css`
      .tensors {
        display: grid;
        gap: 12px 20px;
      }
      .output {
        border-left: 3px solid var(--accent);
        padding-left: 10px;
      }
    `,
  ];
  declare story: Story;
  declare event: number;
  declare chosen: number;

  override render(): TemplateResult {
    return this.story.phaseAt(this.event) === "adam" ? this.#adam() : this.#operation();
  }

  #operation(): TemplateResult {
    const { story, event } = this;
    const operation = story.operations[story.operationAt(event)];
    const isBackward = story.phaseAt(event) === "backward";
    // In backward, everything of the forward pass is there.
    const drawn = tensorsOf(story, operation, isBackward ? operation.end - 1 : event);
    return html`
      <h2>${operation.about}</h2>
      <p class="small muted">
        ${
          isBackward
            ? "Gradients: they come to the result first and flow from it to what it was computed from."
            : "What it is given, what it makes on the way, and its result."
        }
      </p>
      <div class="tensors">${drawn.map((one) => this.#tensor(one, isBackward))}</div>
    `;
  }

  #tensor({ name, rows, columns, ids, role }: Drawn, asGradients: boolean): TemplateResult {
    const { story, event } = this;
    const numbers = ids.map((id) => (asGradients ? story.gradAt(id, event) : story.dataAt(id, event)));
    return this.#map(asGradients ? `d loss / d (${name})` : name, { rows, columns, ids, numbers, role });
  }

  #map(
    name: string,
    { rows, columns, ids, numbers, role }: Omit<Drawn, "name"> & { numbers: readonly (number | null)[] },
  ): TemplateResult {
    return html`<mg-tensor
      class=${role}
      .name=${name}
      .rows=${rows}
      .columns=${columns}
      .numbers=${numbers}
      .chosen=${ids.indexOf(this.chosen)}
      @choose=${({ detail }: CustomEvent<number>) => chooseValue(this, ids[detail])}
    ></mg-tensor>`;
  }

  /** The matrix that Adam is in: weights, gradients, and what it has added so far. */
  #adam(): TemplateResult {
    const { story, event } = this;
    const weight = Math.max(0, story.weightAt(event));
    const { name, rows, columns, start } = story.step.matrices.findLast((matrix) => matrix.start <= weight)!;
    const ids = Array.from({ length: rows * columns }, (_, i) => start + i);
    const before = story.trace.values.data;
    const moved = ids.map((id) => (story.isUpdated(id, event) ? story.step.after[id] - before[id] : null));
    const shape = { rows, columns, ids, role: "inner" } as const;
    return html`
      <h2>Adam in ${name}</h2>
      <p class="small muted">Weight by weight: −learning rate · m̂ / (√v̂ + ε) is added.</p>
      <div class="tensors">
        ${this.#map("weights", { ...shape, numbers: ids.map((id) => story.dataAt(id, event)) })}
        ${this.#map("gradients", { ...shape, numbers: ids.map((id) => story.trace.values.grad[id]) })}
        ${this.#map("added by this step", { ...shape, numbers: moved, role: "output" })}
      </div>
    `;
  }
}

customElements.define("mg-step-matrix", MatrixView);
