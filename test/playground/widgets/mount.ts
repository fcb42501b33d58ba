/** Mounts a widget alone in the test's page, as a document of its own would. */
import type { LitElement } from "lit";
import "../../../playground/design/tokens.css";

/** The widget in the page, in place of the one before, after its first drawing. */
export async function mount<Widget extends LitElement>(
  Element: new () => Widget,
  properties: Partial<Widget>,
): Promise<Widget> {
  const widget = Object.assign(new Element(), properties);
  document.body.replaceChildren(widget);
  await widget.updateComplete;
  return widget;
}

/** The details of the widget's events of a name, from now on. */
export function detailsOf(widget: LitElement, name: string): unknown[] {
  const details: unknown[] = [];
  widget.addEventListener(name, (event) => details.push((event as CustomEvent<unknown>).detail));
  return details;
}

/** The texts of a table's cells, row by row. */
export const cellsOf = (table: HTMLElement | SVGElement): string[][] =>
  table instanceof HTMLTableElement
    ? Array.from(table.rows, (row) => Array.from(row.cells, (cell) => cell.textContent.trim()))
    : [];
