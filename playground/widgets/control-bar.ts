/** Play, pause, one step forward and back, reset; and how far the training is. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import type { RunClient } from "../run/client.ts";
import { whole } from "./numbers.ts";

/** `<mg-control-bar .run>`; call `requestUpdate` when the run changes. */
export class ControlBar extends LitElement {
  static override properties: PropertyDeclarations = { run: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      progress {
        width: 100%;
        height: 8px;
        accent-color: var(--accent);
      }
      .facts {
        gap: 2px 18px;
        font-variant-numeric: tabular-nums;
      }
      .failure {
        color: var(--bad);
      }
    `,
  ];
  declare run: RunClient;

  override render(): TemplateResult {
    const { state, step, header, failure } = this.run;
    const numSteps = header?.options.numSteps ?? 0;
    const [isPlaying, isAtEnd] = [state === "playing", state === "done" || state === "failed"];
    return html`
      <div class="row" role="group" aria-label="Training">
        <button class="primary" ?disabled=${header === null || isAtEnd} @click=${() => this.playOrPause()}>
          ${isPlaying ? "Pause" : "Play"}
        </button>
        <button ?disabled=${header === null || step === header.step || isPlaying} @click=${() => this.call("stepBack")}>
          Step back
        </button>
        <button ?disabled=${header === null || isAtEnd || isPlaying} @click=${() => this.call("stepForward")}>
          Step forward
        </button>
        <button ?disabled=${header === null || step === header.step} @click=${() => this.call("reset")}>Reset</button>
      </div>
      <progress aria-label="Steps done" max=${Math.max(numSteps, 1)} value=${step}></progress>
      <div class="row facts small">${this.#facts(numSteps)}</div>
      ${failure === null ? "" : html`<p class="failure" role="alert">${failure}</p>`}
    `;
  }

  /** Plays, or pauses. */
  playOrPause(): void {
    if (this.run.header !== null) this.call(this.run.state === "playing" ? "pause" : "play");
  }

  /** Calls a method of the run; a failure is shown by the run's own state. */
  call(method: "play" | "pause" | "stepBack" | "stepForward" | "reset"): void {
    this.run.call(method).catch(() => this.requestUpdate());
  }

  #facts(numSteps: number): TemplateResult {
    const { run } = this;
    const { tokensPerSecond, secondsLeft, engine, why } = run;
    const loss = run.curve.loss(run.step);
    const speed = tokensPerSecond === 0 ? "" : `${whole(Math.round(tokensPerSecond))} tokens/s`;
    return html`<span>step ${whole(run.step)} of ${whole(numSteps)}</span>
      <span>${Number.isFinite(loss) ? `training loss ${loss.toFixed(4)}` : ""}</span>
      <span>${speed}</span>
      <span>${secondsLeft === null ? "" : `${durationOf(secondsLeft)} left`}</span>
      <span class="muted">${engine}${why === null ? "" : ` (${why})`}</span>`;
  }
}

/** 75 → "1 min 15 s". */
function durationOf(seconds: number): string {
  const rounded = Math.ceil(seconds);
  return rounded < 60 ? `${rounded} s` : `${Math.floor(rounded / 60)} min ${rounded % 60} s`;
}

customElements.define("mg-control-bar", ControlBar);
