/** What each head is worth: the held-out loss with that head alone switched off, less the loss with all. */
import { css, html, LitElement, nothing } from "lit";
import type { CSSResult, PropertyDeclarations, TemplateResult } from "lit";
import type { HeadName } from "../../../src/index.ts";
import { shared } from "../../design/shared.ts";
import type { RunClient } from "../../run/client.ts";
import type { At } from "../../run/protocol.ts";
import { whole } from "../../widgets/numbers.ts";

interface Worth extends HeadName {
  /** How much the loss rises without the head, in nats per token. */
  readonly rise: number;
}

/** What was measured, and of which step. */
interface Measured {
  readonly step: number;
  readonly heads: readonly Worth[];
}

/** `<mg-head-worth .run .at>` */
export class HeadWorth extends LitElement {
  static override properties: PropertyDeclarations = {
    run: { attribute: false },
    at: { attribute: false },
    measured: { state: true },
    isMeasuring: { state: true },
    problem: { state: true },
  };
  static override styles: CSSResult[] = [
    shared,
    css`
      caption {
        text-align: left;
        padding-top: 8px;
      }
      .bar {
        width: 160px;
      }
      .bar span {
        display: block;
        height: 12px;
        margin-top: 4px;
        min-width: 1px;
        background: var(--positive);
      }
      .bar .minus {
        background: var(--negative);
      }
    `,
  ];
  declare run: RunClient;
  declare at: At;
  declare measured: Measured | null;
  declare isMeasuring: boolean;
  declare problem: string | null;

  constructor() {
    super();
    [this.measured, this.isMeasuring, this.problem] = [null, false, null];
  }

  override render(): TemplateResult {
    return html`
      <button ?disabled=${this.isMeasuring} @click=${() => void this.#measure()}>Switch off each head in turn</button>
      ${this.problem === null ? nothing : html`<p role="alert">${this.problem}</p>`}
      ${this.measured === null ? nothing : worthTable(this.measured)}
    `;
  }

  async #measure(): Promise<void> {
    this.isMeasuring = true;
    const wasPlaying = this.run.state === "playing";
    try {
      this.measured = await measure(this.run, this.at);
      this.problem = null;
      if (wasPlaying) await this.run.call("play");
    } catch (error) {
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this.isMeasuring = false;
  }
}

async function measure(run: RunClient, at: At): Promise<Measured> {
  const { nLayer = 0, nHead = 0 } = run.header?.config ?? {};
  // One moment for all heads, also while the training runs.
  if (at === null) await run.call("pause");
  const step = at ?? run.step;
  const all = await run.call("heldOutLoss", { at, heads: [] });
  const heads: Worth[] = [];
  for (let layer = 0; layer < nLayer; layer++) {
    for (let head = 0; head < nHead; head++) {
      const loss = await run.call("heldOutLoss", { at, heads: [{ layer, head }] });
      heads.push({ layer, head, rise: loss - all });
    }
  }
  return { step, heads };
}

function worthTable({ step, heads }: Measured): TemplateResult {
  const largest = Math.max(...heads.map(({ rise }) => Math.abs(rise)), 1e-9);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="What each head is worth">
    <table>
      <caption class="small muted">
        Without the head, the held-out loss at step ${whole(step)} changes by
      </caption>
      <tbody>
        ${heads.map(
          ({ layer, head, rise }) =>
            html`<tr>
              <th scope="row">layer ${layer}, head ${head}</th>
              <td class="number">${rise < 0 ? "−" : "+"}${Math.abs(rise).toFixed(4)}</td>
              <td class="bar">
                <span class=${rise < 0 ? "minus" : ""} style="width:${(100 * Math.abs(rise)) / largest}%"></span>
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

customElements.define("mg-head-worth", HeadWorth);
