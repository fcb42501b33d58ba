/** Switches heads off, and shows what that does to the held-out loss and to samples of the same seed. */
import { css, html, LitElement } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { HeadName } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At } from "../../run/protocol.ts";
import { LiveAnswer } from "../../widgets/live-answer.ts";
import { showElement } from "../../widgets/show-element.ts";
import "./head-worth.ts";

const [SAMPLES, SEED, TEMPERATURE] = [8, 42, 0.5];

/** Of all heads, and without those that are switched off. */
interface BeforeAfter<Kind> {
  readonly before: Kind;
  readonly after: Kind;
}

/** `<mg-head-switches .run .at>` */
export class HeadSwitches extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    off: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      .off {
        text-decoration: line-through;
      }
      .two {
        display: grid;
        gap: var(--gap);
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr));
      }
      .row,
      table {
        margin-bottom: 10px;
      }
      td.text {
        font-family: var(--mono);
        overflow-wrap: anywhere;
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  /** The heads that are switched off. */
  declare off: readonly HeadName[];
  readonly #losses = new LiveAnswer<BeforeAfter<number>>(this, {
    subject: () => JSON.stringify(this.off),
    ask: async (run, at) => {
      const before = await run.call("heldOutLoss", { at, heads: [] });
      return { before, after: this.off.length === 0 ? before : await run.call("heldOutLoss", { at, heads: this.off }) };
    },
  });
  readonly #samples = new LiveAnswer<BeforeAfter<readonly string[]>>(this, {
    // Written when the training rests: a training is not slowed down for it.
    subject: () => (this.#isMoving ? null : JSON.stringify(this.off)),
    ask: async (run, at) => {
      const before = await write(run, at, []);
      return { before, after: this.off.length === 0 ? before : await write(run, at, this.off) };
    },
  });

  constructor() {
    super();
    this.off = [];
  }

  get #isMoving(): boolean {
    return this.at === null && this.run.state === "playing";
  }

  override render(): TemplateResult {
    const { nLayer = 0, nHead = 0 } = this.run.header?.config ?? {};
    return html`<div class="two">
      <div>
        ${Array.from({ length: nLayer }, (_, layer) => this.#layer(layer, nHead))}
        <div class="row">
          <button ?disabled=${this.off.length === 0} @click=${() => (this.off = [])}>All heads on</button>
        </div>
        ${this.#losses.problem === null ? this.#lossTable() : html`<p role="alert">${this.#losses.problem}</p>`}
        <mg-head-worth .run=${this.run} .at=${this.at}></mg-head-worth>
      </div>
      <div>
        <h3>Samples of the same seed</h3>
        ${this.#samples.problem === null ? this.#sampleTable() : html`<p role="alert">${this.#samples.problem}</p>`}
      </div>
    </div>`;
  }

  #layer(layer: number, nHead: number): TemplateResult {
    return html`<div class="row" role="group" aria-label="Heads of layer ${layer}">
      <span class="small muted">Layer ${layer}</span>
      ${Array.from({ length: nHead }, (_, head) => {
        const isOn = !this.#isOff({ layer, head });
        return html`<button
          aria-pressed=${isOn}
          class=${isOn ? "" : "off"}
          @click=${() => this.#toggle({ layer, head })}
        >
          head ${head} ${isOn ? "on" : "off"}
        </button>`;
      })}
    </div>`;
  }

  #lossTable(): TemplateResult {
    const { before = null, after = null } = this.#losses.value ?? {};
    const shown = (loss: number | null): string => (loss === null ? "…" : loss.toFixed(4));
    const change = before === null || after === null ? null : after - before;
    return html`<table>
      <thead>
        <tr>
          <th scope="col">held-out loss</th>
          <th scope="col" class="number">nats per token</th>
        </tr>
      </thead>
      <tbody>
        <tr>
          <th scope="row">all heads</th>
          <td class="number">${shown(before)}</td>
        </tr>
        <tr>
          <th scope="row">without ${this.off.length} ${this.off.length === 1 ? "head" : "heads"}</th>
          <td class="number">${shown(after)}</td>
        </tr>
        <tr>
          <th scope="row">change</th>
          <td class="number">${change === null ? "…" : `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(4)}`}</td>
        </tr>
      </tbody>
    </table>`;
  }

  #sampleTable(): TemplateResult {
    const { value } = this.#samples;
    if (value === null) {
      return html`<p class="muted">${this.#isMoving ? "They are written when the training rests." : "…"}</p>`;
    }
    return html`<table>
      <thead>
        <tr>
          <th scope="col">all heads</th>
          <th scope="col">with heads off</th>
        </tr>
      </thead>
      <tbody>
        ${value.before.map(
          (text, i) =>
            html`<tr>
              <td class="text">${text === "" ? "(empty)" : text}</td>
              <td class="text">${value.after[i] === text ? "the same" : value.after[i] || "(empty)"}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }

  /** Switches one head off, and comes into view. */
  switchOff(name: HeadName): void {
    if (!this.#isOff(name)) this.#toggle(name);
    showElement(this);
  }

  #isOff({ layer, head }: HeadName): boolean {
    return this.off.some((one) => one.layer === layer && one.head === head);
  }

  #toggle(name: HeadName): void {
    const others = this.off.filter(({ layer, head }) => layer !== name.layer || head !== name.head);
    this.off = this.#isOff(name) ? others : [...others, name];
  }
}

async function write(run: RunClient, at: At, heads: readonly HeadName[]): Promise<string[]> {
  const request = { at, count: SAMPLES, prefix: "", temperature: TEMPERATURE, topK: null, seed: SEED, heads };
  return (await run.call("samples", request)).map(({ text }) => text);
}

customElements.define("mg-head-switches", HeadSwitches);
