/** What the views of a step have in common: they draw a story at an event, and ask for a value or for an event. */
import { html } from "lit";
import type { TemplateResult } from "lit";
import { short } from "../../widgets/numbers.ts";
import type { Story } from "./story.ts";

/** The properties of every view. */
export const VIEW_PROPERTIES = {
  story: { attribute: false },
  event: { attribute: false },
  chosen: { attribute: false },
} as const;

/** Asks the page to show a value. */
export function chooseValue(element: HTMLElement, id: number): void {
  element.dispatchEvent(new CustomEvent("value", { detail: id, bubbles: true, composed: true }));
}

/** Asks the page to go to an event. */
export function goTo(element: HTMLElement, event: number): void {
  element.dispatchEvent(new CustomEvent("go", { detail: event, bubbles: true, composed: true }));
}

/** A number that shows its value when it is pressed; a dash before it is made. */
export function numberButton(
  element: HTMLElement & { story: Story; event: number; chosen: number },
  id: number,
): TemplateResult {
  const data = element.story.dataAt(id, element.event);
  const label = `${element.story.labels[id]}: ${data === null ? "not computed yet" : short(data)}`;
  return html`<button
    class="value"
    aria-pressed=${id === element.chosen}
    ?disabled=${data === null}
    aria-label=${label}
    title=${label}
    @click=${() => chooseValue(element, id)}
  >
    ${data === null ? "–" : short(data)}
  </button>`;
}
