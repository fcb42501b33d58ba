/** Chapter 5: a table of pairs learns by gradient descent, step by step, and nears what counting gives. */
import { html } from "lit";
import type { PropertyDeclarations, TemplateResult } from "lit";
import { softmax, Value } from "../../../../src/microgpt.ts";
import type { Matrix } from "../../../../src/microgpt.ts";
import { descent, pairLoss } from "../model/learning.ts";
import type { Update } from "../model/learning.ts";
import type { PairCounts } from "../protocol.ts";
import { failed, LessonWidget, numberOf, percent, shown } from "./lesson-widget.ts";
import "../../../widgets/line-chart.ts";

const RATES = [1, 10, 50, 200];

/** The descent. */
export class PairDescent extends LessonWidget {
  static override properties: PropertyDeclarations = {
    ...LessonWidget.properties,
    pairs: { state: true },
    failure: { state: true },
    losses: { state: true },
    rate: { state: true },
    isRunning: { state: true },
    letter: { state: true },
  };
  declare pairs: PairCounts | null;
  declare failure: string | null;
  /** The loss before each step so far, in nats per token, on all training names. */
  declare losses: readonly number[];
  declare rate: number;
  declare isRunning: boolean;
  /** The token whose row is shown. */
  declare letter: number;
  #table: Matrix = [];
  #update: Update = () => {};
  /** The loss that counting gives on the same names, which no table can be below. */
  #least = 0;

  constructor() {
    super();
    this.pairs = null;
    this.failure = null;
    this.losses = [];
    this.rate = 50;
    this.isRunning = false;
    this.letter = 16;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.isRunning = false;
  }

  protected override firstUpdated(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.pairs = await this.learner.call("counts");
      this.#least = leastLoss(this.pairs.counts);
      this.#reset();
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  #reset(): void {
    this.isRunning = false;
    this.#table = (this.pairs?.counts ?? []).map((row) => row.map(() => new Value(0)));
    this.#update = descent({ table: this.#table });
    this.losses = [];
  }

  #step(): void {
    if (this.pairs === null) return;
    const loss = pairLoss(this.#table, this.pairs.counts);
    loss.backward();
    this.#update(this.losses.length, this.rate);
    this.losses = [...this.losses, loss.data];
  }

  #run(): void {
    this.isRunning = !this.isRunning;
    const next = (): void => {
      if (!this.isRunning) return;
      this.#step();
      if (this.losses.length >= 300) this.isRunning = false;
      else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  override render(): TemplateResult {
    if (this.failure !== null) return failed(this.failure);
    if (this.pairs === null) return html`<p class="muted">Counting …</p>`;
    return html`
      <div class="row">
        <button class="primary" @click=${() => this.#step()}>One step</button>
        <button @click=${() => this.#run()}>${this.isRunning ? "Pause" : "Run to step 300"}</button>
        <button @click=${() => this.#reset()}>Start again</button>
        <label class="field"
          >learning rate
          <select @change=${(event: Event) => (this.rate = numberOf(event))}>
            ${RATES.map((rate) => html`<option value=${rate} ?selected=${rate === this.rate}>${rate}</option>`)}
          </select></label
        >
      </div>
      <p class="readout">
        ${
          this.losses.length === 0
            ? "All 729 logits are 0: every letter is equally likely."
            : `Step ${this.losses.length}: the loss was ${shown(this.losses.at(-1) ?? 0, 4)}. Counting gives ${shown(this.#least, 4)}.`
        }
      </p>
      <h3>Loss on the training names</h3>
      <mg-line-chart
        label="Loss on the training names"
        yLabel="nats per letter"
        height="220"
        .series=${[{ label: "gradient descent", xs: null, ys: this.losses }]}
        .lines=${[
          { label: `blind ${shown(Math.log(27), 3)}`, y: Math.log(27) },
          { label: `counting ${shown(this.#least, 3)}`, y: this.#least },
        ]}
      ></mg-line-chart>
      ${this.#row(this.pairs)}
    `;
  }

  #row({ letters, counts }: PairCounts): TemplateResult {
    const row = counts[this.letter];
    const total = row.reduce((a, b) => a + b, 0);
    const learned = softmax(this.#table[this.letter]).map(({ data }) => data);
    const top = row.map((count, next) => ({ count, next })).toSorted((a, b) => b.count - a.count);
    return html`<label class="field" style="margin-top: 12px"
        >What comes after
        <select @change=${(event: Event) => (this.letter = numberOf(event))}>
          ${letters.map((letter, token) => html`<option value=${token} ?selected=${token === this.letter}>${letter}</option>`)}
        </select></label
      >
      <table>
        <thead>
          <tr>
            <th>next</th>
            <th class="number">counted</th>
            <th class="number">learned</th>
          </tr>
        </thead>
        <tbody>
          ${top.slice(0, 6).map(
            ({ count, next }) =>
              html`<tr>
                <td class="mono">${letters[next]}</td>
                <td class="number">${percent(count / total)}</td>
                <td class="number">${percent(learned[next])}</td>
              </tr>`,
          )}
        </tbody>
      </table>`;
  }
}

/** The mean of −log(share of the row) over all pairs. */
function leastLoss(counts: readonly (readonly number[])[]): number {
  const all = counts.flat().reduce((a, b) => a + b, 0);
  const rowLoss = (row: readonly number[]): number => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.reduce((sum, count) => sum - (count === 0 ? 0 : count * Math.log(count / total)), 0);
  };
  return counts.reduce((sum, row) => sum + rowLoss(row), 0) / all;
}

customElements.define("mg-pair-descent", PairDescent);
