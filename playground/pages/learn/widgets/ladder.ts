/** The ladder: every rung trained in the page, one after another, and their held-out losses side by side. */
import { css, html, svg } from "lit";
import type { CSSResult, PropertyDeclarations, SVGTemplateResult, TemplateResult } from "lit";
import { RUNGS } from "../model/rungs.ts";
import type { Rung, RungName, RungResult } from "../model/rungs.ts";
import { failed, LessonWidget, shown } from "./lesson-widget.ts";
import "./training-progress.ts";
import { whole } from "../../../widgets/numbers.ts";

const WIDTH = 640;
const ROW = 26;
const LEFT = 216;
/** The picture's range of losses: points, not bars, so it need not start at 0. */
const [LOW, HIGH] = [2.2, 3.4];
const x = (loss: number): number => LEFT + ((WIDTH - LEFT - 60) * (loss - LOW)) / (HIGH - LOW);

/** The chart and its table. */
export class Ladder extends LessonWidget {
  static override properties: PropertyDeclarations = {
    ...LessonWidget.properties,
    results: { state: true },
    running: { state: true },
    failure: { state: true },
  };
  static override styles: CSSResult[] = [
    ...LessonWidget.styles,
    css`
      svg {
        width: ${WIDTH}px;
        max-width: none;
      }
      svg text {
        paint-order: stroke;
        stroke: var(--card);
        stroke-width: 4px;
      }
      .axis {
        stroke: var(--line);
      }
      .pairs {
        stroke: var(--muted);
        stroke-dasharray: 3 3;
      }
      td.samples {
        min-width: 240px;
        font-family: var(--mono);
        font-size: 13px;
      }
    `,
  ];
  declare results: readonly RungResult[];
  /** The rung in training; null while none is. */
  declare running: RungName | null;
  declare failure: string | null;
  #isStopped = false;

  constructor() {
    super();
    this.results = [];
    this.running = null;
    this.failure = null;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#isStopped = true;
  }

  async #climb(): Promise<void> {
    this.#isStopped = false;
    this.failure = null;
    try {
      for (const { name } of RUNGS) {
        if (this.#isStopped) break;
        if (this.#of(name) !== null) continue;
        this.running = name;
        // One after another: they share a worker, and each result is shown when it comes.
        // oxlint-disable-next-line no-await-in-loop
        const result = await this.learner.call("climb", name);
        this.results = [...this.results, result];
      }
    } catch (error) {
      this.failure = error instanceof Error ? error.message : String(error);
    }
    this.running = null;
  }

  #of(name: RungName): RungResult | null {
    return this.results.find((result) => result.name === name) ?? null;
  }

  override render(): TemplateResult {
    const isDone = this.results.length === RUNGS.length;
    const current = RUNGS.find(({ name }) => name === this.running);
    return html`
      <div class="row">
        ${
          current === undefined
            ? html`<button class=${isDone ? "" : "primary"} ?disabled=${isDone} @click=${() => void this.#climb()}>
                ${isDone ? "All nine are trained" : "Train all nine, about half a minute"}
              </button>`
            : html`<button @click=${() => (this.#isStopped = true)}>Stop after this rung</button
                ><b>${current.title}</b>`
        }
      </div>
      ${current === undefined ? null : html`<mg-training-progress .learner=${this.learner}></mg-training-progress>`}
      ${this.failure === null ? null : failed(this.failure)}
      <div class="scroll" tabindex="0" role="region" aria-label="Held-out losses as a picture" style="margin: 12px 0">
        ${this.#picture()}
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="Held-out losses as a table">${this.#table()}</div>
    `;
  }

  #picture(): TemplateResult {
    const height = ROW * RUNGS.length + 26;
    const pairs = this.#of("pairs");
    return html`<svg
      viewBox="0 0 ${WIDTH} ${height}"
      role="img"
      aria-label="Held-out loss per rung; the table has the numbers"
    >
      ${[2.2, 2.4, 2.6, 2.8, 3, 3.2, 3.4].map(
        (loss) =>
          svg`<line class="axis" x1=${x(loss)} x2=${x(loss)} y1="0" y2=${height - 22} />
            <text x=${x(loss)} y=${height - 6} text-anchor="middle">${loss.toFixed(1)}</text>`,
      )}
      ${
        pairs === null
          ? null
          : svg`<line class="pairs" x1=${x(pairs.heldOutLoss)} x2=${x(pairs.heldOutLoss)} y1="0" y2=${height - 22} />`
      }
      ${RUNGS.map((rung, i) => this.#mark(rung, ROW * i + ROW / 2))}
    </svg>`;
  }

  #mark({ name, title }: Rung, y: number): SVGTemplateResult {
    const result = this.#of(name);
    const point =
      result === null
        ? null
        : svg`<circle cx=${x(result.heldOutLoss)} cy=${y} r="6" fill="var(--series-1)" />
            <text x=${x(result.heldOutLoss) + 11} y=${y + 4}>${result.heldOutLoss.toFixed(3)}</text>`;
    return svg`<text x="0" y=${y + 4} style="font-family: var(--sans)">${title}</text>${point}`;
  }

  #table(): TemplateResult {
    const pairs = this.#of("pairs");
    return html`<table>
      <thead>
        <tr>
          <th>rung</th>
          <th class="number">held-out loss</th>
          <th class="number">beside pairs</th>
          <th class="number">weights</th>
          <th>eight inventions; * is a training name</th>
        </tr>
      </thead>
      <tbody>
        ${RUNGS.map((rung) => rowOf(rung, this.#of(rung.name), pairs))}
      </tbody>
    </table>`;
  }
}

function rowOf({ title, how }: Rung, result: RungResult | null, pairs: RungResult | null): TemplateResult {
  const beside = result === null || pairs === null ? null : result.heldOutLoss - pairs.heldOutLoss;
  return html`<tr>
    <td style="min-width: 230px"><b>${title}</b><br /><span class="small muted">${how}</span></td>
    <td class="number">${result === null ? "–" : result.heldOutLoss.toFixed(4)}</td>
    <td class="number">${beside === null ? "–" : `${beside > 0 ? "+" : ""}${shown(beside, 3)}`}</td>
    <td class="number">${result === null ? "–" : whole(result.weights)}</td>
    <td class="samples">
      ${result?.samples.map(({ text, isKnown }) => `${text === "" ? "(empty)" : text}${isKnown ? "*" : ""}`).join(", ")}
    </td>
  </tr>`;
}

customElements.define("mg-ladder", Ladder);
