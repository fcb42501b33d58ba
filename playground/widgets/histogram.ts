/** How a matrix's numbers are spread: a bar per interval, their mean and deviation, and a table behind. */
import { css, html, LitElement, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import { shared } from "../design/shared.ts";
import { shortNumber, whole } from "./numbers.ts";
import { histogramOf, statisticsOf } from "./statistics.ts";
import type { Bin } from "./statistics.ts";

/** Units of the drawing; it scales with the page. */
const [WIDTH, HEIGHT, BINS] = [400, 120, 40];

/** `<mg-histogram label="…" .data=${numbers}>` */
export class Histogram extends LitElement {
  static override properties: PropertyDeclarations = { data: { attribute: false }, label: {} };
  static override styles: CSSResult[] = [
    shared,
    css`
      svg {
        display: block;
        width: 100%;
        height: auto;
        max-width: 520px;
        border-bottom: 1px solid var(--line);
      }
      .ends {
        display: flex;
        justify-content: space-between;
        max-width: 520px;
        font-variant-numeric: tabular-nums;
      }
    `,
  ];
  /** The numbers. */
  declare data: ArrayLike<number>;
  /** What they are. */
  declare label: string;

  constructor() {
    super();
    [this.data, this.label] = [[], ""];
  }

  override render(): TemplateResult {
    const bins = histogramOf(this.data, BINS);
    const { count, mean, deviation, smallest, largest } = statisticsOf(this.data);
    const facts = [
      ["numbers", whole(count)],
      ["mean", shortNumber(mean)],
      ["deviation", shortNumber(deviation)],
      ["smallest", shortNumber(smallest)],
      ["largest", shortNumber(largest)],
    ];
    return html`
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${this.label}: histogram">${bars(bins)}</svg>
      <div class="ends small muted" aria-hidden="true">
        <span>${shortNumber(smallest)}</span><span>${shortNumber(largest)}</span>
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="${this.label}: statistics">
        <table>
          <tbody>
            ${facts.map(
              ([name, value]) =>
                html`<tr>
                  <th scope="row">${name}</th>
                  <td class="number">${value}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      <details>
        <summary class="small">Histogram as a table</summary>
        ${table(bins)}
      </details>
    `;
  }
}

function bars(bins: readonly Bin[]): SVGTemplateResult[] {
  const highest = Math.max(1, ...bins.map(({ count }) => count));
  const width = WIDTH / Math.max(1, bins.length);
  return bins.map(({ from, to, count }, i) => {
    const height = (HEIGHT - 2) * (count / highest);
    const color = from + to < 0 ? "--negative" : "--positive";
    return svg`<rect x=${i * width + 0.5} y=${HEIGHT - height} width=${width - 1} height=${height} fill="var(${color})" />`;
  });
}

const table = (bins: readonly Bin[]): TemplateResult =>
  html`<table>
    <thead>
      <tr>
        <th scope="col" class="number">from</th>
        <th scope="col" class="number">to</th>
        <th scope="col" class="number">numbers</th>
      </tr>
    </thead>
    <tbody>
      ${bins.map(
        ({ from, to, count }) =>
          html`<tr>
            <td class="number">${shortNumber(from)}</td>
            <td class="number">${shortNumber(to)}</td>
            <td class="number">${count}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;

customElements.define("mg-histogram", Histogram);
