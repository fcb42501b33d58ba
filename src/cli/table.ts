/** Tables as text: words aligned left, numbers right, two spaces between columns. */
import stringWidth from "string-width";
import { printable } from "../run/format.ts";

/** A column. */
export interface Column {
  /** The heading. */
  readonly name: string;
  /** Whether to align it right. */
  readonly isNumber: boolean;
}

/** The lines of a table, headings first. Empty cells become a dash. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
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
