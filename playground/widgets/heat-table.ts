/** The table behind a heat map: a window of it around the cursor, since a weight matrix may have a million numbers. */
import { html } from "lit";
import type { TemplateResult } from "lit";
import { shortNumber } from "./numbers.ts";

/** Rows and columns of the window. */
const WINDOW = 24;

/** A labelled matrix. */
export interface LabelledMatrix {
  /** [rows · columns], row-major. */
  readonly data: ArrayLike<number>;
  readonly rows: number;
  readonly columns: number;
  /** Name of a row. */
  readonly rowName: (row: number) => string;
  /** Name of a column. */
  readonly columnName: (column: number) => string;
}

/** A cell of a matrix. */
export interface Cell {
  readonly row: number;
  readonly column: number;
}

/** First index and end of a window of at most `WINDOW` around `center`: 100 of 500 → [88, 112]. */
export function windowAround(center: number, count: number): readonly [from: number, to: number] {
  const from = Math.max(0, Math.min(center - WINDOW / 2, count - WINDOW));
  return [from, Math.min(count, from + WINDOW)];
}

const range = ([from, to]: readonly [number, number]): number[] =>
  Array.from({ length: to - from }, (_, i) => from + i);

/** The table, and which part of the matrix it is. */
export function heatTable(matrix: LabelledMatrix, label: string, { row, column }: Cell): TemplateResult {
  const { data, columns, rowName, columnName } = matrix;
  const [rows, shown] = [range(windowAround(row, matrix.rows)), range(windowAround(column, columns))];
  const isPart = rows.length < matrix.rows || shown.length < columns;
  return html`${isPart ? html`<p class="small muted">The part around the cursor, of ${matrix.rows} × ${columns}.</p>` : ""}
    <div class="scroll" tabindex="0" role="region" aria-label="${label}: values">
      <table>
        <thead>
          <tr>
            <td></td>
            ${shown.map((c) => html`<th scope="col" class="number">${columnName(c)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (r) =>
              html`<tr>
                <th scope="row">${rowName(r)}</th>
                ${shown.map((c) => html`<td class="number">${shortNumber(data[r * columns + c])}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}
