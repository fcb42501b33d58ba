/**
 * What to train on, and with which options: the bundled names, a bundled text, the visitor's own text or files. Nothing
 * leaves the machine. Fires "train" (`request` is what was asked for).
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import type { ModelOptions } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { RunRequest } from "../../run/protocol.ts";
import { BUNDLED_NAMES, fetchGenesis } from "../../texts/bundled.ts";
import { PRESETS } from "./presets.ts";
import type { TextChoice } from "./presets.ts";
import { isOneLine, readingFor, READINGS, readingOf } from "./reading.ts";
import type { Reading } from "./reading.ts";
import "../../widgets/option-fields.ts";
import type { OptionFields, OptionKey } from "../../widgets/option-fields.ts";

const FIRST: readonly OptionKey[] = ["numSteps", "nEmbd", "nLayer", "nHead", "blockSize", "learningRate"];
const MORE: readonly OptionKey[] = [
  "tokenizer",
  "bpeMerges",
  "documents",
  "stream",
  "batchSize",
  "accumulate",
  "seed",
  "schedule",
  "warmupSteps",
  "weightDecay",
  "dropout",
  "clipNorm",
  "evalInterval",
  "earlyStop",
  "evalDocuments",
  "valFraction",
  "engine",
  "precision",
  "threads",
  "strictMath",
];

/** `<mg-setup-form>` */
export class SetupForm extends LitElement {
  static override properties: PropertyDeclarations = {
    choice: { state: true },
    ownText: { state: true },
    values: { state: true },
    problem: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      fieldset {
        border: 0;
        padding: 0;
        margin: 0 0 12px;
      }
      legend {
        font-weight: 600;
        margin-bottom: 4px;
        padding: 0;
      }
      details {
        margin: 10px 0;
      }
      .own {
        width: 100%;
      }
      input[type="file"] {
        width: 100%;
        min-width: 0;
      }
      .reading {
        display: flex;
        align-items: baseline;
        gap: 6px;
      }
      details > mg-option-fields {
        margin-top: 10px;
      }
    `,
  ];
  declare choice: TextChoice;
  declare ownText: string;
  declare values: ModelOptions;
  /** What the form lacks, and the way out of it, if there is one. */
  declare problem: string | TemplateResult | null;
  /** Whether the visitor, or the sender of a link, has decided how the text is read; else the text itself decides. */
  #isReadingChosen = false;

  constructor() {
    super();
    this.choice = "names";
    this.ownText = "";
    this.values = PRESETS.names;
    this.problem = null;
  }

  /** The training that the form describes. Rejects if a bundled text cannot be loaded. */
  async request(): Promise<RunRequest> {
    const { choice, ownText, values } = this;
    const textOf = { names: () => BUNDLED_NAMES, genesis: fetchGenesis, own: () => ownText };
    return { texts: [await textOf[choice]()], options: values };
  }

  /** Shows a training, as a link describes it. */
  show(choice: TextChoice, options: ModelOptions, ownText: string): void {
    [this.choice, this.ownText, this.values] = [choice, ownText, options];
    this.#isReadingChosen = true;
  }

  /** Unfolds the options that are hidden at first. */
  showAllOptions(): void {
    for (const details of this.renderRoot.querySelectorAll("details")) details.open = true;
  }

  override render(): TemplateResult {
    return html`
      <form @submit=${(event: Event) => this.#submit(event)}>
        <fieldset>
          <legend>Learn from</legend>
          <div class="row">
            ${this.#radio("names", "8,403 first names")} ${this.#radio("genesis", "200 verses of Genesis")}
            ${this.#radio("own", "your own text")}
          </div>
        </fieldset>
        ${this.choice === "own" ? this.#own() : nothing}
        <mg-option-fields
          .keys=${FIRST}
          .values=${this.values}
          @change=${(event: Event) => this.#setValues(event)}
        ></mg-option-fields>
        <details>
          <summary>More options</summary>
          <mg-option-fields
            .keys=${MORE}
            .values=${this.values}
            @change=${(event: Event) => this.#setValues(event)}
          ></mg-option-fields>
        </details>
        <div class="row">
          <button class="primary" type="submit">Train a new model</button>
          ${this.problem === null ? nothing : html`<span role="alert">${this.problem}</span>`}
        </div>
      </form>
    `;
  }

  #radio(choice: TextChoice, label: string): TemplateResult {
    return html`<label
      ><input type="radio" name="text" .checked=${this.choice === choice} @change=${() => this.#choose(choice)} />
      ${label}</label
    >`;
  }

  #choose(choice: TextChoice): void {
    [this.choice, this.values, this.problem] = [choice, PRESETS[choice], null];
    this.#isReadingChosen = false;
    this.#suggestReading();
  }

  #own(): TemplateResult {
    return html`<p>
        <label class="field own"
          >The text stays on this machine.
          <textarea
            rows="6"
            placeholder="Paste a text here, or choose files below."
            .value=${this.ownText}
            @input=${(event: InputEvent) => this.#setText(event)}
          ></textarea>
        </label>
      </p>
      <p>
        <label class="field own"
          >Files <input type="file" multiple @change=${(event: Event) => this.#readFiles(event)}
        /></label>
      </p>
      <fieldset>
        <legend>Read it as</legend>
        ${this.#reading("lines", "lines: each is one example, such as a name or a verse")}
        ${this.#reading("running", `running text, such as prose, in windows of ${this.#blockSize} tokens`)}
      </fieldset>`;
  }

  #reading(reading: Reading, label: string): TemplateResult {
    return html`<label class="reading"
      ><input
        type="radio"
        name="reading"
        .checked=${readingOf(this.values) === reading}
        @change=${() => this.#read(reading)}
      />
      ${label}</label
    >`;
  }

  get #blockSize(): number {
    return this.values.blockSize ?? TRAIN_OPTIONS.blockSize.initial;
  }

  #read(reading: Reading): void {
    this.#isReadingChosen = true;
    this.problem = null;
    this.values = { ...this.values, ...READINGS[reading] };
  }

  /** Reads the visitor's own text as it is probably meant, until somebody decides. */
  #suggestReading(): void {
    if (this.choice !== "own" || this.#isReadingChosen) return;
    this.values = { ...this.values, ...READINGS[readingFor(this.ownText, this.#blockSize)] };
  }

  #setText({ target }: InputEvent): void {
    if (target instanceof HTMLTextAreaElement) this.ownText = target.value;
    this.#suggestReading();
  }

  async #readFiles({ target }: Event): Promise<void> {
    if (!(target instanceof HTMLInputElement)) return;
    const texts = await Promise.all(Array.from(target.files ?? [], (file) => file.text()));
    this.ownText = texts.join("\n");
    this.#suggestReading();
  }

  #setValues({ currentTarget }: Event): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the listener is on that element
    const { values } = currentTarget as OptionFields;
    if (readingOf(values) !== readingOf(this.values)) this.#isReadingChosen = true;
    this.values = values;
    this.#suggestReading();
  }

  #submit(event: Event): void {
    event.preventDefault();
    this.problem = this.choice === "own" ? this.#problemOfText() : null;
    if (this.problem === null) this.dispatchEvent(new Event("train"));
  }

  /** Why the visitor's own text cannot be learnt from, and the way out. */
  #problemOfText(): string | TemplateResult | null {
    if (this.ownText.trim() === "") return "Paste a text or choose files first.";
    if (readingOf(this.values) !== "lines" || this.values.valFraction === 0 || !isOneLine(this.ownText)) return null;
    return html`This is one line, so one example, and none is left to test the model on. Break it into several lines, or
      <button type="button" @click=${() => this.#trainRunning()}>train on it as running text</button>`;
  }

  #trainRunning(): void {
    this.#read("running");
    this.dispatchEvent(new Event("train"));
  }
}

customElements.define("mg-setup-form", SetupForm);
