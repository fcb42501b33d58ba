/**
 * A matrix as colours: hover or the arrow keys read out a cell; a table is behind it. Minus and plus have a colour each, and
 * the cursor's reading has the sign, so that no meaning is in the colour alone.
 *
 * @example
 * html`<mg-heat-map label="attention" .data=${data} .rows=${4} .columns=${4} .rowLabels=${tokens}></mg-heat-map>`
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, PropertyValues, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { largestOf, paint, paletteOf } from "./heat-colors.ts";
import { heatTable } from "./heat-table.ts";
import type { Cell, LabelledMatrix } from "./heat-table.ts";
import { shortNumber } from "./numbers.ts";
import { VisibleFrame } from "./visible-frame.ts";

/** CSS pixels of a cell, and of the whole picture, if the cells may be that small. */
const [MIN_CELL, MAX_CELL, MAX_WIDTH, MAX_HEIGHT] = [3, 26, 640, 416];
/** Labels need cells of about a line's height. */
const MIN_LABELLED = 11;

const styles = css`
  .map {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    padding: 2px;
  }
  .picture {
    position: relative;
    border: 1px solid var(--line);
    cursor: crosshair;
    line-height: 0;
  }
  canvas {
    width: 100%;
    height: 100%;
    image-rendering: pixelated;
  }
  .labels {
    display: grid;
    font: 11px/1 var(--mono);
    color: var(--muted);
    white-space: pre;
  }
  .labels span {
    min-width: 0;
    align-self: center;
  }
  /* As high as the picture, however small that is. */
  .rows {
    justify-items: end;
    padding-right: 5px;
    height: 0;
    min-height: 100%;
  }
  .columns {
    justify-items: center;
    align-items: end;
    padding-bottom: 4px;
    min-width: 0;
  }
  .columns.long span {
    writing-mode: vertical-rl;
  }
  .cell,
  .row {
    position: absolute;
    pointer-events: none;
    outline: 2px solid var(--ink);
  }
  .row {
    left: 0;
    width: 100%;
    outline-width: 1px;
  }
  .reading {
    margin: 4px 0 0;
    min-height: 1.5em;
    font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere;
  }
  .big {
    max-height: 500px;
  }
`;

/** The heat map. Fires "cell" with `detail: Cell | null` when the cursor or the pointer moves. */
export class HeatMap extends LitElement {
  static override properties: PropertyDeclarations = {
    data: { attribute: false },
    rows: { attribute: false },
    columns: { attribute: false },
    rowLabels: { attribute: false },
    columnLabels: { attribute: false },
    rowTitle: {},
    columnTitle: {},
    label: {},
    max: { attribute: false },
    markedRow: { attribute: false },
    compact: { type: Boolean },
    cursor: { state: true },
    isTableOpen: { state: true },
  };
  static override styles: CSSResult[] = [shared, styles];
  /** [rows · columns], row-major. */
  declare data: ArrayLike<number>;
  declare rows: number;
  declare columns: number;
  /** Names of the rows; null: their indices, which are not drawn. */
  declare rowLabels: readonly string[] | null;
  declare columnLabels: readonly string[] | null;
  /** What a row is, such as "query". */
  declare rowTitle: string;
  declare columnTitle: string;
  /** What the map shows. */
  declare label: string;
  /** The number of the full colour; null: the largest distance from 0. */
  declare max: number | null;
  /** A row to frame; null: none. */
  declare markedRow: number | null;
  /** The picture alone, for a button. */
  declare compact: boolean;
  declare cursor: Cell | null;
  declare isTableOpen: boolean;
  readonly #frame = new VisibleFrame(this, () => this.#draw());
  readonly #redraw = (): void => this.#frame.mark();

  constructor() {
    super();
    [this.data, this.rows, this.columns] = [[], 0, 0];
    [this.rowLabels, this.columnLabels, this.max, this.markedRow, this.cursor] = [null, null, null, null, null];
    [this.rowTitle, this.columnTitle, this.label] = ["row", "column", ""];
    [this.compact, this.isTableOpen] = [false, false];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("themechange", this.#redraw);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("themechange", this.#redraw);
  }

  override updated(changed: PropertyValues): void {
    if (["data", "rows", "columns", "max"].some((name) => changed.has(name))) this.#frame.mark();
  }

  #draw(): void {
    const context = this.renderRoot.querySelector("canvas")?.getContext("2d");
    if (!context || this.rows === 0 || this.columns === 0) return;
    const pixels = paint(this.data, this.max ?? largestOf(this.data), paletteOf(this));
    context.putImageData(new ImageData(pixels, this.columns, this.rows), 0, 0);
  }

  override render(): TemplateResult {
    if (this.compact) return this.#picture();
    return html`
      <div class="scroll big" tabindex="0" role="region" aria-label=${this.label}>${this.#map()}</div>
      <p class="reading small">${this.cursor === null ? this.#hint() : this.#read(this.cursor)}</p>
      <details @toggle=${(event: Event) => this.#toggle(event)}>
        <summary class="small">Values as a table</summary>
        ${this.isTableOpen ? heatTable(this.#matrix, this.label, this.cursor ?? { row: 0, column: 0 }) : nothing}
      </details>
    `;
  }

