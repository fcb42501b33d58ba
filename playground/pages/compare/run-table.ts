/**
 * `mg-run-table`: the runs of a comparison as an editable table: a row for each run, a column for each option in which
 * they may differ. Fires "plan", a CustomEvent with the changed plan.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import type { ModelOptions } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { OptionKey } from "../../widgets/option-fields.ts";
import { optionCell } from "./option-cell.ts";
import { parseCell } from "./parse-cell.ts";
import { COLUMN_KEYS, MAX_RUNS, MIN_RUNS, nameOf, valueOf } from "./plan.ts";
import type { Plan } from "./plan.ts";

const styles = css`
  td,
  th {
    vertical-align: middle;
  }
  .error {
    color: var(--bad);
    font-size: 12.5px;
    max-width: 220px;
  }
  button.small {
    min-height: 26px;
    padding: 1px 8px;
  }
  .row {
    margin-top: 8px;
  }
`;

/** The table. */
export class RunTable extends LitElement {
  static override properties: PropertyDeclarations = { plan: { attribute: false }, errors: { state: true } };
  static override styles: CSSResult[] = [shared, styles];
  declare plan: Plan;
  /** What is wrong, by row and option: `2 nEmbd`. */
  declare errors: ReadonlyMap<string, string>;

  constructor() {
    super();
    this.plan = { text: "names", base: {}, columns: [], rows: [] };
    this.errors = new Map();
  }

  override render(): TemplateResult {
    const { columns, rows } = this.plan;
    return html`
      <div class="scroll" tabindex="0" role="region" aria-label="Runs to compare">
        <table>
          <thead>
            <tr>
              <th scope="col">run</th>
              ${columns.map((key) => this.#head(key))}
              <th scope="col"><span class="visually-hidden">change</span></th>
            </tr>
          </thead>
          <tbody>
            ${rows.map((row, i) => this.#row(row, i))}
          </tbody>
        </table>
      </div>
      <div class="row">
        <button ?disabled=${rows.length >= MAX_RUNS} @click=${() => this.#addRow(rows.length - 1)}>Add a run</button>
        <label class="row"
          >add an option
          <select @change=${({ currentTarget }: Event) => this.#addColumn(currentTarget)}>
            <option value="">…</option>
            ${COLUMN_KEYS.filter((key) => !columns.includes(key)).map(
              (key) => html`<option value=${key}>${nameOf(key)}</option>`,
            )}
          </select></label
        >
      </div>
    `;
  }

  #head(key: OptionKey): TemplateResult {
    return html`<th scope="col" title=${TRAIN_OPTIONS[key].help}>
      ${nameOf(key)}
      <button class="small" aria-label="Remove the option ${nameOf(key)}" @click=${() => this.#removeColumn(key)}>
        ×
      </button>
    </th>`;
  }

  #row(row: ModelOptions, i: number): TemplateResult {
    const { plan } = this;
    return html`<tr>
      <th scope="row">${i + 1}</th>
      ${plan.columns.map(
        (key) =>
          html`<td>
            ${optionCell({
              key,
              value: row[key],
              shared: valueOf(plan, {}, key),
              label: `${nameOf(key)} of run ${i + 1}`,
              error: this.errors.get(`${i} ${key}`),
              set: (text) => this.#set(i, key, text),
            })}
          </td>`,
      )}
      <td>
        ${
          plan.rows.length >= MAX_RUNS
            ? nothing
            : html`<button class="small" aria-label="Copy run ${i + 1}" @click=${() => this.#addRow(i)}>Copy</button>`
        }
        ${
          plan.rows.length <= MIN_RUNS
            ? nothing
            : html`<button class="small" aria-label="Remove run ${i + 1}" @click=${() => this.#removeRow(i)}>×</button>`
        }
      </td>
    </tr>`;
  }

  #set(index: number, key: OptionKey, text: string): void {
    const parsed = parseCell(key, text);
    const errors = new Map(this.errors);
    errors.delete(`${index} ${key}`);
    if (parsed.type === "wrong") errors.set(`${index} ${key}`, parsed.message);
    this.errors = errors;
    if (parsed.type === "wrong") return;
    const others = without(this.plan.rows[index], key);
    const row = parsed.value === undefined ? others : { ...others, [key]: parsed.value };
    this.#change({ rows: this.plan.rows.with(index, row) });
  }

  #addRow(like: number): void {
    this.errors = new Map();
    this.#change({ rows: this.plan.rows.toSpliced(like + 1, 0, { ...this.plan.rows[like] }) });
  }

  #removeRow(index: number): void {
    this.errors = new Map();
    this.#change({ rows: this.plan.rows.toSpliced(index, 1) });
  }

  #addColumn(select: EventTarget | null): void {
    if (!(select instanceof HTMLSelectElement)) return;
    const key = COLUMN_KEYS.find((known) => known === select.value);
    select.value = "";
    if (key !== undefined) this.#change({ columns: [...this.plan.columns, key] });
  }

  #removeColumn(key: OptionKey): void {
    const rows = this.plan.rows.map((row) => without(row, key));
    this.#change({ columns: this.plan.columns.filter((column) => column !== key), rows });
  }

  #change(change: Partial<Plan>): void {
    this.dispatchEvent(new CustomEvent<Plan>("plan", { detail: { ...this.plan, ...change } }));
  }
}

const without = (row: ModelOptions, key: OptionKey): ModelOptions =>
  Object.fromEntries(Object.entries(row).filter(([name]) => name !== key));

customElements.define("mg-run-table", RunTable);
