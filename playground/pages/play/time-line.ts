/**
 * The time line: a slider over the kept moments of the training, and what the model wrote and expected at the chosen one.
 * It asks the worker only while it is on the screen, and for one moment at a time.
 */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { NextToken } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { Sample } from "../../run/protocol.ts";
import "../../widgets/sample-list.ts";
import { whole } from "../../widgets/numbers.ts";

const SAMPLES = 12;
/** While the training runs, the newest moment is asked for at most this often. */
const MIN_INTERVAL_MS = 500;

/** `<mg-time-line .run>`; call `refresh` when the run changes. Fires "seek" when the chosen step changes. */
export class TimeLine extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    chosen: { state: true },
    samples: { state: true },
    next: { state: true },
    prefix: { state: true },
    temperature: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      label.time,
      label.time input {
        width: 100%;
      }
      .next {
        display: grid;
        gap: 2px 8px;
        grid-template-columns: auto 1fr auto;
        align-items: center;
        font-variant-numeric: tabular-nums;
        font-size: 14px;
      }
      .bar {
        height: 10px;
        background: var(--accent);
        border-radius: 3px;
        min-width: 1px;
      }
      .two {
        display: grid;
        gap: var(--gap);
        grid-template-columns: minmax(0, 2fr) minmax(180px, 1fr);
        margin-top: 10px;
      }
      @media (max-width: 700px) {
        .two {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];
  declare run: RunClient;
  /** The step that is shown; null follows the training. */
  declare chosen: number | null;
  declare samples: readonly Sample[];
  declare next: readonly NextToken[];
  declare prefix: string;
  declare temperature: number;
  #asked = { key: "", ms: 0 };
  #isAsking = false;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isVisible = false;
  readonly #watch = new IntersectionObserver(([entry]) => {
    this.#isVisible = entry.isIntersecting;
    this.refresh();
  });

  constructor() {
    super();
    this.chosen = null;
    this.samples = [];
    this.next = [];
    this.prefix = "";
    this.temperature = 0.5;
    this.#watch.observe(this);
  }

  /** The step that is shown; null: there is no moment yet. */
  get shownStep(): number | null {
    const { snapshots } = this.run;
    return this.chosen !== null && snapshots.includes(this.chosen) ? this.chosen : (snapshots.at(-1) ?? null);
  }

  /** Draws, and asks for the shown moment's samples if they are not there. */
  refresh(): void {
    this.requestUpdate();
    void this.#ask();
  }

  override render(): TemplateResult {
    const { snapshots } = this.run;
    const step = this.shownStep;
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
      <div class="row">
        <label class="field"
          >Begin with
          <input .value=${this.prefix} autocomplete="off" @input=${(event: InputEvent) => this.#setPrefix(event)} />
        </label>
        <label class="field"
          >Temperature ${this.temperature.toFixed(1)}
          <input
            type="range"
            min="0"
            max="2"
            step="0.1"
            .value=${String(this.temperature)}
            @input=${(event: InputEvent) => this.#setTemperature(event)}
          />
        </label>
      </div>
      <div class="two">
        <section>
          <h3>What it writes</h3>
          <mg-sample-list .samples=${this.samples}></mg-sample-list>
        </section>
        <section>
          <h3>What it expects ${this.prefix === "" ? "first" : `after “${this.prefix}”`}</h3>
          <div class="next">
            ${this.next.map(
              ({ token, probability }) =>
                html`<code>${token === "<bos>" ? "end" : JSON.stringify(token)}</code>
                  <span class="bar" style="width:${(100 * probability).toFixed(1)}%"></span>
                  <span>${(100 * probability).toFixed(1)} %</span>`,
            )}
          </div>
        </section>
      </div>
    `;
  }

  #seek({ target }: InputEvent): void {
    if (!(target instanceof HTMLInputElement)) return;
    const { snapshots } = this.run;
    const index = Number(target.value);
    this.chosen = index === snapshots.length - 1 ? null : snapshots[index];
    this.dispatchEvent(new Event("seek"));
    this.refresh();
  }

  #setPrefix({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.prefix = target.value;
    this.refresh();
  }

  #setTemperature({ target }: InputEvent): void {
    if (target instanceof HTMLInputElement) this.temperature = Number(target.value);
    this.refresh();
  }

  #askLater(): void {
    this.#timer = null;
    this.refresh();
  }

  /** Asks for what is shown now; while an answer is awaited, the last wish waits. */
  async #ask(): Promise<void> {
    const at = this.shownStep;
    const { prefix, temperature, run } = this;
    const key = JSON.stringify([at, prefix, temperature, run.header?.config, run.request?.options.seed]);
    const isTooSoon = run.state === "playing" && performance.now() - this.#asked.ms < MIN_INTERVAL_MS;
    if (at === null || !this.#isVisible || this.#isAsking || key === this.#asked.key) return;
    if (isTooSoon) {
      if (this.#timer === null) this.#timer = setTimeout(() => this.#askLater(), MIN_INTERVAL_MS);
      return;
    }
    this.#isAsking = true;
    this.#asked = { key, ms: performance.now() };
    try {
      const samples = { at, count: SAMPLES, prefix, temperature, topK: null, seed: 42 };
      this.samples = await run.call("samples", samples);
      this.next = await run.call("nextTokens", { at, prefix, count: 8 });
    } catch {
      // The moment is gone (a new run was opened), or the worker ended, which the run reports.
    } finally {
      this.#isAsking = false;
    }
    this.refresh();
  }
}

customElements.define("mg-time-line", TimeLine);
