/**
 * The time line: a slider over the kept moments of the training, and what the model wrote, expected and attended to at the
 * chosen one. Each of its parts asks the worker by itself, and only while it is on the screen (`live-answer.ts`).
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At } from "../../run/protocol.ts";
import { whole } from "../../widgets/numbers.ts";
import "./moment-attention.ts";
import "./moment-writing.ts";

/** `<mg-time-line .run>`; call `requestUpdate` when the run changes. Fires "seek" when the chosen step changes. */
export class TimeLine extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    chosen: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      label.time,
      label.time input {
        width: 100%;
      }
      section {
        margin-top: var(--gap);
      }
    `,
  ];
  declare run: RunClient;
  /** The step that is shown; null follows the training. */
  declare chosen: number | null;

  constructor() {
    super();
    this.chosen = null;
  }

  /** The step that is shown; null: there is no moment yet. */
  get at(): At {
    const { snapshots } = this.run;
    return this.isFollowing ? (snapshots.at(-1) ?? null) : this.chosen;
  }

  /** Whether the newest moment is shown: none was chosen, or it is of an earlier run. */
  get isFollowing(): boolean {
    return this.chosen === null || !this.run.snapshots.includes(this.chosen);
  }

  override render(): TemplateResult {
    const { snapshots } = this.run;
    const step = this.at;
    const index = step === null ? 0 : snapshots.indexOf(step);
    return html`
      <label class="field time"
        >Time line: ${step === null ? "no moment yet" : `the model at step ${whole(step)}`}
        <input
          type="range"
          min="0"
          max=${Math.max(snapshots.length - 1, 0)}
          .value=${String(index)}
          ?disabled=${snapshots.length < 2}
          aria-valuetext=${step === null ? "no moment yet" : `step ${step}`}
          @input=${(event: InputEvent) => this.#seek(event)}
        />
      </label>
      <mg-moment-writing .run=${this.run} .at=${step} .isFollowing=${this.isFollowing}></mg-moment-writing>
      <section>
        <h3>What attends to what</h3>
        <mg-moment-attention .run=${this.run} .at=${step} .isFollowing=${this.isFollowing}></mg-moment-attention>
      </section>
    `;
  }

  #seek({ target }: InputEvent): void {
    if (!(target instanceof HTMLInputElement)) return;
    const { snapshots } = this.run;
    const index = Number(target.value);
    this.chosen = index === snapshots.length - 1 ? null : snapshots[index];
    this.dispatchEvent(new Event("seek"));
  }
}

customElements.define("mg-time-line", TimeLine);
