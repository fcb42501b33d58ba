/** Chapter 4: the graph of a·b + a, computed by the core's `Value`: numbers forward, derivatives backward. */
import { css, html, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import { add, mul, Value } from "../../../../src/microgpt.ts";
import { LessonWidget, numberOf, shown } from "./lesson-widget.ts";

/** How far a is moved to check its derivative. */
const NUDGE = 1e-4;

/** A node of the drawing. */
interface Node {
  readonly name: string;
  readonly value: Value;
  readonly x: number;
  readonly y: number;
}

/** The graph with editable a and b. */
export class ValueGraph extends LessonWidget {
  static override properties: PropertyDeclarations = {
    a: { state: true },
    b: { state: true },
    isBack: { state: true },
  };
  static override styles: CSSResult[] = [
    ...LessonWidget.styles,
    css`
      svg {
        width: 620px;
        max-width: none;
      }
      rect {
        fill: var(--sunken);
        stroke: var(--line);
      }
      .name {
        font-weight: 700;
      }
      .grad {
        fill: var(--series-2);
      }
      .edge {
        stroke: var(--muted);
        stroke-width: 1.5;
      }
      input {
        width: 110px;
      }
    `,
  ];
  declare a: number;
  declare b: number;
  /** Whether `backward` has run. */
  declare isBack: boolean;

  constructor() {
    super();
    this.a = 2;
    this.b = 3;
    this.isBack = false;
  }

  override render(): TemplateResult {
    const [a, b] = [new Value(this.a), new Value(this.b)];
    const product = mul(a, b);
    const result = add(product, a);
    if (this.isBack) result.backward();
    const nodes: readonly Node[] = [
      { name: "a", value: a, x: 10, y: 20 },
      { name: "b", value: b, x: 10, y: 140 },
      { name: "a·b", value: product, x: 240, y: 100 },
      { name: "a·b + a", value: result, x: 470, y: 40 },
    ];
    return html`
      <div class="row">
        ${this.#field("a", this.a, (value) => (this.a = value))}
        ${this.#field("b", this.b, (value) => (this.b = value))}
        <button class="primary" @click=${() => (this.isBack = !this.isBack)}>
          ${this.isBack ? "Forget the gradients" : "Run backward()"}
        </button>
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="Graph of a·b + a">
        <svg viewBox="0 0 620 220" role="img" aria-label=${nodes.map((node) => this.#words(node)).join("; ")}>
          ${nodes.flatMap((to) =>
            to.value.children.map((child, i) =>
              this.#edge(
                nodes.find(({ value }) => value === child)!,
                to,
                i,
              ),
            ),
          )}
          ${nodes.map((node) => this.#node(node))}
        </svg>
      </div>
      ${this.isBack ? this.#check(a.grad, result.data) : html`<p class="readout muted">The numbers on the lines are local derivatives.</p>`}
      <details>
        <summary>As a table</summary>
        <table>
          <thead>
            <tr>
              <th>value</th>
              <th class="number">data</th>
              <th class="number">grad</th>
            </tr>
          </thead>
          <tbody>
            ${nodes.map(
              ({ name, value }) =>
                html`<tr>
                  <td class="mono">${name}</td>
                  <td class="number">${shown(value.data)}</td>
                  <td class="number">${this.isBack ? shown(value.grad) : "–"}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </details>
    `;
  }

  #field(name: string, value: number, set: (value: number) => void): TemplateResult {
    const take = (event: Event): void => {
      const typed = numberOf(event);
      if (Number.isFinite(typed)) set(typed);
    };
    return html`<label class="field"
      >${name}<input type="number" step="0.5" .value=${String(value)} @input=${take}
    /></label>`;
  }

  #words({ name, value }: Node): string {
    return `${name} is ${shown(value.data)}${this.isBack ? `, grad ${shown(value.grad)}` : ""}`;
  }

  #node({ name, value, x, y }: Node): SVGTemplateResult {
    return svg`<rect x=${x} y=${y} width="130" height="64" rx="8" />
      <text class="name" x=${x + 10} y=${y + 18}>${name}</text>
      <text x=${x + 10} y=${y + 36}>data ${shown(value.data)}</text>
      <text class="grad" x=${x + 10} y=${y + 53}>grad ${this.isBack ? shown(value.grad) : "?"}</text>`;
  }

  #edge(from: Node, to: Node, child: number): SVGTemplateResult {
    const [x1, y1, x2, y2] = [from.x + 130, from.y + 32, to.x, to.y + 32];
    return svg`<line class="edge" x1=${x1} y1=${y1} x2=${x2} y2=${y2} />
      <text x=${(x1 + x2) / 2 - 8} y=${(y1 + y2) / 2 - 6}>${shown(to.value.localGrads[child], 1)}</text>`;
  }

  #check(grad: number, result: number): TemplateResult {
    const moved = (this.a + NUDGE) * this.b + (this.a + NUDGE);
    return html`<p class="readout">
      Check without the chain rule: with a larger by ${NUDGE}, the result grows by ${shown(moved - result, 6)}, which is
      ${shown((moved - result) / NUDGE)} times as much. <code>a.grad</code> is ${shown(grad)}.
    </p>`;
  }
}

customElements.define("mg-value-graph", ValueGraph);
