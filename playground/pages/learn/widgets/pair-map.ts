/** Chapter 2: how often each letter follows each letter, as a map of 27 × 27. */
import { css, html, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import type { PairCounts } from "../protocol.ts";
import { failed, LessonWidget, percent } from "./lesson-widget.ts";
import { whole } from "../../../widgets/numbers.ts";

const CELL = 16;

/** The map. Hover a pair, or move with the arrow keys. */
export class PairMap extends LessonWidget {
  static override properties: PropertyDeclarations = {
    ...LessonWidget.properties,
    pairs: { state: true },
    failure: { state: true },
    row: { state: true },
    column: { state: true },
  };
  static override styles: CSSResult[] = [
    ...LessonWidget.styles,
    css`
      svg {
        width: ${28 * CELL}px;
        max-width: none;
        cursor: crosshair;
      }
      svg text {
        font-size: 11px;
        text-anchor: middle;
      }
      .chosen {
        fill: none;
        stroke: var(--ink);
        stroke-width: 2;
      }
    `,
  ];
  declare pairs: PairCounts | null;
  declare failure: string | null;
  /** The earlier letter's token. */
  declare row: number;
  /** The later one's. */
  declare column: number;

  constructor() {
    super();
    this.pairs = null;
    this.failure = null;
    this.row = 16;
    this.column = 20;
  }

  protected override firstUpdated(): void {
    void this.#load();
  }

  async #load(): Promise<void> {
    try {
      this.pairs = await this.learner.call("counts");
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
  }

  override render(): TemplateResult {
    if (this.failure !== null) return failed(this.failure);
    if (this.pairs === null) return html`<p class="muted">Counting …</p>`;
    const { letters, counts, names } = this.pairs;
    return html`
      <p class="small muted">
        Rows: a letter. Columns: the letter after it. The darker, the more of the row. · is the beginning or the end of
        a name. Counted in ${whole(names)} names. Hover a cell, or focus the map and use the arrow keys.
      </p>
      <div
        class="scroll"
        tabindex="0"
        role="region"
        aria-label="Map of letter pairs; arrow keys choose a pair"
        @keydown=${(event: KeyboardEvent) => this.#move(event)}
      >
        <svg
          viewBox="0 0 ${28 * CELL} ${28 * CELL}"
          aria-hidden="true"
          @pointermove=${(event: PointerEvent) => this.#point(event)}
          @pointerdown=${(event: PointerEvent) => this.#point(event)}
        >
          ${letters.map((letter, i) => this.#labels(letter, i))} ${counts.map((row, i) => rowOf(row, i))}
          <rect class="chosen" x=${(this.column + 1) * CELL} y=${(this.row + 1) * CELL} width=${CELL} height=${CELL} />
        </svg>
      </div>
      <p class="readout" aria-live="polite">${this.#words(this.pairs)}</p>
      <details>
        <summary>The row of “${letters[this.row]}” as a table</summary>
        ${this.#table(this.pairs)}
      </details>
    `;
  }

  #labels(letter: string, i: number): SVGTemplateResult {
    const along = (i + 1.5) * CELL;
    return svg`<text x=${along} y="12">${letter}</text><text x="8" y=${along + 4}>${letter}</text>`;
  }

  #words({ letters, counts }: PairCounts): string {
    const row = counts[this.row];
    const [count, total] = [row[this.column], row.reduce((a, b) => a + b, 0)];
    const [first, next] = [letters[this.row], letters[this.column]];
    return `After “${first}” comes “${next}” ${whole(count)} times of ${whole(total)}: ${percent(count / total)}.`;
  }

  #table({ letters, counts }: PairCounts): TemplateResult {
    const row = counts[this.row].map((count, next) => ({ count, letter: letters[next] }));
    const total = counts[this.row].reduce((a, b) => a + b, 0);
    return html`<table>
      <thead>
        <tr>
          <th>next</th>
          <th class="number">count</th>
          <th class="number">share</th>
        </tr>
      </thead>
      <tbody>
        ${row
          .toSorted((a, b) => b.count - a.count)
          .map(
            ({ count, letter }) =>
              html`<tr>
                <td class="mono">${letter}</td>
                <td class="number">${count}</td>
                <td class="number">${percent(count / total)}</td>
              </tr>`,
          )}
      </tbody>
    </table>`;
  }

  #point(event: PointerEvent): void {
    if (!(event.currentTarget instanceof SVGElement)) return;
    const { left, top } = event.currentTarget.getBoundingClientRect();
    this.#choose(Math.floor((event.clientY - top) / CELL) - 1, Math.floor((event.clientX - left) / CELL) - 1);
  }

  #move(event: KeyboardEvent): void {
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [down, right] = moves[event.key];
    this.#choose(this.row + down, this.column + right);
  }

  #choose(row: number, column: number): void {
    if (row < 0 || row > 26 || column < 0 || column > 26) return;
    [this.row, this.column] = [row, column];
  }
}

/** A row of the map; the root makes rare pairs visible. */
function rowOf(row: readonly number[], i: number): SVGTemplateResult[] {
  const total = Math.max(
    1,
    row.reduce((a, b) => a + b, 0),
  );
  return row.map((count, j) => {
    const share = Math.round(100 * Math.sqrt(count / total));
    return svg`<rect x=${(j + 1) * CELL} y=${(i + 1) * CELL} width=${CELL - 1} height=${CELL - 1}
      style="fill: color-mix(in srgb, var(--positive) ${share}%, var(--sunken))" />`;
  });
}

customElements.define("mg-pair-map", PairMap);
