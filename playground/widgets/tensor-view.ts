/**
 * A vector or a matrix as a heat map: blue above 0, orange below, hatched where there is no number yet. Behind it, in a
 * table, every number is a button. Choosing one fires "choose" with the index of the cell.
 */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { short } from "./numbers.ts";

/** `<mg-tensor .name .rows .columns .numbers .chosen>`. */
export class TensorView extends LitElement {
  static override properties: PropertyDeclarations = {
    name: { attribute: false },
    rows: { attribute: false },
    columns: { attribute: false },
    numbers: { attribute: false },
    chosen: { attribute: false },
    isOpen: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      figure {
        margin: 0;
      }
      figcaption {
        font-size: 13px;
        color: var(--muted);
        overflow-wrap: anywhere;
      }
      figcaption strong {
        color: var(--ink);
      }
      canvas {
        display: block;
        cursor: pointer;
        image-rendering: pixelated;
        max-width: 100%;
        border: 1px solid var(--line);
        border-radius: 3px;
      }
      td button {
        min-height: 0;
        padding: 1px 6px;
        font-size: 12.5px;
        font-variant-numeric: tabular-nums;
      }
      details {
        font-size: 13px;
      }
      .scroll {
        max-height: 300px;
      }
    `,
  ];
  declare name: string;
  declare rows: number;
  declare columns: number;
  /** Row by row, [rows · columns]; null where there is none yet. */
  declare numbers: readonly (number | null)[];
  /** The cell with a frame; −1 for none. */
  declare chosen: number;
  declare isOpen: boolean;
  readonly #redraw = (): void => this.#draw();

  constructor() {
    super();
    [this.name, this.rows, this.columns, this.numbers, this.chosen, this.isOpen] = ["", 1, 1, [], -1, false];
  }

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener("themechange", this.#redraw);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener("themechange", this.#redraw);
  }

  /** Pixels of a cell: vectors are drawn larger. */
  get #cell(): number {
    if (this.rows === 1) return this.columns > 32 ? 7 : 16;
    return this.columns > 32 ? 5 : 9;
  }

  protected override updated(): void {
    this.#draw();
  }

  #draw(): void {
    const canvas = this.renderRoot.querySelector("canvas");
    const context = canvas?.getContext("2d") ?? null;
    if (context === null) return;
    const style = getComputedStyle(this);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    const largest = this.numbers.reduce<number>((most, one) => Math.max(most, Math.abs(one ?? 0)), 0);
    const size = this.#cell;
    for (const [i, number] of this.numbers.entries()) {
      const [x, y] = [(i % this.columns) * size, Math.floor(i / this.columns) * size];
      context.globalAlpha = 1;
      context.fillStyle = color(number === null ? "--sunken" : "--card");
      context.fillRect(x, y, size, size);
      if (number === null) {
        context.fillStyle = color("--line");
        context.fillRect(x + size / 2 - 1, y + size / 2 - 1, 2, 2);
      } else if (largest > 0) {
        // The square root keeps small numbers visible.
        context.globalAlpha = Math.sqrt(Math.abs(number) / largest);
        context.fillStyle = color(number > 0 ? "--positive" : "--negative");
        context.fillRect(x, y, size, size);
      }
    }
    context.globalAlpha = 1;
    if (this.chosen < 0) return;
    context.strokeStyle = color("--ink");
    context.lineWidth = 2;
    const [x, y] = [(this.chosen % this.columns) * size, Math.floor(this.chosen / this.columns) * size];
    context.strokeRect(x + 1, y + 1, size - 2, size - 2);
  }

  #choose(index: number): void {
    this.dispatchEvent(new CustomEvent("choose", { detail: index }));
  }

  #point(event: PointerEvent): void {
    const { target } = event;
    if (!(target instanceof HTMLCanvasElement)) return;
    const scale = target.width / target.getBoundingClientRect().width;
    const [x, y] = [event.offsetX * scale, event.offsetY * scale].map((offset) => Math.floor(offset / this.#cell));
    const index = y * this.columns + x;
    if (x >= 0 && x < this.columns && index >= 0 && index < this.numbers.length) this.#choose(index);
  }

  override render(): TemplateResult {
    const { rows, columns, name } = this;
    const shape = rows === 1 ? `[${columns}]` : `[${rows}][${columns}]`;
    const known = this.numbers.filter((number) => number !== null);
    const range = known.length === 0 ? "no number yet" : `${short(Math.min(...known))} … ${short(Math.max(...known))}`;
    return html`<figure>
      <figcaption><strong>${name}</strong> ${shape} ${range}</figcaption>
      <canvas
        width=${columns * this.#cell}
        height=${rows * this.#cell}
        role="img"
        aria-label=${`${name} ${shape}: ${range}; the numbers are in the table below`}
        @click=${(event: PointerEvent) => this.#point(event)}
      ></canvas>
      <details @toggle=${(event: Event) => this.#toggle(event)}>
        <summary>numbers</summary>
        ${this.isOpen ? this.#table() : nothing}
      </details>
    </figure>`;
  }

  #toggle({ target }: Event): void {
    if (target instanceof HTMLDetailsElement) this.isOpen = target.open;
  }

  #table(): TemplateResult {
    const { rows, columns, numbers, chosen } = this;
    const button = (i: number): TemplateResult =>
      html`<td>
        <button aria-pressed=${i === chosen} ?disabled=${numbers[i] === null} @click=${() => this.#choose(i)}>
          ${numbers[i] === null ? "–" : short(numbers[i])}
        </button>
      </td>`;
    const row = (y: number): TemplateResult =>
      html`<tr>
        ${rows === 1 ? nothing : html`<th scope="row">${y}</th>`}
        ${Array.from({ length: columns }, (_, x) => button(y * columns + x))}
      </tr>`;
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${`${this.name}, numbers`}>
      <table>
        <tbody>
          ${Array.from({ length: rows }, (_, y) => row(y))}
        </tbody>
      </table>
    </div>`;
  }
}

customElements.define("mg-tensor", TensorView);
