/**
 * Why this token: what each part of the model adds to a token's logit, which is their sum, and beside it the token's
 * probability in a model without that part.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At, Contribution, Explanation, Inspection } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import { likeliestFirst, probabilitiesAt } from "./probabilities.ts";
import { shownToken } from "../../widgets/token-text.ts";
import { decidingPart, percent, seenText } from "./reason.ts";

/** `<mg-why-token .run .at .inspection .position>`; fires "choose" with `detail: number` for another position. */
export class WhyToken extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    inspection: { attribute: false },
    position: { attribute: false },
    target: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .bar {
        position: relative;
        width: 150px;
        min-width: 56px;
      }
      .bar span {
        position: absolute;
        top: 7px;
        height: 12px;
        min-width: 1px;
      }
      .plus {
        background: var(--positive);
      }
      .minus {
        background: var(--negative);
      }
      tbody .bar::before {
        content: "";
        position: absolute;
        left: 50%;
        top: 0;
        bottom: 0;
        border-left: 1px solid var(--line);
      }
      td.number {
        white-space: nowrap;
      }
      @media (max-width: 560px) {
        table {
          font-size: 13px;
        }
        th,
        td {
          padding-right: 6px;
        }
        .bar {
          display: none;
        }
      }
      tfoot td,
      tfoot th {
        font-weight: 700;
        color: var(--ink);
        border-bottom: 0;
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  declare inspection: Inspection;
  /** After which token the next one is explained. */
  declare position: number;
  /** The explained token; null: the one that comes next in the text, or the likeliest after it. */
  declare target: number | null;
  readonly #live = new LiveAnswer<Explanation>(this, {
    subject: () => JSON.stringify([this.inspection.text, this.position, this.#explained]),
    ask: (run, at) => {
      const { text } = this.inspection;
      return run.call("contributions", { at, text, position: this.position, target: this.#explained });
    },
  });

  constructor() {
    super();
    [this.position, this.target] = [0, null];
  }

  get #explained(): number {
    const { inspection, position } = this;
    return this.target ?? inspection.ids[position + 1] ?? likeliestFirst(inspection, position)[0];
  }

  override render(): TemplateResult {
    const { tokens } = this.inspection;
    const vocabulary = this.run.header?.vocabulary ?? [];
    const probabilities = probabilitiesAt(this.inspection, this.position);
    return html`
      <div class="row">
        <label class="field"
          >After
          <select @change=${(event: Event) => this.#choosePosition(event)}>
            ${tokens.map(
              (token, t) =>
                html`<option value=${t} .selected=${t === this.position}>${t}: ${shownToken(token)}</option>`,
            )}
          </select>
        </label>
        <label class="field"
          >why
          <select @change=${(event: Event) => this.#chooseTarget(event)}>
            ${likeliestFirst(this.inspection, this.position).map(
              (id) =>
                html`<option value=${id} .selected=${id === this.#explained}>
                  ${nextName(vocabulary[id])} (${(100 * probabilities[id]).toFixed(1)} %)
                </option>`,
            )}
          </select>
        </label>
      </div>
      ${this.#live.problem === null ? "" : html`<p role="alert">${this.#live.problem}</p>`}
      ${this.#live.value === null ? html`<p class="muted">…</p>` : this.#reasons(this.#live.value)}
    `;
  }

  #reasons(explanation: Explanation): TemplateResult {
    const { tokens } = this.inspection;
    const target = this.run.header?.vocabulary[this.#explained];
    const next = target === BOS ? nextName(target) : quoted(target);
    const seen = seenText(explanation.seen, quoted(tokens[this.position]), next);
    return html`<p>${decidingPart(explanation, next)} ${seen}</p>
      ${reasonsTable(explanation)}`;
  }

  #choosePosition({ target }: Event): void {
    if (!(target instanceof HTMLSelectElement)) return;
    this.target = null;
    this.dispatchEvent(new CustomEvent("choose", { detail: Number(target.value) }));
  }

  #chooseTarget({ target }: Event): void {
    if (target instanceof HTMLSelectElement) this.target = Number(target.value);
  }
}

const BOS = "<bos>";

/** BOS as the next token is the end of the text. */
const nextName = (token: string | undefined): string => (token === BOS ? "the end" : shownToken(token ?? ""));

const signed = (value: number, digits: number): string => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;

/** A token in a sentence. */
const quoted = (token: string = ""): string => (token === BOS ? shownToken(BOS) : `“${shownToken(token)}”`);

function reasonsTable({ parts, logit, probability }: Explanation): TemplateResult {
  const largest = Math.max(...parts.map((part) => Math.abs(part.logit)), 1e-9);
  const sum = parts.reduce((total, part) => total + part.logit, 0);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="What adds up to the logit">
      <table>
        <thead>
          <tr>
            <th scope="col">part</th>
            <th scope="col" class="number">adds to the logit</th>
            <td class="bar"></td>
            <th scope="col" class="number">probability without it</th>
            <th scope="col" class="number">change</th>
          </tr>
        </thead>
        <tbody>
          ${parts.map((part) => reasonRow(part, largest, probability))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">sum</th>
            <td class="number">${signed(sum, 3)}</td>
            <td class="bar"></td>
            <td class="number">${percent(probability)}</td>
            <td></td>
          </tr>
        </tfoot>
      </table>
    </div>
    <p class="small muted">
      The logit that the model computes for it: ${signed(logit, 3)}. “Change” is how many percentage points likelier or
      less likely the token is without the part.
    </p>`;
}

function reasonRow(
  { name, logit, probabilityWithout: without }: Contribution,
  largest: number,
  all: number,
): TemplateResult {
  const width = (50 * Math.abs(logit)) / largest;
  const bar = logit < 0 ? ["minus", `right:50%`] : ["plus", `left:50%`];
  return html`<tr>
    <th scope="row">${name}</th>
    <td class="number">${signed(logit, 3)}</td>
    <td class="bar"><span class=${bar[0]} style="${bar[1]};width:${width}%"></span></td>
    <td class="number">${without === null ? "–" : percent(without)}</td>
    <td class="number">${without === null ? "–" : signed(100 * (without - all), 1)}</td>
  </tr>`;
}

customElements.define("mg-why-token", WhyToken);
