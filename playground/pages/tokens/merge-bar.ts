/**
 * `mg-merge-bar`: how many merges are applied, by slider, step by step, or playing; and what the last merge was. Fires
 * "merges", a CustomEvent with the number.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { shared } from "../../design/shared.ts";
import { visibleSpaces } from "../../widgets/visible-spaces.ts";
import type { Learnt, LearntMerge, MergingKind } from "./tokens-protocol.ts";

/** While it plays, a merge follows the one before after this long; later ones go by several at a time. */
const TICK_MS = 250;
const KINDS: readonly MergingKind[] = ["bpe", "byte-bpe"];

const styles = css`
  input[type="range"] {
    width: 100%;
  }
  .merges {
    max-height: 300px;
  }
  .last {
    min-height: 3.2em;
    margin-top: 8px;
  }
`;

/** The bar. */
export class MergeBar extends LitElement {
  static override properties: PropertyDeclarations = {
    learnt: { attribute: false },
    value: { type: Number },
    isPlaying: { state: true },
    isTableOpen: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  /** null: nothing is learnt yet. */
  declare learnt: Learnt | null;
  /** Merges asked for. */
  declare value: number;
  declare isPlaying: boolean;
  declare isTableOpen: boolean;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor() {
    super();
    this.learnt = null;
    this.value = 0;
    [this.isPlaying, this.isTableOpen] = [false, false];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  /** Merges learnt by the tokenizer that learnt more. */
  get total(): number {
    return this.learnt === null ? 0 : Math.max(...KINDS.map((kind) => this.learnt![kind].length));
  }

  /** Merges applied, at most those that there are: a shorter text may have fewer than the one before. */
  get applied(): number {
    return Math.min(this.value, this.total);
  }

  /** Plays, from 0 if all merges are applied; or pauses. */
  togglePlay(): void {
    if (this.isPlaying) {
      this.#stop();
      return;
    }
    if (this.value >= this.total) this.#set(0);
    this.isPlaying = true;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Applies some merges more, or fewer. */
  step(by: number): void {
    this.#stop();
    this.#set(this.applied + by);
  }

  /** The first merges change most, so they are shown one by one; a thousand take half a minute. */
  #tick(): void {
    this.#set(this.value + 1 + Math.floor(this.value / 30));
    if (this.value >= this.total) this.#stop();
  }

  #stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.isPlaying = false;
  }

  #set(value: number): void {
    this.value = Math.min(this.total, Math.max(0, value));
    this.dispatchEvent(new CustomEvent<number>("merges", { detail: this.value }));
  }

  override render(): TemplateResult {
    const { total, value } = this;
    return html`
      <div class="row">
        <button class="primary" ?disabled=${total === 0} @click=${() => this.togglePlay()}>
          ${this.isPlaying ? "Pause" : "Play"}
        </button>
        <button ?disabled=${value === 0} @click=${() => this.step(-1)}>− 1</button>
        <button ?disabled=${value >= total} @click=${() => this.step(1)}>+ 1</button>
        <button ?disabled=${value === 0} @click=${() => this.step(-value)}>None</button>
        <button ?disabled=${value >= total} @click=${() => this.step(total)}>All</button>
        <output><b>${value}</b> of ${total} merges</output>
      </div>
      <input
        type="range"
        min="0"
        max=${total}
        .value=${live(String(value))}
        aria-label="Merges applied"
        aria-valuetext="${value} of ${total} merges"
        @input=${({ currentTarget }: Event) => this.#slide(currentTarget)}
      />
      <div class="last">${KINDS.map((kind) => this.#last(kind))}</div>
      <details @toggle=${(event: Event) => this.#toggleTable(event)}>
        <summary class="small">All merges so far as a table</summary>
        ${this.isTableOpen ? this.#table() : ""}
      </details>
    `;
  }

  #slide(input: EventTarget | null): void {
    this.#stop();
    if (input instanceof HTMLInputElement) this.#set(Number(input.value));
  }

  #last(kind: MergingKind): TemplateResult {
    const merges = this.learnt?.[kind] ?? [];
    const merge = merges[Math.min(this.value, merges.length) - 1];
    if (merge === undefined) return html`<div><b>${kind}</b>: ${BEFORE[kind]}</div>`;
    const end = this.value > merges.length ? html` No pair is left after merge ${merges.length}.` : "";
    return html`<div>
      <b>${kind}</b>: ${sumOf(merge)}, the most frequent pair, which occurred
      ${merge.frequency === 1 ? "once" : `${merge.frequency} times`}.${end}
    </div>`;
  }

  #toggleTable({ currentTarget }: Event): void {
    this.isTableOpen = currentTarget instanceof HTMLDetailsElement && currentTarget.open;
  }

  #table(): TemplateResult {
    const rows = Array.from({ length: this.applied }, (_, i) => this.applied - i);
    const cells = (merge: LearntMerge | undefined): TemplateResult =>
      merge === undefined
        ? html`<td></td>
            <td></td>`
        : html`<td>${sumOf(merge)}</td>
            <td class="number">${merge.frequency}</td>`;
    return html`<div class="scroll merges" tabindex="0" role="region" aria-label="Merges so far, the last one first">
      <table>
        <thead>
          <tr>
            <th scope="col">merge</th>
            ${KINDS.map(
              (kind) =>
                html`<th scope="col">${kind}</th>
                  <th scope="col" class="number">pairs</th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr>
                <td>${row}</td>
                ${KINDS.map((kind) => cells(this.learnt?.[kind][row - 1]))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
  }
}

/** What the tokens are before the first merge. */
const BEFORE: Readonly<Record<MergingKind, string>> = {
  bpe: "each word is its characters and the end of the word.",
  "byte-bpe": "each token is a byte.",
};

const code = (token: string): TemplateResult => html`<code>${visibleSpaces(token)}</code>`;

const sumOf = ({ left, right, made }: LearntMerge): TemplateResult =>
  html`${code(left)} + ${code(right)} → ${code(made)}`;

customElements.define("mg-merge-bar", MergeBar);
