/** `mg-results-table`: the results of the runs, sorted by any column. */
import { css, html, LitElement, svg } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { colorOf, dashOf } from "../../widgets/chart-data.ts";
import { shortNumber } from "../../widgets/numbers.ts";
import { sorted } from "./outcome.ts";
import type { Column, Outcome } from "./outcome.ts";

const COLUMNS: readonly { readonly column: Column; readonly name: string; readonly show: (value: number) => string }[] =
  [
    { column: "bitsPerByte", name: "bits per byte", show: (value) => value.toFixed(4) },
    { column: "heldOutLoss", name: "held-out loss", show: (value) => value.toFixed(4) },
    { column: "steps", name: "steps", show: shortNumber },
    { column: "tokensPerSecond", name: "tokens/s", show: (value) => shortNumber(Math.round(value)) },
    { column: "seconds", name: "seconds", show: (value) => value.toFixed(1) },
    { column: "parameters", name: "parameters", show: shortNumber },
  ];

const styles = css`
  table {
    min-width: 720px;
    width: 100%;
  }
  th button {
    border: 0;
    background: none;
    padding: 2px 0;
    min-height: 24px;
    font-weight: 600;
    color: var(--muted);
  }
  th svg {
    vertical-align: middle;
    margin-right: 6px;
  }
  th[scope="row"] {
    color: var(--ink);
  }
  tr.best td.best {
    font-weight: 700;
  }
  .failure {
    color: var(--bad);
    max-width: 320px;
  }
`;

/** The table. */
export class ResultsTable extends LitElement {
  static override properties: PropertyDeclarations = {
    outcomes: { attribute: false },
    column: { state: true },
    isAscending: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  declare outcomes: readonly Outcome[];
  declare column: Column;
  declare isAscending: boolean;

  constructor() {
    super();
    this.outcomes = [];
    [this.column, this.isAscending] = ["index", true];
  }

  override render(): TemplateResult {
    const bits = this.outcomes.flatMap(({ bitsPerByte }) => (bitsPerByte === null ? [] : [bitsPerByte]));
    const best = bits.length < 2 ? null : Math.min(...bits);
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Results">
      <table>
        <thead>
          <tr>
            ${this.#head("index", "run", false)}
            <th scope="col">state</th>
            ${COLUMNS.map(({ column, name }) => this.#head(column, name, true))}
          </tr>
        </thead>
        <tbody>
          ${sorted(this.outcomes, this.column, this.isAscending).map((one) => rowOf(one, best))}
        </tbody>
      </table>
    </div>`;
  }

  #head(column: Column, name: string, isNumber: boolean): TemplateResult {
    const isSorted = column === this.column;
    const order = !isSorted ? "none" : this.isAscending ? "ascending" : "descending";
    const arrow = !isSorted ? "" : this.isAscending ? " ↑" : " ↓";
    return html`<th scope="col" class=${isNumber ? "number" : ""} aria-sort=${order}>
      <button @click=${() => this.#sort(column)}>${name}${arrow}</button>
    </th>`;
  }

  #sort(column: Column): void {
    this.isAscending = column === this.column ? !this.isAscending : true;
    this.column = column;
  }
}

function rowOf(outcome: Outcome, best: number | null): TemplateResult {
  const isBest = best !== null && outcome.bitsPerByte === best;
  return html`<tr class=${isBest ? "best" : ""}>
    <th scope="row">${swatch(outcome.index)}${outcome.name}</th>
    <td>${stateOf(outcome)}</td>
    ${COLUMNS.map(({ column, show }) => {
      const value = outcome[column];
      const isMarked = isBest && column === "bitsPerByte";
      return html`<td class=${isMarked ? "number best" : "number"}>
        ${value === null ? "–" : show(value)}${isMarked ? " ★" : ""}
      </td>`;
    })}
  </tr>`;
}

function stateOf({ status, failure, steps, numSteps }: Outcome): TemplateResult {
  if (failure !== null) return html`<span class="failure">failed: ${failure}</span>`;
  if (status === "training" && numSteps !== null) return html`training, ${Math.floor((100 * steps) / numSteps)} %`;
  return html`${status}`;
}

/** The run's piece of curve, as in the chart. */
function swatch(index: number): TemplateResult {
  const series = { label: "", xs: null, ys: [] };
  const dash = dashOf(series, index).join(" ");
  return html`<svg width="24" height="10" aria-hidden="true">
    ${svg`<line x1="0" y1="5" x2="24" y2="5" stroke="var(${colorOf(series, index)})" stroke-width="2" stroke-dasharray=${dash} />`}
  </svg>`;
}

customElements.define("mg-results-table", ResultsTable);
