/** Embeddings in two dimensions: each token, or each position, where the two principal axes put it. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import type { LabelledPoint } from "../../widgets/scatter-plot.ts";
import "../../widgets/scatter-plot.ts";
import type { Projection } from "./pca.ts";
import { Projector } from "./projector.ts";
import { shownToken } from "../../widgets/token-text.ts";

/** The matrices whose rows are embeddings. */
const TABLES = [
  { name: "wte", title: "tokens as they come in (wte)" },
  { name: "wpe", title: "positions (wpe)" },
  { name: "lm_head", title: "tokens as they go out (lm_head)" },
] as const;
type TableName = (typeof TABLES)[number]["name"];

interface Placed extends Projection {
  readonly name: TableName;
}

/** `<mg-embedding-map .run .at>` */
export class EmbeddingMap extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    name: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      mg-scatter-plot {
        max-width: 760px;
        margin-top: 10px;
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  declare name: TableName;
  readonly #projector = new Projector();
  /** So that the picture turns as little as possible from one moment to the next. */
  readonly #axes = new Map<TableName, Projection["axes"]>();
  readonly #live = new LiveAnswer<Placed>(this, {
    subject: () => this.name,
    ask: (run, at) => this.#ask(run, at, this.name),
  });

  constructor() {
    super();
    this.name = "wte";
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#projector.close();
  }

  async #ask(run: RunClient, at: At, name: TableName): Promise<Placed> {
    const matrix = await run.call("matrix", { at, kind: "weights", name });
    const before = this.#axes.get(name) ?? null;
    const fits = before !== null && before[0].length === matrix.columns;
    const projection = await this.#projector.project(matrix, fits ? before : null);
    this.#axes.set(name, projection.axes);
    return { name, ...projection };
  }

  override render(): TemplateResult {
    const { value, problem } = this.#live;
    return html`
      <label class="field"
        >Show
        <select @change=${(event: Event) => this.#choose(event)}>
          ${TABLES.map(({ name, title }) => html`<option value=${name} .selected=${name === this.name}>${title}</option>`)}
        </select>
      </label>
      ${problem === null ? "" : html`<p role="alert">${problem}</p>`}
      ${value === null ? html`<p class="muted">…</p>` : this.#plot(value)}
    `;
  }

  #plot({ name, points, explained }: Placed): TemplateResult {
    const vocabulary = this.run.header?.vocabulary ?? [];
    const labelled = Array.from({ length: points.length / 2 }, (_, i): LabelledPoint => {
      const label = name === "wpe" ? String(i) : shownToken(vocabulary[i] ?? "");
      return { label, x: points[2 * i], y: points[2 * i + 1] };
    });
    const [first, second] = explained.map((share) => `${(100 * share).toFixed(0)} %`);
    return html`<mg-scatter-plot
        label="Embeddings, ${name}"
        xLabel="first axis: ${first} of the variance"
        yLabel="second axis: ${second}"
        .points=${labelled}
      ></mg-scatter-plot>
      <p class="small muted">
        The two axes show ${(100 * (explained[0] + explained[1])).toFixed(0)} % of how the embeddings differ; what is
        near here may be far in the other ${Math.max(0, (this.run.header?.config.nEmbd ?? 2) - 2)} dimensions.
      </p>`;
  }

  #choose({ target }: Event): void {
    const chosen = target instanceof HTMLSelectElement ? target.value : "";
    this.name = TABLES.find(({ name }) => name === chosen)?.name ?? this.name;
  }
}

customElements.define("mg-embedding-map", EmbeddingMap);
