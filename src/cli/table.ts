/** Tables as text: words aligned left, numbers right, two spaces between columns. */
import stringWidth from "string-width";
import { printable } from "../run/format.ts";

/** A column. */
export interface Column {
  /** The heading. */
  readonly name: string;
  /** Whether to align it right. */
  readonly isNumber: boolean;
  /** Where the table is wider than the terminal, columns are left out, the highest of these first; absent: never. */
  readonly dropped?: number;
}

/** `Column.dropped` of a column. @param order names of the columns to leave out, the first first. */
export const droppedOf = (order: readonly string[], name: string): number =>
  order.includes(name) ? order.length - order.indexOf(name) : 0;

/** The columns that fit, and their cells. */
function fitting(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): readonly [columns: readonly Column[], rows: readonly (readonly string[])[]] {
  const widths = columns.map(({ name }, i) => Math.max(name.length, ...rows.map((row) => stringWidth(row[i]))));
  const total = widths.reduce((sum, one) => sum + one + 2, -2);
  const order = columns.map(({ dropped = 0 }) => dropped);
  const last = Math.max(...order);
  if (total <= width || last === 0) return [columns, rows];
  const at = order.lastIndexOf(last);
  const without = <Item>(items: readonly Item[]): Item[] => items.filter((_, i) => i !== at);
  return fitting(without(columns), rows.map(without), width);
}

/** The lines of a table, headings first. Empty cells become a dash. @param width that columns are left out for. */
export function tableLines(
  allColumns: readonly Column[],
  allRows: readonly (readonly string[])[],
  width: number = Infinity,
): string[] {
  const [columns, rows] = fitting(allColumns, allRows, width);
  const all = [columns.map(({ name }) => name), ...rows.map((row) => row.map((cell) => printable(cell) || "–"))];
  const widths = columns.map((_, i) => Math.max(...all.map((row) => stringWidth(row[i]))));
  return all.map((row) =>
    row
      .map((cell, i) => {
        const space = " ".repeat(widths[i] - stringWidth(cell));
        return columns[i].isNumber ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}
