/** Any matrix of the model, its last gradient, or its last update, as a heat map with its histogram. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Matrix, MatrixKind } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import "../../widgets/heat-map.ts";
import "../../widgets/histogram.ts";
import { shownToken } from "../../widgets/token-text.ts";

const KINDS: readonly { readonly kind: MatrixKind; readonly title: string }[] = [
  { kind: "weights", title: "weights" },
  { kind: "gradients", title: "gradients of the last step" },
  { kind: "updates", title: "what the last step changed" },
];

/** `<mg-matrix-view .run .at>` */
export class MatrixView extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    name: { state: true },
    kind: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .two {
        display: grid;
        gap: var(--gap);
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr));
        margin-top: 10px;
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  declare name: string;
  declare kind: MatrixKind;
  readonly #names = new LiveAnswer<readonly string[]>(this, {
    subject: () => JSON.stringify(this.run.header?.config),
    ask: (run) => run.call("matrixNames"),
  });
  readonly #live = new LiveAnswer<Matrix>(this, {
    subject: () => `${this.kind} ${this.name}`,
    ask: (run, at) => run.call("matrix", { at, kind: this.kind, name: this.name }),
  });

  constructor() {
    super();
    [this.name, this.kind] = ["wte", "weights"];
  }

  override render(): TemplateResult {
    const { value, problem } = this.#live;
    return html`
      <div class="row">
        <label class="field"
          >Matrix
          <select @change=${(event: Event) => this.#choose(event)}>
            ${(this.#names.value ?? [this.name]).map(
              (name) => html`<option value=${name} .selected=${name === this.name}>${name}</option>`,
            )}
          </select>
        </label>
        <div class="row" role="group" aria-label="Numbers">
          ${KINDS.map(
            ({ kind, title }) =>
              html`<button aria-pressed=${kind === this.kind} @click=${() => (this.kind = kind)}>${title}</button>`,
          )}
        </div>
      </div>
      ${problem === null ? "" : html`<p role="alert">${problem}</p>`}
      ${value === null || problem !== null ? "" : this.#matrix(value)}
    `;
  }

  #matrix({ name, rows, columns, data }: Matrix): TemplateResult {
    const label = `${name}: ${this.kind}`;
    return html`<div class="two">
      <mg-heat-map
        label=${label}
        rowTitle=${ROW_TITLES.get(name) ?? "output"}
        columnTitle=${ROW_TITLES.has(name) ? "dimension" : "input"}
        .data=${data}
        .rows=${rows}
        .columns=${columns}
        .rowLabels=${this.#rowLabels(name)}
      ></mg-heat-map>
      <mg-histogram label=${label} .data=${data}></mg-histogram>
    </div>`;
  }

  #rowLabels(name: string): readonly string[] | null {
    return name === "wte" || name === "lm_head" ? (this.run.header?.vocabulary.map(shownToken) ?? null) : null;
  }

  #choose({ target }: Event): void {
    if (target instanceof HTMLSelectElement) this.name = target.value;
  }
}

/** What a row stands for; in all others, an output. */
const ROW_TITLES: ReadonlyMap<string, string> = new Map([
  ["wte", "token"],
  ["lm_head", "token"],
  ["wpe", "position"],
]);

customElements.define("mg-matrix-view", MatrixView);
