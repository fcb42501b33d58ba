/**
 * Plays a row of stops: play or pause, one back, one forward, a speed, a slider. It owns the timer, not the position: it
 * asks for another one by the event "position", whose `detail` is the index.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { whole } from "./numbers.ts";

/** Stops per second that a visitor can choose. */
export const SPEEDS: readonly number[] = [1, 4, 15, 60, 500, 5000];
/** The page draws at most this often. */
const FRAMES_PER_SECOND = 20;

/** `<mg-player .length .position .where>`. */
export class Player extends LitElement {
  static override properties: PropertyDeclarations = {
    length: { attribute: false },
    position: { attribute: false },
    where: { attribute: false },
    isPlaying: { state: true },
    speed: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      input[type="range"] {
        flex: 1 1 220px;
        min-width: 0;
      }
      .play {
        min-width: 84px;
      }
      .count {
        font-variant-numeric: tabular-nums;
      }
    `,
  ];
  /** Number of stops. */
  declare length: number;
  /** Index of the present stop. */
  declare position: number;
  /** The present stop in words, for the slider. */
  declare where: string;
  declare isPlaying: boolean;
  declare speed: number;
  #timer: ReturnType<typeof setInterval> | null = null;
  /** Stops that are due but not reached, a fraction. */
  #due = 0;

  constructor() {
    super();
    [this.length, this.position, this.where] = [1, 0, ""];
    [this.isPlaying, this.speed] = [false, 4];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.pause();
  }

  /** Plays, from the start if the end is reached, or pauses. */
  toggle(): void {
    if (this.isPlaying) {
      this.pause();
      return;
    }
    if (this.position >= this.length - 1) this.#go(0);
    this.isPlaying = true;
    this.#due = 0;
    this.#timer = setInterval(() => this.#tick(), 1000 / FRAMES_PER_SECOND);
  }

  /** Stops the timer. */
  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.isPlaying = false;
  }

  /** Pauses and moves by some stops. */
  move(by: number): void {
    this.pause();
    this.#go(this.position + by);
  }

  #tick(): void {
    this.#due += this.speed / FRAMES_PER_SECOND;
    const stops = Math.floor(this.#due);
    this.#due -= stops;
    if (stops > 0) this.#go(this.position + stops);
    if (this.position >= this.length - 1) this.pause();
  }

  #go(position: number): void {
    this.position = Math.min(Math.max(position, 0), this.length - 1);
    this.dispatchEvent(new CustomEvent("position", { detail: this.position }));
  }

  override render(): TemplateResult {
    const { isPlaying, position, length, speed } = this;
    return html`<div class="row">
      <button class="primary play" @click=${() => this.toggle()}>${isPlaying ? "Pause" : "Play"}</button>
      <button @click=${() => this.move(-1)} ?disabled=${position === 0} aria-label="One stop back">◀</button>
      <button @click=${() => this.move(1)} ?disabled=${position >= length - 1} aria-label="One stop forward">▶</button>
      <input
        type="range"
        aria-label="Position"
        aria-valuetext=${this.where}
        min="0"
        max=${length - 1}
        .value=${String(position)}
        @input=${(event: InputEvent) => this.#slide(event)}
      />
      <span class="count small muted">${whole(position + 1)} of ${whole(length)}</span>
      <label class="small muted"
        >Speed
        <select @change=${(event: Event) => this.#choose(event)}>
          ${SPEEDS.map(
            (one) => html`<option value=${one} ?selected=${one === speed}>${whole(one)} per second</option>`,
          )}
        </select></label
      >
    </div>`;
  }

  #slide({ target }: InputEvent): void {
    if (!(target instanceof HTMLInputElement)) return;
    this.pause();
    this.#go(Number(target.value));
  }

  #choose({ target }: Event): void {
    if (target instanceof HTMLSelectElement) this.speed = Number(target.value);
  }
}

customElements.define("mg-player", Player);
