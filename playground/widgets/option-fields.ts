/**
 * Fields for training options, made from the option table, as the command's flags are. Each value is checked by the
 * table's own `parse`; a wrong one is explained below its field, and keeps its former value. What the focused option does
 * is said below all fields. Fires "change".
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { TRAIN_OPTIONS } from "../../src/index.ts";
import type { ModelOptions } from "../../src/index.ts";
import { flagOf } from "../../src/options/config.ts";
import { shared } from "../design/shared.ts";
import { sentenceOf, withFieldNames } from "../run/sentence.ts";

/** The name of an option that the library takes. */
export type OptionKey = keyof ModelOptions & keyof typeof TRAIN_OPTIONS;

/** Options by words of the field, which a visitor meets first; the others have the names of their flags. */
const WORDS: Partial<Record<OptionKey, string>> = {
  numSteps: "steps",
  nEmbd: "width",
  nLayer: "layers",
  nHead: "heads",
  blockSize: "context length",
  learningRate: "learning rate",
};

/** `<mg-option-fields .keys .values>` */
export class OptionFields extends LitElement {
  static override properties: PropertyDeclarations = {
    keys: { attribute: false },
    values: { attribute: false },
    errors: { state: true },
    focused: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .fields {
        display: grid;
        gap: 10px 14px;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 150px), 1fr));
      }
      input:not([type="checkbox"]),
      select {
        width: 100%;
      }
      .words {
        font-size: 14px;
      }
      small {
        display: block;
        color: var(--muted);
        font-size: 12px;
      }
      /* Its line is there before it is needed: the page does not move under the pointer. */
      .help {
        min-height: 1.5em;
        margin: 4px 0 0;
      }
      .error {
        color: var(--bad);
        font-size: 12.5px;
      }
      label.switch {
        display: flex;
        gap: 7px;
        align-items: center;
        font-size: 14px;
      }
    `,
  ];
  /** The options to show, in this order. */
  declare keys: readonly OptionKey[];
  /** The options that differ from the defaults. */
  declare values: ModelOptions;
  declare errors: ReadonlyMap<OptionKey, string>;
  /** The option whose field has the focus; null: none. */
  declare focused: OptionKey | null;

  constructor() {
    super();
    this.keys = [];
    this.values = {};
    this.errors = new Map();
    this.focused = null;
  }

  override render(): TemplateResult {
    const { keys, focused } = this;
    return html`<div class="fields" @focusout=${() => (this.focused = null)}>
        ${keys.map((key) => this.#field(key))}
      </div>
      <p class="help small muted">${focused === null ? "" : html`${nameOf(focused)}: ${helpOf(focused)}`}</p>`;
  }

  #field(key: OptionKey): TemplateResult {
    const { placeholder, names: all, initial } = TRAIN_OPTIONS[key];
    const names = all?.filter((name) => key !== "engine" || name !== "native"); // a page has no C compiler
    const help = helpOf(key);
    const focus = (): void => void (this.focused = key);
    const value = this.values[key] ?? initial;
    const error = this.errors.get(key);
    const set = (event: Event): void => this.#set(key, event.currentTarget);
    if (placeholder === "") {
      return html`<label class="switch" title=${help} @focusin=${focus}>
        <input type="checkbox" .checked=${value === true} @change=${set} />${nameOf(key)}</label
      >`;
    }
    const word = WORDS[key];
    return html`<label class="field" title=${help} @focusin=${focus}>
      ${word === undefined ? nameOf(key) : html`<span class="words">${word} <small>${nameOf(key)}</small></span>`}
      ${names === undefined ? input(textOf(value), set) : select(names, String(value), set)}
      ${error === undefined ? nothing : html`<span class="error" role="alert">${error}</span>`}
    </label>`;
  }

  #set(key: OptionKey, field: EventTarget | null): void {
    if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) return;
    const { [key]: _, ...rest } = this.values;
    const errors = new Map(this.errors);
    errors.delete(key);
    try {
      const text = field instanceof HTMLInputElement && field.type === "checkbox" ? String(field.checked) : field.value;
      const { parse, initial } = TRAIN_OPTIONS[key];
      const value: unknown = text === "" ? initial : parse(text.trim(), nameOf(key));
      this.values = value === initial ? rest : { ...rest, [key]: value };
    } catch (error) {
      errors.set(key, sentenceOf(error));
    }
    this.errors = errors;
    this.dispatchEvent(new Event("change"));
  }
}

/** `nEmbd` → "n-embd", as the flag without its dashes. */
const nameOf = (key: OptionKey): string => flagOf(key).slice(2);

/** What an option does. */
const helpOf = (key: OptionKey): string => withFieldNames(TRAIN_OPTIONS[key].help);

/** What a field shows of a value. */
const textOf = (value: unknown): string | number | null =>
  typeof value === "string" || typeof value === "number" ? value : null;

function select(choices: readonly string[], value: string, set: (event: Event) => void): TemplateResult {
  return html`<select @change=${set}>
    ${choices.map((choice) => html`<option ?selected=${choice === value}>${choice}</option>`)}
  </select>`;
}

function input(value: string | number | null, set: (event: Event) => void): TemplateResult {
  return html`<input
    inputmode="decimal"
    autocomplete="off"
    .value=${value === null ? "" : `${value}`}
    placeholder=${value === null ? "default" : ""}
    @change=${set}
  />`;
}

customElements.define("mg-option-fields", OptionFields);
