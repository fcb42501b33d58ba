/** What the widgets of the chapters have in common: the lessons' worker as a property, the style of numbers in colour. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../../design/shared.ts";
import type { Learner } from "../learner.ts";

/** A widget of a chapter. */
export abstract class LessonWidget extends LitElement {
  static override properties: PropertyDeclarations = { learner: { attribute: false } };
  static override styles: CSSResult[] = [
    shared,
    css`
      svg {
        display: block;
        max-width: 100%;
      }
      svg text {
        fill: var(--ink);
        font: 12px var(--mono);
      }
      .readout {
        margin: 8px 0 0;
        font-variant-numeric: tabular-nums;
      }
      .cells {
        border-collapse: separate;
        border-spacing: 2px;
      }
      .cells td,
      .cells th {
        border: 0;
        padding: 3px 5px;
        text-align: center;
        font-size: 13px;
      }
      .cells th[scope="row"] {
        text-align: left;
        white-space: nowrap;
      }
      .cells td {
        white-space: nowrap;
        border-radius: 4px;
        font-family: var(--mono);
        font-size: 12px;
        color: var(--ink);
      }
    `,
  ];
  /** The worker of all chapters; set before the widget is shown. */
  declare learner: Learner;
}

/** Background of a number between −max and max: blue above 0, orange below, at most half of the colour. */
export function tint(value: number, max: number): string {
  const share = max === 0 ? 0 : Math.round(50 * Math.min(1, Math.abs(value) / max));
  return `color-mix(in srgb, var(${value < 0 ? "--negative" : "--positive"}) ${share}%, var(--card))`;
}

/** A number for reading: two decimals, a real minus sign, no minus before 0. */
export const shown = (value: number, digits: number = 2): string =>
  value
    .toFixed(digits)
    .replace(/^-(?=[0.]*$)/, "")
    .replace("-", "−");

/** A share of 1 in whole percent. */
export const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** A sentence about what failed. */
export const failed = (reason: string): TemplateResult => html`<p role="alert">${reason}</p>`;

/** What the field of an event says. */
export function textOf({ target }: Event): string {
  return target instanceof HTMLInputElement || target instanceof HTMLSelectElement ? target.value : "";
}

/** The number that the field of an event says; NaN while it is half typed. */
export function numberOf(event: Event): number {
  const text = textOf(event);
  return text === "" ? Number.NaN : Number(text);
}
