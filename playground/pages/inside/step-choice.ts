/** Chooses the moment that the page shows: a kept step of the training, or the present one, which it then follows. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { At, RunState } from "../../run/protocol.ts";
import { whole } from "../../widgets/numbers.ts";

const PRESENT: Readonly<Record<RunState, string>> = {
  ready: "the present step",
  playing: "the present step, as it trains",
  paused: "the present step",
  done: "the last step",
  failed: "the last step",
};

/** `<mg-step-choice .snapshots .at .state @at>`; fires "at" with `detail: At`. */
export class StepChoice extends LitElement {
  static override properties: PropertyDeclarations = {
    snapshots: { attribute: false },
    at: { attribute: false },
    state: { attribute: false },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      label.field,
      input {
        width: 100%;
      }
    `,
  ];
  /** Steps to choose from, ascending. */
  declare snapshots: readonly number[];
  /** The chosen step; null: the present one. */
  declare at: At;
  /** What the training does. */
  declare state: RunState;

  constructor() {
    super();
    [this.snapshots, this.at, this.state] = [[], null, "ready"];
  }

  override render(): TemplateResult {
    const { snapshots, at } = this;
    const index = at === null ? snapshots.length : snapshots.indexOf(at);
    const shown = at === null ? PRESENT[this.state] : `step ${whole(at)}`;
    return html`<label class="field"
      >Look at ${shown}
      <input
        type="range"
        min="0"
        max=${snapshots.length}
        .value=${String(index)}
        aria-valuetext=${shown}
        @input=${(event: InputEvent) => this.#choose(event)}
      />
    </label>`;
  }

  #choose({ target }: InputEvent): void {
    if (!(target instanceof HTMLInputElement)) return;
    const detail: At = this.snapshots[Number(target.value)] ?? null;
    this.dispatchEvent(new CustomEvent("at", { detail }));
  }
}

customElements.define("mg-step-choice", StepChoice);