  get #matrix(): LabelledMatrix {
    const { data, rows, columns, rowLabels, columnLabels } = this;
    const [rowName, columnName] = [rowLabels, columnLabels].map((labels) => (i: number) => labels?.[i] ?? String(i));
    return { data, rows, columns, rowName, columnName };
  }

  get #cellSize(): number {
    const fitting = Math.min(MAX_CELL, Math.floor(MAX_WIDTH / this.columns), Math.floor(MAX_HEIGHT / this.rows));
    return Math.max(MIN_CELL, fitting);
  }

  #map(): TemplateResult {
    const [size, { rowLabels, columnLabels }] = [this.#cellSize, this];
    const isLabelled = size >= MIN_LABELLED;
    const isLong = columnLabels?.some((name) => name.length > 3) ?? false;
    return html`<div class="map" style="width:max-content;max-width:max(100%, ${this.columns * MIN_CELL}px)">
      <span></span>
      <div
        class="labels columns ${isLong ? "long" : ""}"
        style="grid-template-columns:repeat(${this.columns}, minmax(0, 1fr))"
        aria-hidden="true"
      >
        ${isLabelled ? columnLabels?.map((name) => html`<span>${name}</span>`) : nothing}
      </div>
      <div class="labels rows" style="grid-template-rows:repeat(${this.rows}, minmax(0, 1fr))" aria-hidden="true">
        ${isLabelled ? rowLabels?.map((name) => html`<span>${name}</span>`) : nothing}
      </div>
      <div
        role="slider"
        tabindex="0"
        aria-label="${this.label}: cell"
        aria-valuemin="0"
        aria-valuemax=${Math.max(0, this.rows * this.columns - 1)}
        aria-valuenow=${this.cursor === null ? 0 : this.cursor.row * this.columns + this.cursor.column}
        aria-valuetext=${this.cursor === null ? this.#hint() : this.#read(this.cursor)}
        style="width:${size * this.columns}px;max-width:100%"
        @keydown=${(event: KeyboardEvent) => this.#press(event)}
        @pointermove=${(event: PointerEvent) => this.#point(event)}
        @pointerdown=${(event: PointerEvent) => this.#point(event)}
        @pointerleave=${() => this.#move(null)}
      >
        ${this.#picture()}
      </div>
    </div>`;
  }

  #picture(): TemplateResult {
    const { rows, columns, cursor, markedRow } = this;
    const percent = (i: number, count: number): string => `${(100 * i) / count}%`;
    const cell =
      cursor === null || this.compact
        ? nothing
        : html`<div
            class="cell"
            style="left:${percent(cursor.column, columns)};top:${percent(cursor.row, rows)};width:${percent(1, columns)};height:${percent(1, rows)}"
          ></div>`;
    const row =
      markedRow === null || markedRow >= rows
        ? nothing
        : html`<div class="row" style="top:${percent(markedRow, rows)};height:${percent(1, rows)}"></div>`;
    return html`<div class="picture" style="aspect-ratio:${columns} / ${rows}" aria-hidden="true">
      <canvas width=${columns} height=${rows}></canvas>${row}${cell}
    </div>`;
  }

  #hint(): string {
    const largest = largestOf(this.data);
    return `${this.rows} × ${this.columns}; the full colour is ${shortNumber(this.max ?? largest)}. Point at a cell, or use the arrow keys.`;
  }

  #read({ row, column }: Cell): string {
    const { data, columns, rowName, columnName } = this.#matrix;
    const value = shortNumber(data[row * columns + column]);
    return `${this.rowTitle} ${rowName(row)}, ${this.columnTitle} ${columnName(column)}: ${value}`;
  }

  #point({ clientX, clientY, currentTarget }: PointerEvent): void {
    if (!(currentTarget instanceof Element)) return;
    const { left, top, width, height } = currentTarget.getBoundingClientRect();
    this.#move({
      row: clamp(Math.floor(((clientY - top) / height) * this.rows), this.rows),
      column: clamp(Math.floor(((clientX - left) / width) * this.columns), this.columns),
    });
  }

  #press(event: KeyboardEvent): void {
    const move = MOVES.get(event.key);
    if (move === undefined) return;
    event.preventDefault();
    const { row, column } = this.cursor ?? { row: 0, column: -move[1] };
    this.#move({ row: clamp(row + move[0], this.rows), column: clamp(column + move[1], this.columns) });
  }

  #move(cell: Cell | null): void {
    if (cell?.row === this.cursor?.row && cell?.column === this.cursor?.column) return;
    this.cursor = cell;
    this.dispatchEvent(new CustomEvent("cell", { detail: cell }));
  }

  #toggle({ currentTarget }: Event): void {
    this.isTableOpen = currentTarget instanceof HTMLDetailsElement && currentTarget.open;
  }
}

const MOVES: ReadonlyMap<string, readonly [rows: number, columns: number]> = new Map([
  ["ArrowUp", [-1, 0]],
  ["ArrowDown", [1, 0]],
  ["ArrowLeft", [0, -1]],
  ["ArrowRight", [0, 1]],
]);

const clamp = (index: number, count: number): number => Math.max(0, Math.min(count - 1, index));

customElements.define("mg-heat-map", HeatMap);
