/** `mg-text-input`: a text that is typed, pasted, or read from a file. Fires "text", a CustomEvent with the text. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { whole } from "./numbers.ts";

/** The event of a changed text. */
export type TextChange = CustomEvent<string>;

/** Longer texts are cut: learning from more takes longer than a visitor waits. */
const MAX_CHARACTERS = 1_000_000;
/** A text is taken when the visitor has stopped typing for this long. */
const PAUSE_MS = 250;

const styles = css`
  textarea {
    resize: vertical;
  }
  .row {
    margin-top: 6px;
  }
`;

/** The field. */
export class TextInput extends LitElement {
  static override properties: PropertyDeclarations = {
    label: {},
    value: {},
    initial: {},
    rows: { type: Number },
    note: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  declare label: string;
  declare value: string;
  /** The text that the button brings back. */
  declare initial: string;
  declare rows: number;
  /** What was done to the text, for the visitor. */
  declare note: string;
  /** What is being typed and not yet taken: it stays in the field, whatever `value` becomes meanwhile. */
  #typed: { readonly text: string; readonly timer: ReturnType<typeof setTimeout> } | null = null;

  constructor() {
    super();
    [this.label, this.value, this.initial, this.rows, this.note] = ["Text", "", "", 7, ""];
  }

  override render(): TemplateResult {
    return html`
      <h2 id="label">${this.label}</h2>
      <textarea
        rows=${this.rows}
        aria-labelledby="label"
        spellcheck="false"
        .value=${this.#typed?.text ?? this.value}
        @input=${({ currentTarget }: Event) => this.#type(currentTarget)}
      ></textarea>
      <div class="row">
        <label class="row small"
          >or a text file
          <input
            type="file"
            accept="text/*,.txt,.md"
            @change=${({ currentTarget }: Event) => this.#open(currentTarget)}
        /></label>
        <button ?hidden=${this.value === this.initial} @click=${() => this.#set(this.initial, "")}>
          The text of the beginning
        </button>
        <span class="small muted">${whole(this.value.length)} characters. ${this.note}</span>
      </div>
    `;
  }

  #type(area: EventTarget | null): void {
    if (!(area instanceof HTMLTextAreaElement)) return;
    clearTimeout(this.#typed?.timer);
    this.#typed = { text: area.value, timer: setTimeout(() => this.#set(area.value, ""), PAUSE_MS) };
  }

  async #read(file: File): Promise<void> {
    try {
      this.#set(await file.text(), file.name);
    } catch {
      this.note = `${file.name} could not be read.`;
    }
  }

  #open(input: EventTarget | null): void {
    const file = input instanceof HTMLInputElement ? input.files?.[0] : undefined;
    if (file !== undefined) void this.#read(file);
  }

  #set(text: string, note: string): void {
    clearTimeout(this.#typed?.timer);
    this.#typed = null;
    const isCut = text.length > MAX_CHARACTERS;
    this.value = isCut ? text.slice(0, MAX_CHARACTERS) : text;
    this.note = isCut ? `${note} The text was cut here.`.trim() : note;
    this.dispatchEvent(new CustomEvent<string>("text", { detail: this.value }));
  }
}

customElements.define("mg-text-input", TextInput);
