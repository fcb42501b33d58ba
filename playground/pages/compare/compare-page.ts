/** Compare: two to eight trainings side by side, their curves, their results, and which option mattered. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { App, PageElement } from "../../shell/app.ts";
import { BUNDLED_NAMES, fetchGenesis } from "../../texts/bundled.ts";
import "../../widgets/line-chart.ts";
import "../../widgets/option-fields.ts";
import { OptionFields } from "../../widgets/option-fields.ts";
import "../../widgets/text-input.ts";
import type { TextChange } from "../../widgets/text-input.ts";
import { VisibleFrame } from "../../widgets/visible-frame.ts";
import { Comparison } from "./comparison.ts";
import { curvesOf, linesOf, QUANTITIES, stepsOf } from "./curves.ts";
import type { Quantity } from "./curves.ts";
import { outcomeOf, whatMattered } from "./outcome.ts";
import { COLUMN_KEYS, optionsOf, PRESETS } from "./plan.ts";
import type { Plan, TextChoice } from "./plan.ts";
import "./results-table.ts";
import "./run-table.ts";

const TEXTS: Readonly<Record<TextChoice, string>> = {
  names: "8,403 first names",
  genesis: "200 verses of Genesis",
  own: "your own text",
};
const SHARED_KEYS = [...COLUMN_KEYS, "evalInterval", "evalDocuments"] as const;

const styles = css`
  .stack {
    display: grid;
    gap: var(--gap);
    grid-template-columns: minmax(0, 1fr);
  }
  .two {
    display: grid;
    gap: var(--gap);
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  }
  .row {
    margin-bottom: 8px;
  }
  h2 {
    margin-top: 10px;
  }
  details > mg-option-fields {
    margin-top: 10px;
  }
`;

/** The page. */
export class ComparePage extends LitElement implements PageElement {
  static override properties: PropertyDeclarations = {
    app: { attribute: false },
    rest: { attribute: false },
    parameters: { attribute: false },
    plan: { state: true },
    ownText: { state: true },
    quantity: { state: true },
    isLog: { state: true },
    problem: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  declare app: App;
  declare rest: string;
  declare parameters: URLSearchParams;
  declare plan: Plan;
  declare ownText: string;
  declare quantity: Quantity;
  /** Whether the loss has a logarithmic axis. */
  declare isLog: boolean;
  /** Why a text cannot be loaded; null: it can. */
  declare problem: string | null;
  readonly #comparison = new Comparison(Math.max(1, navigator.hardwareConcurrency));
  readonly #frame = new VisibleFrame(this, () => this.requestUpdate());
  #genesis: string | null = null;
  #removeShortcuts: () => void = () => {};

  constructor() {
    super();
    [this.plan, this.ownText, this.problem] = [PRESETS[0].plan, "", null];
    [this.quantity, this.isLog] = ["bits", false];
    this.#comparison.addEventListener("change", () => this.#frame.mark());
    this.#comparison.addEventListener("done", () => this.#announce());
    void this.#prepare();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#removeShortcuts = this.app.addShortcuts([
      { key: " ", label: "Space", does: "train or pause all runs", run: () => void this.#toggle() },
      { key: "r", label: "R", does: "reset all runs", run: () => this.#comparison.reset() },
    ]);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#removeShortcuts();
  }

  async #toggle(): Promise<void> {
    if (this.#comparison.isPlaying) await this.#comparison.pause();
    else if (this.problem === null) this.#comparison.play();
  }

  /** Shows a plan; runs that are as before keep their results. */
  #show(plan: Plan): void {
    this.plan = plan;
    void this.#prepare();
  }

