/** One option of one run as a field; `parse-cell.ts` checks what is typed into it. */
import { html, nothing } from "lit";
import type { TemplateResult } from "lit";
import { TRAIN_OPTIONS } from "../../../src/index.ts";
import type { OptionKey } from "../../widgets/option-fields.ts";

/** What a cell shows. */
export interface Cell {
  readonly key: OptionKey;
  /** The run's own value; undefined: that of all runs. */
  readonly value: unknown;
  /** The value that all runs share. */
  readonly shared: unknown;
  /** For a screen reader, such as "n-embd of run 2". */
  readonly label: string;
  readonly error: string | undefined;
  readonly set: (text: string) => void;
}

/** The field of a cell: a choice for an option of few values, else a text. */
export function optionCell({ key, value, shared, label, error, set }: Cell): TemplateResult {
  const { placeholder, names = null } = TRAIN_OPTIONS[key];
  const choices = placeholder === "" ? ["true", "false"] : names;
  const change = ({ currentTarget }: Event): void => {
    if (currentTarget instanceof HTMLInputElement || currentTarget instanceof HTMLSelectElement)
      set(currentTarget.value);
  };
  const text = textOf(value);
  const field =
    choices === null
      ? html`<input
          size="8"
          inputmode="decimal"
          autocomplete="off"
          aria-label=${label}
          aria-invalid=${error === undefined ? "false" : "true"}
          .value=${text}
          placeholder=${textOf(shared)}
          @change=${change}
        />`
      : html`<select aria-label=${label} @change=${change}>
          <option value="" ?selected=${text === ""}>${textOf(shared)} (shared)</option>
          ${choices.map((choice) => html`<option ?selected=${choice === text}>${choice}</option>`)}
        </select>`;
  const kept = text === "" ? textOf(shared) : text;
  return html`${field}${
    error === undefined ? nothing : html`<div class="error" role="alert">${error}; the run keeps ${kept}</div>`
  }`;
}

const textOf = (value: unknown): string =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
