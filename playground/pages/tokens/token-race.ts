/** `mg-token-race`: bits per byte of the same small model with each tokenizer, after the same training time. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import { shortNumber } from "../../widgets/numbers.ts";
import { RACE_MODEL } from "./race.ts";
import type { RaceProgress, RaceRequest, RaceResult } from "./race.ts";
import type { RaceMessage } from "./race-worker.ts";

const SECONDS = [2, 3, 5, 10] as const;

const styles = css`
  .bar {
    display: inline-block;
    height: 10px;
    min-width: 2px;
    background: var(--accent);
    border-radius: 3px;
  }
  td.picture {
    width: 30%;
    min-width: 80px;
  }
  table {
    width: 100%;
    min-width: 560px;
  }
  progress {
    accent-color: var(--accent);
    max-width: 100%;
  }
`;

/** The race. */
export class TokenRace extends LitElement {
  static override properties: PropertyDeclarations = {
    text: {},
    merges: { type: Number },
    seconds: { state: true },
    results: { state: true },
    progress: { state: true },
    failure: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  /** The text to train on. */
  declare text: string;
  /** Merges of bpe and byte-bpe. */
  declare merges: number;
  /** Called with the outcome in a sentence. */
  announce: (message: string) => void = () => {};
  declare seconds: number;
  declare results: readonly RaceResult[];
  declare progress: RaceProgress | null;
  declare failure: string | null;
  /** What the results are of. */
  #request: RaceRequest | null = null;
  #worker: Worker | null = null;

  constructor() {
    super();
    [this.text, this.merges, this.seconds] = ["", 0, 3];
    this.results = [];
    [this.progress, this.failure] = [null, null];
  }

  #start(): void {
    this.#stop();
    const { text, merges, seconds } = this;
    this.#request = { text, merges, seconds };
    this.results = [];
    this.failure = null;
    const worker = new Worker(new URL("./race-worker.ts", import.meta.url), { type: "module", name: "race" });
    worker.addEventListener("message", ({ data }: MessageEvent<RaceMessage>) => this.#take(data));
    worker.addEventListener("error", ({ message }) => this.#take({ type: "failed", message }));
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- that is for windows
    worker.postMessage(this.#request);
    this.#worker = worker;
    this.progress = { kind: "char", step: 0, seconds: 0 };
  }

  #stop(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.progress = null;
  }

  #take(message: RaceMessage): void {
    if (message.type === "progress") this.progress = message.progress;
    else if (message.type === "result") this.results = [...this.results, message.result];
    else {
      this.#stop();
      if (message.type === "failed") this.failure = message.message;
      else this.announce(outcomeOf(this.results, this.#request));
    }
  }

  override render(): TemplateResult {
    const isRunning = this.#worker !== null;
    const { nEmbd, nLayer, nHead, blockSize } = RACE_MODEL;
    return html`
      <h2>Bits per byte after equal training time</h2>
      <p class="small">
        The loss per token cannot compare tokenizers, because their tokens differ in length. Bits per byte can: the bits
        that a model needs for the held-out text, divided by its bytes. The button trains four models (width ${nEmbd},
        ${nLayer} layer, ${nHead} heads, ${blockSize} tokens of context) on the first nine tenths of your text, one
        after another, bpe and byte-bpe with the ${this.merges} merges of the slider, and measures them on the last
        tenth.
      </p>
      <div class="row">
        <label class="row"
          >seconds each
          <select @change=${({ currentTarget }: Event) => this.#choose(currentTarget)} ?disabled=${isRunning}>
            ${SECONDS.map((one) => html`<option value=${one} ?selected=${one === this.seconds}>${one}</option>`)}
          </select></label
        >
        <button class="primary" ?hidden=${isRunning} ?disabled=${this.text === ""} @click=${() => this.#start()}>
          Train four models
        </button>
        <button ?hidden=${!isRunning} @click=${() => this.#stop()}>Stop</button>
        ${this.#progress()}
      </div>
      ${this.failure === null ? "" : html`<p role="alert">The training failed: ${this.failure}</p>`}
      ${this.results.length === 0 ? "" : this.#table()}
    `;
  }

  #choose(select: EventTarget | null): void {
    if (select instanceof HTMLSelectElement) this.seconds = Number(select.value);
  }

  #progress(): TemplateResult {
    if (this.progress === null) return html``;
    const { kind, step, seconds } = this.progress;
    return html`<label class="row"
      ><span>${kind}, step ${step}</span
      ><progress max=${this.seconds} value=${seconds} aria-label="Training ${kind}"></progress
    ></label>`;
  }

  #table(): TemplateResult {
    const longest = Math.max(...this.results.map(({ bitsPerByte }) => bitsPerByte));
    const isDone = this.#worker === null;
    return html`
      <div class="scroll" tabindex="0" role="region" aria-label="Bits per byte by tokenizer">
        <table>
          <thead>
            <tr>
              <th scope="col">tokenizer</th>
              <th scope="col" class="number">bits per byte</th>
              <th scope="col"><span class="visually-hidden">as a bar</span></th>
              <th scope="col" class="number">vocabulary</th>
              <th scope="col" class="number">parameters</th>
              <th scope="col" class="number">steps</th>
              <th scope="col" class="number">tokens read</th>
              <th scope="col" class="number">seconds</th>
            </tr>
          </thead>
          <tbody>
            ${this.results.map((result) => rowOf(result, longest))}
          </tbody>
        </table>
      </div>
      ${isDone ? html`<p>${outcomeOf(this.results, this.#request)}</p>` : ""}
      <p class="small muted">
        Lower is better. Each number is of the best evaluation on the same held-out text. word and bpe drop the white
        space between words, and word knows every word of the text, also those that occur in the held-out part only:
        both have less to predict than char and byte-bpe. The number of steps is chosen so that they take the time; a
        busy machine takes longer.
      </p>
    `;
  }
}

const rowOf = (result: RaceResult, longest: number): TemplateResult =>
  html`<tr>
    <th scope="row">${result.kind}</th>
    <td class="number">${result.bitsPerByte.toFixed(3)}</td>
    <td class="picture"><span class="bar" style="width: ${(100 * result.bitsPerByte) / longest}%"></span></td>
    <td class="number">${result.vocabSize}</td>
    <td class="number">${shortNumber(result.parameters)}</td>
    <td class="number">${result.steps}</td>
    <td class="number">${shortNumber(result.tokens)}</td>
    <td class="number">${result.seconds.toFixed(1)}</td>
  </tr>`;

/** The results in a sentence. */
export function outcomeOf(results: readonly RaceResult[], request: RaceRequest | null): string {
  const [best, ...others] = results.toSorted((a, b) => a.bitsPerByte - b.bitsPerByte);
  if (best === undefined || others.length === 0) return "";
  const list = others.map(({ kind, bitsPerByte }) => `${kind} ${bitsPerByte.toFixed(2)}`).join(", ");
  const time = request === null ? "" : `After ${request.seconds} seconds each, `;
  return `${time}${best.kind} predicts the held-out text best, with ${best.bitsPerByte.toFixed(2)} bits per byte; ${list}.`;
}

customElements.define("mg-token-race", TokenRace);