  async #prepare(): Promise<void> {
    const { plan } = this;
    const text = await this.#textOf(plan.text);
    // A later choice wins.
    if (plan !== this.plan) return;
    this.problem = text === "" ? `${TEXTS[plan.text]} cannot be loaded; choose or paste another text.` : null;
    this.#comparison.set(plan.rows.map((row) => ({ texts: [text], options: optionsOf(plan, row) })));
  }

  async #textOf(choice: TextChoice): Promise<string> {
    if (choice === "names") return BUNDLED_NAMES;
    if (choice === "own") return this.ownText;
    try {
      this.#genesis ??= await fetchGenesis();
      return this.#genesis;
    } catch {
      return "";
    }
  }

  #announce(): void {
    const [sentence] = whatMattered(this.#outcomes());
    this.app.announce(sentence ?? "All runs have ended.");
  }

  #outcomes(): ReturnType<typeof outcomeOf>[] {
    // A plan is shown before its runs exist: for a moment there may be more runs than rows.
    const { runs } = this.#comparison;
    return runs.slice(0, this.plan.rows.length).map((run, i) => outcomeOf(this.plan, run, i));
  }

  override render(): TemplateResult {
    return html`
      <h1>Compare</h1>
      <p>
        Two to eight trainings with different options, each in a worker of its own; ${this.#comparison.limit} train at a
        time on this machine, with one thread each, and the others wait.
      </p>
      <div class="stack">
        <section class="card">${this.#setup()}</section>
        <section class="card">${this.#chart()}</section>
        <section class="card">${this.#results()}</section>
      </div>
    `;
  }

  #setup(): TemplateResult {
    const { plan } = this;
    const { runs } = this.#comparison;
    const areOver = runs.length > 0 && runs.every(({ isOver }) => isOver);
    const preset = PRESETS.find((one) => one.plan === plan);
    return html`
      <div class="row" role="group" aria-label="Comparisons to begin with">
        ${PRESETS.map(
          (one) =>
            html`<button aria-pressed=${one === preset} title=${one.question} @click=${() => this.#show(one.plan)}>
              ${one.name}
            </button>`,
        )}
      </div>
      <p>${preset?.question ?? "Your own comparison."}</p>
      <div class="two">
        <div>
          <h2>Runs</h2>
          <mg-run-table .plan=${plan} @plan=${({ detail }: CustomEvent<Plan>) => this.#show(detail)}></mg-run-table>
        </div>
        <div>
          <h2>What they share</h2>
          <label class="row"
            >text
            <select @change=${({ currentTarget }: Event) => this.#chooseText(currentTarget)}>
              ${Object.entries(TEXTS).map(
                ([key, name]) => html`<option value=${key} ?selected=${key === plan.text}>${name}</option>`,
              )}
            </select></label
          >
          ${
            plan.text === "own"
              ? html`<mg-text-input
                  label="Your own text"
                  .value=${this.ownText}
                  @text=${({ detail }: TextChange) => this.#setOwnText(detail)}
                ></mg-text-input>`
              : nothing
          }
          <details>
            <summary>Options of all runs</summary>
            <mg-option-fields
              .keys=${SHARED_KEYS.filter((key) => !plan.columns.includes(key))}
              .values=${plan.base}
              @change=${({ currentTarget }: Event) => this.#setBase(currentTarget)}
            ></mg-option-fields>
          </details>
        </div>
      </div>
      ${this.problem === null ? nothing : html`<p role="alert">${this.problem}</p>`}
      <div class="row">
        <button class="primary" ?disabled=${this.problem !== null || areOver} @click=${() => void this.#toggle()}>
          ${this.#comparison.isPlaying ? "Pause all" : "Train all"}
        </button>
        <button @click=${() => this.#comparison.reset()}>Reset</button>
      </div>
    `;
  }

  #chooseText(select: EventTarget | null): void {
    if (!(select instanceof HTMLSelectElement)) return;
    const text = (["names", "genesis", "own"] as const).find((choice) => choice === select.value);
    if (text !== undefined) this.#show({ ...this.plan, text });
  }

  #setOwnText(text: string): void {
    this.ownText = text;
    this.#show({ ...this.plan });
  }

  #setBase(fields: EventTarget | null): void {
    if (fields instanceof OptionFields) this.#show({ ...this.plan, base: fields.values });
  }

  #chart(): TemplateResult {
    const { plan, quantity, isLog } = this;
    const runs = this.#comparison.runs.slice(0, plan.rows.length);
    return html`
      <div class="row">
        <label class="row"
          >curve
          <select @change=${({ currentTarget }: Event) => this.#chooseQuantity(currentTarget)}>
            ${Object.entries(QUANTITIES).map(
              ([key, { name }]) => html`<option value=${key} ?selected=${key === quantity}>${name}</option>`,
            )}
          </select></label
        >
        <label class="row"
          ><input type="checkbox" .checked=${isLog} @change=${() => (this.isLog = !isLog)} />logarithmic</label
        >
      </div>
      <mg-line-chart
        label=${QUANTITIES[quantity].name}
        xLabel="step"
        yLabel=${QUANTITIES[quantity].unit}
        .logY=${isLog}
        .height=${340}
        .series=${curvesOf(plan, runs, quantity)}
        .xRange=${stepsOf(runs)}
        .lines=${linesOf(runs, quantity)}
      ></mg-line-chart>
    `;
  }

  #chooseQuantity(select: EventTarget | null): void {
    if (!(select instanceof HTMLSelectElement)) return;
    this.quantity = (["bits", "held-out", "training"] as const).find((one) => one === select.value) ?? "bits";
  }

  #results(): TemplateResult {
    const outcomes = this.#outcomes();
    const sentences = whatMattered(outcomes);
    return html`
      <h2>Results</h2>
      <mg-results-table .outcomes=${outcomes}></mg-results-table>
      <h2>Which option mattered</h2>
      ${
        sentences.length === 0
          ? html`<p class="muted">This is said when two runs are done.</p>`
          : html`<ul>
              ${sentences.map((sentence) => html`<li>${sentence}</li>`)}
            </ul>`
      }
      <p class="small muted">
        Each result is of a run's best evaluation. Runs with another seed differ, too: add the option seed to see by how
        much, before you trust a small difference. Speed and seconds are of runs that share this machine.
      </p>
    `;
  }
}

customElements.define("mg-compare-page", ComparePage);
