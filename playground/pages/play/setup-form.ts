/**
 * What to train on, and with which options: the bundled names, a bundled text, the visitor's own text or files. Nothing
 * leaves the machine. Fires "train" (`request` is what was asked for).
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { ModelOptions } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { RunRequest } from "../../run/protocol.ts";
import { BUNDLED_NAMES, fetchGenesis } from "../../texts/bundled.ts";
import { PRESETS } from "./presets.ts";
import type { TextChoice } from "./presets.ts";
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
      details > mg-option-fields {
        margin-top: 10px;
      }
    `,
  ];
  declare choice: TextChoice;
  declare ownText: string;
  declare values: ModelOptions;
  declare problem: string | null;

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

  /** Shows a training, as a link or a run describes it. */
  show(choice: TextChoice, options: ModelOptions, ownText: string = this.ownText): void {
    this.choice = choice;
    this.ownText = ownText;
    this.values = options;
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
      ><input
        type="radio"
        name="text"
        .checked=${this.choice === choice}
        @change=${() => this.show(choice, PRESETS[choice])}
      />
      ${label}</label
    >`;
  }

  #own(): TemplateResult {
    return html`<p>
        <label class="field"
          >Each line is a document. The text stays on this machine.
          <textarea
            rows="6"
            placeholder="Paste a text here, or choose files below."
            .value=${this.ownText}
            @input=${(event: InputEvent) => this.#setText(event)}
          ></textarea>
        </label>
      </p>
      <p>
        <label class="field"
          >Files <input type="file" multiple @change=${(event: Event) => this.#readFiles(event)}
        /></label>
      </p>`;
  }

  #setText({ target }: InputEvent): void {
    if (target instanceof HTMLTextAreaElement) this.ownText = target.value;
  }

  async #readFiles({ target }: Event): Promise<void> {
    if (!(target instanceof HTMLInputElement)) return;
    const texts = await Promise.all(Array.from(target.files ?? [], (file) => file.text()));
    this.ownText = texts.join("\n");
  }

  #setValues({ currentTarget }: Event): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the listener is on that element
    this.values = (currentTarget as OptionFields).values;
  }

  #submit(event: Event): void {
    event.preventDefault();
    this.problem = this.choice === "own" && this.ownText.trim() === "" ? "Paste a text or choose files first." : null;
    if (this.problem === null) this.dispatchEvent(new Event("train"));
  }
}

customElements.define("mg-setup-form", SetupForm);
